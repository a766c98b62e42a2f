//! Putting a blob together when its last piece is stored: verified as a whole, written whole, then listed.
//!
//! The order is what makes it safe to be killed at any point: the file is durable and has its name, then one transaction
//! lists the blob and deletes the bytes of its pieces. Before that the pieces are all there, and the last one, which was not
//! acked, comes again.
//!
//! One piece at a time is in memory. The pieces do not overlap and fill the blob: the store saw to that
//! ([`crate::store::pieces`]).

use muster_protocol::result::BlobChunk;
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::core::Core;
use crate::store::files::Draft;
use crate::store::{Chunk, DataDir, Reader, StoreError, Write};

/// Lists the blob that a stored chunk has completed. Safe to repeat.
pub async fn assemble(core: &Core, chunk: &Chunk) -> Result<(), StoreError> {
    let Some(piece) = chunk.blob.clone() else { return Ok(()) };
    // Closed only at the end of the process.
    let _turn = core.assemblies.acquire().await;
    let (place, of) = (core.place.clone(), chunk.key());
    let (blob, sha256) = (piece.blob, piece.sha256.clone());
    let total = piece.total;
    let joined = core.read(move |reader| join(reader, &place, &of, blob, total, &sha256)).await?;
    let write = match joined {
        Joined::Partly => return Ok(()),
        Joined::Whole => {
            let (kind, sha256, bytes) = (piece.kind, piece.sha256, piece.total);
            Write::Blob { chunk: chunk.key(), kind, sha256, bytes }
        }
        Joined::Wrong => {
            warn!(agent = %chunk.agent, "the pieces of a blob do not make what its digest says");
            Write::Contradiction(chunk.key())
        }
    };
    match core.writer.write(write).await {
        // The chunks are stored; their blob never will be.
        Err(StoreError::Refused(why)) => {
            core.writer.write(Write::Rejected(Box::new(chunk.run()), why)).await.map(drop)
        }
        landed => landed.map(drop),
    }
}

/// What the pieces make that can be read.
#[derive(Debug, PartialEq, Eq)]
enum Joined {
    /// Not all of them can be read; `doctor` names what cannot.
    Partly,
    /// The blob; its file lies in place.
    Whole,
    /// Something else than the digest says.
    Wrong,
}

/// Writes the pieces into one file and gives it its name when they are what the digest says.
fn join(
    reader: &Reader,
    place: &DataDir,
    of: &Chunk,
    blob: u32,
    total: u64,
    sha256: &[u8],
) -> Result<Joined, StoreError> {
    let path = place.blob(sha256);
    let failed = |source| StoreError::File { path: path.clone(), source };
    let mut draft = Draft::beside(&path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut bytes = 0_u64;
    reader.pieces(of, blob, |piece: BlobChunk| {
        bytes = bytes.saturating_add(piece.data.len() as u64);
        digest.update(&piece.data);
        draft.write(&piece.data).map_err(failed)
    })?;
    if bytes != total {
        return Ok(Joined::Partly);
    }
    if digest.finalize().as_slice() != sha256 {
        return Ok(Joined::Wrong);
    }
    draft.publish(&path).map_err(failed)?;
    Ok(Joined::Whole)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
    use muster_protocol::result::rows;
    use muster_protocol::wire;
    use serde_bytes::ByteBuf;

    use super::*;
    use crate::store::Writer;
    use crate::store::pieces::Piece;

    fn piece(offset: u64, data: &[u8], whole: &[u8]) -> Chunk {
        let request = RequestId::from_bytes([1; 16]);
        let message = BlobChunk {
            agent: AgentId::new("a-1").unwrap(),
            request,
            attempt: Attempt { origin: request, journal: JournalId::from_bytes([2; 16]) },
            seq: offset,
            blob: 0,
            kind: "profile.cpu".into(),
            offset,
            total: whole.len() as u64,
            blob_sha256: rows::sha256(whole),
            sha256: rows::sha256(data),
            data: ByteBuf::from(data),
        };
        Chunk {
            request,
            agent: message.agent.clone(),
            attempt: message.attempt,
            seq: offset,
            rows: 0,
            blob: Some(Piece::of(&message)),
            sha256: message.sha256.to_vec(),
            body: wire::encode(&message).unwrap(),
        }
    }

    /// Stores the pieces and joins them; returns what they make, its file, and what is left in the folder.
    fn joined(pieces: &[Chunk]) -> (Joined, Option<Vec<u8>>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let writer = Writer::start(&place).unwrap();
            for piece in pieces {
                writer.write(Write::Chunk(piece.clone())).await.unwrap();
            }
        });
        let (first, reader) = (&pieces[0], place.reader().unwrap());
        let of = first.blob.as_ref().unwrap();
        let joined = join(&reader, &place, &first.key(), 0, of.total, &of.sha256).unwrap();
        let file = fs::read(place.blob(&of.sha256)).ok();
        (joined, file, fs::read_dir(folder.path().join("blobs")).unwrap().count())
    }

    #[test]
    fn a_blob_is_its_pieces_in_order_of_place() {
        let (first, last) = (piece(0, b"abc", b"abcdef"), piece(3, b"def", b"abcdef"));
        assert_eq!(joined(&[last, first]), (Joined::Whole, Some(b"abcdef".to_vec()), 1));
    }

    #[test]
    fn pieces_that_make_something_else_are_wrong_and_leave_no_file() {
        let other = [piece(0, b"abc", b"abcdef"), piece(3, b"xyz", b"abcdef")];
        assert_eq!(joined(&other), (Joined::Wrong, None, 0));
    }

    #[test]
    fn a_piece_that_cannot_be_read_leaves_its_blob_out_and_blames_no_agent() {
        let mut broken = piece(3, b"def", b"abcdef");
        broken.body.truncate(10);
        assert_eq!(joined(&[piece(0, b"abc", b"abcdef"), broken]), (Joined::Partly, None, 0));
    }
}
