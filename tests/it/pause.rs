//! Pause, resume and drain of a hunt, through the real command, broker and agents.

use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually::eventually;
use tests::fault::assert_exactly_once;
use tests::fleet::Fleet;
use tests::oracle;
use tests::program::assert_three_lines;
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(2);

/// A hunt of all agents that takes some seconds.
fn slow_hunt(fleet: &Fleet, files: usize) -> String {
    let root = fleet.path("tree");
    trees::write(&root, files, 5).expect("a tree");
    let root = root.to_string_lossy();
    let launch = ["hunt", "launch", "--root", &root, "--target", "all", "--max-files-per-s", "40"];
    fleet.json(&launch)["id"].as_str().expect("an id").to_owned()
}

fn shown(fleet: &Fleet, hunt: &str) -> Value {
    fleet.json(&["hunt", "show", hunt])
}

fn await_state(fleet: &Fleet, hunt: &str, state: &str, agents: u64) -> Value {
    eventually(&format!("{agents} agents are {state}"), LONG, || {
        let shown = shown(fleet, hunt);
        let is_so = shown["states"][state] == agents;
        if is_so { Ok(shown) } else { Err(shown["states"].to_string()) }
    })
}

#[test]
fn a_paused_hunt_goes_on_from_its_place_also_after_restarts() {
    let mut fleet = Fleet::start(2);
    let hunt = slow_hunt(&fleet, 400);
    let manifest = oracle::sha256_of_tree(&fleet.path("tree"));
    await_state(&fleet, &hunt, "running", 2);
    let paused = fleet.json(&["hunt", "pause", &hunt]);
    assert_eq!((&paused["applied"], &paused["of"]), (&json!(2), &json!(2)), "{paused}");
    assert_eq!((&paused["waiting"], &paused["away"]), (&json!([]), &json!([])), "{paused}");
    let view = await_state(&fleet, &hunt, "paused", 2);
    assert_eq!((&view["hold"], &view["revision"]), (&json!("pause"), &paused["revision"]));
    assert_eq!(view["controls"][0]["operator"], "operator", "{view}");
    // It is kept by everybody, whoever is killed.
    fleet.kill_agent(0);
    fleet.kill_coordinator();
    fleet.start_coordinator();
    fleet.start_agent(0);
    fleet.await_agents();
    assert_eq!(await_state(&fleet, &hunt, "paused", 2)["hold"], "pause");
    let resumed = fleet.json(&["hunt", "resume", &hunt]);
    assert_eq!((&resumed["applied"], &resumed["of"]), (&json!(2), &json!(2)), "{resumed}");
    let view = fleet.await_hunt(&hunt, LONG);
    assert_eq!((&view["states"]["finished"], &view["hold"]), (&json!(2), &json!("none")), "{view}");
    assert_exactly_once(&fleet, &hunt, &manifest);
    // What is over is not controlled.
    let refused = fleet.muster(["hunt", "pause", &hunt]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert_three_lines(&said, &["has ended", "finished, at ", "muster hunt show"]);
}

#[test]
fn an_agent_that_was_away_applies_a_pause_when_it_is_back() {
    let mut fleet = Fleet::start(2);
    let hunt = slow_hunt(&fleet, 400);
    await_state(&fleet, &hunt, "running", 2);
    fleet.kill_agent(1);
    let paused = fleet.json(&["hunt", "pause", &hunt, "--wait", "0"]);
    assert_eq!(paused["of"], 2, "{paused}");
    await_state(&fleet, &hunt, "paused", 1);
    assert_eq!(shown(&fleet, &hunt)["applied"]["waiting"], json!([fleet.agents[1].id]));
    fleet.start_agent(1);
    let view = await_state(&fleet, &hunt, "paused", 2);
    assert_eq!(view["applied"]["applied"], 2, "{view}");
    fleet.muster_ok(["hunt", "cancel", &hunt]);
    assert_eq!(fleet.await_hunt(&hunt, LONG)["states"]["cancelled"], 2);
}
