use muster_protocol::artifact::file_hash::{FILE_HASH, FileKind, FileStatus, Row};
use muster_protocol::artifact::{Digest, Digests};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{Attempt, JournalId, RequestId};
use muster_protocol::request::Sealed;
use muster_protocol::result::{RowChunk, State, Status, rows};
use serde_bytes::ByteBuf;

use super::*;
use crate::store::filled::fill;
use crate::store::{Audit, Chunk, DataDir, Request, Write};

const HUNT: [u8; 16] = [1; 16];

fn file(path: &str, sha256: u8) -> Row {
    let mut row = Row::bare(path.into(), FileKind::Regular, FileStatus::Ok, 0);
    row.digests = Digests::from_iter([
        (HashKind::Sha256, Digest::from_elem(sha256, 32)),
        (HashKind::Md5, Digest::from_elem(sha256, 16)),
    ]);
    row
}

fn attempt(journal: u8) -> Attempt {
    Attempt { origin: RequestId::from_bytes(HUNT), journal: JournalId::from_bytes([journal; 16]) }
}

fn chunk(agent: &str, journal: u8, seq: u64, files: &[Row]) -> Write {
    let (agent, request) = (AgentId::new(agent).unwrap(), RequestId::from_bytes(HUNT));
    let body = Rows::of(files.to_vec()).pack().unwrap();
    let sha256 = rows::sha256(&body);
    let message = RowChunk {
        agent: agent.clone(),
        request,
        attempt: attempt(journal),
        seq,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows: u32::try_from(files.len()).unwrap(),
        sha256: sha256.clone(),
        body: ByteBuf::from(body),
    };
    Write::Chunk(Chunk {
        request,
        agent,
        attempt: attempt(journal),
        seq,
        rows: message.rows,
        blob: None,
        sha256: sha256.into_vec(),
        body: muster_protocol::wire::encode(&message).unwrap(),
    })
}

fn finished(agent: &str, journal: u8, at: i64, chunks: u64) -> Write {
    Write::Status(Box::new(Status {
        agent: AgentId::new(agent).unwrap(),
        request: RequestId::from_bytes(HUNT),
        attempt: attempt(journal),
        state: State::Finished,
        at: Timestamp(at),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(chunks),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    }))
}

fn hunt() -> Write {
    let empty = ByteBuf::new();
    let request = Request {
        id: RequestId::from_bytes(HUNT),
        kind: "hunt.start".into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after: Timestamp(0),
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: Sealed {
            kind: "hunt.start".into(),
            id: String::new(),
            body: empty.clone(),
            sig: empty.clone(),
            cert: empty,
        },
        control: None,
        expected: vec![],
        revokes: vec![],
        names: vec![],
    };
    Write::Request(Box::new(request), Audit::default())
}

/// Stores and asks.
fn ask(writes: Vec<Write>, hashes: &[&str]) -> Result<WhoHas, WhoHasError> {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    fill(&place, writes);
    let hashes: Vec<_> = hashes.iter().map(|hash| (*hash).to_owned()).collect();
    let reader = place.reader().unwrap();
    who_has(&reader, &Roster::load(&reader).unwrap(), &hashes, || true)
}

#[test]
fn hits_are_found_by_any_digest_and_what_is_nowhere_is_named() {
    let files = [file("/bad", 0xab), file("/good", 0xcd)];
    let writes = vec![hunt(), chunk("a-1", 1, 0, &files), chunk("a-2", 1, 0, &files[1..])];
    let (md5, nowhere) = ("AB".repeat(16), "ee".repeat(32));
    let found = ask(writes, &[&md5, &nowhere]).unwrap();
    let hits: Vec<_> =
        found.rows.iter().map(|row| (&*row.agent, row.text("path").unwrap())).collect();
    assert_eq!(hits, [("a-1", "/bad")]);
    assert_eq!(found.absent, [nowhere]);
    assert_eq!((found.scanned_rows, found.scanned_agents, found.truncated), (3, 2, false));
}

#[test]
fn only_the_run_that_counts_is_read() {
    let writes = vec![
        hunt(),
        chunk("a-1", 1, 0, &[file("/first", 7)]),
        finished("a-1", 1, 10, 1),
        chunk("a-1", 2, 0, &[file("/second", 7)]),
        finished("a-1", 2, 20, 1),
    ];
    let found = ask(writes, &[&"07".repeat(32)]).unwrap();
    let paths: Vec<_> = found.rows.iter().map(|row| row.text("path").unwrap()).collect();
    assert_eq!(paths, ["/first"]);
}

#[test]
fn an_answer_that_is_full_says_so_and_calls_nothing_absent() {
    let many: Vec<_> = (0..8_000).map(|n| file(&format!("/{n}"), 7)).collect();
    let writes = vec![hunt(), chunk("a-1", 1, 0, &many), chunk("a-1", 1, 1, &many)];
    let found = ask(writes, &[&"07".repeat(32), &"08".repeat(32)]).unwrap();
    assert_eq!((found.rows.len(), found.truncated), (ROWS_MAX, true));
    assert!(found.absent.is_empty());
}

#[test]
fn what_is_no_digest_is_refused() {
    for bad in ["", "xyz", "abcd", &"0".repeat(63), &"g".repeat(64)] {
        assert!(matches!(ask(vec![], &[bad]), Err(WhoHasError::NotADigest(_))), "{bad}");
    }
    assert!(matches!(ask(vec![], &[]), Err(WhoHasError::Count(0))));
}

#[test]
fn a_scan_that_nobody_waits_for_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let rows = (0..3).map(|n| chunk(&format!("a-{n}"), 1, 0, &[file("/bad", 7)]));
    fill(&place, rows.chain([hunt()]));
    let reader = place.reader().unwrap();
    let roster = Roster::load(&reader).unwrap();
    let asked = std::cell::Cell::new(0);
    let is_awaited = || asked.replace(asked.get() + 1) < 2;
    let given_up = who_has(&reader, &roster, &["07".repeat(32)], is_awaited);
    assert!(matches!(given_up, Err(WhoHasError::GivenUp)), "{given_up:?}");
    assert_eq!(asked.get(), 3, "the hunt, the first part, and no further than the second");
}
