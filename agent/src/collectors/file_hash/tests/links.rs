//! Files with several names.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;

use rustix::fd::OwnedFd;

use super::*;
use crate::collectors::file_hash::collect_on;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::{Found, Place};
use crate::collectors::file_hash::scan::hard_links::{Claim, HardLinks};
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::seen;
use crate::files::statx;

/// Makes a file with these names; returns how long it is.
fn with_names(root: &Path, names: &[&str], content: &[u8]) -> u64 {
    let first = write(root, names[0], content);
    for name in &names[1..] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::hard_link(&first, path).unwrap();
    }
    content.len() as u64
}

#[test]
fn a_file_is_read_once_and_a_row_under_each_of_its_names() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let mut size = with_names(root, &["a", "b", "d/e/c", "z"], &vec![7; 70_000]);
    size += with_names(root, &["m/1", "m/2"], b"");
    size += with_names(root, &["big/1", "d/big", "zz"], &vec![9; 9 << 20]);
    size += with_names(root, &["alone"], b"alone");
    for workers in [1, 2, 5] {
        let session = FakeSession::new();
        let footer = collect_on(&spec(root), &session, workers).unwrap();
        let rows = seen(&session).rows;
        let paths: BTreeSet<_> = rows.iter().map(|row| row.path.clone()).collect();
        assert_eq!((rows.len(), paths.len(), footer.hashed), (10, 10, 10));
        for row in &rows {
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(&row.path));
            let content = fs::read(&path).unwrap();
            assert_eq!(row.status, FileStatus::Ok);
            assert_eq!(
                (row.size, row.nlink),
                (content.len() as u64, path.metadata().unwrap().nlink())
            );
            assert_eq!(row.digests.as_slice(), [sha256(&content)]);
        }
        assert_eq!(footer.bytes_read, size, "each content once, {workers} workers");
        let behind: u64 = rows.iter().map(|row| row.size).sum();
        assert_eq!((footer.bytes_hashed, seen(&session).files), (behind, 10));
    }
}

#[test]
fn what_the_table_does_not_hold_is_read_under_each_name() {
    let folder = TempDir::new().unwrap();
    for n in 0..20 {
        let (x, y) = (format!("x/{n:02}"), format!("y/{n:02}"));
        with_names(folder.path(), &[&x, &y], &[n; 10]);
    }
    let session = FakeSession::new();
    let footer = collect_on(&spec(folder.path()), &session, 1).unwrap();
    assert_eq!(seen(&session).rows.len(), 40);
    assert!(seen(&session).rows.iter().all(|row| row.status == FileStatus::Ok));
    // Eight of the twenty were known when their second name came.
    assert_eq!(footer.bytes_read, 320);
}

#[test]
fn a_list_judges_every_name() {
    let folder = TempDir::new().unwrap();
    with_names(folder.path(), &["bad", "harmless", "z/bad"], b"bad");
    with_names(folder.path(), &["good", "y/good"], b"good");
    let ioc = file_hash::Args { ioc: vec![sha256_of(&[b"bad"])], ..spec(folder.path()) };
    let (rows, footer) = run(&ioc);
    let ok = |name: &str| (name.to_owned(), FileStatus::Ok);
    assert_eq!(names(folder.path(), &rows), ["bad", "harmless", "z/bad"].map(ok));
    assert_eq!((footer.matched, footer.unmatched, footer.bytes_read), (3, 2, 7));
}

#[test]
fn what_happens_to_the_first_name_happens_to_those_that_wait() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "a", b"content");
    for name in ["b", "c"] {
        fs::hard_link(&path, folder.path().join(name)).unwrap();
    }
    let open = |name: &str| {
        let file = OwnedFd::from(File::open(folder.path().join(name)).unwrap());
        let stat = statx::of_open(&file).unwrap();
        let row = meta::row(name.as_bytes().to_vec(), &stat, FileStatus::Ok);
        Open { file, found: Box::new(Found::free(row)), expected: None }
    };
    let place = |index| Place { batch: 0, index };
    let id = meta::file_id_of(&open("a").found.row);
    let digests = Digests::from_elem((HashKind::Sha256, Digest::from_elem(1, 32)), 1);
    for (status, errno) in [
        (FileStatus::Ok, 0),
        (FileStatus::CacheMismatch, 0),
        (FileStatus::Changed, 0),
        (FileStatus::IoError, libc::EIO),
    ] {
        let digests = if status.has_digests() { digests.clone() } else { Digests::new() };
        let links = HardLinks::new(&[HashKind::Sha256]);
        assert!(matches!(links.claim(place(0), open("a")), Claim::ReadFirst(_)));
        assert!(matches!(links.claim(place(1), open("b")), Claim::Waits));
        let bare = Row::bare(b"a".to_vec(), FileKind::Regular, status, 0);
        let first = Row { size: 7, errno, digests: digests.clone(), ..bare };
        let waited = links.finish(id, &first);
        let [(at, found)] = waited.as_slice() else { panic!("{waited:?}") };
        let row = &found.row;
        assert_eq!((at.index, row.path.as_slice(), row.status), (1, &b"b"[..], status));
        assert_eq!((row.errno, &row.digests, row.nlink), (errno, &digests, 3));
        match (links.claim(place(2), open("c")), status) {
            (Claim::Known(found), FileStatus::Ok | FileStatus::CacheMismatch) => {
                let row = found.row;
                assert_eq!((row.path.as_slice(), row.status), (&b"c"[..], status));
                assert_eq!(row.digests, digests);
                // All names were met: nothing is held any more.
                assert!(matches!(links.claim(place(3), open("c")), Claim::ReadFirst(_)));
            }
            (Claim::ReadFirst(_), FileStatus::Changed | FileStatus::IoError) => {}
            (other, _) => panic!("{status:?}: {other:?}"),
        }
    }
}
