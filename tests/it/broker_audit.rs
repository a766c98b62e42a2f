//! `muster broker audit`: clean on a broker that is as it should be, and not after one right too many.

use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::eventually::eventually;
use tests::fleet::{Fleet, binary};

const GUEST: &str = "muster_audit_";

fn audit(fleet: &Fleet) -> (Option<i32>, Vec<Value>) {
    let output = fleet.muster(["broker", "audit", "--output", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report["findings"].as_array().expect("findings").clone())
}

fn bad(findings: &[Value]) -> Vec<&str> {
    let bad = findings.iter().filter(|finding| finding["verdict"] == "bad");
    bad.map(|finding| finding["probe"].as_str().unwrap()).collect()
}

fn guests(broker: &Broker) -> Vec<String> {
    let all = ["users", "queues", "exchanges"];
    let all = all.map(|kind| broker.call("GET", &format!("/api/{kind}?columns=name"), &json!({})));
    let all = all.iter().flat_map(|list| list.as_array().expect("a list"));
    let names = all.filter_map(|one| one["name"].as_str());
    names.filter(|name| name.contains(GUEST)).map(str::to_owned).collect()
}

#[test]
fn a_right_broker_is_clean_and_each_right_too_many_is_found() {
    // The first line that sets a value of this machine's disk would stop a small one.
    let fleet = Fleet::start_with_this(Broker::start_as_shipped(), 1);
    let agent = fleet.agents[0].id.clone();
    let left = format!("{GUEST}1000_left");
    let login = json!({"password": "x", "tags": ""});
    fleet.broker.call("PUT", &format!("/api/users/{left}"), &login);

    let (code, findings) = audit(&fleet);
    assert!(bad(&findings).is_empty(), "{findings:#?}");
    assert_eq!(code, Some(0));
    assert!(findings.len() > 45, "{}", findings.len());
    let known = findings.iter().filter(|finding| finding["verdict"] == "known").count();
    assert!(known >= 2, "passive declares are allowed by every version: {findings:#?}");
    assert!(guests(&fleet.broker).is_empty());

    // What is let through changes nothing: this is not gone after an audit that may delete everything.
    let kept = json!({"properties": {}, "routing_key": "results.dead", "payload": "kept",
        "payload_encoding": "string"});
    fleet.broker.call("POST", "/api/exchanges/%2F/amq.default/publish", &kept);
    let topic = json!({"exchange": "results", "write": ".*", "read": "^$"});
    fleet.broker.call("PUT", &format!("/api/topic-permissions/%2F/{agent}"), &topic);
    let (code, findings) = audit(&fleet);
    assert_eq!(code, Some(2));
    let found = bad(&findings);
    assert!(found.contains(&"publish as another agent"), "{found:?}");
    assert!(!found.contains(&"consume results.rows"), "{found:?}");

    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    fleet.broker.call("PUT", &format!("/api/permissions/%2F/{agent}"), &all);
    // A binding to a topic exchange also wants the right to read its key.
    let topic = json!({"exchange": "results", "write": ".*", "read": ".*"});
    fleet.broker.call("PUT", &format!("/api/topic-permissions/%2F/{agent}"), &topic);
    fleet.broker.call("DELETE", &format!("/api/user-limits/{agent}/max-channels"), &json!({}));
    let (code, findings) = audit(&fleet);
    assert_eq!(code, Some(2));
    let found = bad(&findings);
    for probe in [
        "consume results.rows",
        "delete a queue of results",
        "declare results.rows otherwise",
        "bind results to its own queue",
        "publish to the request stream",
        "open a channel too many",
    ] {
        assert!(found.contains(&probe), "{probe}: {found:?}");
    }
    assert!(!found.contains(&"open a connection too many"), "{found:?}");
    assert!(guests(&fleet.broker).is_empty());
    eventually("the dead letter is still there", Duration::from_secs(30), || {
        let queue = fleet.broker.call("GET", &fleet.queue("results.dead"), &json!({}));
        if queue["messages"].as_u64() >= Some(1) {
            Ok(())
        } else {
            Err(queue["messages"].to_string())
        }
    });
    // Nothing was bound, and nothing of it was stored.
    let bindings = fleet.broker.call("GET", "/api/bindings/%2F", &json!({}));
    assert!(!bindings.to_string().contains("muster.nowhere"), "{bindings}");

    fleet.muster_ok(["broker", "apply"]);
    let (code, findings) = audit(&fleet);
    assert_eq!((code, bad(&findings)), (Some(0), Vec::new()), "{findings:#?}");
}

#[test]
fn an_audit_that_is_interrupted_leaves_nothing_behind() {
    let fleet = Fleet::start_with_broker(0);
    let mut command = Command::new(binary("muster"));
    command.args(["broker", "audit"]).envs(fleet.environment());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("muster");
    eventually("the audit's user is there", Duration::from_secs(30), || {
        if guests(&fleet.broker).is_empty() { Err("not yet".to_owned()) } else { Ok(()) }
    });
    kill_process(Pid::from_child(&child), Signal::TERM).expect("SIGTERM");
    let status = child.wait().expect("its end");
    // It may have been done already; what counts is that nothing stays.
    assert!(matches!(status.code(), Some(130 | 2)), "{status}");
    assert!(guests(&fleet.broker).is_empty());
}

#[test]
fn a_broker_without_the_shipped_settings_is_told_the_line() {
    let fleet = Fleet::start(0);
    let (code, findings) = audit(&fleet);
    assert_eq!(code, Some(2));
    assert_eq!(bad(&findings), ["publish a message of over 2 MiB"]);
    let status = fleet.json(&["broker", "status"]);
    let lines: Vec<_> =
        status["settings"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert!(lines.contains(&&json!("max_message_size = 2097152")), "{lines:?}");
    let found = tests::doctor::await_verdict(&fleet, "broker_settings", "warn");
    assert!(found["message"].as_str().unwrap().contains("max_message_size = 2097152"), "{found}");
}
