//! Where a hunt waits: in `open()`, on a file system that takes its time; and it comes through being asked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::disk;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(2);
const FILES: usize = 600;
const OPEN_MS: u32 = 20;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the samples of a hunt in a profile: each leaf with its count.
fn leaves(fleet: &Fleet, profile: &str, hunt: &str, kind: &str) -> BTreeMap<String, u64> {
    let merge = ["profile", "merge", profile, "--hunt", hunt, "--kind", kind];
    let merge = merge.iter().chain(&["--format", "folded", "-o", "-"]);
    let output = fleet.muster(merge);
    let mut leaves = BTreeMap::new();
    // Nothing of a hunt in a profile is exit 3, and no failure here.
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (stack, count) = line.rsplit_once(' ').expect("a stack and its count");
        let leaf = stack.rsplit(';').next().unwrap_or_default().to_owned();
        *leaves.entry(leaf).or_default() += count.parse::<u64>().expect("a count");
    }
    leaves
}

#[test]
fn a_hunt_on_a_slow_file_system_is_seen_waiting_in_open_and_its_rows_are_right() {
    let mut fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("slow");
    fleet.stop_agent(0);
    fleet.start_agent_under(0, &disk::slow_open(&root, FILES, OPEN_MS));
    let root = root.to_string_lossy().into_owned();
    let hunt = text(&fleet.json(&["hunt", "launch", "--root", &root, "--agents", &agent])["id"]);
    eventually("the hunt runs", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    let take = ["profile", "take", "--agent", &agent, "--kind", "cpu,wall", "--hertz", "250"];
    let take = [&take[..], &["--seconds", "2", "--detach"]].concat();
    let profile = text(&fleet.json(&take)["id"]);
    let shown = eventually("the profile is stored", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["finished"] == 1 { Ok(shown) } else { Err(shown.to_string()) }
    });
    let ended = fleet.await_hunt(&hunt, LONG);
    assert_eq!(ended["states"]["finished"], 1, "{ended}");

    // Two kinds, one window, each with a blob.
    let kinds = shown["agents"][0]["profiles"].as_array().expect("kinds").clone();
    assert_eq!((&kinds[0]["kind"], &kinds[1]["kind"]), (&"cpu".into(), &"wall".into()), "{shown}");
    assert!(kinds.iter().all(|kind| kind["bytes"].as_u64() > Some(0)), "{shown}");

    let wall = leaves(&fleet, &profile, &hunt, "wall");
    let all: u64 = wall.values().sum();
    let open = wall.get("openat").copied().unwrap_or_default();
    // Every thread of the hunt at 250 hertz for two seconds.
    assert!(all > 400 && open * 100 >= all * 80, "{open} of {all}: {wall:?}");
    let cpu = leaves(&fleet, &profile, &hunt, "cpu");
    let worked: u64 = cpu.values().sum();
    assert!(!cpu.contains_key("openat") && worked * 5 < all, "waiting is no CPU time: {cpu:?}");
    let top = fleet.json(&["profile", "top", &profile, "--kind", "wall"]);
    assert_eq!((&top["type"], &top["unit"]), (&"wall".into(), &"nanoseconds".into()), "{top}");

    // Asked 250 times a second and thread, and interrupted: every row is there and right.
    let rows = fleet.rows(&hunt).remove(&agent).expect("rows");
    let digests: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(digests.len(), FILES);
    for number in 0..FILES {
        let path = format!("{root}/d{:03}/f{number:05}", number / 50);
        let digest = common::hex::encode(&Sha256::digest(format!("file {number}\n")));
        assert_eq!(digests.get(path.as_bytes()), Some(&digest), "{path}");
    }
}
