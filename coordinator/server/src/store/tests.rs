use muster_api::Hold;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::request::{Control, Sealed, Verb, lifecycle};

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
    let place = DataDir::prepare(folder.path()).unwrap();
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        assert_eq!(writer.write(Write::Chunk(chunk(0, 7))).await.unwrap(), WriteOutcome::Inserted);
        assert_eq!(writer.write(Write::Chunk(chunk(0, 7))).await.unwrap(), WriteOutcome::Duplicate);
        assert_eq!(writer.write(Write::Chunk(chunk(0, 8))).await.unwrap(), WriteOutcome::Conflict);
        assert_eq!(writer.write(Write::Chunk(chunk(1, 7))).await.unwrap(), WriteOutcome::Inserted);
    });
    // What is committed is there for a process that knows nothing of the first.
    let reader = DataDir::prepare(folder.path()).unwrap().reader().unwrap();
    let volume = reader.volume(&RequestId::from_bytes([1; 16])).unwrap();
    assert_eq!(volume.iter().map(|v| v.2.rows).sum::<u64>(), 6);
    let collections = reader.collections(&RequestId::from_bytes([1; 16])).unwrap();
    let part = &collections.parts[&AgentId::new("a-1").unwrap()];
    let run = part.runs.values().next().unwrap();
    assert_eq!((run.stored.len(), run.has_conflict), (2, true));
}

#[test]
fn the_audit_log_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    runtime().block_on(async {
        Writer::start(&place).unwrap().write(request(1)).await.unwrap();
    });
    let connection = place.connect().unwrap();
    assert!(connection.execute("DELETE FROM audit", []).is_err());
    assert!(connection.execute("UPDATE audit SET token = 'x'", []).is_err());
    assert_eq!(place.reader().unwrap().count_audit(&AuditFilter::default()).unwrap(), 1);
}

#[test]
fn a_file_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    place.connect().unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(DataDir::prepare(folder.path()), Err(StoreError::Version { found: 99, .. })));
}

#[test]
fn tables_of_version_2_are_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let old = "
        DROP TABLE curve; DROP TABLE curve_sample; DROP TABLE curve_minute; DROP TABLE curve_hour; DROP TABLE curve_done;
        DROP INDEX status_by_agent; DROP TABLE list_part; DROP TABLE list_named;
        DROP TABLE attempt; DROP TABLE usage; ALTER TABLE status DROP COLUMN received;
        DROP TABLE instances;
        DROP TABLE dead_of; DROP TABLE facts; DROP TABLE piece; DROP TABLE blob_sum;
        DROP TABLE quarantine; DROP TABLE held; ALTER TABLE request DROP COLUMN verb;
        DROP TABLE piece_sweep; ALTER TABLE blob DROP COLUMN piece_bytes;
        DROP TABLE collection; DROP TABLE summary; DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time;
        CREATE TABLE telemetry (agent TEXT NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL);
        INSERT INTO agent VALUES ('a-1', 'a', '{}', 0, NULL);
        ALTER TABLE audit DROP COLUMN hash;
        PRAGMA user_version = 2;";
    place.connect().unwrap().execute_batch(old).unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        writer.write(receipt(1, 0)).await.unwrap();
        writer.write(Write::Condense).await.unwrap();
    });
    let reader = place.reader().unwrap();
    assert_eq!(reader.agents().unwrap().len(), 1, "what was there is there");
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let agent = AgentId::new("a-1").unwrap();
    assert_eq!(reader.curve(&agent, all, crate::curves::Step::Sample).unwrap().len(), 1);
}

