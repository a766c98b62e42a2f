//! Kills at named steps: a process dies while it asks for its nth transaction to be made durable.
//!
//! What the transaction wrote is there after such a kill, and whatever should follow it did not happen. So two things
//! that must be one transaction, or come in another order, show as a lost or a doubled row.

use std::time::Duration;

use tests::eventually::eventually;
use tests::fault;
use tests::fleet::Fleet;
use tests::oracle::{self, Manifest};
use tests::swarm::trees;
use tests::syscall_trace;

const LONG: Duration = Duration::from_mins(3);

/// Launches a hunt that outlasts all kills.
fn launch(fleet: &Fleet) -> (String, Manifest) {
    let root = fleet.path("tree");
    trees::write(&root, 600, 8).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let root = root.to_string_lossy().into_owned();
    let launch = ["hunt", "launch", "--root", &root, "--target", "all", "--max-files-per-s", "25"];
    (fleet.json(&launch)["id"].as_str().expect("an id").to_owned(), manifest)
}

#[track_caller]
fn assert_finished(fleet: &Fleet, hunt: &str, manifest: &Manifest) {
    let shown = fleet.await_hunt(hunt, LONG);
    assert_eq!(shown["states"]["finished"], shown["targeted"], "{shown}");
    fault::assert_exactly_once(fleet, hunt, manifest);
}

#[test]
fn an_agent_killed_at_each_of_its_transactions_loses_and_doubles_nothing() {
    let mut fleet = Fleet::start(1);
    let log = fleet.agents[0].bundle.join("state").join("journal.sqlite-wal");
    assert!(log.is_file(), "the journal is not where this test kills");
    fleet.kill_agent(0);
    let (hunt, manifest) = launch(&fleet);
    // Taken, begun, a chunk with its cursor, its deletion, the next chunk, …
    for nth in 1..=8 {
        let trace = fleet.path(&format!("agent-{nth}.strace"));
        fleet.start_agent_under(0, &syscall_trace::slow_syncs(&trace, &log));
        syscall_trace::await_sync(&trace, fleet.agent_pid(0), nth);
        fleet.kill_agent(0);
    }
    fleet.start_agent(0);
    assert_finished(&fleet, &hunt, &manifest);
}

#[test]
fn an_agent_killed_at_each_of_its_transactions_keeps_to_its_limit_of_rows() {
    let mut fleet = Fleet::start(1);
    let log = fleet.agents[0].bundle.join("state").join("journal.sqlite-wal");
    fleet.kill_agent(0);
    let root = fleet.path("tree");
    std::fs::create_dir(&root).expect("a folder");
    for n in 0..120 {
        std::fs::write(root.join(format!("{n:03}")), n.to_string()).expect("a file");
    }
    let under = root.to_string_lossy().into_owned();
    let launch = ["hunt", "launch", "--root", &under, "--target", "all", "--max-rows", "70"];
    let launch = [&launch[..], &["--max-files-per-s", "25"]].concat();
    let hunt = fleet.json(&launch)["id"].as_str().expect("an id").to_owned();
    for nth in 1..=6 {
        let trace = fleet.path(&format!("agent-{nth}.strace"));
        fleet.start_agent_under(0, &syscall_trace::slow_syncs(&trace, &log));
        syscall_trace::await_sync(&trace, fleet.agent_pid(0), nth);
        fleet.kill_agent(0);
    }
    fleet.start_agent(0);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["failed"], 1, "{shown}");
    let rows = fleet.rows(&hunt);
    let paths: Vec<_> = rows.values().flatten().map(|(path, _)| path.clone()).collect();
    let mut sorted = paths.clone();
    sorted.sort();
    let path = |n: u32| root.join(format!("{n:03}")).into_os_string().into_encoded_bytes();
    assert_eq!(sorted, (0..70).map(path).collect::<Vec<_>>(), "the first seventy, each once");
}

#[test]
fn a_coordinator_killed_between_commit_and_ack_loses_and_doubles_nothing() {
    let mut fleet = Fleet::start(1);
    let log = fleet.path("home").join("data").join("muster.sqlite-wal");
    assert!(log.is_file(), "the store is not where this test kills");
    let (hunt, manifest) = launch(&fleet);
    eventually("rows are coming", LONG, || {
        if fleet.rows(&hunt).is_empty() { Err("none".to_owned()) } else { Ok(()) }
    });
    fleet.kill_coordinator();
    for nth in 1..=6 {
        let trace = fleet.path(&format!("coordinator-{nth}.strace"));
        fleet.spawn_coordinator_under(&syscall_trace::killed_at_sync(&trace, &log, nth));
        fleet.await_kill_of_coordinator();
    }
    fleet.start_coordinator();
    assert_finished(&fleet, &hunt, &manifest);
}
