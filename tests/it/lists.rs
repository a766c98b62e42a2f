//! Lists of hashes that are too long for a hunt's own record, through a whole fleet.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_protocol::ids::RequestId;
use muster_protocol::request::sign::body_of;
use muster_protocol::request::{Bundle, Sealed};
use muster_protocol::wire;
use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::program::{assert_three_lines, program, ran};
use tests::swarm::trees;
use tests::tree::sha256_of_bytes;

use crate::keys::keys;

const LONG: Duration = Duration::from_mins(1);
/// More than one record takes, in two parts.
const OTHERS: usize = 70_000;

/// Writes a tree with one file that is in the list, and one whose digest only begins as one of the list does; and the
/// list. Returns the root and the list.
fn prepare(fleet: &Fleet) -> (String, String) {
    let root = fleet.path("tree");
    trees::write(&root, 50, 5).expect("a tree");
    fs::write(root.join("bad"), "bad").unwrap();
    fs::write(root.join("alike"), "alike").unwrap();
    let alike = sha256_of_bytes(b"alike");
    let alike = format!("{}{}", &alike[..16], "0".repeat(48));
    let others = (0..OTHERS).map(|n| format!("{n:016x}{:048x}", 0));
    let lines = others.chain([sha256_of_bytes(b"bad"), alike]).map(|hash| hash + "\n");
    let list = fleet.path("bad.txt");
    fs::write(&list, lines.collect::<String>()).unwrap();
    (root.to_string_lossy().into_owned(), list.to_string_lossy().into_owned())
}