#[test]
fn tables_of_version_4_are_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let journal = |n: u8| JournalId::from_bytes([n; 16]);
    let said = |at: Timestamp| muster_protocol::result::Status {
        agent: AgentId::new("a-1").unwrap(),
        request: RequestId::from_bytes([1; 16]),
        attempt: chunk(0, 7).attempt,
        state: muster_protocol::result::State::Finished,
        at,
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(1),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    };
    let in_2099 = Timestamp(4_100_000_000_000);
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        writer.write(request(1)).await.unwrap();
        writer.write(Write::Chunk(chunk(0, 7))).await.unwrap();
        writer.write(Write::Status(Box::new(said(in_2099)))).await.unwrap();
    });
    let old = "
        DROP TABLE attempt; DROP TABLE usage; DROP TABLE instances;
        DROP TABLE dead_of; DROP TABLE facts; DROP TABLE piece; DROP TABLE blob_sum;
        DROP TABLE quarantine; DROP TABLE held; ALTER TABLE request DROP COLUMN verb;
        DROP TABLE piece_sweep; ALTER TABLE blob DROP COLUMN piece_bytes;
        DROP TABLE collection; DROP TABLE summary; DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time;
        INSERT INTO dead VALUES ('rows', 'malformed', 7, 0);
        DROP INDEX status_by_agent; ALTER TABLE status DROP COLUMN received;
        CREATE INDEX status_by_agent ON status (agent, at);
        ALTER TABLE audit DROP COLUMN hash;
        PRAGMA user_version = 4;";
    let connection = place.connect().unwrap();
    connection.execute_batch(old).unwrap();
    for n in 0..20 {
        let sql = "INSERT INTO heard VALUES ('a-1', ?1, ?2, x'80')";
        connection.execute(sql, rusqlite::params![journal(n).as_bytes(), n]).unwrap();
    }
    drop(connection);
    let place = DataDir::prepare(folder.path()).unwrap();
    let now = muster_protocol::clock::Clock::system().now();
    let reader = place.reader().unwrap();
    let collections = reader.collections(&RequestId::from_bytes([1; 16])).unwrap();
    let run = collections.parts.values().next().unwrap().runs.values().next().unwrap();
    assert!(run.is_complete() && run.received() <= Some(now), "{run:?}");
    assert_eq!(run.last.as_ref().unwrap().at, in_2099, "its own time is kept as it is");
    // It is charged for what it has, and goes on.
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        assert_eq!(writer.write(Write::Chunk(chunk(0, 7))).await.unwrap(), WriteOutcome::Duplicate);
        assert_eq!(writer.write(Write::Chunk(chunk(1, 7))).await.unwrap(), WriteOutcome::Inserted);
        let agent = Some(AgentId::new("a-1").unwrap());
        let dead = DeadCount { class: "rows", reason: "malformed", agent, count: 2 };
        writer.write(Write::Dead(vec![dead])).await.unwrap();
    });
    assert!(reader.faults().unwrap().is_empty());
    // What was counted before is counted on.
    assert_eq!(reader.dead().unwrap()[0].2, 9);
    assert_eq!(reader.dead_agents(5).unwrap(), [("a-1".to_owned(), 2)]);
}

#[test]
fn a_control_of_version_5_was_a_cancel() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        writer.write(request(1)).await.unwrap();
        writer.write(control(2, Verb::Cancel, 5)).await.unwrap();
    });
    let old = "UPDATE request SET kind = 'hunt.cancel' WHERE kind = 'control';
        ALTER TABLE request DROP COLUMN verb;
        DROP TABLE piece_sweep; ALTER TABLE blob DROP COLUMN piece_bytes;
        DROP TABLE collection; DROP TABLE summary;
        DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time; ALTER TABLE attempt DROP COLUMN chunks;
        ALTER TABLE attempt DROP COLUMN next; ALTER TABLE attempt DROP COLUMN rows;
        ALTER TABLE attempt DROP COLUMN stored; ALTER TABLE attempt DROP COLUMN first_row;
        ALTER TABLE audit DROP COLUMN hash;
        PRAGMA user_version = 5;";
    place.connect().unwrap().execute_batch(old).unwrap();
    let reader = DataDir::prepare(folder.path()).unwrap().reader().unwrap();
    let about = RequestId::from_bytes([1; 16]);
    assert_eq!(reader.controls(&about).unwrap().len(), 1);
    assert_eq!(reader.lives("hunt.start").unwrap(), [(about, Timestamp(0), Hold::Cancel)]);
}

#[test]
fn a_verb_that_is_no_cancel_cancels_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let about = RequestId::from_bytes([1; 16]);
    runtime().block_on(async {
        let writer = Writer::start(&place).unwrap();
        writer.write(request(1)).await.unwrap();
        let paused = Control { verb: "pause".into(), ..Control::new(about, Verb::Cancel, 5) };
        let paused = Request { kind: "control".into(), control: Some(paused), ..record(2) };
        writer.write(Write::Request(Box::new(paused), Audit::default())).await.unwrap();
    });
    let reader = place.reader().unwrap();
    assert_eq!(reader.folded_controls(&about).unwrap().revision(), 5);
    assert_eq!(reader.lives("hunt.start").unwrap(), [(about, Timestamp(0), Hold::Pause)]);
}

