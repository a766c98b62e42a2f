//! The tree full of traps: every row's kind, status, error, size, digest and link target, as whoever runs the test
//! (root: nothing is closed) and as a user; and the figures against `find`'s.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::once::{Ended, Once, Reader, exact};
use tests::tree::{SPARSE_BYTES, TrapTree};

#[test]
fn every_trap_is_the_row_that_it_should_be() {
    check(Reader::Nobody, SPARSE_BYTES);
    // Once is enough for the long one; this one is still beyond a read, a permit and a small file's bound.
    check(Reader::Tester, (9 << 20) + 1);
}

fn check(reader: Reader, sparse_bytes: u64) {
    let once = Once::new();
    let root = once.path("tree");
    fs::create_dir(&root).unwrap();
    let tree = TrapTree::make(&root, sparse_bytes, reader);
    let ended = once.run(&Once::spec(&[&root]), reader);
    assert_eq!(ended.state, "finished");

    let paths: Vec<_> = ended.rows.keys().collect();
    assert_eq!(paths, tree.expected.keys().collect::<Vec<_>>(), "{reader:?}: the same paths");
    for (path, expected) in &tree.expected {
        let row = &ended.rows[path];
        assert_eq!(
            (&row["kind"], &row["status"]),
            (&expected.kind.into(), &expected.status.into()),
            "{row}"
        );
        assert_eq!(row["errno"], expected.errno, "{row}");
        if let Some(size) = expected.size {
            assert_eq!(row["size"], size, "{row}");
        }
        assert_eq!(row["sha256"].as_str(), expected.sha256.as_deref(), "{row}");
        assert_eq!(exact(row, "link_target"), expected.link_target, "{row}");
    }
    assert_eq!(ended.figure("/listed"), tree.folders, "{}", ended.footer);
    figures_agree_with_find(&ended, &root, reader);
}

/// What `find` says of one entry.
struct Found {
    kind: char,
    size: u64,
}

/// Counts, bytes and errors, as the same user sees them through another program.
fn figures_agree_with_find(ended: &Ended, root: &Path, reader: Reader) {
    let (all, errors) = find(root, reader, &[]);
    let (closed, _) = find(root, reader, &["-type", "f", "!", "-readable"]);
    let files = || all.iter().filter(|(_, found)| found.kind == 'f');
    let folders = all.values().filter(|found| found.kind == 'd').count() as u64;
    let entries = all.len() as u64;
    assert_eq!(ended.figure("/seen"), entries, "{}", ended.footer);
    let denied_files = closed.len() as u64;
    assert_eq!(ended.figure("/failed/denied"), denied_files + errors, "{}", ended.footer);
    assert_eq!(ended.figure("/hashed"), files().count() as u64 - denied_files);
    assert_eq!(ended.figure("/listed"), folders - errors);
    let others = entries - folders - files().count() as u64;
    assert_eq!(ended.figure("/skipped/skipped_kind"), others);
    let readable = files().filter(|(path, _)| !closed.contains_key(*path));
    assert_eq!(ended.figure("/bytes_hashed"), readable.map(|(_, found)| found.size).sum::<u64>());

    let is_error = |row: &&Value| row["errno"] != 0;
    assert_eq!(ended.rows.values().filter(is_error).count() as u64, denied_files + errors);
    for (path, row) in ended.rows.iter().filter(|(_, row)| row["kind"] == "file") {
        assert_eq!(row["size"], all[path].size, "{row}");
    }
    assert_eq!(ended.footer["rows"], ended.rows.len() as u64);
}

/// Returns every entry by its path, and how many folders `find` could not read.
fn find(root: &Path, reader: Reader, test: &[&str]) -> (BTreeMap<Vec<u8>, Found>, u64) {
    let mut command = Command::new("find");
    command.arg(root).args(test).args(["-printf", "%y %s %p\\0"]).env("LC_ALL", "C");
    reader.dress(&mut command);
    let output = command.output().expect("find");
    let errors = String::from_utf8_lossy(&output.stderr).matches(": Permission denied\n").count();
    assert!(output.status.success() || errors > 0, "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeMap::new();
    for entry in output.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let mut parts = entry.splitn(3, |byte| *byte == b' ');
        let mut text = || String::from_utf8_lossy(parts.next().expect("a field")).into_owned();
        let (kind, size) =
            (text().chars().next().expect("a kind"), text().parse().expect("a size"));
        found.insert(parts.next().expect("a path").to_vec(), Found { kind, size });
    }
    (found, errors as u64)
}
