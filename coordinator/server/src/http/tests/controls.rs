//! Controls of hunts: which are taken, which are refused and why, and what a hunt shows of them.

use muster_protocol::limits::REVISION_AHEAD_MS_MAX;
use muster_protocol::request::{Control, Verb};
use serde_json::json;

use super::*;

/// Signs a control, and gives it to the coordinator.
fn send(api: &Api, about: RequestId, verb: Verb, revision: u64) -> (u16, Value) {
    let args = Args::Control(Control::new(about, verb, revision));
    api.launch(&signed(&api.core, &args))
}

fn taken(api: &Api, verb: Verb, revision: u64) {
    let (status, document) = send(api, HUNT, verb, revision);
    assert_eq!(status, 200, "{document}");
    assert_eq!((&document["kind"], &document["targeted"]), (&json!("control"), &json!(2)));
}

/// Sends what must be refused, with three useful lines; returns the cause.
fn refused(api: &Api, about: RequestId, verb: Verb, revision: u64, code: u8) -> String {
    let (status, document) = send(api, about, verb, revision);
    assert!((400..500).contains(&status), "{status}: {document}");
    assert_eq!(document["code"], code, "{document}");
    for line in ["error", "cause", "try"] {
        assert!(document[line].as_str().is_some_and(|text| !text.is_empty()), "{document}");
    }
    document["cause"].as_str().unwrap().to_owned()
}

fn shown(api: &Api) -> Value {
    api.well(&format!("/hunts/{HUNT}"))
}

fn now(api: &Api) -> u64 {
    u64::try_from(api.core.clock.now().0).unwrap()
}

#[test]
fn a_hunt_shows_its_controls_and_what_holds() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    let before = shown(&api);
    assert_eq!((&before["hold"], &before["revision"]), (&json!("none"), &json!(0)));
    assert_eq!((&before["controls"], &before["applied"]), (&json!([]), &Value::Null));
    taken(&api, Verb::Drain, 1);
    taken(&api, Verb::Pause, 2);
    let paused = shown(&api);
    assert_eq!((&paused["hold"], &paused["revision"]), (&json!("pause"), &json!(2)));
    let waiting = json!({"revision": 2, "applied": 0, "of": 2, "waiting": ["a-1", "a-2"]});
    assert_eq!(paused["applied"], waiting);
    let controls = paused["controls"].as_array().unwrap();
    let verbs: Vec<_> = controls.iter().map(|one| &one["verb"]).collect();
    assert_eq!(verbs, ["drain", "pause"]);
    assert!(controls.iter().all(|one| one["operator"] == "ada" && one["at"].is_string()));
    assert_eq!(api.well("/hunts?state=paused")["items"][0]["hold"], "pause");
    let left = |applied: u8| {
        let path = format!("/hunts/{HUNT}/agents?applied={applied}");
        api.well(&path)["total"].as_u64().unwrap()
    };
    assert_eq!((left(0), left(1)), (2, 0));
    taken(&api, Verb::Resume, 3);
    assert_eq!(api.well("/hunts?state=paused")["total"], 0);
    assert_eq!(shown(&api)["hold"], "none");
}

#[test]
fn a_control_that_is_not_above_those_on_record_is_overtaken_and_a_cancel_never_is() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    taken(&api, Verb::Pause, 5);
    for revision in [0, 4, 5] {
        let cause = refused(&api, HUNT, Verb::Resume, revision, 75);
        assert!(cause.contains(&format!("revision {revision}")), "{cause}");
    }
    taken(&api, Verb::Cancel, 0);
    assert_eq!(shown(&api)["hold"], "cancel");
    for verb in [Verb::Pause, Verb::Drain, Verb::Resume] {
        let cause = refused(&api, HUNT, verb, 9, 64);
        assert!(cause.contains("cancelled by ada at 2"), "{cause}");
    }
    taken(&api, Verb::Cancel, 0);
}

#[test]
fn a_revision_that_nobody_could_go_beyond_is_refused_but_for_a_cancel() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    let day = REVISION_AHEAD_MS_MAX.unsigned_abs();
    for revision in [now(&api) + day + 60_000, u64::MAX] {
        let cause = refused(&api, HUNT, Verb::Pause, revision, 64);
        assert!(cause.contains("a day ahead"), "{cause}");
    }
    taken(&api, Verb::Pause, now(&api) + day - 60_000);
    taken(&api, Verb::Cancel, u64::MAX);
}

#[test]
fn what_is_unknown_no_hunt_or_over_is_not_controlled() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    let (unknown, profile) = (RequestId::from_bytes([8; 16]), RequestId::from_bytes([9; 16]));
    api.write(request(profile, Kind::ProfileStart, vec![], &["a-1"]));
    for verb in Verb::ALL {
        let cause = refused(&api, unknown, verb, 1, 64);
        assert!(cause.contains("has this id"), "{cause}");
    }
    for verb in [Verb::Pause, Verb::Drain, Verb::Resume] {
        let cause = refused(&api, profile, verb, 1, 64);
        assert!(cause.contains("a window of time"), "{cause}");
    }
    assert_eq!(send(&api, profile, Verb::Cancel, 1).0, 200);
    // A control is none of what it is about.
    let (_, control) = send(&api, HUNT, Verb::Pause, 1);
    let control: RequestId = control["id"].as_str().unwrap().parse().unwrap();
    refused(&api, control, Verb::Cancel, 1, 64);
    api.write(ended(HUNT, "a-1", 1, 0));
    taken(&api, Verb::Resume, 2);
    assert_eq!((&shown(&api)["ended_at"], &shown(&api)["outcome"]), (&Value::Null, &json!("")));
    api.write(ended(HUNT, "a-2", 2, 0));
    let over = shown(&api);
    assert_eq!((&over["done"], &over["outcome"]), (&json!(true), &json!("finished")));
    let cause = refused(&api, HUNT, Verb::Pause, 3, 64);
    assert_eq!(cause, format!("finished, at {}", over["ended_at"].as_str().unwrap()));
    assert_eq!(api.well("/hunts")["items"][0]["ended_at"], over["ended_at"]);
    // An agent that joins later could still begin.
    taken(&api, Verb::Cancel, 3);
}
