//! One agent: what is in memory of it, and what only the store has.

use muster_protocol::ids::JournalId;
use serde_json::{Value, json};

use super::*;
use crate::store::NewAgent;

fn enrolled(name: &str) -> Api {
    let api = Api::new();
    let new = NewAgent { id: agent(name), name: name.to_owned(), labels: "{}".to_owned() };
    api.write(Write::Agents(vec![new], Audit::default()));
    api
}

/// A sample with what else it says.
fn sample(name: &str, more: &Value) -> Write {
    let mut said = json!({
        "agent": name, "at": Clock::system().now(), "journal": JournalId::from_bytes([1; 16]), "os": "linux",
    });
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Write::Telemetry(Box::new(serde_json::from_value(said).unwrap()))
}

#[test]
fn an_agent_shows_its_policy_its_journals_and_its_place_on_the_stream() {
    let api = enrolled("a-1");
    let new = api.well("/agents/a-1");
    assert_eq!(
        [&new["policy"], &new["stream"], &new["journals"]],
        [&json!(null), &json!(null), &json!([])]
    );
    // An agent of an older version.
    api.write(sample("a-1", &json!({"stream_offset": 41, "stream_gap": [3, 9]})));
    let old = api.well("/agents/a-1");
    assert_eq!(old["policy"], Value::Null);
    assert_eq!(old["stream"], json!({"offset": 41, "gap_first": 3, "gap_last": 9}));
    assert_eq!(old["journals"][0]["journal"], JournalId::from_bytes([1; 16]).to_string());
    assert_eq!(old["journals"][0]["last_seen"], old["last_seen"]);

    let told = json!({
        "capabilities": ["hunt"], "bounds": {"max_rows": 7}, "allow_rules": 40, "deny_rules": 1,
        "folders": {"allow": [b"/srv/\xff"], "deny": []},
    });
    api.write(sample("a-1", &json!({"policy": told})));
    // The next sample has none: what was reported stays.
    api.write(sample("a-1", &json!({})));
    let mut policy = api.well("/agents/a-1")["policy"].take();
    assert!(policy.as_object_mut().unwrap().remove("received").unwrap().is_string());
    let expected = json!({
        "capabilities": ["hunt"], "artifacts": null, "shows_cmdline": false, "bounds": {"max_rows": 7},
        "allow_rules": 40, "deny_rules": 1, "allow_roots": ["/srv/\u{fffd}"], "deny_roots": [],
    });
    assert_eq!(policy, expected);
}

#[test]
fn folders_that_the_owner_does_not_tell_are_not_shown_as_none() {
    let api = enrolled("a-1");
    api.write(sample("a-1", &json!({"policy": {"deny_rules": 2}})));
    let policy = api.well("/agents/a-1")["policy"].take();
    assert_eq!((&policy["allow_rules"], &policy["deny_rules"]), (&Value::Null, &json!(2)));
    assert_eq!((&policy["allow_roots"], &policy["deny_roots"]), (&Value::Null, &Value::Null));
}
