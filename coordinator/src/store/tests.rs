use common::clock::Timestamp;
use common::ids::{AgentId, Attempt, JournalId, RequestId};
use common::request::Sealed;

use super::write::{Audit, Chunk, NewAgent, Request};
use super::*;

fn chunk(seq: u64, sha256: u8) -> Chunk {
    Chunk {
        request: RequestId::from_bytes([1; 16]),
        agent: AgentId::new("a-1").unwrap(),
        attempt: Attempt {
            origin: RequestId::from_bytes([1; 16]),
            journal: JournalId::from_bytes([2; 16]),
        },
        seq,
        rows: 3,
        blob: None,
        sha256: vec![sha256; 32],
        body: vec![0x80],
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_chunk_lands_once_and_another_under_its_key_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::prepare(folder.path()).unwrap();
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        assert_eq!(writer.write(Write::Chunk(chunk(0, 7))).await.unwrap(), Landed::New);
        assert_eq!(writer.write(Write::Chunk(chunk(0, 7))).await.unwrap(), Landed::Known);
        assert_eq!(writer.write(Write::Chunk(chunk(0, 8))).await.unwrap(), Landed::Conflict);
        assert_eq!(writer.write(Write::Chunk(chunk(1, 7))).await.unwrap(), Landed::New);
    });
    // What is committed is there for a process that knows nothing of the first.
    let reader = Place::prepare(folder.path()).unwrap().reader().unwrap();
    let volume = reader.volume(&RequestId::from_bytes([1; 16])).unwrap();
    assert_eq!(volume.iter().map(|v| v.2.rows).sum::<u64>(), 6);
    assert_eq!(reader.events(&RequestId::from_bytes([1; 16])).unwrap().len(), 3);
}

#[test]
fn the_audit_log_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::prepare(folder.path()).unwrap();
    let line = Audit { action: "launch", ..Audit::default() };
    runtime().block_on(async {
        Writer::start(&place).unwrap().write(Write::Audit(line)).await.unwrap();
    });
    let connection = place.connect().unwrap();
    assert!(connection.execute("DELETE FROM audit", []).is_err());
    assert!(connection.execute("UPDATE audit SET token = 'x'", []).is_err());
    assert_eq!(place.reader().unwrap().audit(10).unwrap().len(), 1);
}

#[test]
fn a_file_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::prepare(folder.path()).unwrap();
    place.connect().unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Place::prepare(folder.path()), Err(StoreError::Version { found: 99, .. })));
}

#[test]
fn a_write_that_can_never_succeed_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::prepare(folder.path()).unwrap();
    let twice = || {
        let id = AgentId::new("a-1").unwrap();
        Write::Agents(vec![NewAgent { id, name: "a".into(), labels: "{}".into() }])
    };
    let writer = Writer::start(&place).unwrap();
    runtime().block_on(async {
        writer.write(twice()).await.unwrap();
        let bad = writer.begin(twice()).await.unwrap();
        let good = writer.begin(Write::Chunk(chunk(0, 7))).await.unwrap();
        let deadline = Duration::from_secs(20);
        assert!(tokio::time::timeout(deadline, bad).await.expect("an answer").is_err());
        assert_eq!(good.await.unwrap(), Landed::New);
    });
    assert_eq!(writer.trouble(), None);
}

fn request(n: u8) -> Write {
    let empty = serde_bytes::ByteBuf::new();
    Write::Request(Box::new(Request {
        id: RequestId::from_bytes([n; 16]),
        kind: "hunt.start".into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after: Timestamp(0),
        target: "all".into(),
        route: 0,
        sealed: Sealed {
            kind: "hunt.start".into(),
            id: String::new(),
            body: empty.clone(),
            sig: empty.clone(),
            cert: empty,
        },
        about: None,
        expected: vec![AgentId::new("a-1").unwrap()],
    }))
}

fn receipt(epoch: u8, offset: u64) -> Write {
    let json = serde_json::json!({
        "agent": "a-1", "at": 0, "journal": uuid::Uuid::from_bytes([2; 16]),
        "stream_epoch": uuid::Uuid::from_bytes([epoch; 16]), "stream_offset": offset,
    });
    Write::Telemetry(Box::new(serde_json::from_value(json).unwrap()))
}

#[test]
fn an_offset_is_a_receipt_only_on_the_same_stream() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::prepare(folder.path()).unwrap();
    let id = |n: u8| RequestId::from_bytes([n; 16]);
    let is_seen = |n: u8| {
        let events = place.reader().unwrap().events(&id(n)).unwrap();
        events.iter().any(|event| matches!(event, crate::hunts::state::Event::Seen(_)))
    };
    let writer = Writer::start(&place).unwrap();
    let write = |write: Write| runtime().block_on(writer.write(write)).unwrap();
    write(request(1));
    write(request(2));
    write(Write::Offset(id(1), 0));
    write(Write::Offset(id(2), 1));
    write(receipt(1, 0));
    assert!(is_seen(1) && !is_seen(2));
    // The stream is made anew; the agent has not noticed yet.
    write(request(3));
    write(Write::Offset(id(3), 0));
    write(receipt(1, 9));
    assert!(!is_seen(2) && !is_seen(3));
    write(receipt(3, 0));
    assert!(
        is_seen(3) && !is_seen(2),
        "where 2 lay in the old stream means nothing in the new one"
    );
}
