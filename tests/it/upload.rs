//! Files that match come back themselves, through a whole fleet.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::tree::sha256_of_bytes;

const LONG: Duration = Duration::from_mins(2);

fn allow(bundle: &Path) {
    fs::write(bundle.join("policy.toml"), "max_upload_bytes = 100000000\n").unwrap();
}

/// Writes a file below the tree; returns what it holds and its SHA-256.
fn write(root: &Path, name: &str, bytes: usize) -> (Vec<u8>, String) {
    let content: Vec<u8> =
        (0..bytes).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    fs::create_dir_all(root).unwrap();
    fs::write(root.join(name), &content).unwrap();
    let digest = sha256_of_bytes(&content);
    (content, digest)
}

#[test]
fn what_matches_is_listed_and_fetched_where_the_policy_allows_it() {
    let fleet = Fleet::start_with(2, |bundle| {
        if bundle.file_name().unwrap().to_string_lossy().starts_with("agent-1-") {
            allow(bundle);
        }
    });
    let root = fleet.path("tree");
    let (content, digest) = write(&root, "=bad\u{1b}", 700_000);
    let (_, too_big) = write(&root, "big", 900_000);
    fs::write(root.join("good"), "good").unwrap();
    let list = fleet.path("bad.txt");
    fs::write(&list, format!("{digest}\n{too_big}\n")).unwrap();
    let (root, list) = (root.to_string_lossy(), list.to_string_lossy());
    let flags = ["--ioc", &list, "--upload-matches", "--upload-max-file", "800k"];
    let launch = ["hunt", "launch", "--root", &root].into_iter().chain(flags);
    let hunt = fleet.json(&launch.collect::<Vec<_>>())["id"].as_str().unwrap().to_owned();
    let shown = fleet.await_hunt(&hunt, LONG);
    let states = &shown["states"];
    assert_eq!((&states["finished"], &states["declined"]), (&1.into(), &1.into()), "{shown}");
    for part in fleet.json_lines(&["hunt", "show", &hunt, "--agents"]) {
        if part["state"] == "declined" {
            assert!(part["reason"].as_str().unwrap().contains("lets no file leave"), "{part}");
        } else {
            assert_eq!((&part["matched"], &part["uploaded"]), (&2.into(), &1.into()), "{part}");
            assert_eq!(part["reasons"]["not_uploaded"]["file_too_big"], 1, "{part}");
        }
    }
    let rows = fleet.json_lines(&["hunt", "results", &hunt]);
    let sent: Vec<_> = rows.iter().map(|row| (&row["sha256"], &row["uploaded"])).collect();
    let (digest_value, yes) = (Value::from(digest.as_str()), Value::from(true));
    assert!(sent.contains(&(&digest_value, &yes)), "{rows:?}");
    assert_eq!(sent.iter().filter(|(_, uploaded)| **uploaded == yes).count(), 1);

    let folder = fleet.path("evidence");
    let out = folder.to_string_lossy();
    for _ in 0..2 {
        let files = fleet.json_lines(&["hunt", "files", &hunt, "--out", &out]);
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!((&files[0]["sha256"], &files[0]["size"]), (&digest_value, &700_000.into()));
        assert_eq!(files[0]["paths"], Value::from(vec![format!("{root}/=bad\u{1b}")]));
        let names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [digest.as_str()], "under its digest, and nothing beside it");
        assert_eq!(fs::read(folder.join(&digest)).unwrap(), content);
        let mode = fs::metadata(folder.join(&digest)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    for (flag, password) in [("--zip", "infected"), ("--zip=hunter2", "hunter2")] {
        let folder = fleet.path(password);
        fleet.muster_ok(["hunt", "files", &hunt, "--out", &folder.to_string_lossy(), flag]);
        let names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [format!("{digest}.zip").as_str()]);
        let mut unzip = Command::new("unzip");
        unzip.args(["-q", "-P", password]).arg(folder.join(&names[0])).arg("-d").arg(&folder);
        assert!(unzip.status().expect("unzip is installed").success());
        assert_eq!(fs::read(folder.join(&digest)).unwrap(), content);
    }
}

#[test]
fn an_agent_killed_while_it_sends_a_file_sends_it_whole() {
    let mut fleet = Fleet::start_with(1, allow);
    let root = fleet.path("tree");
    let (_, digest) = write(&root, "bad", 8_000_000);
    let list = fleet.path("bad.txt");
    fs::write(&list, &digest).unwrap();
    let (root, list) = (root.to_string_lossy().into_owned(), list.to_string_lossy().into_owned());
    let hunt = fleet.json(&[
        "hunt",
        "launch",
        "--root",
        &root,
        "--ioc",
        &list,
        "--upload-matches",
        "--max-mbps",
        "2",
    ]);
    let hunt = hunt["id"].as_str().unwrap().to_owned();
    let store = fleet.path("home").join("data").join("muster.sqlite");
    let pieces = |blob: i64| {
        let db = rusqlite::Connection::open(&store).map_err(|error| error.to_string())?;
        let sql = "SELECT count(*) FROM chunk WHERE blob = ?1";
        db.query_row(sql, [blob], |row| row.get::<_, i64>(0)).map_err(|error| error.to_string())
    };
    for blob in 0..2 {
        eventually("some of the file has come", LONG, || {
            let count = pieces(blob)?;
            if count >= 2 { Ok(()) } else { Err(format!("{count} pieces")) }
        });
        fleet.kill_agent(0);
        fleet.start_agent(0);
    }
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 1, "{shown}");
    let part = fleet.json_lines(&["hunt", "show", &hunt, "--agents"]).remove(0);
    assert_eq!(
        (&part["uploaded"], &part["upload_bytes"]),
        (&1.into(), &8_000_000.into()),
        "{part}"
    );
    let folder = fleet.path("evidence");
    let files = fleet.json_lines(&["hunt", "files", &hunt, "--out", &folder.to_string_lossy()]);
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(sha256_of_bytes(&fs::read(folder.join(&digest)).unwrap()), digest);
}
