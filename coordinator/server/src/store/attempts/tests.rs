use muster_protocol::clock::Clock;
use muster_protocol::ids::JournalId;
use muster_protocol::limits::{CONFLICTS_MAX, JOURNALS_HEARD_MAX};
use muster_protocol::result::{State, Status};

use super::*;
use crate::state::Fault;
use crate::store::{DataDir, DeadCount, Write, WriteOutcome, Writer};

fn agent() -> AgentId {
    AgentId::new("a-1").unwrap()
}

fn chunk(request: u8, journal: u8, seq: u64) -> Chunk {
    let request = RequestId::from_bytes([request; 16]);
    Chunk {
        request,
        agent: agent(),
        attempt: Attempt { origin: request, journal: JournalId::from_bytes([journal; 16]) },
        seq,
        rows: 3,
        blob: None,
        sha256: vec![7; 32],
        body: vec![0x80; 100],
    }
}

fn status(request: u8, journal: u8) -> Write {
    let Chunk { request, agent, attempt, .. } = chunk(request, journal, 0);
    Write::Status(Box::new(Status {
        agent,
        request,
        attempt,
        state: State::Finished,
        at: Timestamp(0),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(1),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    }))
}

struct Store {
    _folder: tempfile::TempDir,
    place: DataDir,
    writer: Writer,
    clock: Clock,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let clock = Clock::system();
        let writer = Writer::start_at(&place, clock.clone()).unwrap();
        Self { _folder: folder, place, writer, clock }
    }

    /// Writes, and says what became of it, a refusal included.
    fn land(&self, write: Write) -> WriteOutcome {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { self.writer.begin(write).await.unwrap().await.unwrap() })
    }

    fn sql(&self, sql: &str) {
        assert!(self.place.connect().unwrap().execute(sql, []).unwrap() > 0, "{sql}");
    }

    fn count(&self, table: &str) -> usize {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 =
            self.place.connect().unwrap().query_row(&sql, [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    }

    /// The fault of the only attempt of a request.
    fn fault(&self, request: u8) -> Option<Fault> {
        let id = RequestId::from_bytes([request; 16]);
        let collections = self.place.reader().unwrap().collections(&id).unwrap();
        let runs = &collections.parts[&agent()].runs;
        assert_eq!(runs.len(), 1);
        runs.values().next().unwrap().fault.clone()
    }
}

#[test]
fn an_attempt_fails_at_its_quota_and_keeps_what_is_stored() {
    let store = Store::new();
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 0))), WriteOutcome::Inserted);
    assert_eq!(store.fault(1), None);
    store.sql(&format!("UPDATE attempt SET bytes = {COLLECTION_BYTES_MAX} - 1"));
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 1))), WriteOutcome::OverQuota);
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 0))), WriteOutcome::Duplicate, "it is stored");
    let fault = store.fault(1).unwrap();
    assert_eq!(fault.code, QUOTA);
    assert!(fault.reason.contains("collection_bytes_max"), "{fault:?}");
    assert_eq!(store.count("chunk"), 1);
    // Another attempt shares the bound, another request does not.
    assert_eq!(store.land(Write::Chunk(chunk(1, 2, 0))), WriteOutcome::OverQuota);
    assert_eq!(store.land(Write::Chunk(chunk(2, 1, 0))), WriteOutcome::Inserted);
    assert_eq!(store.fault(2), None);
}

#[test]
fn an_agent_has_a_quota_per_day() {
    let store = Store::new();
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 0))), WriteOutcome::Inserted);
    store.sql(&format!("UPDATE usage SET bytes = {AGENT_BYTES_PER_DAY_MAX} - 1"));
    assert_eq!(store.land(Write::Chunk(chunk(2, 1, 0))), WriteOutcome::OverQuota);
    assert!(store.fault(2).unwrap().reason.contains("agent_bytes_per_day_max"));
    let other = Chunk { agent: AgentId::new("a-2").unwrap(), ..chunk(2, 1, 0) };
    assert_eq!(store.land(Write::Chunk(other)), WriteOutcome::Inserted, "others are not concerned");
    store.clock.set_offset_ms(DAY_MS);
    assert_eq!(store.land(Write::Chunk(chunk(3, 1, 0))), WriteOutcome::Inserted, "a new day");
    assert_eq!(store.land(Write::Chunk(chunk(2, 1, 1))), WriteOutcome::OverQuota, "it has failed");
    store.clock.set_offset_ms(DAY_MS * (USAGE_DAYS_MAX + 2));
    assert_eq!(store.land(Write::Chunk(chunk(4, 1, 0))), WriteOutcome::Inserted);
    let days = "usage WHERE agent = 'a-1'";
    assert_eq!(store.count(days), 1, "days that are over are forgotten");
}

