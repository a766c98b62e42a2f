//! Kills at random moments, from a seed that is printed, and what must be true afterwards.

use std::time::Duration;

use serde_json::Value;

use crate::eventually::pause;
use crate::fleet::Fleet;
use crate::oracle::{self, Manifest};
use crate::swarm::trees::Numbers;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The first agent.
    Agent,
    /// The coordinator.
    Coordinator,
    /// The broker.
    Broker,
}

/// Draws the order of `each` kills of every victim.
pub fn schedule(each: usize, numbers: &mut Numbers) -> Vec<Victim> {
    let all = [Victim::Agent, Victim::Coordinator, Victim::Broker];
    let mut order: Vec<_> = all.into_iter().flat_map(|victim| vec![victim; each]).collect();
    for at in (1..order.len()).rev() {
        let other = usize::try_from(numbers.below(at as u64 + 1)).expect("a small number");
        order.swap(at, other);
    }
    order
}

/// Kills and, a second later, starts again, until the schedule is empty. Returns false when the hunt had ended before
/// the last kill: then the storm proved less than it should.
pub fn storm(fleet: &mut Fleet, hunt: &str, order: &[Victim], numbers: &mut Numbers) -> bool {
    let mut during = true;
    eprintln!("kill -9: {order:?}");
    for victim in order {
        pause(Duration::from_millis(500 + numbers.below(2_000)));
        if let Some(shown) = show(fleet, hunt) {
            during &= shown["states"]["finished"] != shown["targeted"];
        }
        match victim {
            Victim::Agent => {
                fleet.kill_agent(0);
                pause(Duration::from_secs(1));
                fleet.start_agent(0);
            }
            Victim::Coordinator => {
                fleet.kill_coordinator();
                pause(Duration::from_secs(1));
                fleet.start_coordinator();
            }
            Victim::Broker => {
                fleet.broker.kill9();
                pause(Duration::from_secs(1));
                fleet.broker.restart();
            }
        }
    }
    during
}

fn show(fleet: &Fleet, hunt: &str) -> Option<Value> {
    serde_json::from_slice(&fleet.muster(["hunt", "show", hunt, "--output", "json"]).stdout).ok()
}

/// Holds every agent's rows against the manifest.
///
/// # Panics
/// With the verdict, when a row is lost, doubled, wrong or surplus.
#[track_caller]
pub fn assert_exactly_once(fleet: &Fleet, hunt: &str, manifest: &Manifest) {
    let rows = fleet.rows(hunt);
    for member in &fleet.agents {
        let verdict =
            oracle::compare(manifest, rows.get(&member.id).map_or(&[][..], Vec::as_slice));
        assert!(
            verdict.is_clean(),
            "{}: {} right, lost {:?}, doubled {:?}, wrong {:?}, surplus {:?}",
            member.id,
            verdict.right,
            first(&verdict.lost),
            first(&verdict.doubled),
            first(&verdict.wrong),
            first(&verdict.surplus),
        );
    }
}

fn first(paths: &[String]) -> (usize, Vec<&String>) {
    (paths.len(), paths.iter().take(5).collect())
}

/// Files of the tree of a kill test, per kill.
const FILES_PER_KILL: usize = 400;

/// Runs one hunt over a real tree while `each` agents, coordinators and brokers are killed, and checks that it
/// ends complete, with every row once, and that the agent went on from its cursor.
///
/// # Panics
/// When one of that is not so; the seed is in the output.
pub fn kill_test(each: usize, seed: u64) {
    eprintln!("MUSTER_SEED={seed}");
    let mut numbers = Numbers::new(seed);
    let mut fleet = Fleet::start_with_broker(2);
    let root = fleet.path("tree");
    let files = FILES_PER_KILL * each.max(2) * 3;
    crate::swarm::trees::write(&root, files, seed).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    // Slow enough that the last kill still falls into the hunt.
    let seconds = (each as u64 * 3) * 12;
    let per_second = (files as u64 / seconds).max(20).to_string();
    let root_text = root.to_string_lossy().into_owned();
    let launched = fleet.json(&[
        "hunt",
        "launch",
        "--root",
        &root_text,
        "--target",
        "all",
        "--max-files-per-s",
        &per_second,
        "--expires",
        "24h",
    ]);
    let hunt = launched["id"].as_str().expect("an id").to_owned();
    let order = schedule(each, &mut numbers);
    let during = storm(&mut fleet, &hunt, &order, &mut numbers);
    assert!(during, "the hunt ended before the last kill");
    let shown = fleet.await_hunt(&hunt, Duration::from_mins(30));
    assert_eq!(shown["states"]["finished"], shown["targeted"], "{shown}");
    assert_exactly_once(&fleet, &hunt, &manifest);
    assert_resumed(&fleet, &hunt, &root);
}

/// The killed agent must have read little more than the tree once: it went on from its cursor.
#[track_caller]
fn assert_resumed(fleet: &Fleet, hunt: &str, root: &std::path::Path) {
    let tree: u64 = walkdir::WalkDir::new(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum();
    let collections = fleet.json_lines(&["hunt", "show", hunt, "--agents"]);
    let killed = &fleet.agents[0].id;
    let collection = collections.iter().find(|c| c["agent"] == **killed).expect("the killed agent");
    assert!(collection["resumed"].as_u64() >= Some(1), "it was taken up again: {collection}");
    let read = collection["bytes_read"].as_u64().expect("bytes read");
    assert!(read < tree * 2, "{read} bytes read of a tree of {tree}: it started over");
}
