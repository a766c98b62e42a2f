//! What is owed to the broker: on record first, published when it can be, and not a second time.

use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually::{eventually, pause};
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(2);
/// How late the broker's count of a stream may be.
const LATE: Duration = Duration::from_secs(7);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn waiting(fleet: &Fleet, queue: &str) -> u64 {
    let shown = fleet.broker.call("GET", &fleet.queue(queue), &json!({}));
    shown["messages"].as_u64().unwrap_or(0)
}

#[test]
fn what_is_launched_while_the_broker_is_away_is_said_kept_and_published_once() {
    let mut fleet = Fleet::start_with_broker(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("tree");
    tests::swarm::trees::write(&root, 5, 1).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    fleet.broker.stop();
    let mut hunts = Vec::new();
    for whom in [["--target", "all"], ["--agents", agent.as_str()]] {
        let words = ["hunt", "launch", "--root", &root, whom[0], whom[1], "--output", "json"];
        let output = fleet.muster(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("the coordinator has no broker"),
            "{said}"
        );
        let launched: Value = serde_json::from_slice(&output.stdout).expect("a document");
        hunts.push(text(&launched["id"]));
        let shown = fleet.json(&["hunt", "show", &hunts[hunts.len() - 1]]);
        assert_eq!((&shown["published"], &shown["states"]["silent"]), (&json!(false), &json!(1)));
    }
    // Nor does it matter which coordinator it is that sees the broker again.
    fleet.kill_coordinator();
    fleet.start_coordinator();
    fleet.broker.restart();
    for hunt in &hunts {
        let shown = fleet.await_hunt(hunt, LONG);
        assert_eq!((&shown["published"], &shown["states"]["finished"]), (&json!(true), &json!(1)));
    }
    // A stream's count is seconds late: first it is there, then it stays alone.
    eventually("the stream has one hunt", LONG, || match waiting(&fleet, "requests") {
        0 => Err("none".into()),
        _ => Ok(()),
    });
    pause(LATE);
    assert_eq!(waiting(&fleet, "requests"), 1, "the stream has one hunt, once");
    let log = fleet.said(&agent);
    let accepted: Vec<_> = log.lines().filter(|line| line.contains("request accepted")).collect();
    assert_eq!(accepted.len(), 2, "{accepted:?}");
}

#[test]
fn one_queue_that_refuses_does_not_fill_the_others() {
    let mut fleet = Fleet::start(2);
    let (one, two) = (fleet.agents[0].id.clone(), fleet.agents[1].id.clone());
    fleet.kill_agent(0);
    fleet.kill_agent(1);
    fleet.kill_coordinator();
    let debug = ["env", "MUSTER_LOG=info,muster_server=debug"].map(Into::into);
    fleet.start_coordinator_under(&debug);
    eventually("the broker is connected", LONG, || {
        let said = fleet.said("coordinator");
        let lives = said.matches("connected to the broker").count();
        if lives > 2 { Ok(()) } else { Err(format!("{lives}")) }
    });
    // The first in order of publication: what comes behind it must not wait for it either.
    let (gone, there) = if one < two { (&one, &two) } else { (&two, &one) };
    fleet.broker.call("DELETE", &fleet.queue(&format!("requests.{gone}")), &json!({}));
    let both = format!("{one},{two}");
    let output = fleet.muster(["hunt", "launch", "--root", "/etc", "--agents", &both]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains(gone.as_str()), "{said}");
    eventually("it is tried again, and again", LONG, || {
        let tries = fleet.said("coordinator").matches("not published yet").count();
        if tries >= 2 { Ok(()) } else { Err(format!("{tries} tries")) }
    });
    eventually("the other queue has it", LONG, || {
        match waiting(&fleet, &format!("requests.{there}")) {
            1 => Ok(()),
            other => Err(format!("{other} messages")),
        }
    });
    // To an agent that was revoked nothing is owed.
    fleet.muster_ok(["agents", "revoke", gone, "--yes"]);
    let hunt = text(&fleet.json_lines(&["hunt", "list"])[0]["id"]);
    eventually("nothing is owed any more", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["published"] == true { Ok(()) } else { Err(shown.to_string()) }
    });
    assert_eq!(waiting(&fleet, &format!("requests.{there}")), 1, "once");
}