#[test]
fn an_agent_has_a_bounded_number_of_attempts_at_one_request() {
    let store = Store::new();
    let most = u8::try_from(ATTEMPTS_MAX).unwrap();
    for journal in 0..most {
        let write =
            if journal % 2 == 0 { Write::Chunk(chunk(1, journal, 0)) } else { status(1, journal) };
        assert_eq!(store.land(write), WriteOutcome::Inserted);
    }
    let refused = WriteOutcome::Refused("too_many_attempts");
    assert_eq!(store.land(Write::Chunk(chunk(1, most, 0))), refused);
    assert_eq!(store.land(status(1, most)), refused);
    let run = Box::new(chunk(1, most, 0).run());
    assert_eq!(store.land(Write::Rejected(run, "seq_over_limit")), WriteOutcome::Duplicate);
    assert_eq!(store.count("attempt"), ATTEMPTS_MAX);
    // Those that are known go on, and so do other requests.
    assert_eq!(store.land(status(1, 0)), WriteOutcome::Inserted);
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 0))), WriteOutcome::Inserted);
    assert_eq!(store.land(Write::Chunk(chunk(2, most, 0))), WriteOutcome::Inserted);
}

#[test]
fn contradictions_of_one_attempt_are_recorded_up_to_a_bound() {
    let store = Store::new();
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 0))), WriteOutcome::Inserted);
    for n in 0..u8::try_from(CONFLICTS_MAX).unwrap() + 9 {
        let other = Chunk { sha256: vec![n + 100; 32], ..chunk(1, 1, 0) };
        assert_eq!(store.land(Write::Chunk(other)), WriteOutcome::Conflict);
    }
    assert_eq!(store.count("conflict"), CONFLICTS_MAX);
}

#[test]
fn of_many_journals_of_one_agent_the_last_few_are_kept() {
    let store = Store::new();
    let sample = |journal: u8, host: &str| {
        let journal = JournalId::from_bytes([journal; 16]);
        let json = serde_json::json!({"agent": "a-1", "at": 0, "journal": journal, "host": host});
        Write::Telemetry(Box::new(serde_json::from_value(json).unwrap()))
    };
    for journal in 0..100 {
        store.clock.set_offset_ms(i64::from(journal) * 10);
        assert_eq!(store.land(sample(journal, &journal.to_string())), WriteOutcome::Inserted);
    }
    assert_eq!(store.count("heard"), JOURNALS_HEARD_MAX);
    let heard = store.place.reader().unwrap().heard(&agent()).unwrap();
    assert_eq!(heard.unwrap().1.host, "99");
}

#[test]
fn a_chunk_that_the_store_can_never_take_has_its_attempt_fail_at_once() {
    let store = Store::new();
    let connection = store.place.connect().unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER no_seven BEFORE INSERT ON chunk WHEN NEW.seq = 7
             BEGIN SELECT RAISE(ABORT, 'no'); END;",
        )
        .unwrap();
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 6))), WriteOutcome::Inserted);
    assert_eq!(store.land(Write::Chunk(chunk(1, 1, 7))), WriteOutcome::Refused("store_refused"));
    assert_eq!(store.fault(1).unwrap().code, REJECTED);
    assert_eq!(store.writer.trouble(), None);
}

#[test]
fn a_write_that_fails_alone_for_an_unknown_cause_is_set_aside_after_some_tries() {
    let store = Store::new();
    store.place.connect().unwrap().execute_batch("DROP TABLE dead").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (bad, good) = runtime.block_on(async {
        let dead = DeadCount { class: "rows", reason: "x", agent: None, count: 1 };
        let bad = store.writer.begin(Write::Dead(vec![dead])).await.unwrap();
        let good = store.writer.begin(Write::Chunk(chunk(1, 1, 0))).await.unwrap();
        (bad.await.unwrap(), good.await.unwrap())
    });
    assert_eq!((bad, good), (WriteOutcome::Refused("store_refused"), WriteOutcome::Inserted));
}

#[test]
fn what_was_stored_before_is_charged_when_the_tables_are_made() {
    let store = Store::new();
    store.land(Write::Chunk(chunk(1, 1, 0)));
    store.land(Write::Chunk(chunk(1, 1, 1)));
    store.land(status(1, 2));
    let figures = || -> Vec<(Vec<u8>, i64)> {
        let connection = store.place.connect().unwrap();
        let mut select = connection.prepare("SELECT journal, bytes FROM attempt").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let before = figures();
    let cost = i64::try_from(100 + CHUNK_BYTES_EXTRA).unwrap();
    assert_eq!(before, [(vec![1; 16], 2 * cost), (vec![2; 16], 0)]);
    let connection = store.place.connect().unwrap();
    connection.execute_batch(&["DELETE FROM attempt;", FILL].concat()).unwrap();
    assert_eq!(figures(), before);
}
