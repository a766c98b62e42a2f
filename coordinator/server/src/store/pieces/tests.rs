use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::result::rows::sha256;
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use super::*;
use crate::store::{DataDir, Write, Writer};

const WHOLE: &[u8] = b"abcdef";

fn piece(seq: u64, offset: u64, data: &[u8], whole: &[u8]) -> Chunk {
    let request = RequestId::from_bytes([1; 16]);
    let message = BlobChunk {
        agent: AgentId::new("a-1").unwrap(),
        request,
        attempt: Attempt { origin: request, journal: JournalId::from_bytes([2; 16]) },
        seq,
        blob: 0,
        kind: "profile.cpu".into(),
        offset,
        total: whole.len() as u64,
        blob_sha256: sha256(whole),
        sha256: sha256(data),
        data: ByteBuf::from(data),
    };
    Chunk {
        request,
        agent: message.agent.clone(),
        attempt: message.attempt,
        seq,
        rows: 0,
        blob: Some(Piece::of(&message)),
        sha256: message.sha256.to_vec(),
        body: wire::encode(&message).unwrap(),
    }
}

fn land(folder: &std::path::Path, pieces: Vec<Chunk>) -> Vec<WriteOutcome> {
    let place = DataDir::prepare(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(&place).unwrap();
        let mut landed = Vec::new();
        for piece in pieces {
            landed.push(writer.write(Write::Chunk(piece)).await.unwrap());
        }
        landed
    })
}

#[track_caller]
fn assert_landed(pieces: Vec<Chunk>, wanted: &[WriteOutcome]) {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(land(folder.path(), pieces), wanted);
}

#[test]
fn a_blob_is_complete_with_its_last_piece_in_any_order() {
    let (first, last) = (piece(0, 0, b"abc", WHOLE), piece(1, 3, b"def", WHOLE));
    assert_landed(
        vec![last.clone(), first, last],
        &[WriteOutcome::Inserted, WriteOutcome::Complete, WriteOutcome::Complete],
    );
    assert_landed(
        vec![piece(0, 0, b"", b""), piece(1, 0, b"", b"")],
        &[WriteOutcome::Complete, WriteOutcome::Conflict],
    );
}

#[test]
fn a_piece_that_lies_over_another_or_names_another_blob_is_a_conflict() {
    let first = || piece(0, 2, b"cd", WHOLE);
    for other in [
        piece(1, 2, b"cd", WHOLE),
        piece(1, 1, b"bc", WHOLE),
        piece(1, 3, b"de", WHOLE),
        piece(1, 0, b"abcdef", WHOLE),
        piece(1, 0, b"ab", b"abcdeX"),
        piece(1, 0, b"ab", b"abcdefg"),
    ] {
        assert_landed(vec![first(), other], &[WriteOutcome::Inserted, WriteOutcome::Conflict]);
    }
    assert_landed(
        vec![piece(0, 0, b"a", b"a"), piece(1, 0, b"a", b"a"), piece(0, 0, b"a", b"a")],
        &[WriteOutcome::Complete, WriteOutcome::Conflict, WriteOutcome::Duplicate],
    );
}

#[test]
fn pieces_of_an_older_store_are_counted_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    land(folder.path(), vec![piece(0, 0, b"abc", WHOLE)]);
    let old = "DELETE FROM piece; DELETE FROM blob_sum";
    let connection = DataDir::prepare(folder.path()).unwrap().connect().unwrap();
    connection.execute_batch(old).unwrap();
    fill(&connection).unwrap();
    assert_eq!(land(folder.path(), vec![piece(1, 3, b"def", WHOLE)]), [WriteOutcome::Complete]);
}
