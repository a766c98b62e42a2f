use std::path::Path;

use muster_protocol::ids::{AgentId, JournalId, RequestId};
use muster_protocol::limits::{
    CLOCK_SKEW_MS_MAX, CLONE_SHOWN_MS_MAX, NEVER_HEARD_MS_MAX, SILENT_MS_MAX,
};
use muster_protocol::request::Sealed;
use muster_protocol::result::Telemetry;

use super::*;
use crate::broker::queues::{QueueStatus, Queues};
use crate::broker::settings::Advice;
use crate::live::broker_health::{Blockage, Look};
use crate::store::fleet::Roster;
use crate::store::{Audit, DataDir, DeadCount, NewAgent, Request, Write, Writer};
use muster_api::BrokerHealth;

fn broker() -> BrokerHealth {
    BrokerHealth {
        connected: true,
        address: "127.0.0.1:5672".into(),
        since: Timestamp(0).into(),
        cause: None,
        blocked: None,
    }
}

/// Returns a look that finds everything as it should be, with a queue for each of these agents.
fn look(agents: &[&str]) -> Look {
    let found = Queues {
        shared: Vec::new(),
        fullest: Vec::new(),
        directed: agents.iter().map(|agent| AgentId::new(agent).unwrap()).collect(),
    };
    Look { at: now().plus_ms(60_000), found: Ok(found), growing: Vec::new() }
}

/// Asks with the roster as it is stored.
fn doctor(
    reader: &Reader,
    trouble: Option<&str>,
    broker: &Seen<'_>,
    now: Timestamp,
) -> Result<Doctor, StoreError> {
    super::doctor(reader, &Roster::load(reader)?.all(), trouble, broker, now)
}

fn examined(
    reader: &Reader,
    trouble: Option<&str>,
    link: &BrokerHealth,
    now: Timestamp,
) -> Result<Doctor, StoreError> {
    let look = look(&["a-1", "a-2"]);
    doctor(reader, trouble, &Seen { link, blockage: None, look: &look, settings: Some(&[]) }, now)
}

fn dead(agent: &str) -> DeadCount {
    let agent = Some(AgentId::new(agent).unwrap());
    DeadCount { class: "rows", reason: "wrong_agent", agent, count: 1 }
}

fn sample(agent: &str, journal: u8, at: Timestamp) -> Telemetry {
    let json = serde_json::json!({
        "agent": agent, "at": at, "journal": JournalId::from_bytes([journal; 16]),
        "version": "0", "host": "h", "os": "linux", "arch": "x86_64",
    });
    serde_json::from_value(json).unwrap()
}

/// A sample of one of several instances of an agent, which began before all of their samples.
fn of_instance(n: u8, number: u64, generation: u64) -> Telemetry {
    let json = serde_json::json!({
        "id": uuid::Uuid::from_bytes([n; 16]), "started": now().plus_ms(-60_000 + i64::from(n)), "sample": number,
        "machine": uuid::Uuid::from_bytes([n; 16]), "generation": generation,
    });
    let instance = serde_json::from_value(json).unwrap();
    Telemetry { instance: Some(instance), host: format!("host-{n}"), ..sample("a-1", 1, now()) }
}

fn telemetry(sample: Telemetry) -> Write {
    Write::Telemetry(Box::new(sample))
}

/// Enrols `a-1` and `a-2`, writes, and returns a reader with the present moment.
fn after(folder: &Path, writes: Vec<Write>) -> (Reader, Timestamp) {
    let place = DataDir::prepare(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(&place).unwrap();
        let new = |id: &str| NewAgent {
            id: AgentId::new(id).unwrap(),
            name: id.to_owned(),
            labels: "{}".into(),
        };
        writer.write(Write::Agents(vec![new("a-1"), new("a-2")], Audit::default())).await.unwrap();
        for write in writes {
            // What is received in one millisecond has no order.
            let before = now();
            while now() <= before {
                std::hint::spin_loop();
            }
            writer.write(write).await.unwrap();
        }
    });
    (place.reader().unwrap(), now())
}

fn now() -> Timestamp {
    muster_protocol::clock::Clock::system().now()
}

fn check(doctor: &Doctor, name: &str) -> (Verdict, String) {
    let found = doctor.checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(found.verdict == Verdict::Ok, found.next.is_empty(), "{found:?}");
    (found.verdict, found.message.clone())
}

#[test]
fn a_sound_fleet_has_no_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![telemetry(sample("a-1", 1, now()))]);
    let found = examined(&reader, None, &broker(), now).unwrap();
    assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
    assert_eq!(found.checks.len(), 16);
}

#[test]
fn broker_and_store_are_named_with_their_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![]);
    let away = BrokerHealth { connected: false, cause: Some("refused".into()), ..broker() };
    let found = examined(&reader, Some("disk is full"), &away, now).unwrap();
    assert_eq!(found.verdict, Verdict::Bad);
    assert!(check(&found, "broker").1.contains("refused"));
    assert!(check(&found, "store").1.contains("disk is full"));
}

