//! Where a hunt waits: in `open()`, on a file system that takes its time; in line for a lock; or nowhere, when it hashes.
//! And it comes through being asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::disk;
use tests::eventually::eventually;
use tests::fault;
use tests::fleet::Fleet;
use tests::oracle;
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(2);
const FILES: usize = 600;
const OPEN_MS: u32 = 20;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the samples of a profile, or of `--hunt H` in it: each stack, leaf last, with its count.
fn stacks(fleet: &Fleet, profile: &str, of: &[&str], kind: &str) -> Vec<(String, u64)> {
    let merge = ["profile", "merge", profile, "--kind", kind, "--format", "folded", "-o", "-"];
    let output = fleet.muster(merge.iter().chain(of));
    // Nothing of a hunt in a profile is exit 3, and no failure here.
    let text = String::from_utf8_lossy(&output.stdout);
    let split = |line: &str| {
        let (stack, count) = line.rsplit_once(' ').expect("a stack and its count");
        (stack.to_owned(), count.parse().expect("a count"))
    };
    text.lines().map(split).collect()
}

fn leaf(stack: &str) -> &str {
    stack.rsplit(';').next().unwrap_or_default()
}

fn sum(stacks: &[(String, u64)], is_wanted: impl Fn(&str) -> bool) -> u64 {
    stacks.iter().filter(|(stack, _)| is_wanted(stack)).map(|(_, count)| count).sum()
}