/// Seals a hunt with the list; returns the file and what is in it.
fn seal(fleet: &Fleet, root: &str, list: &str) -> (PathBuf, Bundle) {
    let file = fleet.path("hunt.sealed");
    let out = file.to_string_lossy();
    fleet.muster_ok(["hunt", "seal", "--root", root, "--ioc", list, "--out", &out]);
    let bundle = Bundle::read(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((bundle.parts.len(), bundle.whole.len()), (2, 5));
    (file, bundle)
}

/// Launches what was sealed and changed since.
fn launch(fleet: &Fleet, bytes: &[u8]) -> std::process::Output {
    let file = fleet.path("next.sealed");
    fs::write(&file, bytes).unwrap();
    fleet.muster([Path::new("hunt"), "launch".as_ref(), "--sealed".as_ref(), &file])
}

fn launch_part(fleet: &Fleet, part: &Sealed) {
    let ended = launch(fleet, &wire::encode(part).unwrap());
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Waits until an agent has this many parts on its disk.
fn await_parts(fleet: &Fleet, index: usize, count: i64) {
    let journal = fleet.agents[index].bundle.join("state").join("journal.sqlite");
    eventually("the parts are in the journal", LONG, || {
        let db = rusqlite::Connection::open(&journal).map_err(|error| error.to_string())?;
        let here: i64 = db
            .query_row("SELECT count(*) FROM parts", [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        if here == count { Ok(()) } else { Err(format!("{here} are")) }
    });
}

#[test]
fn a_long_list_travels_before_its_hunt_and_matches_are_compared_whole() {
    let fleet = Fleet::start(2);
    let (root, list) = prepare(&fleet);
    let ran = fleet.muster(["hunt", "run", "--root", &root, "--ioc", &list, "--output", "jsonl"]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}");
    assert!(said.contains("sent in parts, the first 8 bytes of each"), "{said}");
    assert!(said.contains("to 2 agents"), "{said}");
    let rows = String::from_utf8(ran.stdout).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for agent in &fleet.agents {
        let of_agent = rows.iter().filter(|row| row["agent"] == agent.id.as_str());
        let found: Vec<_> = of_agent.map(|row| (&row["path"], &row["match"])).collect();
        let path = |name: &str| Value::from(format!("{root}/{name}"));
        let (alike, bad, by) = (path("alike"), path("bad"), Value::from("sha256"));
        assert_eq!(found, [(&alike, &Value::Null), (&bad, &by)], "{said}");
    }
    let hunts = fleet.json(&["hunt", "list"]);
    assert_eq!(hunts.as_array().unwrap().len(), 1, "parts are no hunts: {hunts}");
    assert_eq!(hunts[0]["ioc"], OTHERS + 2);
    await_parts(&fleet, 0, 0);
    await_parts(&fleet, 1, 0);
}

#[test]
fn an_agent_killed_between_the_parts_and_the_hunt_has_the_whole_list() {
    let mut fleet = Fleet::start(1);
    let (root, list) = prepare(&fleet);
    let (_, bundle) = seal(&fleet, &root, &list);
    launch_part(&fleet, &bundle.parts[0]);
    await_parts(&fleet, 0, 1);
    fleet.kill_agent(0);
    launch_part(&fleet, &bundle.parts[1]);
    fleet.start_agent(0);
    await_parts(&fleet, 0, 2);
    fleet.kill_agent(0);
    fleet.kill_coordinator();
    fleet.start_coordinator();
    let rest = Bundle { parts: Vec::new(), ..bundle };
    let ended = launch(&fleet, &wire::encode(&rest).unwrap());
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    fleet.start_agent(0);
    let shown = fleet.await_hunt(&rest.start.id, LONG);
    assert_eq!(
        (&shown["states"]["finished"], &shown["progress"]["matched"]),
        (&1.into(), &2.into())
    );
    let matched = |row: &Value| row["match"] == "sha256";
    let rows = fleet.json_lines(&["hunt", "results", &rest.start.id]);
    assert_eq!(rows.iter().filter(|row| matched(row)).count(), 1, "{rows:?}");
    await_parts(&fleet, 0, 0);
}

#[test]
fn a_hunt_never_runs_without_its_whole_list_and_says_so() {
    let fleet = Fleet::start(1);
    let (root, list) = prepare(&fleet);
    let (file, bundle) = seal(&fleet, &root, &list);
    // The coordinator lacks a part.
    let alone = Bundle { parts: bundle.parts[..1].to_vec(), ..bundle.clone() };
    let refused = launch(&fleet, &wire::encode(&alone).unwrap());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert_three_lines(&said, &["not complete", "was not launched"]);
    launch_part(&fleet, &bundle.parts[1]);
    await_parts(&fleet, 0, 2);
    // The agent lost one.
    let journal = fleet.agents[0].bundle.join("state").join("journal.sqlite");
    let db = rusqlite::Connection::open(&journal).unwrap();
    db.execute("DELETE FROM parts WHERE n = (SELECT min(n) FROM parts)", []).unwrap();
    drop(db);
    let file = file.to_string_lossy();
    let hunt = fleet.json(&["hunt", "launch", "--sealed", &file])["id"].clone();
    let hunt = hunt.as_str().unwrap();
    eventually("the hunt waits", LONG, || {
        let part = fleet.json_lines(&["hunt", "show", hunt, "--agents"]).remove(0);
        let is_told = part["state"] == "queued" && part["code"] == "list_missing";
        if is_told { Ok(()) } else { Err(part.to_string()) }
    });
    fleet.muster_ok(["hunt", "cancel", hunt]);
    let shown = fleet.await_hunt(hunt, LONG);
    assert_eq!(shown["states"]["cancelled"], 1, "{shown}");
    assert!(fleet.json_lines(&["hunt", "results", hunt]).is_empty());
}

#[test]
fn a_sealed_hunt_has_its_list_with_it() {
    let fleet = Fleet::start(0);
    let (root, list) = prepare(&fleet);
    let (file, bundle) = seal(&fleet, &root, &list);
    let once = |file: &Path| {
        let mut command = program("muster-agent");
        command.arg("once").arg(file).args(["--output", "jsonl", "--trust"]);
        ran(command.arg(fleet.path("home").join("operator.key")))
    };
    let (code, rows, said) = once(&file);
    assert_eq!(code, 0, "{said}");
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(paths, [format!("{root}/alike"), format!("{root}/bad")]);
    // Tampered with, it is refused as a whole.
    let mut parts = bundle.parts.clone();
    parts[1].body[100] ^= 1;
    let file = fleet.path("tampered.sealed");
    fs::write(&file, wire::encode(&Bundle { parts, ..bundle }).unwrap()).unwrap();
    let (code, rows, said) = once(&file);
    assert_eq!((code, rows.as_str()), (77, ""), "{said}");
    assert!(said.contains("declined: bad_signature"), "{said}");
}

/// The sizes of what a coordinator has on record of each part, the smallest first.
fn kept_of_parts(fleet: &Fleet) -> Vec<i64> {
    let file = fleet.path("home").join("data").join("muster.sqlite");
    let db = rusqlite::Connection::open(file).unwrap();
    let sql = "SELECT length(sealed) FROM request WHERE kind = 'list.part' ORDER BY length(sealed)";
    let mut select = db.prepare(sql).unwrap();
    let sizes = select.query_map([], |row| row.get(0)).unwrap();
    sizes.collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_parts_of_a_list_go_with_their_hunt_and_not_before() {
    let mut fleet = Fleet::start(2);
    let (root, list) = prepare(&fleet);
    fleet.kill_agent(1);
    let (file, bundle) = seal(&fleet, &root, &list);
    let file = file.to_string_lossy().into_owned();
    let hunt = fleet.json(&["hunt", "launch", "--sealed", &file])["id"].clone();
    let hunt = hunt.as_str().unwrap().to_owned();
    await_state(&fleet, &hunt, "finished", 1);
    // What a coordinator tidies it tidies when it starts, too.
    let restart = |fleet: &mut Fleet| {
        fleet.kill_coordinator();
        fleet.start_coordinator();
    };
    restart(&mut fleet);
    let is_whole = |sizes: &[i64]| sizes.len() == 2 && sizes.iter().all(|size| *size > 40_000);
    std::thread::park_timeout(Duration::from_secs(2));
    assert!(is_whole(&kept_of_parts(&fleet)), "an agent has not answered yet");
    // It comes late and finds the whole list.
    fleet.start_agent(1);
    await_state(&fleet, &hunt, "finished", 2);
    await_parts(&fleet, 1, 0);
    restart(&mut fleet);
    eventually("the parts are gone", LONG, || {
        let sizes = kept_of_parts(&fleet);
        let is_gone = sizes.len() == 2 && sizes.iter().all(|size| *size < 1_000);
        if is_gone { Ok(()) } else { Err(format!("{sizes:?} bytes")) }
    });
    let rows = fleet.json_lines(&["hunt", "results", &hunt]);
    let found = rows.iter().filter(|row| row["match"] == "sha256").count();
    assert_eq!((rows.len(), found), (4, 2), "the whole digests are there: {rows:?}");
    // The same file again is known; another hunt cannot name what is gone.
    let again = fleet.json(&["hunt", "launch", "--sealed", &file]);
    assert_eq!((&again["id"], &again["published"]), (&hunt.as_str().into(), &true.into()));
    assert_eq!(kept_of_parts(&fleet).len(), 2);
    let keys = keys(&fleet);
    let mut body = body_of(&bundle.start).unwrap();
    body.id = RequestId::new();
    let other = keys.operator.seal(&body, Some(&keys.certificate)).unwrap();
    let refused = launch(&fleet, &wire::encode(&other).unwrap());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert_three_lines(&said, &["not complete", "is of a hunt that is over"]);
}

fn await_state(fleet: &Fleet, hunt: &str, state: &str, count: u64) {
    eventually("the agents are in that state", LONG, || {
        let shown = fleet.json(&["hunt", "show", hunt]);
        if shown["states"][state] == count { Ok(()) } else { Err(shown["states"].to_string()) }
    });
}
