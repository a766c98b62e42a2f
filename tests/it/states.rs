//! An answer for every agent: of those that do not match, those that were revoked, those that were heard in time.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(2);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns state and code of an agent's part of a hunt.
fn part(fleet: &Fleet, hunt: &str, agent: &str) -> (String, String) {
    let parts = fleet.json_lines(&["hunt", "show", hunt, "--agents"]);
    let part = parts.iter().find(|part| part["agent"] == agent).expect("a part").clone();
    (text(&part["state"]), text(&part["code"]))
}

#[test]
fn a_hunt_ends_though_an_agent_does_not_match_and_another_was_revoked() {
    let mut fleet = Fleet::start_with(3, |bundle| {
        // The roster has the label of the enrolment; this agent's own file has lost it.
        if bundle.to_string_lossy().contains("agent-2-") {
            let config = bundle.join("agent.toml");
            let text = fs::read_to_string(&config).expect("agent.toml");
            assert!(text.contains("test = \"yes\""), "{text}");
            fs::write(&config, text.replace("test = \"yes\"", "")).expect("agent.toml");
        }
    });
    let ids: Vec<_> = fleet.agents.iter().map(|agent| agent.id.clone()).collect();
    fleet.kill_agent(2);
    let root = fleet.path("tree");
    tests::swarm::trees::write(&root, 5, 1).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    let launch = ["hunt", "launch", "--root", &root, "--target", "label:test"];
    let hunt = text(&fleet.json(&launch)["id"]);
    eventually("one has finished, one has declined by its silence", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt])["states"].clone();
        if shown["finished"] == 1 && shown["declined"] == 1 && shown["silent"] == 1 {
            Ok(())
        } else {
            Err(shown.to_string())
        }
    });
    assert_eq!(part(&fleet, &hunt, &ids[1]), ("declined".into(), "not_matched".into()));
    fleet.muster_ok(["agents", "revoke", &ids[2], "--yes"]);
    // All are accounted for, so the wait is over.
    let watched = fleet.muster(["hunt", "watch", &hunt, "--wait", "60s"]);
    assert_eq!(watched.status.code(), Some(2), "{}", String::from_utf8_lossy(&watched.stderr));
    assert_eq!(part(&fleet, &hunt, &ids[0]), ("finished".into(), String::new()));
    assert_eq!(part(&fleet, &hunt, &ids[2]), ("expired".into(), "revoked".into()));
}

#[test]
fn what_an_agent_handed_over_before_it_was_revoked_counts() {
    let mut fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("tree");
    tests::swarm::trees::write(&root, 20, 1).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    fleet.kill_agent(0);
    let launched = fleet.json(&["hunt", "launch", "--root", &root, "--target", "all"]);
    let hunt = text(&launched["id"]);
    // The results wait at the broker, for there is nobody to take them.
    fleet.kill_coordinator();
    fleet.start_agent(0);
    eventually("rows and the last word are with the broker", LONG, || {
        let depth = |queue: &str| {
            fleet.broker.call("GET", &fleet.queue(queue), &serde_json::json!({}))["messages"]
                .as_u64()
        };
        let (rows, status) = (depth("results.rows"), depth("results.status"));
        if rows > Some(0) && status > Some(0) {
            Ok(())
        } else {
            Err(format!("{rows:?} {status:?}"))
        }
    });
    fleet.kill_agent(0);
    // As `agents revoke` leaves it, before the coordinator has taken them.
    let store = fleet.path("home").join("data").join("muster.sqlite");
    let store = rusqlite::Connection::open(store).expect("the store");
    let changed = store.execute("UPDATE agent SET revoked = 1 WHERE id = ?1", [&agent]);
    assert_eq!(changed.expect("an update"), 1);
    drop(store);
    fleet.start_coordinator();
    let shown = eventually("the hunt has finished", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["finished"] == 1 { Ok(shown) } else { Err(shown.to_string()) }
    });
    assert_eq!(shown["progress"]["rows"], 20, "{shown}");
}
