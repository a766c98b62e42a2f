//! One identity, two processes or two machines: what is refused, what is shown, and on which machine a row was found.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::doctor::{await_verdict, check};
use tests::eventually::eventually;
use tests::fault;
use tests::fleet::{Fleet, binary};
use tests::machine::machine;
use tests::oracle;
use tests::program::{assert_three_lines, program, ran};
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(3);

fn launch(fleet: &Fleet, root: &Path) -> String {
    let root = root.to_string_lossy();
    let launched = fleet.json(&["hunt", "launch", "--root", &root, "--target", "all"]);
    launched["id"].as_str().expect("an id").to_owned()
}

fn finished(fleet: &Fleet, root: &Path) -> String {
    let hunt = launch(fleet, root);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 1, "{shown}");
    hunt
}

fn tree(fleet: &Fleet, files: usize) -> PathBuf {
    let root = fleet.path("tree");
    trees::write(&root, files, 7).expect("a tree");
    root
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(copied.success());
}

/// Waits until the first agent's latest sample is of this machine.
fn await_host(fleet: &Fleet, host: &str) {
    eventually("the agent is heard from the machine", LONG, || {
        let agents = fleet.json_lines(&["agents", "list"]);
        if agents[0]["host"] == host && agents[0]["state"] == "live" {
            Ok(())
        } else {
            Err(agents[0].to_string())
        }
    });
}

/// Waits until the agent was heard since now.
fn await_next_sample(fleet: &Fleet) {
    let last_seen = |fleet: &Fleet| fleet.json_lines(&["agents", "list"])[0]["last_seen"].clone();
    let before = last_seen(fleet);
    eventually("the agent is heard again", LONG, || {
        let now = last_seen(fleet);
        if now == before { Err(now.to_string()) } else { Ok(()) }
    });
}

/// An agent beside those of the fleet. Killed when dropped.
struct Second(Child);

impl Second {
    fn start(fleet: &Fleet, bundle: &Path, wrapper: &[OsString]) -> Self {
        let mut command = Command::new(&wrapper[0]);
        command.args(&wrapper[1..]).arg(binary("muster-agent")).args(["run", "--config"]);
        command.arg(bundle.join("agent.toml")).stdin(Stdio::null()).stdout(Stdio::null());
        let log = fs::File::create(fleet.path("second.log")).expect("a log file");
        Self(command.stderr(log).spawn().expect("muster-agent run"))
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        self.0.kill().expect("the second agent is killed");
        self.0.wait().expect("the second agent is gone");
    }
}

fn agent(fleet: &Fleet, verb: &str) -> (i32, String, String) {
    let config = fleet.agents[0].bundle.join("agent.toml");
    ran(program("muster-agent").arg(verb).arg("--config").arg(config))
}

#[test]
fn a_second_process_of_one_agent_is_refused_and_names_the_first() {
    let mut fleet = Fleet::start(1);
    let pid = format!("process {}", fleet.agent_pid(0));
    let (code, _, stderr) = agent(&fleet, "run");
    assert_eq!(code, 69, "{stderr}");
    assert_three_lines(&stderr, &["this agent runs already", &pid, "muster-agent run --config"]);
    let (code, stdout, stderr) = agent(&fleet, "doctor");
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("the agent runs") && stdout.contains(&pid), "{stdout}");
    // A kill leaves the file and no lock.
    fleet.kill_agent(0);
    let (code, stdout, stderr) = agent(&fleet, "doctor");
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("no agent runs here now"), "{stdout}");
    fleet.start_agent(0);
    await_next_sample(&fleet);
    let root = tree(&fleet, 50);
    let hunt = finished(&fleet, &root);
    fault::assert_exactly_once(&fleet, &hunt, &oracle::sha256_of_tree(&root));
}