#[test]
fn a_queue_that_is_not_read_is_named_though_the_broker_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![]);
    let cause = Some("results.rows is not read: connection gone".to_owned());
    let found = examined(&reader, None, &BrokerHealth { cause, ..broker() }, now).unwrap();
    let (verdict, message) = check(&found, "broker");
    assert_eq!(verdict, Verdict::Bad);
    assert!(message.contains("results.rows is not read"), "{message}");
}

#[test]
fn agents_are_named_for_what_is_wrong_with_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = sample("a-2", 3, now().plus_ms(-CLOCK_SKEW_MS_MAX));
    slow.journal_full = true;
    let turns = [(1, 1), (2, 1), (1, 2), (2, 2)];
    let mut writes = Vec::from(turns.map(|(n, number)| telemetry(of_instance(n, number, 0))));
    writes.push(telemetry(slow));
    let (reader, now) = after(folder.path(), writes);
    let found = examined(&reader, None, &broker(), now).unwrap();
    let (verdict, clones) = check(&found, "clones");
    assert!(verdict == Verdict::Bad && clones.contains("a-1") && !clones.contains("a-2"));
    for side in ["host-1 (machine 01010101)", "host-2 (machine 02020202)", "since 2"] {
        assert!(clones.contains(side), "{side}: {clones}");
    }
    assert_eq!(check(&found, "set_back").0, Verdict::Ok);
    assert!(check(&found, "clocks").1.contains("a-2"));
    assert!(check(&found, "journal_full").1.contains("a-2"));
    assert_eq!(check(&found, "silent").0, Verdict::Ok);
    let later = now.plus_ms(SILENT_MS_MAX + 1_000);
    let found = examined(&reader, None, &broker(), later).unwrap();
    let silent = check(&found, "silent").1;
    assert!(silent.starts_with("2 agents") && silent.contains("its journal was full"), "{silent}");
    let away = BrokerHealth { connected: false, ..broker() };
    let found = examined(&reader, None, &away, later).unwrap();
    assert!(check(&found, "silent").1.contains("the coordinator has no broker"));
    let found = examined(&reader, None, &broker(), later).unwrap();
    assert_eq!(check(&found, "clones").0, Verdict::Bad, "not yet");
    let found =
        examined(&reader, None, &broker(), now.plus_ms(CLONE_SHOWN_MS_MAX + 1_000)).unwrap();
    assert_eq!(check(&found, "clones").0, Verdict::Ok, "both are gone");
}

#[test]
fn a_journal_that_was_set_back_is_shown_until_the_agent_begins_another() {
    let folder = tempfile::tempdir().unwrap();
    let set_back = [of_instance(1, 1, 40), of_instance(2, 1, 30)];
    let (reader, now) = after(folder.path(), Vec::from(set_back.map(telemetry)));
    let found = examined(&reader, None, &broker(), now).unwrap();
    let (verdict, message) = check(&found, "set_back");
    assert!(verdict == Verdict::Bad && message.contains("a-1: the journal on host-2"), "{message}");
    assert_eq!(check(&found, "clones").0, Verdict::Ok);
    drop(reader);
    let begun = Telemetry { journal: JournalId::from_bytes([2; 16]), ..of_instance(3, 1, 0) };
    let place = DataDir::prepare(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        Writer::start(&place).unwrap().write(telemetry(begun)).await.unwrap();
    });
    let found = examined(&place.reader().unwrap(), None, &broker(), super::tests::now()).unwrap();
    assert_eq!(check(&found, "set_back").0, Verdict::Ok);
}

#[test]
fn an_agent_that_never_reported_is_named_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![telemetry(sample("a-1", 1, now()))]);
    let found = examined(&reader, None, &broker(), now).unwrap();
    assert_eq!(check(&found, "never_heard").0, Verdict::Ok);
    let later = now.plus_ms(NEVER_HEARD_MS_MAX + 1_000);
    let found = examined(&reader, None, &broker(), later).unwrap();
    let (verdict, message) = check(&found, "never_heard");
    assert!(verdict == Verdict::Warn && message.contains("a-2") && !message.contains("a-1"));
}

#[test]
fn a_revoked_agent_may_be_silent() {
    let folder = tempfile::tempdir().unwrap();
    let revoked = Write::Revoked(AgentId::new("a-1").unwrap(), Audit::default());
    let (reader, now) = after(folder.path(), vec![telemetry(sample("a-1", 1, now())), revoked]);
    let later = now.plus_ms(SILENT_MS_MAX + 1_000);
    let found = examined(&reader, None, &broker(), later).unwrap();
    assert_eq!(check(&found, "silent").0, Verdict::Ok);
}

