//! The main scene, end to end: hunts and profiles at the same time, through the real command, broker and agents.

use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fault;
use tests::fleet::Fleet;
use tests::oracle;
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(2);

fn id(document: &Value) -> String {
    document["id"].as_str().expect("an id").to_owned()
}

fn launch(fleet: &Fleet, root: &str, more: &[&str]) -> String {
    let arguments =
        ["hunt", "launch", "--root", root].iter().chain(more).copied().collect::<Vec<_>>();
    id(&fleet.json(&arguments))
}

#[test]
fn rows_of_every_agent_equal_sha256sum() {
    let fleet = Fleet::start(3);
    let root = fleet.path("tree");
    trees::write(&root, 300, 1).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let hunt = launch(&fleet, &root.to_string_lossy(), &["--target", "label:test"]);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["targeted"], 3, "{shown}");
    assert_eq!(shown["states"]["finished"], 3, "{shown}");
    fault::assert_exactly_once(&fleet, &hunt, &manifest);
    assert_eq!(fleet.muster(["hunt", "watch", &hunt]).status.code(), Some(0));
}

#[test]
fn two_hunts_and_twenty_profiles_on_one_agent_at_the_same_time() {
    let fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("tree");
    trees::write(&root, 600, 2).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let root = root.to_string_lossy().into_owned();
    // Slow hunts: both lanes are busy for twenty seconds.
    let slow = ["--agents", agent.as_str(), "--max-files-per-s", "30"];
    let hunts = [launch(&fleet, &root, &slow), launch(&fleet, &root, &slow)];
    for hunt in &hunts {
        eventually("the hunt runs", LONG, || {
            let shown = fleet.json(&["hunt", "show", hunt]);
            if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
        });
    }
    let take = |number: u32| {
        let kinds = ["cpu", "wall", "heap", "cpu,wall,heap,tasks"];
        let kind = kinds[number as usize % kinds.len()];
        let hertz = (40 + number * 10).to_string();
        let take = ["profile", "take", "--agent", &agent, "--kind", kind, "--hertz", &hertz];
        (kind, id(&fleet.json(&[&take[..], &["--seconds", "5", "--detach"]].concat())))
    };
    let profiles: Vec<_> = (0..20).map(take).collect();
    for (kinds, profile) in &profiles {
        let shown = eventually("the profile is there while both hunts run", LONG, || {
            let shown = fleet.json(&["profile", "show", profile]);
            if shown["states"]["finished"] == 1 { Ok(shown) } else { Err(shown.to_string()) }
        });
        let taken = shown["agents"][0]["profiles"].as_array().expect("kinds").clone();
        assert_eq!(taken.len(), kinds.split(',').count(), "{shown}");
        for one in taken {
            assert!(one["bytes"].as_u64() > Some(0) && one["partial"] == false, "{shown}");
            // An agent at 30 files a second works little, and waits all the time.
            assert!(one["kind"] != "wall" || one["samples"].as_u64() > Some(500), "{shown}");
        }
    }
    for hunt in &hunts {
        let shown = fleet.json(&["hunt", "show", hunt]);
        assert_eq!(shown["states"]["running"], 1, "the hunt outlasts the profiles: {shown}");
    }
    for hunt in &hunts {
        let shown = fleet.await_hunt(hunt, LONG);
        assert_eq!(shown["states"]["finished"], 1, "{shown}");
        fault::assert_exactly_once(&fleet, hunt, &manifest);
    }
}

#[test]
fn a_cancel_ends_a_running_hunt_and_stays_after_a_restart() {
    let mut fleet = Fleet::start(1);
    let root = fleet.path("tree");
    trees::write(&root, 400, 3).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    let hunt = launch(&fleet, &root, &["--target", "all", "--max-files-per-s", "10"]);
    eventually("the hunt runs", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    fleet.muster_ok(["hunt", "cancel", &hunt]);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["cancelled"], 1, "{shown}");
    fleet.kill_agent(0);
    fleet.kill_coordinator();
    fleet.start_coordinator();
    fleet.start_agent(0);
    fleet.await_agents();
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["cancelled"], 1, "after a restart: {shown}");
}

#[test]
fn a_cancel_that_overtakes_its_start_wins() {
    let mut fleet = Fleet::start(1);
    let root = fleet.path("tree");
    trees::write(&root, 50, 4).expect("a tree");
    fleet.kill_agent(0);
    let hunt = launch(&fleet, &root.to_string_lossy(), &["--target", "all"]);
    fleet.muster_ok(["hunt", "cancel", &hunt]);
    fleet.start_agent(0);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["cancelled"], 1, "{shown}");
    // Both once more, with everything read again from disk: the agent's journal, the coordinator's store.
    fleet.kill_agent(0);
    fleet.kill_coordinator();
    fleet.start_coordinator();
    fleet.start_agent(0);
    fleet.await_agents();
    // A hunt that comes behind it has finished: what was to happen to the first has happened.
    let next = launch(&fleet, &root.to_string_lossy(), &["--target", "all"]);
    assert_eq!(fleet.await_hunt(&next, LONG)["states"]["finished"], 1);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["cancelled"], 1, "after a restart: {shown}");
    assert!(fleet.rows(&hunt).is_empty(), "nothing was started");
}

#[test]
fn a_stream_that_is_made_anew_under_a_running_fleet_makes_nobody_deaf() {
    let fleet = Fleet::start(1);
    let root = fleet.path("tree");
    trees::write(&root, 5, 5).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    let hunts = || {
        let hunt = launch(&fleet, &root, &["--target", "all"]);
        let shown = fleet.await_hunt(&hunt, LONG);
        assert_eq!(shown["states"]["finished"], 1, "{shown}");
    };
    for _ in 0..3 {
        hunts();
    }
    fleet.broker.call("DELETE", &fleet.queue("requests"), &serde_json::json!({}));
    fleet.muster_ok(["broker", "apply"]);
    hunts();
}

#[test]
fn two_kills_of_each_lose_nothing_and_double_nothing() {
    fault::kill_test(2, u64::from(std::process::id()));
}
