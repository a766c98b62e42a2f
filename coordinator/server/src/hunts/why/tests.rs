//! Made-up hunts with known causes.

use muster_api::{Applied, ControlView, Hold, HuntView, States};
use serde_json::json;

use super::*;

fn hunt(states: States) -> HuntView {
    let progress = json!({
        "seen": 0, "files": 0, "bytes": 0, "files_per_s": 0.0, "mb_per_s": 0.0, "cpu_ms": 0, "throttled_ms": 0,
        "rows": 0, "stored_bytes": 0,
    });
    let hunt = json!({
        "id": "0199", "artifact": "file_hash", "operator": "ada", "target": "all", "roots": ["/"], "hashes": [],
        "issued": "2026-01-02T03:04:05.000Z", "expires": "2026-01-03T03:04:05.000Z", "route": "broadcast",
        "published": true, "cancelled": false, "targeted": states.sum(), "states": states, "progress": progress,
        "done": states.ended() == states.sum(), "exit_code": 2,
    });
    serde_json::from_value(hunt).unwrap()
}

fn part(agent: &str, state: &str) -> CollectionBrief {
    serde_json::from_value(json!({
        "agent": agent, "host": "", "state": state, "code": "", "reason": "", "rows": 0, "matched": 0, "errors": 0,
        "seen": 0, "cpu_ms": 0, "bytes_read": 0, "throttled_ms": 0, "started": null, "ended": null, "age_ms": 0,
        "silent_s": null, "path": "", "attempts": 0,
    }))
    .unwrap()
}

fn running(agent: &str, age_ms: u64) -> CollectionBrief {
    CollectionBrief { age_ms, silent_s: Some(3), path: "/srv/x".into(), ..part(agent, "running") }
}

fn failed(agent: &str, state: &str, code: &str, reason: &str) -> CollectionBrief {
    CollectionBrief { code: code.into(), reason: reason.into(), ..part(agent, state) }
}

/// Every figure of a part, of which only the waits matter.
fn detailed(agent: &str, waits: &[(&str, u64)]) -> CollectionView {
    let waits: BTreeMap<_, _> = waits.iter().copied().collect();
    serde_json::from_value(json!({
        "hunt": "0199", "agent": agent, "host": "", "state": "running", "code": "", "reason": "", "attempt": null,
        "journal": null, "attempts": 1, "chunks": null, "chunks_stored": 0, "rows": 0, "first_row": null,
        "started": null, "ended": null, "seen": 0, "hashed": 0, "listed": 0, "filtered": 0, "skipped": 0, "errors": 0,
        "bytes_hashed": 0, "bytes_read": 0, "cpu_ms": 0, "throttled_ms": 0, "resumed": 0, "path": "",
        "spent": {"threads_ms": 1_000, "waits_ms": waits},
    }))
    .unwrap()
}

/// What is found about the parts that run or wait; kind, agents and advice.
fn found(parts: &[CollectionBrief], slowest: &[CollectionView]) -> Vec<(String, u64, String)> {
    let hunt = hunt(States { running: parts.len() as u64, ..States::default() });
    let why = why(&hunt, parts, slowest);
    why.findings.into_iter().map(|one| (one.kind, one.agents, one.next)).collect()
}

#[test]
fn the_summary_says_how_far_it_is() {
    let states = States { finished: 842, running: 100, silent: 58, ..States::default() };
    let says = why(&hunt(states), &[], &[]).summary;
    assert_eq!(says, "842 of 1,000 agents are done; 58 silent, 100 running.");
    let over = States { finished: 1, failed: 1, ..States::default() };
    assert_eq!(why(&hunt(over), &[], &[]).summary, "It is over, ended: 1 failed: 2 agents.");
    let well = States { finished: 1, ..States::default() };
    let well = why(&hunt(well), &[part("a", "finished")], &[]);
    assert_eq!((well.summary.as_str(), well.findings), ("It is over, finished: 1 agent.", vec![]));
}

#[test]
fn agents_that_run_are_told_apart_by_what_they_wait_for() {
    let throttled = CollectionBrief { throttled_ms: 40_000, ..running("a", 60_000) };
    let parts = [throttled, running("b", 50_000), running("c", 40_000), running("d", 30_000)];
    let slowest = [
        detailed("b", &[("open", 900)]),
        detailed("c", &[("processor", 700), ("read", 100)]),
        detailed("d", &[("read", 200)]),
    ];
    let kinds: Vec<_> = found(&parts, &slowest).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["limit", "open", "processor", "working"]);
    let all = hunt(States { running: 4, ..States::default() });
    let says = |kind: &str| {
        let why = why(&all, &parts, &slowest);
        why.findings.into_iter().find(|one| one.kind == kind).unwrap()
    };
    let open = says("open");
    let expected = "1 agent runs, waiting for files to open: a file system answers slowly; the longest, b, for 50.0 s, at /srv/x.";
    assert_eq!(open.says, expected);
    assert!(open.next.contains("--one-file-system"), "{}", open.next);
    assert!(says("limit").next.contains("--max-mbps"));
}