#[test]
fn dead_letters_and_unpublished_requests_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let request = |not_after| {
        let body = serde_bytes::ByteBuf::new();
        let request = Request {
            id: RequestId::new(),
            kind: "hunt.start".into(),
            operator: "ada".into(),
            issued: Timestamp(0),
            not_after,
            target: "all".into(),
            route: muster_api::Route::Broadcast,
            sealed: Sealed {
                kind: "hunt.start".into(),
                id: String::new(),
                body: body.clone(),
                sig: body.clone(),
                cert: body,
            },
            control: None,
            expected: vec![],
            revokes: vec![],
            names: vec![],
        };
        Write::Request(Box::new(request), Audit::default())
    };
    let writes = vec![
        Write::Dead(vec![dead("a-1"), dead("a-1")]),
        request(now().plus_ms(60_000)),
        request(now().plus_ms(-CLOCK_SKEW_MS_MAX - 60_000)),
    ];
    let (reader, now) = after(folder.path(), writes);
    let found = examined(&reader, None, &broker(), now).unwrap();
    let (verdict, letters) = check(&found, "dead_letters");
    assert!(verdict == Verdict::Warn && letters.contains("2 of rows (wrong_agent)"), "{letters}");
    assert!(letters.ends_with("; from a-1 (2)"), "{letters}");
    assert!(check(&found, "unpublished").1.starts_with("1 requests"));
}

#[test]
fn a_blocked_broker_is_the_cause_and_not_the_agents() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![telemetry(sample("a-1", 1, now()))]);
    let later = now.plus_ms(SILENT_MS_MAX + 1_000);
    let link = BrokerHealth { blocked: Some("low on disk on a".into()), ..broker() };
    let blockage = Blockage { reason: "low on disk on a".into(), since: Some(now), until: None };
    let look = look(&["a-1", "a-2"]);
    let seen = Seen { link: &link, blockage: Some(&blockage), look: &look, settings: Some(&[]) };
    let found = doctor(&reader, None, &seen, later).unwrap();
    let blocked = "the broker blocks publishers: low on disk on a";
    assert_eq!(check(&found, "broker"), (Verdict::Bad, blocked.to_owned()));
    let (_, silent) = check(&found, "silent");
    assert_eq!(silent, format!("1 cannot be heard: {blocked}"));
    let silent = found.checks.iter().find(|check| check.name == "silent").unwrap();
    assert!(!silent.next.contains("systemctl"), "{silent:?}");
    // One that was silent before is silent for another reason.
    let late = Blockage { since: Some(later), ..blockage };
    let seen = Seen { link: &link, blockage: Some(&late), look: &look, settings: Some(&[]) };
    let found = doctor(&reader, None, &seen, later).unwrap();
    assert!(check(&found, "silent").1.starts_with("1 agents"));
}

#[test]
fn queues_that_are_full_unread_or_gone_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![]);
    let link = BrokerHealth { since: now.plus_ms(-60_000).into(), ..broker() };
    let rows = QueueStatus {
        id: "results.rows".into(),
        consumers: 1,
        ..QueueStatus::read(&serde_json::Value::Null)
    };
    let find = |rows: QueueStatus, agents: &[&str]| {
        let mut look = look(agents);
        look.found.as_mut().unwrap().shared.push(rows);
        let seen = Seen { link: &link, blockage: None, look: &look, settings: Some(&[]) };
        doctor(&reader, None, &seen, now).unwrap()
    };
    let found = find(rows.clone(), &["a-1"]);
    assert_eq!(check(&found, "queues").0, Verdict::Ok);
    let (verdict, message) = check(&found, "agent_queues");
    assert!(verdict == Verdict::Bad && message.contains("a-2") && !message.contains("a-1"));
    let full = QueueStatus { full_percent: Some(81), ..rows.clone() };
    let (verdict, message) = check(&find(full, &[]), "queues");
    assert!(verdict == Verdict::Warn && message.contains("results.rows 81 %"), "{message}");
    let unread = QueueStatus { consumers: 0, ..rows.clone() };
    assert_eq!(check(&find(unread, &[]), "queues").0, Verdict::Bad);
    let strange = QueueStatus { policy: Some("ha".into()), ..rows.clone() };
    assert_eq!(check(&find(strange, &[]), "queues").0, Verdict::Warn);
    let missing = QueueStatus { state: "missing".into(), ..rows };
    assert_eq!(check(&find(missing, &[]), "queues").0, Verdict::Bad);
}

#[test]
fn a_line_that_the_broker_lacks_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, now) = after(folder.path(), vec![]);
    let (link, look) = (broker(), look(&["a-1", "a-2"]));
    let line = "max_message_size = 1".to_owned();
    let advice = [Advice { file: "rabbitmq.conf", line, why: "it is needed".into() }];
    let seen = Seen { link: &link, blockage: None, look: &look, settings: Some(&advice) };
    let found = doctor(&reader, None, &seen, now).unwrap();
    let expected = "`max_message_size = 1` in rabbitmq.conf: it is needed";
    assert_eq!(check(&found, "broker_settings"), (Verdict::Warn, expected.to_owned()));
}
