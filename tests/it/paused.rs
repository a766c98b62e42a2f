//! A hunt that is paused on a real agent: inside a large file, across a kill, and back.

use std::fs::{self, File};
use std::time::Duration;

use muster_broker::{Connector, Message};
use muster_protocol::clock::Clock;
use muster_protocol::ids::RequestId;
use muster_protocol::request::sign::Draft;
use muster_protocol::request::{Args, Control, Limits, Target, Verb};
use muster_protocol::topology::REQUESTS;
use serde_json::Value;
use tests::eventually::eventually;
use tests::fault;
use tests::fleet::Fleet;
use tests::oracle;
use tests::swarm::trees;

use super::keys::keys;

const LONG: Duration = Duration::from_mins(2);
/// The file that the pause comes in: twenty-four seconds at the rate of the hunt.
const HUGE_BYTES: u64 = 24_000_000;
/// Files that the walk comes to before it.
const BEFORE: usize = 10;

/// Publishes a control to all agents, as the coordinator would.
fn control(fleet: &Fleet, hunt: &str, verb: Verb, revision: u64) {
    let keys = keys(fleet);
    let about: RequestId = hunt.parse().expect("an id");
    let draft = Draft {
        fleet: keys.fleet,
        target: Target::all(),
        limits: Limits::default(),
        issued: Clock::system().now(),
        valid_ms: 3_600_000,
    };
    let args = Args::Control(Control::new(about, verb, revision));
    let body = draft.body(keys.operator.id(), &args).expect("a body");
    let sealed = keys.operator.seal(&body, Some(&keys.certificate)).expect("sealed");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let link = fleet.broker.link(&fleet.vhost);
        let session = Connector::new(link).connect_once().await.expect("a connection");
        let publisher = session.publisher().await.expect("a publisher");
        publisher.publish(Message::request(&sealed, REQUESTS)).await.expect("published");
        session.close().await;
    });
}

fn launch(fleet: &Fleet, flags: &[&str]) -> String {
    let launch = [&["hunt", "launch", "--target", "all"], flags].concat();
    fleet.json(&launch)["id"].as_str().expect("an id").to_owned()
}

fn show(fleet: &Fleet, hunt: &str) -> Value {
    fleet.json(&["hunt", "show", hunt])
}

fn await_state(fleet: &Fleet, hunt: &str, state: &str) -> Value {
    eventually(state, LONG, || {
        let shown = show(fleet, hunt);
        if shown["states"][state] == 1 { Ok(shown) } else { Err(shown["states"].to_string()) }
    })
}

/// The names of the agent's threads that work for a hunt.
fn threads_of_hunts(fleet: &Fleet) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", fleet.agent_pid(0))).expect("threads");
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.flatten().filter_map(name).map(|name| name.trim().to_owned());
    names.filter(|name| name.starts_with("hunt") || name.starts_with("file_hash")).collect()
}

#[test]
fn a_hunt_is_paused_inside_a_large_file_survives_a_kill_and_ends_whole() {
    let mut fleet = Fleet::start(1);
    let tree = fleet.path("tree");
    trees::write(&tree, 200, 11).expect("a tree");
    for n in 0..BEFORE {
        fs::write(tree.join(format!("a{n}")), n.to_string()).expect("a file");
    }
    let huge = File::create(tree.join("b-huge")).expect("a file");
    huge.set_len(HUGE_BYTES).expect("a sparse file");
    let (endless, small) = (fleet.path("endless"), fleet.path("small"));
    for folder in [&endless, &small] {
        fs::create_dir(folder).expect("a folder");
        fs::write(folder.join("file"), "x").expect("a file");
    }
    let file = File::create(endless.join("huge")).expect("a file");
    file.set_len(1 << 42).expect("a sparse file");
    let manifest = oracle::sha256_of_tree(&tree);
    let [tree, endless, small] =
        [&tree, &endless, &small].map(|it| it.to_string_lossy().into_owned());

    // Both lanes are taken, and another hunt waits.
    let hunt = launch(&fleet, &["--root", &tree, "--max-mbps", "1"]);
    let beside = launch(&fleet, &["--root", &endless, "--max-mbps", "1"]);
    let rows = || fleet.rows(&hunt).values().map(Vec::len).sum::<usize>();
    eventually("what lies before the large file is stored", LONG, || {
        let rows = rows();
        if rows >= BEFORE { Ok(()) } else { Err(format!("{rows} rows")) }
    });
    await_state(&fleet, &beside, "running");
    let waits = launch(&fleet, &["--root", &small]);
    control(&fleet, &hunt, Verb::Pause, 1);
    await_state(&fleet, &hunt, "paused");
    await_state(&fleet, &waits, "finished");
    assert_eq!(rows(), BEFORE, "it was inside the large file");
    await_state(&fleet, &beside, "running");
    control(&fleet, &beside, Verb::Cancel, 1);
    await_state(&fleet, &beside, "cancelled");
    eventually("no thread is left of what is paused", LONG, || {
        let threads = threads_of_hunts(&fleet);
        if threads.is_empty() { Ok(()) } else { Err(format!("{threads:?}")) }
    });

    fleet.kill_agent(0);
    fleet.start_agent(0);
    let again = launch(&fleet, &["--root", &small]);
    await_state(&fleet, &again, "finished");
    await_state(&fleet, &hunt, "paused");
    assert_eq!(threads_of_hunts(&fleet), [""; 0]);

    control(&fleet, &hunt, Verb::Resume, 2);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 1, "{shown}");
    fault::assert_exactly_once(&fleet, &hunt, &manifest);
    let bytes: u64 = files(std::path::Path::new(&tree));
    let part = fleet.json_lines(&["hunt", "show", &hunt, "--agents"]).remove(0);
    let read = part["bytes_read"].as_u64().expect("bytes");
    assert!((bytes..=bytes + HUGE_BYTES).contains(&read), "{read} of {bytes} bytes: {part}");
}

/// Bytes of all files below a folder.
fn files(folder: &std::path::Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let bytes = |entry: fs::DirEntry| {
        let found = entry.metadata().expect("its size");
        if found.is_dir() { files(&entry.path()) } else { found.len() }
    };
    entries.map(bytes).sum()
}