#[test]
fn a_cloned_machine_is_shown_wherever_its_agent_is() {
    let mut fleet = Fleet::start(1);
    let root = tree(&fleet, 100);
    let before = finished(&fleet, &root);
    fleet.stop_agent(0);
    copy(&fleet.agents[0].bundle, &fleet.path("image"));
    let wrapper = machine(&fleet.path(""), "web-original", 1);
    fleet.start_agent_under(0, &wrapper);
    await_host(&fleet, "web-original");
    let wrapper = machine(&fleet.path(""), "web-copy", 2);
    let second = Second::start(&fleet, &fleet.path("image"), &wrapper);

    let found = await_verdict(&fleet, "clones", "bad").to_string();
    for known in [&fleet.agents[0].id, "web-original (machine ", "web-copy (machine ", "since "] {
        assert!(found.contains(known), "{known}: {found}");
    }
    let shown = fleet.json(&["agents", "show", &fleet.agents[0].id]);
    assert_eq!(shown["clone"], true, "{shown}");
    assert!(shown["notes"][0].as_str().is_some_and(|note| note.contains("web-copy")), "{shown}");

    let hunt = finished(&fleet, &root);
    fault::assert_exactly_once(&fleet, &hunt, &oracle::sha256_of_tree(&root));
    let shown = fleet.json(&["hunt", "show", &hunt]);
    assert!(shown["notes"][0].as_str().is_some_and(|note| note.contains("clone")), "{shown}");
    let part = &fleet.json_lines(&["hunt", "show", &hunt, "--agents"])[0];
    assert_eq!(part["clone"], true, "{part}");
    let host = part["host"].as_str().expect("a host").to_owned();
    assert!(["web-original", "web-copy"].contains(&host.as_str()), "{part}");
    for row in fleet.json_lines(&["hunt", "results", &hunt]) {
        assert_eq!((row["clone"].as_bool(), row["host"].as_str()), (Some(true), Some(&*host)));
    }

    drop(second);
    await_verdict(&fleet, "clones", "ok");
    let agents = fleet.json_lines(&["agents", "list"]);
    assert_eq!(agents[0]["clone"], false, "{agents:?}");
    let later = finished(&fleet, &root);
    for (hunt, was_clone) in [(&before, false), (&hunt, true), (&later, false)] {
        let part = &fleet.json_lines(&["hunt", "show", hunt, "--agents"])[0];
        assert_eq!(part["clone"], was_clone, "{part}");
    }
    let rows = fleet.json_lines(&["hunt", "results", &later]);
    assert!(rows.iter().all(|row| row["clone"].is_null()), "{rows:?}");
}

#[test]
fn a_restart_is_no_clone() {
    let mut fleet = Fleet::start(1);
    for n in 0..4 {
        if n % 2 == 0 {
            fleet.kill_agent(0);
        } else {
            fleet.stop_agent(0);
        }
        fleet.start_agent(0);
        await_next_sample(&fleet);
        await_next_sample(&fleet);
    }
    for name in ["clones", "set_back"] {
        let found = check(&fleet, name);
        assert_eq!(found["verdict"], "ok", "{found}");
    }
}

#[test]
fn a_row_keeps_the_host_that_it_was_found_on() {
    let mut fleet = Fleet::start(1);
    let root = tree(&fleet, 20);
    let run_as = |fleet: &mut Fleet, host: &str| {
        fleet.stop_agent(0);
        let wrapper = machine(&fleet.path(""), host, 1);
        fleet.start_agent_under(0, &wrapper);
        await_host(fleet, host);
        finished(fleet, &root)
    };
    let old = run_as(&mut fleet, "web-old");
    let new = run_as(&mut fleet, "web-new");
    for (hunt, host) in [(&old, "web-old"), (&new, "web-new")] {
        let rows = fleet.json_lines(&["hunt", "results", hunt]);
        assert!(!rows.is_empty() && rows.iter().all(|row| row["host"] == host), "{rows:?}");
        let part = &fleet.json_lines(&["hunt", "show", hunt, "--agents"])[0];
        assert_eq!(part["host"], host, "{part}");
        assert!(part["machine"].is_string(), "{part}");
    }
    let rows = fleet.json_lines(&["hunt", "results", &old]);
    let held = fleet.json_lines(&["who-has", rows[0]["sha256"].as_str().expect("a digest")]);
    let hosts: Vec<_> = held.iter().filter_map(|row| row["host"].as_str()).collect();
    assert!(hosts.contains(&"web-old") && hosts.contains(&"web-new"), "{hosts:?}");
    let found = check(&fleet, "clones");
    assert_eq!(found["verdict"], "ok", "a new name is no other machine: {found}");
}

