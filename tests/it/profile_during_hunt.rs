//! Profiles that are taken of a hunt while it runs, of one that is over, and one after another.

use std::fs::{self, File};
use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(3);
/// Two seconds of reading at the limit of the hunts here.
const BYTES: u64 = 60_000_000;
const LIMIT: [&str; 2] = ["--max-mbps", "30"];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn profile(fleet: &Fleet, id: &str) -> Value {
    eventually("the profile has ended", LONG, || {
        let shown = fleet.json(&["profile", "show", id]);
        if shown["done"] == true { Ok(shown) } else { Err(shown["states"].to_string()) }
    })
}

/// Seconds since midnight of an RFC 3339 time.
fn seconds(time: &str) -> u32 {
    let parts = time[11..19].split(':').map(|part| part.parse::<u32>().expect("a number"));
    parts.fold(0, |sum, part| sum * 60 + part)
}

/// The window is the hunt's, as the agent's clock has both.
fn is_of_the_whole_hunt(fleet: &Fleet, hunt: &str, window: &Value) {
    let parts = fleet.json_lines(&["hunt", "show", hunt, "--agents"]);
    let part =
        parts.iter().find(|part| part["agent"] == window["agent"]).expect("the agent's part");
    let (opened, closed) = (text(&window["window_start"]), text(&window["window_end"]));
    assert!(text(&part["started"]) <= opened && opened < text(&part["ended"]), "{part} {window}");
    assert_eq!(window["partial"], false, "the end of the hunt is its end: {window}");
    let length_s = (seconds(&closed) + 86_400 - seconds(&opened)) % 86_400;
    assert!(length_s < 50, "it does not go on for its 60 s: {window}");
}

#[test]
fn a_profile_of_a_hunt_begins_and_ends_with_it() {
    let fleet = Fleet::start(2);
    let tree = fleet.path("tree");
    fs::create_dir(&tree).expect("a folder");
    let sparse = File::create(tree.join("sparse")).and_then(|file| file.set_len(BYTES));
    sparse.expect("a sparse file");
    let tree = tree.to_string_lossy().into_owned();

    let words =
        ["hunt", "run", "--root", &tree, "--profile", "cpu,tasks:60s@199", "--profile-agents", "1"];
    let rows = fleet.json_lines(&[&words[..], &LIMIT].concat());
    assert_eq!(rows.len(), 2, "a file of each agent: {rows:?}");
    let hunt = text(&rows[0]["hunt"]);
    let list = fleet.json_lines(&["profile", "list"]);
    assert_eq!(list.len(), 1, "{list:?}");
    let (first, before) = (text(&list[0]["id"]), hunt.clone());
    let shown = profile(&fleet, &first);
    assert_eq!(
        (&shown["targeted"], &shown["states"]["finished"]),
        (&1.into(), &1.into()),
        "{shown}"
    );
    assert_eq!(
        (&shown["hertz"], &shown["kinds"]),
        (&199.into(), &serde_json::json!(["cpu", "tasks"]))
    );
    is_of_the_whole_hunt(&fleet, &hunt, &shown["agents"][0]);
    let top = fleet.json(&["profile", "merge", "--hunt", &hunt, "--by", "hunt", "--format", "top"]);
    assert!(top["total"].as_i64() > Some(0), "its samples carry the hunt: {top}");

    // Of a hunt that runs already, and of one that is over.
    let words = ["hunt", "launch", "--root", &tree, "--agents", &fleet.agents[0].id];
    let hunt = text(&fleet.json(&[&words[..], &LIMIT].concat())["id"]);
    eventually("the hunt runs", LONG, || {
        let states = &fleet.json(&["hunt", "show", &hunt])["states"];
        if states["running"] == 1 { Ok(()) } else { Err(states.to_string()) }
    });
    let take = ["profile", "take", "--while", &hunt, "--agent", &fleet.agents[0].id, "--detach"];
    let shown = profile(&fleet, &text(&fleet.json(&take)["id"]));
    let window = &shown["agents"][0];
    assert_eq!(
        (&shown["states"]["finished"], &window["partial"]),
        (&1.into(), &false.into()),
        "{shown}"
    );
    fleet.await_hunt(&hunt, LONG);
    let second = text(&shown["id"]);
    let part = &fleet.json_lines(&["hunt", "show", &hunt, "--agents"])[0];
    assert!(text(&window["window_start"]) < text(&part["ended"]), "{window} {part}");
    let shown = profile(&fleet, &text(&fleet.json(&take)["id"]));
    assert_eq!(
        (&shown["states"]["failed"], &shown["agents"][0]["code"]),
        (&1.into(), &"no_hunt".into())
    );

    // Each profile is of a hunt of its own.
    let diff = |hunts: String| fleet.muster(["profile", "diff", &first, &second, "--hunt", &hunts]);
    assert_eq!(diff(format!("{before},{hunt}")).status.code(), Some(0));
    assert_eq!(
        diff(format!("{hunt},{before}")).status.code(),
        Some(3),
        "nothing of these was sampled"
    );

    let words = ["--seconds", "1", "--repeat", "1s", "--for", "2s"];
    let series = [&["profile", "take", "--agent", &fleet.agents[1].id], &words[..]].concat();
    let taken = fleet.json_lines(&series);
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(taken.iter().all(|one| one["states"]["finished"] == 1), "{taken:?}");
}