#[test]
fn a_write_that_can_never_succeed_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let twice = || {
        let id = AgentId::new("a-1").unwrap();
        Write::Agents(
            vec![NewAgent { id, name: "a".into(), labels: "{}".into() }],
            Audit::default(),
        )
    };
    let writer = Writer::start(&place).unwrap();
    runtime().block_on(async {
        writer.write(twice()).await.unwrap();
        let bad = writer.begin(twice()).await.unwrap();
        let good = writer.begin(Write::Chunk(chunk(0, 7))).await.unwrap();
        let deadline = Duration::from_secs(20);
        let bad = tokio::time::timeout(deadline, bad).await.expect("an answer");
        assert_eq!(bad.unwrap(), WriteOutcome::Refused("store_refused"));
        assert_eq!(good.await.unwrap(), WriteOutcome::Inserted);
    });
    // The caller that waits for it sees an error, also when it is alone.
    let refused = runtime().block_on(writer.write(twice()));
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(writer.trouble(), None);
}

fn request(n: u8) -> Write {
    Write::Request(Box::new(record(n)), Audit { action: "request", ..Audit::default() })
}

fn record(n: u8) -> Request {
    let empty = serde_bytes::ByteBuf::new();
    Request {
        id: RequestId::from_bytes([n; 16]),
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
        expected: vec![AgentId::new("a-1").unwrap()],
        revokes: vec![],
        names: vec![],
    }
}

fn control(n: u8, verb: Verb, revision: u64) -> Write {
    let control = Some(Control::new(RequestId::from_bytes([1; 16]), verb, revision));
    let audit = Audit { action: "request", ..Audit::default() };
    Write::Request(Box::new(Request { kind: "control".into(), control, ..record(n) }), audit)
}

#[test]
fn of_two_controls_that_race_for_one_revision_one_is_told_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let writer = Writer::start(&place).unwrap();
    runtime().block_on(async {
        assert_eq!(writer.write(request(1)).await.unwrap(), WriteOutcome::Inserted);
        // Both are on their way before either is stored.
        let first = writer.begin(control(2, Verb::Pause, 5)).await.unwrap();
        let second = writer.begin(control(3, Verb::Resume, 5)).await.unwrap();
        assert_eq!(first.await.unwrap(), WriteOutcome::Inserted);
        assert_eq!(second.await.unwrap(), WriteOutcome::Superseded);
        assert_eq!(
            writer.write(control(4, Verb::Pause, 4)).await.unwrap(),
            WriteOutcome::Superseded
        );
        assert_eq!(
            writer.write(control(2, Verb::Pause, 5)).await.unwrap(),
            WriteOutcome::Duplicate,
            "the same again"
        );
        assert_eq!(
            writer.write(control(5, Verb::Resume, 6)).await.unwrap(),
            WriteOutcome::Inserted
        );
    });
    let reader = place.reader().unwrap();
    assert!(reader.request(&RequestId::from_bytes([3; 16])).unwrap().is_none());
    assert_eq!(
        reader.count_audit(&AuditFilter::default()).unwrap(),
        3,
        "what was not done is not in the audit log"
    );
    let controls = reader.folded_controls(&RequestId::from_bytes([1; 16])).unwrap();
    assert_eq!((controls.hold(), controls.revision()), (lifecycle::Hold::None, 6));
}

#[test]
fn a_cancel_is_recorded_at_any_revision_and_nothing_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let writer = Writer::start(&place).unwrap();
    runtime().block_on(async {
        writer.write(request(1)).await.unwrap();
        writer.write(control(2, Verb::Pause, 9)).await.unwrap();
        // Both are on their way before either is stored.
        let cancel = writer.begin(control(3, Verb::Cancel, 1)).await.unwrap();
        let resume = writer.begin(control(4, Verb::Resume, 10)).await.unwrap();
        assert_eq!(cancel.await.unwrap(), WriteOutcome::Inserted);
        assert_eq!(resume.await.unwrap(), WriteOutcome::Superseded);
        let again = writer.write(control(5, Verb::Cancel, 1)).await.unwrap();
        assert_eq!(again, WriteOutcome::Inserted, "an agent may have missed the first one");
    });
    let about = RequestId::from_bytes([1; 16]);
    let reader = place.reader().unwrap();
    let summary = reader.summary(&about).unwrap().unwrap();
    assert_eq!((summary.hold, summary.revision, summary.applying()), (Hold::Cancel, 9, None));
    let verbs: Vec<_> = reader.controls(&about).unwrap().into_iter().map(|one| one.verb).collect();
    assert_eq!(verbs, ["pause", "cancel", "cancel"], "in the order in which they were recorded");
}

