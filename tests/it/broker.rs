//! The broker as code, and the harness that starts brokers for the tests.

use std::time::Duration;

use muster_broker::{AmqpError, Connector, Password};
use muster_protocol::ids::AgentId;
use muster_server::broker::apply::Outcome;
use muster_server::broker::quarantine;
use muster_server::broker::{
    Management, ManagementError, Roster, Stale, agents, apply, enrol, revoke, status,
};
use serde_json::json;
use tests::broker::{Broker, shared};
use tests::eventually::eventually;
use tokio::time::timeout;

fn management(vhost: &str) -> Management {
    let broker = shared();
    let password = Password::new(broker.password());
    Management::new(&broker.management_url(), broker.admin(), password, vhost)
}

#[test]
fn a_private_broker_leaves_no_process_and_no_folder() {
    let broker = Broker::start();
    let dir = broker.dir().to_owned();
    broker.kill9();
    assert!(std::net::TcpStream::connect(("127.0.0.1", broker.port())).is_err());
    broker.restart();
    let pid = broker.pid().expect("it runs");
    drop(broker);
    eventually("everything is gone", Duration::from_secs(10), || {
        let folder = dir.try_exists().unwrap();
        let process = std::path::Path::new(&format!("/proc/{pid}")).try_exists().unwrap();
        if folder || process { Err(format!("folder {folder}, process {process}")) } else { Ok(()) }
    });
}

fn fleet(vhost: &str, count: usize) -> Vec<AgentId> {
    (0..count).map(|n| AgentId::new(&format!("n{n}-{}", &vhost[2..12])).unwrap()).collect()
}

#[test]
fn apply_creates_once_and_then_changes_nothing() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(&vhost);
    let first = apply(&management).unwrap();
    assert!(first.items.iter().all(|item| item.outcome == Outcome::Created), "{first:?}");
    assert_eq!(first.items.iter().filter(|item| item.kind == "queue").count(), 6);
    let second = apply(&management).unwrap();
    assert!(second.items.iter().all(|item| item.outcome == Outcome::Unchanged), "{second:?}");

    broker.call("DELETE", &format!("/api/queues/{vhost}/results.telemetry"), &json!({}));
    let other = json!({"durable": true, "arguments": {"x-max-length": 5}});
    broker.call("PUT", &format!("/api/queues/{vhost}/results.telemetry"), &other);
    let third = apply(&management).unwrap();
    assert!(!third.is_complete());
    let differing = third.items.iter().find(|item| item.name == "results.telemetry").unwrap();
    let Outcome::Differs { differences, remedy } = &differing.outcome else { panic!("{third:?}") };
    assert!(differences.iter().any(|d| d.contains("x-max-length")), "{differences:?}");
    assert!(remedy.contains("apply again"), "{remedy}");
}

#[test]
fn bounds_of_queues_change_while_they_hold_messages() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(&vhost);
    apply(&management).unwrap();
    let message = json!({"properties": {"delivery_mode": 2}, "routing_key": "results.dead",
        "payload": "kept", "payload_encoding": "string"});
    broker.call("POST", &format!("/api/exchanges/{vhost}/amq.default/publish"), &message);
    let path = format!("/api/policies/{vhost}/muster-dead");
    let mut old = broker.call("GET", &path, &json!({}));
    old["definition"]["max-length-bytes"] = json!(1_000_000);
    broker.call("PUT", &path, &old);
    let report = apply(&management).unwrap();
    let changed: Vec<_> =
        report.items.iter().filter(|item| item.outcome != Outcome::Unchanged).collect();
    let [item] = changed.as_slice() else { panic!("{changed:?}") };
    let Outcome::Changed { changes } = &item.outcome else { panic!("{item:?}") };
    assert!(item.name == "muster-dead" && changes[0].contains("1000000"), "{item:?}");
    eventually("the bound is in force, and the message is there", Duration::from_secs(30), || {
        let queue = broker.call("GET", &format!("/api/queues/{vhost}/results.dead"), &json!({}));
        let bound = &queue["effective_policy_definition"]["max-length-bytes"];
        let is_right = bound == 268_435_456 && queue["messages"] == 1;
        if is_right { Ok(()) } else { Err(queue.to_string()) }
    });
}

