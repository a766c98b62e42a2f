use std::fs;

use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::limits::PIECE_SWEEP_ROWS_MAX;
use muster_protocol::result::BlobChunk;
use muster_protocol::result::rows::sha256;
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use super::*;
use crate::store::{Piece, Write, WriteOutcome, Writer};

fn request() -> RequestId {
    RequestId::from_bytes([1; 16])
}

/// The piece of one blob, which is the whole of it; each blob has bytes of its own.
fn piece(blob: u32, len: usize) -> Chunk {
    let data = vec![u8::try_from(blob).unwrap(); len];
    let message = BlobChunk {
        agent: AgentId::new("a-1").unwrap(),
        request: request(),
        attempt: Attempt { origin: request(), journal: JournalId::from_bytes([2; 16]) },
        seq: blob.into(),
        blob,
        kind: "profile.cpu".into(),
        offset: 0,
        total: data.len() as u64,
        blob_sha256: sha256(&data),
        sha256: sha256(&data),
        data: ByteBuf::from(data),
    };
    Chunk {
        request: request(),
        agent: message.agent.clone(),
        attempt: message.attempt,
        seq: message.seq,
        rows: 0,
        blob: Some(Piece::of(&message)),
        sha256: message.sha256.to_vec(),
        body: wire::encode(&message).unwrap(),
    }
}

fn rows(seq: u64) -> Chunk {
    Chunk { seq, blob: None, rows: 1, body: vec![0x80; 100], ..piece(0, 1) }
}

fn listed(chunk: &Chunk) -> Write {
    let piece = chunk.blob.clone().unwrap();
    Write::Blob { chunk: chunk.key(), kind: piece.kind, sha256: piece.sha256, bytes: piece.total }
}

fn write(place: &DataDir, writes: Vec<Write>) -> Vec<WriteOutcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(place).unwrap();
        let mut landed = Vec::new();
        for one in writes {
            landed.push(writer.write(one).await.unwrap());
        }
        landed
    })
}

fn file(place: &DataDir, chunk: &Chunk) {
    let piece = chunk.blob.as_ref().unwrap();
    let data = vec![u8::try_from(piece.blob).unwrap(); usize::try_from(piece.total).unwrap()];
    fs::write(place.blob(&piece.sha256), data).unwrap();
}

/// Returns the positions whose bytes are stored.
fn kept(place: &DataDir) -> Vec<i64> {
    let connection = place.connect().unwrap();
    let mut select =
        connection.prepare("SELECT seq FROM chunk WHERE body IS NOT NULL ORDER BY seq").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn stored_bytes(place: &DataDir) -> u64 {
    place.reader().unwrap().volume(&request()).unwrap()[0].2.bytes
}

/// Makes of a store what a coordinator of before version 6 left: listed blobs beside all of their pieces.
fn age(place: &DataDir, chunks: &[Chunk]) {
    let connection = place.connect().unwrap();
    for chunk in chunks {
        let sql = "UPDATE chunk SET body = ?1 WHERE seq = ?2";
        connection.execute(sql, params![chunk.body, signed(chunk.seq)]).unwrap();
    }
    let older = "DROP TABLE piece_sweep; ALTER TABLE blob DROP COLUMN piece_bytes;
                 ALTER TABLE request DROP COLUMN verb;
                 DROP TABLE collection; DROP TABLE summary;
                 DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time; ALTER TABLE attempt DROP COLUMN chunks;
                 ALTER TABLE attempt DROP COLUMN next; ALTER TABLE attempt DROP COLUMN rows;
                 ALTER TABLE attempt DROP COLUMN stored; ALTER TABLE attempt DROP COLUMN first_row;
                 ALTER TABLE audit DROP COLUMN hash;
                 PRAGMA user_version = 5";
    connection.execute_batch(older).unwrap();
}

/// Sweeps to the end; returns the number of steps.
fn sweep(place: &DataDir) -> usize {
    let mut steps = 0;
    while let Some(sweep) = place.reader().unwrap().sweep(place).unwrap() {
        assert!(sweep.spent.len() as u64 <= PIECE_SWEEP_ROWS_MAX);
        write(place, vec![Write::Swept(sweep)]);
        steps += 1;
    }
    steps
}

#[test]
fn a_blob_that_is_listed_has_no_piece_beside_it_and_its_keys_stay() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let (first, other) = (piece(0, 50_000), piece(1, 10));
    let landed = write(&place, vec![Write::Chunk(first.clone()), Write::Chunk(other)]);
    assert_eq!(landed, [WriteOutcome::Complete, WriteOutcome::Complete]);
    let before = stored_bytes(&place);
    // A death before the blob is listed leaves every piece, and the last one comes again.
    let landed = write(&place, vec![Write::Chunk(first.clone())]);
    assert_eq!((landed, kept(&place)), (vec![WriteOutcome::Complete], vec![0, 1]));
    write(&place, vec![listed(&first), Write::Chunk(rows(2))]);
    assert_eq!(kept(&place), [1, 2], "what belongs to the blob, and nothing else");
    let again = Chunk { sha256: vec![9; 32], ..first.clone() };
    let landed =
        write(&place, vec![Write::Chunk(first.clone()), listed(&first), Write::Chunk(again)]);
    let wanted = [WriteOutcome::Duplicate, WriteOutcome::Duplicate, WriteOutcome::Conflict];
    assert_eq!(landed, wanted);
    assert_eq!(stored_bytes(&place), before + 100, "as they came");
    let run = place.reader().unwrap().collections(&request()).unwrap();
    assert_eq!(run.parts.values().next().unwrap().runs.values().next().unwrap().stored.len(), 3);
}

