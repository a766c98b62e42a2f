//! Hunts for processes through a whole fleet, held against what another program reads from `/proc`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::tree::sha256_of_bytes;

const LONG: Duration = Duration::from_mins(2);
/// A user that owns nothing here.
const NOBODY: u32 = 65_534;

/// Processes that sleep until they are dropped.
struct Sleepers(Vec<Child>);

impl Sleepers {
    /// Runs a program, as another user where one is named, and waits until it does.
    fn run(&mut self, file: &Path, uid: Option<u32>) -> u32 {
        let mut command = Command::new(file);
        command.arg("600");
        if let Some(uid) = uid {
            command.uid(uid);
        }
        let child = eventually("the program can be run", LONG, || {
            command.spawn().map_err(|error| error.to_string())
        });
        let pid = child.id();
        self.0.push(child);
        eventually("it runs", LONG, || {
            let exe =
                fs::read_link(format!("/proc/{pid}/exe")).map_err(|error| error.to_string())?;
            if exe == file { Ok(pid) } else { Err(format!("{}", exe.display())) }
        })
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Makes a program of its own that sleeps; returns its SHA-256.
fn program(file: &Path) -> String {
    let mut bytes = fs::read("/bin/sleep").expect("sleep");
    // What follows the program is not loaded.
    bytes.extend_from_slice(file.as_os_str().as_encoded_bytes());
    fs::write(file, &bytes).expect("a program");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("a mode");
    sha256_of_bytes(&bytes)
}

fn oracle(pids: &[u32]) -> Vec<Value> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("oracle/processes.py");
    let output = Command::new("python3")
        .arg(script)
        .args(pids.iter().map(u32::to_string))
        .output()
        .expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn launched(fleet: &Fleet, flags: &[&str]) -> String {
    let launch = [&["hunt", "launch", "--artifact", "processes"], flags].concat();
    let hunt = fleet.json(&launch)["id"].as_str().expect("an id").to_owned();
    fleet.await_hunt(&hunt, LONG);
    hunt
}

fn of(rows: &[Value], pid: u32) -> &Value {
    rows.iter().find(|row| row["pid"] == pid).unwrap_or_else(|| panic!("no row of {pid}"))
}

#[test]
fn every_process_is_what_another_reader_of_proc_says() {
    let fleet = Fleet::start(1);
    let folder = fleet.path("programs");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a mode");
    let names = ["here", "g\u{fc}ne (deleted)", "gone", "replaced", "theirs"];
    let files = names.map(|name| folder.join(name));
    for file in &files {
        drop(program(file));
    }
    let mut sleepers = Sleepers(Vec::new());
    let pids = files.each_ref().map(|file| {
        let theirs = file.ends_with("theirs") && rustix::process::geteuid().is_root();
        sleepers.run(file, theirs.then_some(NOBODY))
    });
    fs::remove_file(&files[2]).expect("gone");
    fs::write(folder.join("new"), "another").expect("another");
    fs::rename(folder.join("new"), &files[3]).expect("replaced");

    let hunt = launched(&fleet, &["--target", "all"]);
    let rows = fleet.json_lines(&["hunt", "results", &hunt]);
    for wanted in oracle(&pids) {
        let pid = u32::try_from(wanted["pid"].as_u64().expect("a pid")).expect("a pid");
        let row = of(&rows, pid);
        assert_eq!(
            (&row["artifact"], &row["status"]),
            (&"processes".into(), &"ok".into()),
            "{row}"
        );
        for name in ["ppid", "uid", "threads", "comm", "exe", "exe_state", "sha256"] {
            assert_eq!(row[name], wanted[name], "{name}: {row}");
        }
        assert_eq!(row.get("cgroup").unwrap_or(&Value::Null), &wanted["cgroup"], "{row}");
        let rss = |of: &Value| of["rss_bytes"].as_f64().expect("a size");
        assert!((rss(row) / rss(&wanted) - 1.0).abs() < 0.3, "{row}: {wanted}");
        let started: muster_api::Time =
            serde_json::from_value(row["started"].clone()).expect("a time");
        let (said, wanted) = (started.0.0 / 1_000, wanted["started_s"].as_f64().expect("seconds"));
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
        let off = said as f64 - wanted;
        assert!(off.abs() <= 3.0, "{off} s: {row}");
        assert!(row.get("cmdline").is_none(), "{row}");
    }
    // And nothing is left out.
    let part = &fleet.json_lines(&["hunt", "show", &hunt, "--agents"])[0];
    assert_eq!(part["seen"], rows.len(), "{part}");
    assert!(rows.len() > pids.len(), "the test itself runs, too");
}

#[test]
fn a_list_of_hashes_says_which_machines_run_a_listed_file() {
    let fleet = Fleet::start_with(2, |bundle| {
        if bundle.file_name().expect("a name").to_string_lossy().starts_with("agent-1-") {
            let text = "deny_roots = [\"/nowhere\"]\n";
            fs::write(bundle.join("policy.toml"), text).expect("a policy");
        } else {
            let text = "artifacts = [\"processes\"]\nprocesses.cmdline = true\n";
            fs::write(bundle.join("policy.toml"), text).expect("a policy");
        }
    });
    let (file, list) = (fleet.path("implant"), fleet.path("bad.txt"));
    let digest = program(&file);
    fs::write(&list, &digest).expect("a list");
    let mut sleepers = Sleepers(Vec::new());
    let pids = [sleepers.run(&file, None), sleepers.run(&file, None)];
    let list = list.to_string_lossy();
    let output =
        fleet.muster(["hunt", "run", "--artifact", "processes", "--ioc", &list].as_slice());
    // One of the two declines, and that is said.
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains(&digest) && table.contains("ok match"), "{table}");
    let head = table.lines().next().expect("a header");
    for name in ["AGENT", "PID", "STATUS", "COMM", "EXE"] {
        assert!(head.contains(name), "{head}");
    }
    let hunt = fleet.json_lines(&["hunt", "list"])[0]["id"].as_str().expect("an id").to_owned();
    let rows = fleet.json_lines(&["hunt", "results", &hunt]);
    let matched: Vec<_> = rows.iter().filter(|row| row["match"] == "sha256").collect();
    assert_eq!(matched.len(), 2, "{rows:?}");
    for pid in pids {
        let row = of(&rows, pid);
        let cmdline = format!("{}\0600\0", file.display());
        assert_eq!(row["cmdline"], cmdline, "its policy shows it");
    }
    for part in fleet.json_lines(&["hunt", "show", &hunt, "--agents"]) {
        if part["agent"].as_str().expect("an id").starts_with("agent-1-") {
            assert_eq!((&part["state"], &part["code"]), (&"declined".into(), &"policy".into()));
            assert!(part["reason"].as_str().expect("why").contains("`artifacts`"), "{part}");
        } else {
            assert_eq!(
                (&part["state"], &part["matched"]),
                (&"finished".into(), &2.into()),
                "{part}"
            );
        }
    }
    // The same question to what is stored, and as a spreadsheet.
    let found = fleet.json_lines(&["who-has", &digest]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|row| row["exe"] == *file.to_string_lossy()), "{found:?}");
    let csv = fleet.muster_ok(["hunt", "results", &hunt, "--output", "csv"]);
    assert!(
        csv.starts_with("hunt,agent,host,pid,ppid,status,errno,started,uid,comm,comm_b64,"),
        "{csv}"
    );
    // A tree is no question to ask of processes.
    let output =
        fleet.muster(["hunt", "run", "--artifact", "processes", "--root", "/etc"].as_slice());
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--root does not apply to processes"), "{said}");
}
