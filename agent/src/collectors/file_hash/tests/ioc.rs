//! Hunts that carry a list of hashes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use md5::Md5;
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::artifact::ioc::{IocList, IocPartRef, SplitIocList};
use muster_protocol::ids::RequestId;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::collectors::CollectError;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::{Batch, Found, Outcome, Place, Verdict};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::stats::Rules;
use crate::collectors::file_hash::tests::collect;
use crate::collectors::file_hash::tests::names;
use crate::collectors::file_hash::tests::resume::as_nobody;
use crate::collectors::file_hash::tests::run;
use crate::collectors::file_hash::tests::seen;
use crate::collectors::file_hash::tests::sha256;
use crate::collectors::file_hash::tests::spec;
use crate::collectors::file_hash::tests::write;
use crate::collectors::file_hash::upload::Uploads;
use crate::session::fake::FakeSession;

/// Returns a list of the SHA-256 of some contents.
pub(super) fn sha256_of(contents: &[&[u8]]) -> IocList {
    let digests: Vec<_> = contents.iter().map(Sha256::digest).collect();
    IocList::new(HashKind::Sha256, 32, digests.iter().map(AsRef::as_ref))
}

fn with(root: &Path, ioc: Vec<IocList>) -> file_hash::Args {
    file_hash::Args { hashes: vec![HashKind::Md5, HashKind::Sha256], ioc, ..spec(root) }
}

#[test]
fn only_matches_come_back_and_what_could_not_be_judged() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    for n in 0..20 {
        write(root, &format!("good/{n}"), format!("good {n}").as_bytes());
    }
    write(root, "a/harmless.txt", b"bad by sha256");
    write(root, "z", b"bad by md5");
    write(root, "m/locked", b"bad by md5");
    symlink("z", root.join("link")).unwrap();
    fs::set_permissions(root.join("m/locked"), Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    let md5 = Md5::digest(b"bad by md5");
    let lists = vec![
        IocList::new(HashKind::Md5, 16, [md5.as_slice()]),
        sha256_of(&[b"bad by sha256", b"bad, and not here"]),
    ];
    let (rows, footer) = as_nobody(|| run(&with(root, lists)));
    let found = names(root, &rows);
    let found: Vec<_> = found.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    assert_eq!(
        found,
        [
            ("a/harmless.txt", FileStatus::Ok),
            ("link", FileStatus::SkippedKind),
            ("m/locked", FileStatus::Denied),
            ("z", FileStatus::Ok),
        ]
    );
    assert!(rows[0].digests.len() == 2, "a match has every digest");
    assert_eq!((footer.hashed, footer.matched, footer.unmatched), (22, 2, 20), "{footer:?}");
    assert_eq!(footer.accounted(), footer.seen);
    assert_eq!(footer.failed.get("denied"), Some(&1));
}

#[test]
fn digests_that_were_cut_match_the_same_files() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "bad", b"bad");
    write(folder.path(), "good", b"good");
    let digest = Sha256::digest(b"bad");
    let lists = vec![IocList::new(HashKind::Sha256, 16, [digest.as_slice()])];
    let (rows, footer) = run(&with(folder.path(), lists));
    assert_eq!(names(folder.path(), &rows), [("bad".to_owned(), FileStatus::Ok)]);
    assert_eq!((footer.matched, footer.unmatched), (1, 1));
}

#[test]
fn no_list_clears_what_changed_while_it_was_read() {
    let lists = vec![sha256_of(&[b"bad"])];
    let plan = Plan::new(&with(Path::new("/"), lists), &FakeSession::new()).unwrap();
    let verdict = |status: FileStatus, content: &[u8]| {
        let digests = [sha256(content)].into();
        let bare = Row::bare(b"/x".to_vec(), FileKind::Regular, status, 0);
        plan.judge(&Row { digests, ..bare })
    };
    assert_eq!(verdict(FileStatus::Ok, b"good"), Verdict::Unmatched);
    assert_eq!(verdict(FileStatus::Ok, b"bad"), Verdict::Matched);
    assert_eq!(verdict(FileStatus::Changed, b"bad"), Verdict::Matched);
    for unsure in [FileStatus::Changed, FileStatus::CacheMismatch, FileStatus::IoError] {
        assert_eq!(verdict(unsure, b"good"), Verdict::None, "{unsure:?}");
    }
}

#[test]
fn the_cursor_stands_behind_a_file_whose_row_does_not_leave() {
    let session = FakeSession::new();
    let rules = Rules { roots: vec![b"/r".to_vec()], ..Rules::default() };
    let window = ReorderBuffer::new(Cursor::default(), rules, Uploads::default());
    let judged = |path: &str, verdict: Verdict| {
        let row = Row::bare(path.as_bytes().to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        Outcome::Row(Box::new(Found { verdict, ..Found::free(row) }))
    };
    let mut batch = Batch::new(0);
    for name in ["a", "b", "c"] {
        batch.push_done(Outcome::Folder, name.as_bytes());
    }
    window.open(&batch);
    let place = |index| Place { batch: 0, index };
    let outcomes = [
        (place(0), judged("/r/a", Verdict::Matched)),
        (place(1), judged("/r/b", Verdict::Unmatched)),
    ];
    window.put(outcomes, 0);
    window.emit(&session).unwrap();
    let seen = seen(&session);
    assert_eq!(seen.rows.iter().map(|row| row.path.as_slice()).collect::<Vec<_>>(), [b"/r/a"]);
    let (_, cursor) = seen.cursors.last().unwrap();
    assert_eq!((cursor.after.as_slice(), cursor.footer.seen), (&b"/r/b/"[..], 2));
}

#[test]
fn a_list_that_came_in_parts_judges_as_one_that_was_carried() {
    let folder = TempDir::new().unwrap();
    for n in 0..50 {
        write(folder.path(), &format!("{n:02}"), format!("content {n}").as_bytes());
    }
    let (bad, other) = (Sha256::digest(b"content 7"), Sha256::digest(b"content 77"));
    let list = IocList::new(HashKind::Sha256, 8, [bad.as_slice(), other.as_slice()]);
    let part = IocPartRef { id: RequestId::new(), sha256: ByteBuf::new() };
    let named = SplitIocList { count: 2, parts: vec![part], whole: Vec::new() };
    let spec = file_hash::Args { list: Box::new(named), ..spec(folder.path()) };
    let session = FakeSession::new().with_list(vec![list]);
    let footer = collect(&spec, &session).unwrap();
    assert_eq!(names(folder.path(), &seen(&session).rows), [("07".to_owned(), FileStatus::Ok)]);
    assert_eq!((footer.matched, footer.unmatched), (1, 49));
    // Never without its list, and never against one that nothing is compared with.
    let md5 = IocList::new(HashKind::Md5, 8, [[1; 16].as_slice()]);
    for session in [FakeSession::new(), FakeSession::new().with_list(vec![md5])] {
        let failed = collect(&spec, &session).unwrap_err();
        assert!(matches!(failed, CollectError::Failed { code: "list_damaged", .. }), "{failed:?}");
        assert!(seen(&session).rows.is_empty());
    }
}
