//! A hunt with a list of hashes, through a whole fleet.

use std::fs;

use serde_json::Value;
use tests::fleet::Fleet;
use tests::swarm::trees;
use tests::tree::sha256_of_bytes;

/// Of `bad by md5`, by `md5sum`.
const MD5: &str = "b0f9bf19dcf55004335ffdfd6c395cf9";

#[test]
fn a_list_of_hashes_brings_back_the_matches_and_counts_the_rest() {
    let fleet = Fleet::start(2);
    let root = fleet.path("tree");
    trees::write(&root, 100, 5).expect("a tree");
    let write = |name: &str, content: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    };
    let by_sha256 = write("docs/holiday\u{202e}gpj.exe", "bad by sha256");
    let by_md5 = write(" -rf", "bad by md5");
    write("innocent/bad by md5", "good");
    let list = fleet.path("bad.csv");
    let sha256 = sha256_of_bytes(b"bad by sha256").to_uppercase();
    fs::write(&list, format!("what,hash\ndropper,{sha256}\nkit,{MD5}\nkit,{MD5}\n")).unwrap();
    let (root, list) = (root.to_string_lossy(), list.to_string_lossy());

    let ran = fleet.muster(["hunt", "run", "--root", &root, "--ioc", &list, "--output", "jsonl"]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}");
    let rows: Vec<Value> = ran
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    for agent in &fleet.agents {
        let of_agent = rows.iter().filter(|row| row["agent"] == agent.id.as_str());
        let found: Vec<_> = of_agent.map(|row| (text(row, "path"), text(row, "match"))).collect();
        let expected = [(by_md5.clone(), "md5"), (by_sha256.clone(), "sha256")];
        assert_eq!(found, expected.map(|(path, kind)| (path, kind.to_owned())), "{said}");
    }
    assert!(said.contains("1 md5, 1 sha256; 1 came more than once"), "{said}");
    assert!(said.contains("to 2 agents"), "{said}");
    assert!(said.contains(", 4 matched"), "{said}");

    let hunts = fleet.json(&["hunt", "list"]);
    let hunt = text(&hunts[0], "id");
    let shown = fleet.json(&["hunt", "show", &hunt]);
    assert_eq!((&shown["ioc"], &shown["progress"]["matched"]), (&2.into(), &4.into()), "{shown}");
    for part in fleet.json_lines(&["hunt", "show", &hunt, "--agents"]) {
        let count = |field: &str| part[field].as_u64().unwrap_or(u64::MAX);
        assert_eq!(count("hashed"), 103, "{part}");
        assert_eq!((count("matched"), count("unmatched"), count("rows")), (2, 101, 2), "{part}");
    }
    let table = fleet.muster_ok(["hunt", "results", &hunt]);
    assert_eq!(table.lines().filter(|line| line.contains(" ok match ")).count(), 4, "{table}");
}

#[test]
fn a_line_that_is_no_hash_is_said_in_three_lines() {
    let fleet = Fleet::start(0);
    let refused = |text: &str, more: &[&str]| {
        let list = fleet.path("bad.txt");
        fs::write(&list, text).unwrap();
        let (list, out) = (list.to_string_lossy(), fleet.path("hunt.sealed"));
        let out = out.to_string_lossy();
        let flags = ["hunt", "seal", "--root", "/x", "--out", &out, "--ioc", &list];
        let ended = fleet.muster(flags.iter().chain(more));
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, said) = refused(&format!("{MD5}\nnot a hash\n"), &[]);
    assert_eq!(code, Some(64), "{said}");
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.contains("bad.txt: line 2 cannot be taken, at column 1"), "{said}");
    let (code, said) = refused(&format!("{MD5}\nnot a hash\n"), &["--ioc-skip-bad"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("lines without a hash, left out: 1"), "{said}");
}