#[test]
fn a_policy_of_others_that_takes_over_is_named() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(&vhost);
    apply(&management).unwrap();
    let other = json!({"pattern": ".*", "apply-to": "queues", "priority": 999,
        "definition": {"max-length": 7}});
    broker.call("PUT", &format!("/api/policies/{vhost}/everything"), &other);
    eventually("apply names it", Duration::from_secs(30), || {
        let report = apply(&management).unwrap();
        let rows = report.items.iter().find(|item| item.name == "results.rows").unwrap();
        match &rows.outcome {
            Outcome::Differs { differences, .. } if differences[0].contains("everything") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn what_agents_have_is_brought_up_to_date_and_the_rest_is_left_alone() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(&vhost);
    apply(&management).unwrap();
    let ids = fleet(&vhost, 7);
    enrol(&management, &ids).unwrap();
    let [wide, queueless, unlimited, userless, barred, revoked, unknown] = ids.as_slice() else {
        panic!()
    };
    quarantine::bar(&management, barred).unwrap();
    let topic = json!({"exchange": "results", "write": ".*", "read": "^$"});
    broker.call("PUT", &format!("/api/topic-permissions/{vhost}/{wide}"), &topic);
    // Rights on another exchange are the site's own.
    let other = json!({"exchange": "amq.topic", "write": "^x$", "read": "^$"});
    broker.call("PUT", &format!("/api/topic-permissions/{vhost}/{wide}"), &other);
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    broker.call("PUT", &format!("/api/permissions/{vhost}/{wide}"), &all);
    broker.call("DELETE", &format!("/api/queues/{vhost}/requests.{queueless}"), &json!({}));
    broker.call("DELETE", &format!("/api/user-limits/{unlimited}/max-channels"), &json!({}));
    broker.call("DELETE", &format!("/api/users/{userless}"), &json!({}));
    let roster = Roster {
        enrolled: [wide, queueless, unlimited, userless, barred].map(Clone::clone).into(),
        quarantined: [barred.clone()].into(),
        revoked: [revoked.clone()].into(),
    };
    let items = agents(&management, &roster, Stale::Report).unwrap();
    let outcome = |kind: &str, name: &str| {
        let found = items.iter().find(|item| item.kind == kind && item.name == name);
        found.unwrap_or_else(|| panic!("{kind} {name}: {items:?}")).outcome.clone()
    };
    let is_changed = |outcome: Outcome| matches!(outcome, Outcome::Changed { .. });
    let is_stale = |outcome: Outcome| matches!(outcome, Outcome::Stale { .. });
    assert!(is_changed(outcome("rights", wide.as_str())));
    assert!(is_changed(outcome("topic rights", wide.as_str())));
    assert!(is_changed(outcome("limits", unlimited.as_str())));
    assert_eq!(outcome("queue", &format!("requests.{queueless}")), Outcome::Created);
    assert!(matches!(outcome("user", userless.as_str()), Outcome::Differs { .. }));
    assert!(is_stale(outcome("user", revoked.as_str())));
    // An agent in quarantine stays shut out.
    let limits = broker.call("GET", &format!("/api/user-limits/{barred}"), &json!({}));
    assert_eq!(limits[0]["value"]["max-connections"], 0, "{limits}");
    assert!(is_stale(outcome("queue", &format!("requests.{unknown}"))));
    assert!(is_stale(outcome("user", unknown.as_str())));
    // The user that is gone, what the two others left behind, and the number of those that are right.
    let again = agents(&management, &roster, Stale::Remove).unwrap();
    let is_done = |item: &muster_server::broker::apply::Item| {
        matches!(item.outcome, Outcome::Created | Outcome::Changed { .. })
    };
    assert!(!again.iter().any(is_done), "{again:?}");
    let removed = again.iter().filter(|item| item.outcome == Outcome::Removed).count();
    assert_eq!(removed, 2, "{again:?}");
    let queues = broker.call("GET", &format!("/api/queues/{vhost}?columns=name"), &json!({}));
    assert!(queues.to_string().contains(unknown.as_str()), "what no record knows is not removed");
    assert!(!queues.to_string().contains(revoked.as_str()), "{queues}");
}

#[test]
fn three_hundred_agents_are_enrolled_at_once() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(&vhost);
    apply(&management).unwrap();
    let agents = fleet(&vhost, 300);
    let started = std::time::Instant::now();
    let credentials = enrol(&management, &agents).unwrap();
    println!("300 agents enrolled in {:?}", started.elapsed());
    assert_eq!(credentials.len(), 300);
    let seen = status(&management).unwrap();
    assert_eq!(seen.directed_queues, 300);
    assert!(seen.queues.iter().all(|queue| queue.state != "missing"), "{seen:?}");
    let last = agents.last().unwrap();
    let limits = broker.call("GET", &format!("/api/user-limits/{last}"), &json!({}));
    assert_eq!(limits[0]["value"]["max-connections"], 3, "{limits}");
    assert_eq!(limits[0]["value"]["max-channels"], 24, "{limits}");
}

#[tokio::test]
async fn a_revoked_agent_is_cut_off_at_once() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(&vhost);
    apply(&management).unwrap();
    let agents = fleet(&vhost, 1);
    let credentials = enrol(&management, &agents).unwrap();
    let config = broker.link_as(&vhost, agents[0].as_str(), credentials[0].password.reveal());
    let mut link = Connector::new(config);
    let session = link.connect_once().await.unwrap();
    let revoked = revoke(&management, &agents[0]).unwrap();
    assert!(revoked.user && revoked.queue, "{revoked:?}");
    timeout(Duration::from_secs(10), session.closed()).await.expect("the connection is closed");
    let again = link.connect_once().await;
    assert!(matches!(again, Err(AmqpError::WrongPassword { .. })), "{again:?}");
    let twice = revoke(&management, &agents[0]).unwrap();
    assert!(!twice.user && !twice.queue, "{twice:?}");
}

#[test]
fn first_mistakes_with_the_management_api_have_their_own_errors() {
    let broker = shared();
    let url = broker.management_url();
    let check = |url: &str, password: &str, vhost: &str| {
        Management::new(url, broker.admin(), Password::new(password), vhost).check().unwrap_err()
    };
    let error = check("http://127.0.0.1:1", broker.password(), "/");
    assert!(matches!(error, ManagementError::NoBroker { .. }), "{error}");
    let error = check(&url, "wrong", "/");
    assert!(matches!(error, ManagementError::WrongPassword { .. }), "{error}");
    let error = check(&url, broker.password(), "no/such vhost");
    assert!(matches!(error, ManagementError::NoVhost { .. }), "{error}");
    assert!(!error.hint().is_empty());
}