#[test]
fn a_store_of_version_5_is_swept_in_steps_and_only_of_blobs_whose_file_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let pieces: Vec<_> = (0..40).map(|blob| piece(blob, 500_000)).collect();
    let mut writes: Vec<_> = pieces.iter().cloned().map(Write::Chunk).collect();
    writes.push(Write::Chunk(rows(100)));
    write(&place, writes);
    let before = stored_bytes(&place);
    // One is not listed, one has no file, one has half of it.
    write(&place, pieces[1..].iter().map(listed).collect());
    for chunk in &pieces[..38] {
        file(&place, chunk);
    }
    fs::write(place.blob(&pieces[38].blob.as_ref().unwrap().sha256), vec![38; 250_000]).unwrap();
    age(&place, &pieces);
    drop(place);

    let place = DataDir::prepare(folder.path()).unwrap();
    let size = || place.reader().unwrap().bytes().unwrap();
    let full = size();
    assert_eq!(kept(&place).len(), 41);
    let steps = sweep(&place);
    assert!((3..=4).contains(&steps), "{steps} steps for 20 MB");
    assert_eq!(kept(&place), [0, 38, 39, 100]);
    assert_eq!(stored_bytes(&place), before);
    assert!(size() < full / 5, "{} bytes of {full}", size());
    // It has ended, for this process and the next.
    assert_eq!(
        DataDir::prepare(folder.path()).unwrap().reader().unwrap().sweep(&place).unwrap(),
        None
    );
}

#[test]
fn a_step_is_bounded_by_chunks_too() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    write(&place, (0..5).map(|seq| Write::Chunk(rows(seq))).collect());
    let connection = place.connect().unwrap();
    let more = "WITH RECURSIVE n(x) AS (SELECT 5 UNION ALL SELECT x + 1 FROM n WHERE x < 2500)
         INSERT INTO chunk SELECT request, agent, origin, journal, x, 1, NULL, sha256, body, 0
         FROM chunk, n WHERE seq = 0";
    connection.execute_batch(more).unwrap();
    age(&place, &[]);
    let place = DataDir::prepare(folder.path()).unwrap();
    assert_eq!(sweep(&place), 2);
    assert_eq!(kept(&place).len(), 2_501);
}

#[test]
fn a_blob_that_is_not_listed_when_the_step_is_written_keeps_its_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    write(&place, vec![Write::Chunk(piece(0, 10))]);
    write(&place, vec![Write::Swept(Sweep { spent: vec![1], until: 1 })]);
    assert_eq!(kept(&place), [0]);
}
