//! Putting blobs together: when every chunk is there, verified as a whole, written whole, then listed.

use common::limits::RESULT_BYTES_MAX;
use common::result::{BlobChunk, rows};
use common::wire;
use tracing::warn;

use crate::core::Core;
use crate::store::{Chunk, Write};
use crate::store::{Place, StoreError, files};

/// Lists the blob that a stored chunk belongs to when it is complete. Safe to repeat.
pub async fn assemble(core: &Core, chunk: &Chunk) -> Result<(), StoreError> {
    let Some(blob) = chunk.blob else { return Ok(()) };
    let place = core.place.clone();
    let of = chunk.clone();
    let whole = core
        .read(move |reader| {
            // Most pieces of a big blob are not the last: they are not worth reading all the others.
            let total = wire::decode::<BlobChunk>(&of.body, RESULT_BYTES_MAX)?.total;
            if reader.blob_bytes(&of.request, &of.agent, &of.attempt, blob)? < total {
                return Ok(Joined::Partly);
            }
            let pieces = reader.blob_chunks(&of.request, &of.agent, &of.attempt, blob)?;
            join(pieces, &place)
        })
        .await?;
    let write = match whole {
        Joined::Partly => return Ok(()),
        Joined::Whole { kind, sha256, bytes } => {
            Write::Blob { chunk: chunk.clone(), kind, sha256, bytes }
        }
        Joined::Wrong => {
            warn!(agent = %chunk.agent, "the pieces of a blob do not make what its digest says");
            Write::Contradiction(chunk.clone())
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

/// What the pieces make that are there.
#[derive(Debug, PartialEq, Eq)]
enum Joined {
    /// Some are missing.
    Partly,
    /// The blob; its file is in place.
    Whole { kind: String, sha256: Vec<u8>, bytes: u64 },
    /// As many bytes as the blob should have, and not the blob.
    Wrong,
}

fn join(mut pieces: Vec<BlobChunk>, place: &Place) -> Result<Joined, StoreError> {
    pieces.sort_by_key(|piece| piece.offset);
    let Some(first) = pieces.first() else { return Ok(Joined::Partly) };
    let (kind, sha256, total) = (first.kind.clone(), first.blob_sha256.to_vec(), first.total);
    let bytes: u64 = pieces.iter().map(|piece| piece.data.len() as u64).sum();
    if bytes < total {
        return Ok(Joined::Partly);
    }
    let mut data = Vec::new();
    for piece in &pieces {
        let fits = piece.offset == data.len() as u64 && piece.total == total;
        if !fits || piece.blob_sha256 != sha256 {
            return Ok(Joined::Wrong);
        }
        data.extend_from_slice(&piece.data);
    }
    if bytes != total || rows::sha256(&data) != sha256 {
        return Ok(Joined::Wrong);
    }
    let path = place.blob(&sha256);
    files::put(&path, &data).map_err(|source| StoreError::File { path, source })?;
    Ok(Joined::Whole { kind, sha256, bytes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use common::ids::{AgentId, Attempt, JournalId, RequestId};
    use serde_bytes::ByteBuf;

    use super::*;

    fn piece(offset: u64, data: &[u8], whole: &[u8]) -> BlobChunk {
        let request = RequestId::from_bytes([1; 16]);
        let journal = JournalId::from_bytes([2; 16]);
        BlobChunk {
            agent: AgentId::new("a-1").unwrap(),
            request,
            attempt: Attempt { origin: request, journal },
            seq: offset,
            blob: 0,
            kind: "profile.cpu".into(),
            offset,
            total: whole.len() as u64,
            blob_sha256: rows::sha256(whole),
            sha256: rows::sha256(data),
            data: ByteBuf::from(data),
        }
    }

    fn joined(pieces: &[BlobChunk]) -> (Joined, Option<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::prepare(folder.path()).unwrap();
        let joined = join(pieces.to_vec(), &place).unwrap();
        let file = match &joined {
            Joined::Whole { sha256, .. } => Some(fs::read(place.blob(sha256)).unwrap()),
            _ => None,
        };
        (joined, file)
    }

    #[test]
    fn a_blob_is_whole_when_all_its_pieces_are_there_in_any_order() {
        let (first, last) = (piece(0, b"abc", b"abcdef"), piece(3, b"def", b"abcdef"));
        assert_eq!(joined(&[]).0, Joined::Partly);
        assert_eq!(joined(std::slice::from_ref(&last)).0, Joined::Partly);
        assert_eq!(joined(&[last, first]).1.unwrap(), b"abcdef");
    }

    #[test]
    fn pieces_that_make_something_else_are_wrong_and_not_awaited_for_ever() {
        let whole = b"abcdef";
        let other = [piece(0, b"abc", whole), piece(3, b"xyz", whole)];
        assert_eq!(joined(&other).0, Joined::Wrong);
        let overlap = [piece(0, b"abc", whole), piece(2, b"cdef", whole)];
        assert_eq!(joined(&overlap).0, Joined::Wrong);
        let two_blobs = [piece(0, b"abc", whole), piece(3, b"def", b"abcdeX")];
        assert_eq!(joined(&two_blobs).0, Joined::Wrong);
    }
}
