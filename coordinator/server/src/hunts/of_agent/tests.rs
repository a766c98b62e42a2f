use muster_protocol::artifact::file_hash::{FILE_HASH, FileKind, FileStatus, Row};
use muster_protocol::artifact::{Digest, Digests, HashKind, Rows};
use muster_protocol::ids::JournalId;
use muster_protocol::request::Sealed;
use muster_protocol::result::{RowChunk, State, Status, rows};
use serde_bytes::ByteBuf;

use super::*;
use crate::store::filled::fill;
use crate::store::fleet::tests::known;
use crate::store::{Audit, Chunk, DataDir, NewAgent, Piece, Request, Write};

pub(in crate::hunts) fn id(n: u8) -> RequestId {
    RequestId::from_bytes([n; 16])
}

pub(in crate::hunts) fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

pub(in crate::hunts) fn run(n: u8) -> Attempt {
    Attempt { origin: id(n), journal: JournalId::from_bytes([9; 16]) }
}

pub(in crate::hunts) fn request(n: u8, kind: &str, expected: &[&str]) -> Write {
    let empty = ByteBuf::new;
    let request = Request {
        id: id(n),
        kind: kind.into(),
        operator: "ada".into(),
        issued: Timestamp(i64::from(n)),
        not_after: Timestamp(i64::MAX),
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: Sealed {
            kind: kind.into(),
            id: String::new(),
            body: empty(),
            sig: empty(),
            cert: empty(),
        },
        control: None,
        expected: expected.iter().map(|name| agent(name)).collect(),
        revokes: vec![],
        names: vec![],
    };
    Write::Request(Box::new(request), Audit::default())
}

pub(in crate::hunts) fn status(n: u8, name: &str, state: State) -> Write {
    Write::Status(Box::new(Status {
        agent: agent(name),
        request: id(n),
        attempt: run(n),
        state,
        at: Timestamp(10),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: (state == State::Finished).then_some(2),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    }))
}

/// A chunk with one file that was sent, and the file.
fn uploaded(n: u8, name: &str, path: &str, kind: &str) -> Vec<Write> {
    let digest = vec![n; 32];
    let mut row = Row::bare(path.into(), FileKind::Regular, FileStatus::Ok, 0);
    row.digests = Digests::from_iter([(HashKind::Sha256, Digest::from_elem(n, 32))]);
    let body = Rows::of(vec![row]).pack().unwrap();
    let sha256 = rows::sha256(&body);
    let message = RowChunk {
        agent: agent(name),
        request: id(n),
        attempt: run(n),
        seq: 0,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows: 1,
        sha256: sha256.clone(),
        body: ByteBuf::from(body),
    };
    let chunk = |seq, rows, blob, sha256, body| Chunk {
        request: id(n),
        agent: agent(name),
        attempt: run(n),
        seq,
        rows,
        blob,
        sha256,
        body,
    };
    let row =
        chunk(0, 1, None, sha256.into_vec(), muster_protocol::wire::encode(&message).unwrap());
    let of = |sha256| Piece { blob: 3, kind: kind.into(), place: 0, bytes: 1, total: 1, sha256 };
    let piece = chunk(1, 0, Some(of(digest.clone())), vec![7; 32], vec![0x80]);
    let blob = Write::Blob { chunk: piece.clone(), kind: kind.into(), sha256: digest, bytes: 77 };
    vec![Write::Chunk(row), Write::Chunk(piece), blob]
}

/// Two agents; hunts 1, 3 and 5, profile 4; hunt 2 is for `b-1` alone.
fn store(folder: &std::path::Path) -> Reader {
    let place = DataDir::prepare(folder).unwrap();
    let both = &["a-1", "b-1"];
    let new = |name: &str| NewAgent { id: agent(name), name: "n".into(), labels: "{}".into() };
    let mut writes = vec![
        Write::Agents(vec![new("a-1"), new("b-1")], Audit::default()),
        request(1, "hunt.start", both),
        request(2, "hunt.start", &["b-1"]),
        request(3, "hunt.start", both),
        request(4, "profile.start", both),
        request(5, "hunt.start", both),
        status(3, "a-1", State::Declined),
        status(4, "b-1", State::Finished),
    ];
    for name in both {
        writes.extend(uploaded(1, name, &format!("/{name}/file"), "file"));
        writes.push(status(1, name, State::Finished));
    }
    writes.extend(uploaded(4, "a-1", "/not/it", "profile.cpu"));
    fill(&place, writes);
    place.reader().unwrap()
}

/// Reads an agent's requests to their end, so many a page; returns ids and states.
fn listed(reader: &Reader, name: &str, filter: &Filter, limit: usize) -> Vec<(String, String)> {
    let known = known(name, |_, _| {});
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let span = (after, limit);
        let page = requests(reader, &known, filter, span, (None, Timestamp(20))).unwrap();
        all.extend(page.items.into_iter().map(|one| (one.id, one.state)));
        after = page.next;
        if after.is_none() {
            assert_eq!(all.len() as u64, page.total);
            return all;
        }
    }
}

#[test]
fn an_agents_requests_are_its_own_the_latest_first() {
    let folder = tempfile::tempdir().unwrap();
    let reader = store(folder.path());
    let all = listed(&reader, "a-1", &Filter::default(), 100);
    let expected = [(5, "silent"), (4, "running"), (3, "declined"), (1, "finished")];
    let expected = expected.map(|(n, state)| (id(n).to_string(), state.to_owned()));
    assert_eq!(
        all.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        expected.each_ref().map(|(id, _)| id)
    );
    assert_eq!((&all[0], &all[2], &all[3]), (&expected[0], &expected[2], &expected[3]));
    for limit in [1, 2, 3, 4] {
        assert_eq!(listed(&reader, "a-1", &Filter::default(), limit), all, "{limit}");
    }
    assert_eq!(listed(&reader, "b-1", &Filter::default(), 2).len(), 5);
    assert_eq!(listed(&reader, "c-1", &Filter::default(), 2), []);
    let hunts = Filter { kinds: Some(vec!["hunt"]), ..Filter::default() };
    assert_eq!(listed(&reader, "a-1", &hunts, 2).len(), 3);
    let ended = Filter { states: Some(vec!["finished", "declined"]), ..Filter::default() };
    assert_eq!(listed(&reader, "a-1", &ended, 1), all[2..]);
}

#[test]
fn an_agents_uploads_have_names_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let reader = store(folder.path());
    let whose = agent("a-1");
    let found = reader.uploads_of(&whose, None, 100).unwrap();
    let shown = uploads(&reader, &whose, &found).unwrap();
    let rows: Vec<_> = shown
        .iter()
        .map(|one| (one.request.clone(), one.kind.as_str(), one.name.as_str()))
        .collect();
    assert_eq!(rows, [(id(4).to_string(), "cpu", "cpu"), (id(1).to_string(), "file", "/a-1/file")]);
    assert!(shown.iter().all(|one| one.bytes == 77 && one.received.is_some()), "{shown:?}");
    assert_eq!(shown[1].sha256, "01".repeat(32));
    assert_eq!(reader.count_uploads(&whose).unwrap(), 2);
    let first = reader.uploads_of(&whose, None, 1).unwrap();
    let second = reader.uploads_of(&whose, Some(&first[0].key), 100).unwrap();
    assert_eq!([first, second].concat(), found);
    assert_eq!(reader.count_uploads(&agent("c-1")).unwrap(), 0);
}