#[test]
fn one_that_stands_still_is_profiled_and_one_out_of_sight_is_named_first() {
    let stalled = CollectionBrief { code: "stalled".into(), ..running("a", 60_000) };
    let gone = CollectionBrief { silent_s: Some(600), ..running("b", 60_000) };
    let longer = CollectionBrief { silent_s: Some(900), ..running("c", 60_000) };
    let found = found(&[stalled.clone(), gone.clone(), longer.clone()], &[]);
    assert_eq!(found[0], ("out_of_sight".into(), 2, "muster agents list --state silent".into()));
    assert_eq!(found[1], ("stalled".into(), 1, "muster profile top 0199 --agent a".into()));
    let all = hunt(States { running: 3, ..States::default() });
    assert_eq!(why(&all, &[stalled, gone, longer], &[]).findings[0].named, ["c", "b"]);
}

#[test]
fn silence_a_queue_and_a_broker_are_different_things() {
    let silent = CollectionBrief { silent_s: Some(7_200), ..part("a", "silent") };
    let blocked = failed("b", "silent", "broker_blocked", "the broker is low on disk");
    let queued = part("c", "queued");
    let waits = failed("d", "queued", "list_missing", "1 of 2 parts are not here");
    let never = part("e", "silent");
    let states = States { silent: 3, queued: 2, ..States::default() };
    let why = why(&hunt(states), &[silent, blocked, queued, waits, never], &[]);
    let says: Vec<_> = why.findings.iter().map(|one| one.says.as_str()).collect();
    assert_eq!(
        says,
        [
            "2 agents have not been heard of; a for 2 h 0 min. They may still begin until 2026-01-03T03:04:05.000Z.",
            "1 agent is silent: the broker is low on disk.",
            "1 agent waits for a lane: as many hunts run there as may.",
            "1 agent waits: 1 of 2 parts are not here.",
        ]
    );
    assert_eq!(why.findings[1].next, "muster doctor");
    assert_eq!(why.findings[2].next, "muster agents requests c");
}

#[test]
fn what_holds_up_all_of_it_comes_first() {
    let states = States { silent: 1, paused: 1, ..States::default() };
    let control = |verb: &str, revision| ControlView {
        id: "01".into(),
        verb: verb.into(),
        revision,
        operator: "eve".into(),
        at: muster_protocol::clock::Timestamp(0).into(),
    };
    let paused = HuntView {
        published: false,
        hold: Hold::Pause.into(),
        controls: vec![control("resume", 1), control("pause", 2)],
        applied: Some(Applied { revision: 2, applied: 1, of: 2, waiting: vec!["a".into()] }),
        notes: vec!["the broker is low on memory".into()],
        ..hunt(states)
    };
    let found = why(&paused, &[part("a", "silent")], &[]).findings;
    let kinds: Vec<_> = found.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["not_published", "note", "paused", "silent"]);
    let says = "It is paused by eve since 1970-01-01T00:00:00.000Z; 1 of 2 agents have applied it.";
    assert_eq!((found[2].says.as_str(), found[2].next.as_str()), (says, "muster hunt resume 0199"));
}

#[test]
fn what_went_wrong_is_grouped_by_code_with_its_advice() {
    let parts = [
        failed("a", "failed", "timeout", "longer than 60 s"),
        failed("b", "failed", "timeout", "longer than 60 s"),
        failed("c", "failed", "no_root", "/x does not exist"),
        failed("d", "failed", "no_root", "/y does not exist"),
        failed("e", "declined", "policy", "hunts of /etc are not allowed"),
        failed("f", "expired", "", ""),
    ];
    let states = States { failed: 4, declined: 1, expired: 1, ..States::default() };
    let found = why(&hunt(states), &parts, &[]).findings;
    let of: Vec<_> =
        found.iter().map(|one| (one.kind.as_str(), one.code.as_str(), one.agents)).collect();
    let expected = [
        ("failed", "no_root", 2),
        ("failed", "timeout", 2),
        ("declined", "policy", 1),
        ("expired", "", 1),
    ];
    assert_eq!(of, expected);
    assert_eq!(found[0].says, "2 agents failed (no_root): /x does not exist, and others.");
    assert!(found[1].next.contains("--timeout"));
    assert_eq!(found[2].next, "muster agents show AGENT");
    assert_eq!(found[3].says, "1 agent never began in time.");
}

#[test]
fn few_agents_are_named_of_many() {
    let parts: Vec<_> = (0..500).map(|n| part(&format!("a-{n:03}"), "seen")).collect();
    let why = why(&hunt(States { seen: 500, ..States::default() }), &parts, &[]);
    assert_eq!((why.findings[0].agents, why.findings[0].named.len()), (500, 10));
}
