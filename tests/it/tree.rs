//! The tree full of traps: every row's kind, status, size, digest and link target, as root and as a user.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tests::tree::{Reader, TrapTree};

/// A user without rights, on every system.
const NOBODY: u32 = 65_534;
/// More than one read, one permit and one big file's bound.
const SPARSE_BYTES: u64 = (300 << 20) + 1;

#[test]
fn every_trap_is_the_row_that_it_should_be() {
    if rustix::process::geteuid().is_root() {
        check(Reader::Root);
    }
    check(Reader::User);
}

fn check(reader: Reader) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    // The program where the other user may reach it.
    let program = folder.path().join("hash-tree");
    fs::copy(env!("CARGO_BIN_EXE_hash-tree"), &program).unwrap();
    let root = folder.path().join("tree");
    fs::create_dir(&root).unwrap();
    let tree = TrapTree::make(&root, SPARSE_BYTES, reader);

    let rows = rows(&program, &root, reader);
    let paths: Vec<_> = rows.keys().collect();
    assert_eq!(paths, tree.expected.keys().collect::<Vec<_>>(), "{reader:?}: the same paths");
    for (path, expected) in &tree.expected {
        let row = &rows[path];
        let shown = String::from_utf8_lossy(path);
        assert_eq!((row[0].as_str(), row[1].as_str()), (expected.kind, expected.status), "{shown}");
        if let Some(size) = expected.size {
            assert_eq!(row[2], size.to_string(), "{shown}");
        }
        assert_eq!(row[3], expected.sha256.clone().unwrap_or_default(), "{shown}");
        let target = expected.link_target.clone().unwrap_or_default();
        assert_eq!(row[4].as_bytes(), target, "{shown}");
    }
}

/// Runs the collector as `reader` and returns kind, status, size, digest and link target of each path.
fn rows(program: &Path, root: &Path, reader: Reader) -> BTreeMap<Vec<u8>, Vec<String>> {
    let mut command = Command::new(program);
    command.arg(root);
    if reader == Reader::User && rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    let mut rows = BTreeMap::new();
    for row in fields.chunks_exact(6) {
        let text = row[1..].iter().map(|field| String::from_utf8_lossy(field).into_owned());
        assert!(rows.insert(row[0].to_vec(), text.collect()).is_none(), "a path came twice");
    }
    rows
}
