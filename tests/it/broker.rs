//! The broker as code, and the harness that starts brokers for the tests.

use std::time::Duration;

use common::amqp::{AmqpError, Link, Password};
use common::ids::AgentId;
use coordinator::broker::apply::Outcome;
use coordinator::broker::{Management, ManagementError, apply, enrol, revoke, status};
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
    let mut link = Link::new(config);
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
