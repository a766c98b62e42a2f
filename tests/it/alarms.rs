//! What is known of the broker is shown where people look: alarms, queues that are gone.

use std::time::Duration;

use muster_broker::Password;
use muster_server::broker::{Management, alarms};
use serde_json::{Value, json};
use tests::doctor::await_verdict;
use tests::eventually::eventually;
use tests::fleet::Fleet;

/// An alarm is seen at the next look, and so is its end.
const SEEN: Duration = Duration::from_mins(1);
/// An agent is silent after 45 s.
const SILENT: Duration = Duration::from_mins(3);
const BLOCKED: &str = "the broker blocks publishers: low on disk";

fn health(fleet: &Fleet) -> Value {
    let mut answer = ureq::get(format!("{}/healthz", fleet.url())).call().expect("it answers");
    let text = answer.body_mut().read_to_string().expect("a text");
    serde_json::from_str(&text).expect("a JSON document")
}

fn await_health(fleet: &Fleet, expected: &str) {
    eventually("the health tells of the broker", SEEN, || {
        let broker = health(fleet)["broker"].as_str().unwrap_or_default().to_owned();
        if broker.starts_with(expected) { Ok(()) } else { Err(broker) }
    });
}

#[test]
fn a_broker_that_is_low_on_disk_is_the_cause_everywhere_until_it_is_over() {
    let fleet = Fleet::start_with_broker(1);
    let agent = fleet.agents[0].id.clone();
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("one"), "1").unwrap();
    await_health(&fleet, "ok");
    fleet.broker.ctl(&["set_disk_free_limit", "900GB"]);
    await_health(&fleet, BLOCKED);
    assert_eq!(health(&fleet)["status"], "degraded");
    let found = await_verdict(&fleet, "broker", "bad");
    assert!(found["message"].as_str().unwrap().starts_with(BLOCKED), "{found}");
    assert!(found["try"].as_str().unwrap().contains("disk_free_limit"), "{found}");
    let status = fleet.json(&["broker", "status"]);
    assert!(status["blocked"].as_str().unwrap().starts_with("low on disk"), "{status}");

    let root = tree.path().to_str().unwrap();
    let launched =
        fleet.muster(["hunt", "launch", "--target", "all", "--root", root, "--output", "json"]);
    let said = String::from_utf8_lossy(&launched.stderr);
    assert!(launched.status.success() && said.contains(BLOCKED), "{said}");
    assert!(!said.contains("no broker"), "{said}");
    let launched: Value = serde_json::from_slice(&launched.stdout).unwrap();
    let hunt = launched["id"].as_str().unwrap();
    assert_eq!(launched["published"], false, "{launched}");
    let shown = fleet.json(&["hunt", "show", hunt]);
    assert!(shown["notes"][0].as_str().unwrap().starts_with(BLOCKED), "{shown}");

    eventually("the agent is silent, because of the broker", SILENT, || {
        let shown = fleet.json(&["agents", "show", &agent]);
        if shown["state"] != "silent" {
            return Err(shown["state"].to_string());
        }
        assert!(shown["cause"].as_str().unwrap().starts_with(BLOCKED), "{shown}");
        Ok(())
    });
    let found = await_verdict(&fleet, "silent", "warn");
    assert!(found["message"].as_str().unwrap().contains(BLOCKED), "{found}");
    assert!(!found["try"].as_str().unwrap().contains("systemctl"), "{found}");
    let parts = fleet.json_lines(&["hunt", "show", hunt, "--agents"]);
    assert_eq!(parts[0]["code"], "broker_blocked", "{parts:?}");

    fleet.broker.ctl(&["set_disk_free_limit", "50MB"]);
    await_health(&fleet, "ok");
    let shown = fleet.await_hunt(hunt, SILENT);
    assert_eq!(shown["states"]["finished"], 1, "{shown}");
    assert_eq!(shown["notes"], json!([]), "{shown}");
    await_verdict(&fleet, "broker", "ok");
    await_verdict(&fleet, "silent", "ok");
}

#[test]
fn low_memory_is_told_from_low_disk() {
    let broker = tests::broker::Broker::start();
    let password = Password::new(broker.password());
    let management = Management::new(&broker.management_url(), broker.admin(), password, "/");
    assert_eq!(alarms::blocks(&management).unwrap(), None);
    broker.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    eventually("the memory alarm", SEEN, || match alarms::blocks(&management).unwrap() {
        Some(reason) if reason.starts_with("low on memory") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn an_agent_without_its_queue_is_named_and_gets_it_back() {
    let fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    await_verdict(&fleet, "agent_queues", "ok");
    fleet.broker.call("DELETE", &fleet.queue(&format!("requests.{agent}")), &json!({}));
    let found = await_verdict(&fleet, "agent_queues", "bad");
    assert!(found["message"].as_str().unwrap().contains(&agent), "{found}");
    assert_eq!(found["try"], "muster broker apply");
    let applied = fleet.json(&["broker", "apply"]);
    let items = applied["items"].as_array().unwrap();
    let made = items.iter().find(|item| item["name"] == format!("requests.{agent}"));
    assert_eq!(made.expect("it is listed")["outcome"], "created", "{applied}");
    await_verdict(&fleet, "agent_queues", "ok");
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("one"), "1").unwrap();
    let root = tree.path().to_str().unwrap();
    // Directed: it goes by the new queue.
    fleet.muster_ok(["hunt", "run", "--agents", &agent, "--root", root]);
}