#[test]
fn a_folder_that_is_restored_begins_a_new_journal_and_loses_nothing() {
    let mut fleet = Fleet::start(1);
    let root = tree(&fleet, 50);
    let first = finished(&fleet, &root);
    fleet.stop_agent(0);
    let state = fleet.agents[0].bundle.join("state");
    copy(&state, &fleet.path("backup"));
    fleet.start_agent(0);
    let second = finished(&fleet, &root);
    fleet.stop_agent(0);
    fs::remove_dir_all(&state).expect("the state");
    copy(&fleet.path("backup"), &state);
    fleet.start_agent(0);
    await_next_sample(&fleet);
    let third = finished(&fleet, &root);
    for hunt in [&first, &second, &third] {
        let shown = fleet.await_hunt(hunt, LONG);
        assert_eq!(shown["states"]["finished"], 1, "{shown}");
        fault::assert_exactly_once(&fleet, hunt, &oracle::sha256_of_tree(&root));
    }
    let said = fleet.said(&fleet.agents[0].id);
    assert!(said.contains("goes on under a new id"), "{said}");
    let found = check(&fleet, "set_back");
    assert_eq!(found["verdict"], "ok", "{found}");
}

/// Puts the bytes of a snapshot back into the very files, as a hypervisor does with a disk.
fn set_back(snapshot: &Path, state: &Path) {
    for entry in fs::read_dir(state).expect("the state").flatten() {
        let old = snapshot.join(entry.file_name());
        if old.is_file() {
            fs::write(entry.path(), fs::read(old).expect("old bytes")).expect("old bytes");
        } else {
            fs::remove_file(entry.path()).expect("a younger file");
        }
    }
}

#[test]
fn a_machine_that_was_set_back_is_shown_with_the_results_that_it_contradicts() {
    let mut fleet = Fleet::start(1);
    let root = tree(&fleet, 50);
    finished(&fleet, &root);
    fleet.stop_agent(0);
    let state = fleet.agents[0].bundle.join("state");
    copy(&state, &fleet.path("snapshot"));
    fleet.start_agent(0);
    let hunt = finished(&fleet, &root);
    // What the coordinator has not heard of cannot be missed.
    await_next_sample(&fleet);
    fleet.stop_agent(0);
    set_back(&fleet.path("snapshot"), &state);
    // It reads the request again, under the same attempt, of a tree that is another one now.
    trees::write(&root, 60, 9).expect("a tree");
    fleet.start_agent(0);

    let found = await_verdict(&fleet, "set_back", "bad");
    assert!(found["message"].as_str().is_some_and(|m| m.contains(&fleet.agents[0].id)), "{found}");
    assert!(found["try"].as_str().is_some_and(|t| t.contains("journal.sqlite")), "{found}");
    eventually("the contradiction is shown", LONG, || {
        let part = fleet.json_lines(&["hunt", "show", &hunt, "--agents"]).remove(0);
        if part["code"] == "conflict" { Ok(()) } else { Err(part.to_string()) }
    });

    fleet.stop_agent(0);
    for entry in fs::read_dir(&state).expect("the state").flatten() {
        if entry.file_name().to_string_lossy().starts_with("journal.sqlite") {
            fs::remove_file(entry.path()).expect("the journal");
        }
    }
    fleet.start_agent(0);
    await_verdict(&fleet, "set_back", "ok");
}

#[test]
fn the_agents_doctor_finds_what_keeps_it_from_starting() {
    let mut fleet = Fleet::start(1);
    fleet.stop_agent(0);
    let state = fleet.agents[0].bundle.join("state");
    let journal = state.join("journal.sqlite");
    fs::write(&journal, "garbage ".repeat(1_000)).expect("garbage");
    for verb in ["doctor", "run"] {
        let (code, _, stderr) = agent(&fleet, verb);
        assert_eq!(code, 75, "{verb}: {stderr}");
        let said =
            ["cannot open the journal", "damaged: file is not a database", "journal.sqlite*"];
        assert_three_lines(&stderr, &said);
    }
    let (_, stdout, _) = agent(&fleet, "doctor");
    let bad: Vec<_> = stdout.lines().filter(|line| line.starts_with("bad ")).collect();
    assert!(bad.len() == 1 && bad[0].contains("journal"), "{stdout}");
    assert!(stdout.contains("ok     broker"), "it looks at everything: {stdout}");

    fs::remove_file(&journal).expect("the garbage");
    fleet.start_agent(0);
    await_next_sample(&fleet);
    fleet.stop_agent(0);
    fs::remove_dir_all(&state).expect("the state");
    fs::write(&state, "a file").expect("a file in its place");
    for verb in ["doctor", "run"] {
        let (code, _, stderr) = agent(&fleet, verb);
        assert_eq!(code, 75, "{verb}: {stderr}");
        assert_three_lines(&stderr, &["cannot use the state folder", "state_dir"]);
    }
}
