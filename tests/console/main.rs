//! The console in a real browser, against a real broker, coordinator and agents.
//!
//! Each test starts a fleet of its own and runs one file beside this one with Node's test runner. What these files need is
//! told by a JSON document that the variable `MUSTER_CONSOLE_FLEET` names; `lib.mjs` reads it.
//!
//! A test fails, and says what to install, where Chromium or a new enough Node is missing: it is never skipped.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser as _;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tests::eventually::eventually;
use tests::fleet::{Fleet, binary};

/// Longest run of one file.
const LIMIT: Duration = Duration::from_mins(6);
/// Where Debian has its Chromium.
const CHROMIUM: &str = "/usr/bin/chromium";

/// One browser at a time: each takes both cores of a small machine.
static BROWSER: Mutex<()> = Mutex::new(());

fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

/// Fails with what to install where something that every file needs is missing.
fn require() {
    assert!(
        Path::new(CHROMIUM).is_file(),
        "{CHROMIUM} is missing: apt-get install --no-install-recommends chromium"
    );
    let modules = repo().join("coordinator/console/node_modules");
    let about = fs::read_to_string(modules.join("playwright-core/package.json"))
        .expect("playwright-core is missing: coordinator/console/build");
    let about: Value = serde_json::from_str(&about).expect("a package.json");
    let least = about["engines"]["node"].as_str().unwrap_or_default().trim_start_matches(">=");
    let least: u32 = least.parse().expect("the least version of Node");
    let told = Command::new("node").arg("--version").output();
    let told = told.expect("node is missing: apt-get install nodejs npm").stdout;
    let told = String::from_utf8_lossy(&told).trim().to_owned();
    let major = told.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    assert!(
        major >= Some(least),
        "node is {told}, and playwright-core wants {least}: install Node {least} or newer"
    );
    let script = Command::new("script").arg("--version").output();
    assert!(script.is_ok(), "script is missing: apt-get install bsdutils");
}

/// Returns what the files are told.
fn facts(fleet: &Fleet) -> Value {
    let agents: Vec<Value> = (0..fleet.agents.len())
        .map(|n| {
            let agent = &fleet.agents[n];
            json!({ "id": agent.id, "bundle": agent.bundle, "pid": fleet.agent_pid(n) })
        })
        .collect();
    let muster = binary("muster");
    json!({
        "bin": muster.parent().expect("a folder"),
        "dir": fleet.path("home"),
        "url": fleet.url(),
        "scratch": fleet.path(""),
        "log": fleet.path("coordinator.log"),
        "repo": repo(),
        "pictures": repo().join("target/console"),
        "coordinator": fleet.coordinator_pid(),
        "agents": agents,
    })
}

/// Runs a file to its end beside a fleet; it must pass.
fn run(start: impl FnOnce() -> Fleet, file: &str) {
    require();
    let _turn = BROWSER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let fleet = start();
    let about = fleet.path("console.json");
    fs::write(&about, facts(&fleet).to_string()).expect("the fleet's facts");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("console").join(file);
    assert!(path.is_file(), "{} is missing", path.display());
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).arg(path).process_group(0).stdin(Stdio::null());
    node.env("MUSTER_CONSOLE_FLEET", &about).env("MUSTER_CHROMIUM", CHROMIUM);
    let mut node = node.spawn().expect("node");
    let group = Pid::from_child(&node);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(file, LIMIT, || {
            node.try_wait().expect("a child").ok_or_else(|| "it still runs".to_owned())
        })
    }));
    // Whatever the file has left running ends with it.
    let _ = kill_process_group(group, Signal::KILL);
    let status = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assert!(status.success(), "{file}: {status}");
}

/// A fleet whose only agent says of itself what could become markup, code or another order of letters.
fn hostile_fleet() -> Fleet {
    let labels = "[labels]\n\"__proto__\" = \"<img src=x onerror=window.__pwned=1>\"\n\
                  \"<b>\\u202e\" = \"javascript:window.__pwned=1\"\n\
                  long = \"";
    let labels = format!("{labels}{}\"\n", "W".repeat(200));
    let mut fleet = Fleet::start_with(1, |bundle| {
        let config = bundle.join("agent.toml");
        let text = fs::read_to_string(&config).expect("agent.toml");
        assert!(text.contains("[labels]\n"), "{text}");
        fs::write(&config, text.replace("[labels]\n", &labels)).expect("agent.toml");
    });
    fleet.kill_agent(0);
    // A name that no `hostname` would take, in a name space of its own.
    let script = "import os, socket, sys\n\
                  socket.sethostname('<img src=x onerror=window.__pwned=1>\\u202egnp'.encode())\n\
                  os.execv(sys.argv[1], sys.argv[1:])";
    let wrapper = ["unshare", "--map-root-user", "--uts", "python3", "-c", script];
    fleet.start_agent_under(0, &wrapper.map(OsString::from));
    fleet.await_agents();
    fleet
}

/// A fleet of 10,000 agents of which only the store is there.
fn big_fleet() -> Fleet {
    let mut fleet = Fleet::start(0);
    fleet.stop_coordinator();
    let plan = tests::stored::Plan::parse_from(["big"]);
    for step in tests::stored::fill(&plan, &fleet.path("home/data")) {
        println!("{}: {} in {:?}", step.what, step.count, step.took);
    }
    fleet.start_coordinator();
    fleet
}

/// A fleet whose coordinator serves the pages itself, and whose agents send the files that match.
fn hosting_fleet() -> Fleet {
    let mut fleet = Fleet::start_with(2, |bundle| {
        fs::write(bundle.join("policy.toml"), "max_upload_bytes = 1000000\n").expect("a policy");
    });
    fleet.stop_coordinator();
    let config = fleet.path("home").join("coordinator.toml");
    let text = fs::read_to_string(&config).expect("coordinator.toml");
    fs::write(&config, format!("{text}\n[console]\nhosted = true\n")).expect("coordinator.toml");
    fleet.start_coordinator();
    fleet.await_agents();
    fleet
}

#[test]
fn the_scene_by_clicks_and_keys() {
    run(|| Fleet::start(2), "scene.test.mjs");
}

#[test]
fn hostile_neighbours() {
    run(|| Fleet::start(1), "guards.test.mjs");
}

#[test]
fn hostile_text() {
    run(hostile_fleet, "hostile-text.test.mjs");
}

#[test]
fn hostile_coordinator() {
    run(|| Fleet::start(0), "hostile-coordinator.test.mjs");
}

#[test]
fn every_page_by_axe() {
    run(|| Fleet::start(2), "axe.test.mjs");
}

#[test]
fn streams_that_break() {
    run(|| Fleet::start(2), "streams.test.mjs");
}

#[test]
fn ten_thousand_agents() {
    run(big_fleet, "big.test.mjs");
}

#[test]
fn the_console_that_is_hosted() {
    run(hosting_fleet, "hosted.test.mjs");
}
