//! Rows of a hunt while it runs: they come as they are stored, whatever ends the watching.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::{Fleet, binary};

const LONG: Duration = Duration::from_mins(2);
const FILES: usize = 60;

/// Runs a hunt that takes some seconds, with its rows as lines of JSON.
fn run(fleet: &Fleet, more: &[&str]) -> Child {
    let root = fleet.path("tree").to_string_lossy().into_owned();
    let mut command = Command::new(binary("muster"));
    command.args(["hunt", "run", "--target", "all", "--root", &root, "--output", "jsonl"]);
    command.args(["--max-files-per-s", "8"]).args(more).envs(fleet.environment());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("muster runs")
}

fn running(fleet: &Fleet) -> u64 {
    let hunts = fleet.json_lines(&["hunt", "list"]);
    hunts.iter().filter_map(|hunt| hunt["states"]["running"].as_u64()).sum()
}

/// Reads the first row while the hunt still runs.
fn first_row(fleet: &Fleet, hunt: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut rows = BufReader::new(hunt.stdout.take().expect("its stdout"));
    let mut line = String::new();
    rows.read_line(&mut line).expect("a row");
    let row: Value = serde_json::from_str(&line).expect("a row");
    assert_eq!(row["status"], "ok", "{row}");
    assert!(running(fleet) > 0, "the row came before the end");
    rows
}

fn fleet() -> Fleet {
    let fleet = Fleet::start(2);
    tests::swarm::trees::write(&fleet.path("tree"), FILES, 1).expect("a tree");
    fleet
}

#[test]
fn rows_come_while_the_hunt_runs_each_once_also_when_the_coordinator_is_started_again() {
    let mut fleet = fleet();
    let mut hunt = run(&fleet, &[]);
    let mut rows = first_row(&fleet, &mut hunt);
    fleet.stop_coordinator();
    fleet.start_coordinator();
    let mut rest = String::new();
    rows.read_to_string(&mut rest).expect("rows");
    let mut paths: Vec<(String, String)> = rest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a row"))
        .map(|row| (row["agent"].to_string(), row["path"].to_string()))
        .collect();
    let ended = hunt.wait().expect("an end");
    let mut said = String::new();
    hunt.stderr.take().expect("its stderr").read_to_string(&mut said).expect("text");
    assert_eq!(ended.code(), Some(0), "{said}");
    assert_eq!(paths.len(), 2 * FILES - 1, "{said}");
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 2 * FILES - 1, "each once");
}

#[test]
fn what_was_stored_is_on_stdout_when_the_watching_ends() {
    let fleet = fleet();
    // By time.
    let mut hunt = run(&fleet, &["--wait", "6s"]);
    let mut rows = first_row(&fleet, &mut hunt);
    let mut rest = String::new();
    rows.read_to_string(&mut rest).expect("rows");
    assert_ne!(hunt.wait().expect("an end").code(), Some(0));
    assert!(rest.ends_with('\n'), "whole lines: {rest}");
    // By ctrl-c.
    let mut hunt = run(&fleet, &[]);
    let mut rows = first_row(&fleet, &mut hunt);
    let pid = Pid::from_child(&hunt);
    kill_process(pid, Signal::INT).expect("a signal");
    let mut rest = String::new();
    rows.read_to_string(&mut rest).expect("rows");
    assert!(!hunt.wait().expect("an end").success(), "it is detached");
    assert!(rest.is_empty() || rest.ends_with('\n'), "whole lines: {rest}");
    // By a reader that has enough: the command ends though the hunt goes on.
    let mut hunt = run(&fleet, &[]);
    drop(first_row(&fleet, &mut hunt));
    eventually("the command ends", LONG, || {
        hunt.try_wait().expect("a state").map(drop).ok_or_else(|| "it runs".to_owned())
    });
    assert!(running(&fleet) > 0, "the hunt goes on");
}
