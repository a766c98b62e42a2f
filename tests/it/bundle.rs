//! Everything that a profile has brought, in one archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::tree::sha256_of_bytes;

const LONG: Duration = Duration::from_mins(3);
const SECONDS: f64 = 2.0;
const KINDS: &str = "cpu,wall,heap,tasks,metrics,logs";

/// What the documents tell of an agent that hunts, beside what is seen from outside.
fn assert_documents(folder: &Path, hunt: &str, pid: u32, shown: &Value) {
    let read = |name: &str| -> Value {
        let text = fs::read(folder.join(name)).expect("a document");
        serde_json::from_slice(&text).expect("JSON")
    };
    let (tasks, metrics, logs) = (read("tasks.json"), read("metrics.json"), read("logs.json"));
    for moment in 0..2 {
        let tasks = &tasks["moments"][moment];
        assert!(!tasks["threads"].as_array().expect("threads").is_empty());
        let mine = tasks["collections"].as_array().expect("collections").iter();
        let mine: Vec<_> = mine.filter(|one| one["request"] == hunt).collect();
        let [one] = mine.as_slice() else { panic!("{tasks}") };
        assert!(one["path"].as_str().is_some_and(|path| path.ends_with("/endless")), "{one}");
    }
    let figures = &metrics["moments"][1];
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let of = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.split_whitespace().next().expect("a figure").parse().expect("a number")
    };
    let figure = |name: &str| figures[name].as_u64().expect("a figure");
    let rss = of("VmRSS:") * 1_024;
    assert!(figure("rss_bytes").abs_diff(rss) < rss / 2, "{rss}: {figures}");
    // The profile's own thread and the pool's idle ones come and go.
    assert!(figure("threads").abs_diff(of("Threads:")) < 8, "{status}: {figures}");
    assert!(figure("fds") > 5 && figures["version"] == env!("CARGO_PKG_VERSION"), "{figures}");
    // A rate over the window, which the profile has counted on its own.
    let cpu_ms = shown["cpu_ms"].as_f64().expect("CPU time");
    let percent = figures["cpu_percent"].as_f64().expect("a rate");
    let by_profile = cpu_ms / 10.0 / SECONDS;
    assert!((percent - by_profile).abs() < 5.0 + by_profile / 4.0, "{by_profile}: {figures}");
    let lines = logs["lines"].as_array().expect("lines").iter();
    let is_mine = |line: &&Value| line.as_str().is_some_and(|line| line.contains(hunt));
    assert!(lines.filter(is_mine).any(|line| line.to_string().contains("accepted")), "{logs}");
}

#[test]
fn a_bundle_holds_what_every_agent_sent_and_says_what_it_is() {
    let fleet = Fleet::start(2);
    let agents: Vec<_> = fleet.agents.iter().map(|member| member.id.clone()).collect();
    let root = fleet.path("tree");
    fs::create_dir(&root).expect("a folder");
    let file = File::create(root.join("endless"));
    file.and_then(|file| file.set_len(1 << 38)).expect("a sparse file");
    let root = root.to_string_lossy();
    let launch = ["hunt", "launch", "--target", "all", "--root", &root, "--max-mbps", "100"];
    let hunt = fleet.json(&launch)["id"].as_str().expect("an id").to_owned();
    eventually("both hunt", LONG, || {
        let states = fleet.json(&["hunt", "show", &hunt])["states"].clone();
        if states["running"] == 2 { Ok(()) } else { Err(states.to_string()) }
    });
    let seconds = format!("{SECONDS:.0}");
    let take = ["profile", "take", "--target", "all", "--kind", KINDS, "--seconds", &seconds];
    let taken = fleet.json(&take);
    assert_eq!(taken["states"]["finished"], 2, "{taken}");
    let id = taken["id"].as_str().expect("an id");
    let shown = fleet.json(&["profile", "show", id]);

    let archive = fleet.path("report.tar.gz");
    let out = archive.to_string_lossy().into_owned();
    let made = fleet.muster(["profile", "bundle", id, "-o", &out]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.contains("24 files"), "{said}");
    // The machine's own tar reads it.
    let opened =
        Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(fleet.path("")).status();
    assert!(opened.expect("tar").success());
    let folder = fleet.path(&format!("muster-profile-{id}"));
    let manifest = fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["profile"]["id"], id);
    assert_eq!(manifest["problems"], Value::Array(Vec::new()));
    let files = manifest["files"].as_array().expect("files");
    let by_name: BTreeMap<_, _> =
        files.iter().map(|file| (file["name"].as_str().expect("a name"), file)).collect();
    for (number, agent) in agents.iter().enumerate() {
        let stacks = ["cpu", "wall", "heap"]
            .map(|kind| ["pb.gz", "svg", "raw.pb.gz"].map(|ending| format!("{kind}.{ending}")));
        let documents = ["tasks", "metrics", "logs"].map(|kind| format!("{kind}.json"));
        for name in stacks.as_flattened().iter().chain(&documents) {
            let name = format!("{agent}/{name}");
            let content = fs::read(folder.join(&name)).expect("a file of the archive");
            let said = by_name[name.as_str()];
            assert_eq!(said["bytes"], content.len(), "{said}");
            assert_eq!(said["sha256"], sha256_of_bytes(&content), "{said}");
        }
        let parts = shown["agents"].as_array().expect("agents");
        let part = parts.iter().find(|part| part["agent"] == *agent).expect("its part");
        assert_documents(&folder.join(agent), &hunt, fleet.agent_pid(number), part);
    }
    fleet.muster_ok(["hunt", "cancel", &hunt]);

    let one = fleet.muster(["profile", "bundle", id, "--agent", &agents[0], "-o", "-"]);
    fs::write(&archive, &one.stdout).expect("an archive");
    let listed = Command::new("tar").arg("tzf").arg(&archive).output().expect("tar");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.lines().count(), 13, "{listed}");
    assert!(!listed.contains(&agents[1]), "{listed}");
}
