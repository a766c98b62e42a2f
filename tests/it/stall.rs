//! A hunt that stands still is profiled by its agent, unasked, and what is sent says where it waits.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;
use tests::disk::slow_open;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(3);
/// An `open()` takes so long: nothing moves meanwhile.
const OPEN_MS: u32 = 60_000;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_hunt_that_stands_still_is_profiled_by_its_agent() {
    let mut fleet = Fleet::start(1);
    fleet.stop_agent(0);
    let tree = fleet.path("slow");
    let wrapper: Vec<OsString> = slow_open(&tree, 100, OPEN_MS);
    fleet.start_agent_under(0, &wrapper);
    fleet.await_agents();
    let tree = tree.to_string_lossy().into_owned();
    let launch = ["hunt", "launch", "--root", &tree, "--target", "all", "--on-stall=1s"];
    let hunt = text(&fleet.json(&launch)["id"]);
    let shown = eventually("the agent sends what it was doing", LONG, || {
        let shown = fleet.muster(["profile", "show", &hunt, "--output", "json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).map_err(|e| e.to_string())?;
        let kinds = shown["agents"][0]["profiles"].as_array().map_or(0, Vec::len);
        if kinds >= 3 { Ok(shown) } else { Err(shown.to_string()) }
    });
    assert_eq!(shown["on_stall"], true, "{shown}");
    assert!(shown["agents"][0]["profiles"][0]["sha256"].is_string(), "{shown}");
    let part = &fleet.json_lines(&["hunt", "show", &hunt, "--agents"])[0];
    assert_eq!((&part["state"], &part["code"]), (&"running".into(), &"stalled".into()), "{part}");
    assert!(text(&part["reason"]).contains(&format!(" at {tree}/")), "{part}");

    // Where it waits: in open(), on behalf of the hunt.
    let top = fleet.json(&["profile", "top", &hunt, "--kind", "wall", "--by", "hunt"]);
    let of_hunt = top["hunts"].as_array().expect("hunts").iter().find(|row| row["hunt"] == *hunt);
    assert!(of_hunt.expect("the hunt's samples")["cum"].as_i64() > Some(0), "{top}");
    let folded = fleet
        .muster_ok(["profile", "export", &hunt, "--kind", "wall", "--format", "folded", "-o", "-"]);
    assert!(folded.contains("open"), "{folded}");
    let tasks = fleet.muster_ok(["profile", "show", &hunt, "--kind", "tasks", "--output", "json"]);
    assert!(tasks.contains("file_hash") && tasks.contains(&tree), "{tasks}");
    // It is listed beside the profiles that somebody asked for, and its samples are the hunt's.
    let list = fleet.json_lines(&["profile", "list"]);
    assert_eq!((list.len(), &list[0]["id"]), (1, &hunt.as_str().into()), "{list:?}");
    fleet.muster_ok(["profile", "merge", "--hunt", &hunt, "--kind", "wall"]);
}
