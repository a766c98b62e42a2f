//! Full disks: everything waits, says so, and goes on by itself when there is room.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tests::disk::{self, Disk};
use tests::doctor::await_verdict;
use tests::eventually::eventually;
use tests::fault;
use tests::fleet::Fleet;
use tests::oracle;
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(3);

fn id(document: &Value) -> String {
    document["id"].as_str().expect("an id").to_owned()
}

fn rows_stored(fleet: &Fleet, hunt: &str) -> usize {
    fleet.rows(hunt).values().map(Vec::len).sum()
}

#[track_caller]
fn await_rows(fleet: &Fleet, hunt: &str) {
    eventually("the first rows are stored", LONG, || {
        if rows_stored(fleet, hunt) > 0 { Ok(()) } else { Err("none".to_owned()) }
    });
}

#[test]
fn an_agent_on_a_full_disk_waits_says_so_and_goes_on() {
    let mut fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let state = fleet.agents[0].bundle.join("state");
    fleet.kill_agent(0);
    fleet.start_agent_under(0, &disk::small(&state));
    let disk = Disk::of(fleet.agent_pid(0), &state);
    let root = fleet.path("tree");
    trees::write(&root, 400, 5).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let root = root.to_string_lossy().into_owned();
    std::thread::scope(|scope| {
        // One that somebody watches, so that it also has progress to report.
        let watched = scope.spawn(|| {
            let flags = ["--agents", &agent, "--max-files-per-s", "40", "--output", "jsonl"];
            // It must end also when this test fails.
            let run = ["hunt", "run", "--wait", "4m", "--root", &root];
            fleet.muster(run.iter().chain(&flags))
        });
        let hunt = eventually("the hunt is on record", LONG, || {
            let hunts = fleet.json_lines(&["hunt", "list"]);
            hunts.first().map(id).ok_or_else(|| "none".to_owned())
        });
        await_rows(&fleet, &hunt);
        disk.fill();
        let found = await_verdict(&fleet, "journal_full", "bad");
        assert!(found["message"].as_str().is_some_and(|said| said.contains(&agent)), "{found}");
        assert!(fleet.said(&agent).contains("journal full"), "{}", fleet.said(&agent));
        // Only the collection waits, not the agent: it goes on telling.
        let mut full = BTreeSet::new();
        eventually("five samples say that the journal is full", LONG, || {
            let latest = fleet.json_lines(&["telemetry", "top"]);
            let latest = latest.iter().filter(|sample| sample["agent"] == *agent);
            full.extend(
                latest.filter(|sample| sample["journal_full"] == true).map(|s| s["at"].to_string()),
            );
            if full.len() >= 5 { Ok(()) } else { Err(format!("{full:?}")) }
        });
        let shown = fleet.json(&["hunt", "show", &hunt]);
        assert_eq!(shown["states"]["running"], 1, "{shown}");

        // What comes meanwhile waits at the broker, by either way in.
        let launch = ["hunt", "launch", "--root", &root, "--target"];
        let later = [format!("id:{agent}"), "all".to_owned()]
            .map(|target| id(&fleet.json(&[&launch[..], &[target.as_str()]].concat())));
        disk.free();
        await_verdict(&fleet, "journal_full", "ok");
        for hunt in later.iter().chain([&hunt]) {
            let shown = fleet.await_hunt(hunt, LONG);
            assert_eq!(shown["states"]["finished"], 1, "{shown}");
            fault::assert_exactly_once(&fleet, hunt, &manifest);
        }
        let output = watched.join().expect("muster hunt run");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

#[test]
fn a_coordinator_on_a_full_disk_waits_says_so_and_goes_on() {
    let mut fleet = Fleet::start(2);
    let store = fleet.path("home").join("data");
    assert!(store.join("muster.sqlite").is_file(), "the store is not where this test puts a disk");
    fleet.kill_coordinator();
    fleet.start_coordinator_under(&disk::small(&store));
    let disk = Disk::of(fleet.coordinator_pid(), &store);
    let root = fleet.path("tree");
    trees::write(&root, 400, 6).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let root = root.to_string_lossy().into_owned();
    let launch = ["hunt", "launch", "--root", &root, "--target", "all", "--max-files-per-s", "40"];
    let hunt = id(&fleet.json(&launch));
    let take = ["profile", "take", "--agent", &fleet.agents[0].id, "--seconds", "2", "--detach"];
    let profile = id(&fleet.json(&take));
    await_rows(&fleet, &hunt);
    disk.fill();
    let found = await_verdict(&fleet, "store", "bad");
    assert!(found["message"].as_str().is_some_and(|said| said.contains("full")), "{found}");
    assert!(fleet.said("coordinator").contains("full"), "{}", fleet.said("coordinator"));
    // It still answers, and what it cannot take it refuses with the reason.
    let shown = fleet.json(&["hunt", "show", &hunt]);
    assert_eq!(shown["states"]["finished"], 0, "{shown}");
    let refused = fleet.muster(launch);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(69), "{said}");
    assert!(said.contains("full"), "{said}");
    // Results wait at the broker: the agents themselves come to their ends.
    for member in &fleet.agents {
        eventually("the agent ends its part", LONG, || {
            let said = fleet.said(&member.id);
            let ended =
                said.lines().any(|line| line.contains("collection ended") && line.contains(&hunt));
            if ended { Ok(()) } else { Err("not yet".to_owned()) }
        });
    }
    disk.free();
    await_verdict(&fleet, "store", "ok");
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 2, "{shown}");
    fault::assert_exactly_once(&fleet, &hunt, &manifest);
    eventually("the profile is whole", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["finished"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    fleet.muster_ok(["profile", "top", &profile]);
}
