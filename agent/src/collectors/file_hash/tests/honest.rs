//! Rows that say what really happened: links as roots, files that lie about their size, entries that go away.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::{FileKind, FileStatus};
use rustix::fd::OwnedFd;
use serde_bytes::ByteBuf;
use tempfile::TempDir;

use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::{Batch, Found, Outcome, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::scan::hard_links::HardLinks;
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::scan::reader::Reader;
use crate::collectors::file_hash::scan::stream::ToRead;
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::stats::Rules;
use crate::collectors::file_hash::tests::names;
use crate::collectors::file_hash::tests::run;
use crate::collectors::file_hash::tests::seen;
use crate::collectors::file_hash::tests::sha256;
use crate::collectors::file_hash::tests::spec;
use crate::collectors::file_hash::tests::write;
use crate::collectors::file_hash::upload::Uploads;
use crate::files::statx;
use crate::session::fake::FakeSession;

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
    let top = file_hash::Args { max_depth: Some(1), hashes: Vec::new(), ..spec(Path::new("/")) };
    let (rows, _) = run(&top);
    let proc = rows.iter().find(|row| row.path == b"/proc").unwrap();
    assert_eq!(proc.status, FileStatus::SkippedFs);
    let own = file_hash::Args { all_file_systems: true, ..spec(Path::new("/proc/self/status")) };
    let (rows, _) = run(&own);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_ne!(row.digests.as_slice(), [sha256(b"")], "it claims to be empty and is not");
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
    let by_name = file_hash::Args { include: vec!["*.so".into()], ..spec(&to_file) };
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
    let (rows, _) = run(&file_hash::Args { roots, ..spec(folder.path()) });
    let mut kept = names(folder.path(), &rows);
    kept.sort();
    let ok = |name: &str| (name.to_owned(), FileStatus::Ok);
    assert_eq!(kept, [ok("bin/ls"), ok("usr/bin/ls")]);
}

/// What another program does to a file.
type Change = fn(&Path);

const CHANGES: [(&str, Change); 6] = [
    ("untouched", |_| {}),
    ("grown", |path| write!(OpenOptions::new().append(true).open(path).unwrap(), "more").unwrap()),
    ("cut", |path| OpenOptions::new().write(true).open(path).unwrap().set_len(2).unwrap()),
    ("emptied", |path| drop(File::create(path).unwrap())),
    ("rewritten", |path| fs::write(path, "CONTENT").unwrap()),
    ("deleted", |path| fs::remove_file(path).unwrap()),
];

/// Opens files one after the other, changes them, and only then reads them; returns their rows.
fn rows_of_changed(
    root: &Path,
    hashes: &[HashKind],
) -> Vec<muster_protocol::artifact::file_hash::Row> {
    let session = FakeSession::new();
    let spec = file_hash::Args { hashes: hashes.to_vec(), ..spec(root) };
    let plan = Plan::new(&spec, &session).unwrap();
    let window = ReorderBuffer::new(Cursor::default(), Rules::of(&plan), Uploads::default());
    let links = HardLinks::new(&plan.hashes);
    let mut reader = Reader::new(&plan, &window, &links, &session);
    let mut delivery = OutcomeBuffer::new(&window);
    let mut batch = Batch::new(0);
    for (name, _) in &CHANGES {
        batch.push_done(Outcome::Folder, name.as_bytes());
    }
    window.open(&batch);
    for (index, (name, change)) in CHANGES.iter().enumerate() {
        let path = write(root, name, b"content");
        let file = OwnedFd::from(File::open(&path).unwrap());
        let stat = statx::of_open(&file).unwrap();
        let row = meta::row(name.as_bytes().to_vec(), &stat, FileStatus::Ok);
        let open = Open { file, found: Box::new(Found::free(row)), expected: None };
        // Some file systems tell times that lie a tick of the kernel apart, and none within.
        std::thread::park_timeout(Duration::from_millis(20));
        change(&path);
        let file = ToRead { place: Place { batch: 0, index }, open, is_first: false };
        let rest = reader.take(file, &mut delivery, &session).unwrap();
        reader.read_group(rest.into_iter().collect(), &mut delivery, &session).unwrap();
    }
    delivery.deliver();
    window.close();
    window.emit(&session).unwrap();
    drop((reader, delivery));
    let bytes = window.finish().unwrap().bytes_read;
    let rows = seen(&session).rows;
    assert_eq!(bytes, rows.iter().map(|row| row.size).sum::<u64>(), "each byte is counted once");
    rows
}

#[test]
fn what_happens_to_a_file_between_its_opening_and_its_reading_shows() {
    for hashes in [vec![HashKind::Sha256], vec![HashKind::Sha256, HashKind::Md5]] {
        let folder = TempDir::new().unwrap();
        let rows = rows_of_changed(folder.path(), &hashes);
        let said: Vec<_> = rows.iter().map(|row| (row.status, row.size)).collect();
        let changed = |size| (FileStatus::Changed, size);
        let wanted =
            [(FileStatus::Ok, 7), changed(11), changed(2), changed(0), changed(7), changed(7)];
        assert_eq!(said, wanted, "and the size is that of what was read");
        let read = ["content", "contentmore", "co", "", "CONTENT", "content"];
        for (row, read) in rows.iter().zip(read) {
            assert!(row.digests.contains(&sha256(read.as_bytes())), "{row:?}");
        }
    }
}