fn launch(fleet: &Fleet, root: &Path, more: &[&str]) -> String {
    let root = root.to_string_lossy();
    let words = ["hunt", "launch", "--root", &root, "--agents", &fleet.agents[0].id];
    let hunt = text(&fleet.json(&[&words, more].concat())["id"]);
    eventually("the hunt runs", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    hunt
}

fn take(fleet: &Fleet, kinds: &str, seconds: &str) -> String {
    let take = ["profile", "take", "--agent", &fleet.agents[0].id, "--kind", kinds];
    let take = [&take[..], &["--hertz", "250", "--seconds", seconds, "--detach"]].concat();
    text(&fleet.json(&take)["id"])
}

/// Waits until an agent's part of a profile has come to a state.
fn await_state(fleet: &Fleet, profile: &str, state: &str) -> Value {
    eventually("the profile is where it should be", LONG, || {
        let shown = fleet.json(&["profile", "show", profile]);
        if shown["states"][state] == 1 { Ok(shown) } else { Err(shown.to_string()) }
    })
}

#[test]
fn a_hunt_on_a_slow_file_system_is_seen_waiting_in_open_and_its_rows_are_right() {
    let mut fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("slow");
    fleet.stop_agent(0);
    fleet.start_agent_under(0, &disk::slow_open(&root, FILES, OPEN_MS));
    let hunt = launch(&fleet, &root, &[]);
    let profile = take(&fleet, "cpu,wall", "2");
    let shown = await_state(&fleet, &profile, "finished");
    let ended = fleet.await_hunt(&hunt, LONG);
    assert_eq!(ended["states"]["finished"], 1, "{ended}");

    // Two kinds, one window, each with a blob.
    let kinds = shown["agents"][0]["profiles"].as_array().expect("kinds").clone();
    assert_eq!((&kinds[0]["kind"], &kinds[1]["kind"]), (&"cpu".into(), &"wall".into()), "{shown}");
    assert!(kinds.iter().all(|kind| kind["bytes"].as_u64() > Some(0)), "{shown}");

    let wall = stacks(&fleet, &profile, &["--hunt", &hunt], "wall");
    let is_open = |stack: &str| leaf(stack) == "openat";
    let (all, open) = (sum(&wall, |_| true), sum(&wall, is_open));
    // Every thread of the hunt at 250 hertz for two seconds.
    assert!(all > 400 && open * 100 >= all * 80, "{open} of {all}: {wall:?}");
    let cpu = stacks(&fleet, &profile, &["--hunt", &hunt], "cpu");
    let worked = sum(&cpu, |_| true);
    assert!(sum(&cpu, is_open) == 0 && worked * 5 < all, "waiting is no CPU time: {cpu:?}");
    let top = fleet.json(&["profile", "top", &profile, "--kind", "wall"]);
    assert_eq!((&top["type"], &top["unit"]), (&"wall".into(), &"nanoseconds".into()), "{top}");

    // Asked 250 times a second and thread, and interrupted: every row is there and right.
    let rows = fleet.rows(&hunt).remove(&agent).expect("rows");
    let digests: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(digests.len(), FILES);
    for number in 0..FILES {
        let path = format!("{}/d{:03}/f{number:05}", root.display(), number / 50);
        let digest = muster_protocol::hex::encode(&Sha256::digest(format!("file {number}\n")));
        assert_eq!(digests.get(path.as_bytes()), Some(&digest), "{path}");
    }
}

#[test]
fn a_hunt_that_hashes_is_seen_in_its_digests_and_not_waiting_in_open() {
    let fleet = Fleet::start(1);
    // In memory, where a hole is read as it is; a disk's file system makes pages of it, which on a busy machine costs a
    // third of what the digests do.
    let busy = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let root = busy.path();
    // One for each worker of a small machine, and too long to come to their end.
    for name in ["a", "b", "c", "d"] {
        let file = File::create(root.join(name));
        file.and_then(|file| file.set_len(1 << 38)).expect("a sparse file");
    }
    let hunt = launch(&fleet, root, &["--hash", "sha256,sha512"]);
    let profile = take(&fleet, "cpu,wall", "3");
    await_state(&fleet, &profile, "finished");
    assert_eq!(fleet.json(&["hunt", "show", &hunt])["states"]["running"], 1, "it outlasts that");
    fleet.muster_ok(["hunt", "cancel", &hunt]);
    fleet.await_hunt(&hunt, LONG);

    let top = fleet.json(&["profile", "top", &profile, "--kind", "cpu"]);
    let first = top["functions"][0]["function"].as_str().expect("a function");
    assert!(first.contains("sha"), "a digest is on top: {top}");
    // One stream is the crate's work, several together are ours.
    let is_digest =
        |stack: &str| stack.contains("sha2::") || stack.contains("muster_digests::sys::");
    let cpu = stacks(&fleet, &profile, &["--hunt", &hunt], "cpu");
    let (all, digests) = (sum(&cpu, |_| true), sum(&cpu, is_digest));
    assert!(all > 100 && digests * 100 >= all * 80, "{digests} of {all}: {cpu:?}");
    // By the wall clock, too: that is what takes most of the time of those that do not wait for each other.
    let wall = stacks(&fleet, &profile, &["--hunt", &hunt], "wall");
    let works = sum(&wall, |stack| leaf(stack) != "futex");
    let digests = sum(&wall, is_digest);
    assert!(digests > 200 && digests * 2 > works, "{digests} of {works}: {wall:?}");
    assert_eq!(sum(&wall, |stack| leaf(stack) == "openat"), 0, "{wall:?}");
}

#[test]
fn threads_that_queue_for_one_lock_are_seen_in_wall_and_in_tasks() {
    let fleet = Fleet::start(1);
    let root = fleet.path("tree");
    trees::write(&root, 4_000, 3).expect("a tree");
    let slowly = ["--max-files-per-s", "200"];
    let hunts = [launch(&fleet, &root, &slowly), launch(&fleet, &root, &slowly)];
    let profile = take(&fleet, "wall,tasks", "10");
    // These end meanwhile, and want to write it down.
    let others = ["1", "2", "3", "4"].map(|seconds| take(&fleet, "metrics", seconds));
    await_state(&fleet, &others[3], "running");
    // Whoever writes the journal waits for this lock, and holds that of the journal, in whose line all others stand.
    let journal = fleet.agents[0].bundle.join("state/journal.sqlite");
    let lock = Connection::open(journal).expect("the journal");
    lock.busy_timeout(LONG).expect("patience");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let until = Instant::now() + Duration::from_secs(11);
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
    lock.execute_batch("ROLLBACK").expect("the lock is given back");
    for profile in others.iter().chain([&profile]) {
        await_state(&fleet, profile, "finished");
    }

    // One is in front and sleeps in the database; the others wait behind it, for seconds in sum.
    let all = stacks(&fleet, &profile, &[], "wall");
    // The name of what the compiler has inlined is without its path: one that is above it in every build.
    let is_there = |stack: &str| stack.contains("agent::journal::Journal");
    let in_front = sum(&all, |stack| is_there(stack) && leaf(stack) == "clock_nanosleep");
    let in_line = sum(&all, |stack| {
        is_there(stack) && stack.contains("lock_contended") && leaf(stack) == "futex"
    });
    assert!(in_front >= 500 && in_line >= 500, "{in_front}, {in_line}: {all:?}");
    // Also while whoever would tell of the collections stands in that line, the threads are looked at.
    let tasks = fleet.json(&["profile", "show", &profile, "--kind", "tasks"]);
    let threads = tasks["moments"][1]["threads"].as_array().expect("threads");
    let is_in_front = |one: &Value| {
        let name = one["name"].as_str().unwrap_or_default();
        let is_of_collection =
            ["hunt", "profile", "file_hash"].iter().any(|word| name.starts_with(word));
        // Or the agent's own thread, which writes the statuses of requests; it never sleeps but there.
        (is_of_collection || name == "muster-agent") && one["syscall"] == "clock_nanosleep"
    };
    assert!(threads.iter().any(is_in_front), "{threads:?}");
    for hunt in &hunts {
        let ended = fleet.await_hunt(hunt, LONG);
        assert_eq!(ended["states"]["finished"], 1, "it goes on: {ended}");
        fault::assert_exactly_once(&fleet, hunt, &oracle::sha256_of_tree(&root));
    }
}