#[test]
fn a_request_is_found_by_the_beginning_of_its_id_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let writer = Writer::start(&place).unwrap();
    for n in [0x11, 0x1f, 0x22] {
        runtime().block_on(writer.write(request(n))).unwrap();
    }
    let reader = place.reader().unwrap();
    let find = |kind: &str, prefix: &str| match reader.find(kind, prefix).unwrap() {
        Found::One(one) => one.id.to_string(),
        Found::None => "none".to_owned(),
        Found::Many(count) => count.to_string(),
    };
    let whole = RequestId::from_bytes([0x11; 16]).to_string();
    for prefix in ["11", "111", &whole[..9], &whole[..12], &whole] {
        assert_eq!(find("hunt.start", prefix), whole, "{prefix}");
    }
    assert_eq!(find("hunt.start", "1"), "2");
    assert_eq!(find("hunt.start", ""), "3");
    let (no_hyphens, too_long) = ("1".repeat(9), format!("{whole}1"));
    for prefix in ["3", "11g", "1F", "1-1", no_hyphens.as_str(), too_long.as_str(), "é"] {
        assert_eq!(find("hunt.start", prefix), "none", "{prefix}");
    }
    assert_eq!(find("profile.start", "11"), "none");
}

#[test]
fn a_request_is_owed_until_it_expires_and_to_nobody_who_was_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let writer = Writer::start(&place).unwrap();
    let agents = ["a-1", "a-2", "a-3"].map(|id| AgentId::new(id).unwrap());
    let new = |id: &AgentId| NewAgent { id: id.clone(), name: "a".into(), labels: "{}".into() };
    let write = |write: Write| runtime().block_on(writer.write(write)).unwrap();
    write(Write::Agents(agents.iter().map(new).collect(), Audit::default()));
    let end = Timestamp(1_000);
    let directed = Request {
        route: muster_api::Route::Directed,
        not_after: end,
        expected: agents.to_vec(),
        ..record(1)
    };
    write(Write::Request(Box::new(directed), Audit::default()));
    write(Write::Sent(RequestId::from_bytes([1; 16]), agents[0].clone()));
    write(Write::Revoked(agents[1].clone(), Audit::default()));
    let reader = place.reader().unwrap();
    assert_eq!(reader.unsent(&RequestId::from_bytes([1; 16])).unwrap(), [agents[2].clone()]);
    let last = end.plus_ms(muster_protocol::limits::CLOCK_SKEW_MS_MAX);
    assert_eq!(reader.unpublished(last).unwrap().len(), 1);
    assert_eq!(reader.unpublished(last.plus_ms(1)).unwrap().len(), 0);
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
    let place = DataDir::prepare(folder.path()).unwrap();
    let id = |n: u8| RequestId::from_bytes([n; 16]);
    let is_seen = |n: u8| {
        let collections = place.reader().unwrap().collections(&id(n)).unwrap();
        collections.parts.values().any(|part| part.is_seen)
    };
    let writer = Writer::start(&place).unwrap();
    let write = |write: Write| runtime().block_on(writer.write(write)).unwrap();
    write(request(1));
    write(request(2));
    write(Write::Offset(id(1), 0));
    write(Write::Offset(id(2), 1));
    write(receipt(1, 0));
    assert!(is_seen(1) && !is_seen(2));
    // The stream is made again; the agent has not noticed yet.
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

#[test]
fn a_sample_that_knows_nothing_of_a_request_it_covers_has_passed_it_by() {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let writer = Writer::start(&place).unwrap();
    let id = RequestId::from_bytes([1; 16]);
    let write = |write: Write| runtime().block_on(writer.write(write)).unwrap();
    let sample = |more: serde_json::Value| {
        let mut json = serde_json::json!({
            "agent": "a-1", "at": 0, "journal": uuid::Uuid::from_bytes([2; 16]),
            "stream_epoch": id, "stream_offset": 0,
        });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        write(Write::Telemetry(Box::new(serde_json::from_value(json).unwrap())));
        let collections = place.reader().unwrap().collections(&id).unwrap();
        let part = &collections.parts[&AgentId::new("a-1").unwrap()];
        (part.is_seen, part.passed.is_some())
    };
    write(request(1));
    write(Write::Offset(id, 0));
    // What retention took away was not read.
    assert_eq!(sample(serde_json::json!({"stream_gap": [0, 0]})), (false, false));
    // An answer may be on its way; the request may be among those that are not named; it waits.
    assert_eq!(sample(serde_json::json!({"outbox_messages": 1})), (true, false));
    let waiting = |count: usize, request: RequestId| {
        let one = serde_json::json!({"request": request, "state": "queued"});
        serde_json::json!({"collections": vec![one; count]})
    };
    let other = RequestId::from_bytes([8; 16]);
    assert_eq!(
        sample(waiting(muster_protocol::limits::TELEMETRY_WAITING_MAX, other)),
        (true, false)
    );
    assert_eq!(sample(waiting(1, id)), (true, false));
    assert_eq!(sample(waiting(1, other)), (true, true));
}
