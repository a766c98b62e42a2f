//! Rows that say what really happened: links as roots, files that lie about their size, entries that go away.

use std::os::unix::fs::symlink;
use std::path::Path;

use common::request::hunt::FileHash;
use common::result::{FileKind, FileStatus};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{names, run, spec, write};

#[test]
fn pseudo_file_systems_are_rows_and_are_not_entered() {
    let skip = |root: &str| {
        let (rows, footer) = run(&spec(Path::new(root)));
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.path.as_slice(), row.status), (root.as_bytes(), FileStatus::SkippedFs));
        assert_eq!((row.ino, row.size), (0, 0), "not even looked at");
        assert_eq!((footer.seen, footer.skipped.get("skipped_fs")), (1, Some(&1)));
        assert_eq!(footer.mounts_skipped.keys().collect::<Vec<_>>(), ["/proc proc"]);
    };
    skip("/proc");
    skip("/proc/self/status");
    let top = FileHash { max_depth: Some(1), hashes: Vec::new(), ..spec(Path::new("/")) };
    let (rows, _) = run(&top);
    let proc = rows.iter().find(|row| row.path == b"/proc").unwrap();
    assert_eq!(proc.status, FileStatus::SkippedFs);
    let own = FileHash { all_file_systems: true, ..spec(Path::new("/proc/self/status")) };
    let (rows, _) = run(&own);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let empty = Sha256::digest(b"").to_vec();
    assert_ne!(row.digests.first().unwrap().1, empty, "it claims to be empty and is not");
    assert!(row.size > 500, "{} is the size of what was read", row.size);
}

#[test]
fn a_root_that_is_a_link_is_followed_and_no_link_below_it() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "real/file", b"abc");
    write(folder.path(), "real/sub/deeper", b"abcd");
    symlink("file", folder.path().join("real/link")).unwrap();
    symlink("sub", folder.path().join("real/to-sub")).unwrap();
    // By a chain of links, upwards too.
    symlink(folder.path().join("hop"), folder.path().join("via")).unwrap();
    symlink("real/sub/../../real", folder.path().join("hop")).unwrap();
    let via = folder.path().join("via");
    let (rows, footer) = run(&spec(&via));
    let ok = |name: &str| (name.to_owned(), FileStatus::Ok);
    let link = |name: &str| (name.to_owned(), FileStatus::SkippedKind);
    let wanted = [ok("file"), link("link"), ok("sub/deeper"), link("to-sub")];
    assert_eq!(names(&via, &rows), wanted, "under the path that was asked for");
    assert_eq!(footer.listed, 2, "the root and its folder");

    let to_file = folder.path().join("to-file.so");
    symlink("via/file", &to_file).unwrap();
    let by_name = FileHash { include: vec!["*.so".into()], ..spec(&to_file) };
    let (rows, _) = run(&by_name);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.kind, row.status, row.size), (FileKind::Regular, FileStatus::Ok, 3));
    assert_eq!(names(folder.path(), &rows)[0].0, "to-file.so");
}

#[test]
fn a_root_that_leads_nowhere_says_so() {
    let folder = TempDir::new().unwrap();
    let root = |name: &str, target: &str| {
        let path = folder.path().join(name);
        symlink(target, &path).unwrap();
        let (rows, _) = run(&spec(&path));
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        (row.status, row.errno)
    };
    assert_eq!(root("dangling", "nowhere"), (FileStatus::Vanished, libc::ENOENT));
    assert_eq!(root("loop", "loop"), (FileStatus::IoError, libc::ELOOP));
    write(folder.path(), "file", b"");
    assert_eq!(root("through", "file/x"), (FileStatus::IoError, libc::ENOTDIR));
    assert_eq!(root("into", "/proc/self/status"), (FileStatus::SkippedFs, 0), "not even by a link");
}

#[test]
fn overlapping_roots_stay_apart_when_one_is_a_link() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "usr/bin/ls", b"ls");
    symlink("usr/bin", folder.path().join("bin")).unwrap();
    let root = |path: &Path| ByteBuf::from(path.as_os_str().as_encoded_bytes());
    let roots = vec![root(folder.path()), root(&folder.path().join("bin"))];
    let (rows, _) = run(&FileHash { roots, ..spec(folder.path()) });
    let mut kept = names(folder.path(), &rows);
    kept.sort();
    let ok = |name: &str| (name.to_owned(), FileStatus::Ok);
    assert_eq!(kept, [ok("bin/ls"), ok("usr/bin/ls")]);
}
