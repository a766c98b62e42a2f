//! A run that is interrupted anywhere and taken up again is one run.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Uid;
use serde_bytes::ByteBuf;
use tempfile::TempDir;

use crate::collectors::CollectError;
use crate::collectors::file_hash::collect_on;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::cursor::done_with;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::names;
use crate::collectors::file_hash::tests::run;
use crate::collectors::file_hash::tests::spec;
use crate::collectors::file_hash::tests::write;
use crate::collectors::file_hash::tests::{seen, stored};
use crate::session::Stop;
use crate::session::fake::FakeSession;

/// What must be the same however often a run was interrupted.
fn lasting(footer: &file_hash::Footer) -> file_hash::Footer {
    file_hash::Footer {
        bytes_read: 0,
        slowest_ms: 0,
        slowest_path: ByteBuf::new(),
        ..footer.clone()
    }
}

/// Runs to the end over any number of interruptions, as the journal would have it: what was emitted stays,
/// and the next run begins from the last cursor.
fn run_interrupted(spec: &file_hash::Args, stops: &[u64]) -> (Vec<Row>, file_hash::Footer, usize) {
    let mut rows = Vec::new();
    let mut cursor: Option<Vec<u8>> = None;
    let mut resumed = 0;
    for stop in stops.iter().copied().chain([u64::MAX]) {
        let session = FakeSession::new().resuming(cursor.clone()).cancelling_at(stop);
        resumed += usize::from(cursor.is_some());
        let ended = collect_on(spec, &session, 2);
        rows.extend(seen(&session).rows);
        cursor = session.last_cursor().or(cursor);
        match ended {
            Ok(footer) => return (rows, footer, resumed),
            Err(CollectError::Stop(Stop::Cancelled)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("never ended");
}

/// How often a run began from a cursor.
static RESUMED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn an_interrupted_run_is_an_uninterrupted_one() {
    interrupted_is_uninterrupted();
    let resumed = RESUMED.load(Ordering::Relaxed);
    assert!(resumed > 10, "only {resumed} runs began from a cursor: the test proves nothing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    fn interrupted_is_uninterrupted(
        paths in prop::collection::btree_set("([ab-]{1,2}/){0,4}[ab]{1,2}f", 30..120),
        stops in prop::collection::vec(40_u64..300, 4..12),
        is_listing: bool,
        has_filter: bool,
        has_size: bool,
        has_two_roots: bool,
        has_list: bool,
        has_links: bool,
    ) {
        let folder = TempDir::new().unwrap();
        for path in &paths {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, path.as_os_str().as_bytes()).unwrap();
        }
        if has_links {
            for (n, path) in paths.iter().enumerate() {
                let path = folder.path().join(path);
                for name in [path.with_extension("beside"), folder.path().join(format!("far{n}"))] {
                    fs::hard_link(&path, name).unwrap();
                }
            }
        }
        let mut spec = spec(folder.path());
        if is_listing {
            spec.hashes.clear();
        }
        if has_filter {
            spec.exclude = vec!["b".into()];
            spec.include = vec!["a*".into()];
        }
        if has_size {
            // The content of a file is its path.
            spec.min_size = Some(folder.path().as_os_str().len() as u64 + 7);
        }
        if has_two_roots {
            spec.roots.push(ByteBuf::from(folder.path().join("a").as_os_str().as_bytes()));
        }
        if has_list && !is_listing {
            let listed = paths.iter().filter(|path| path.ends_with("af"));
            let listed: Vec<_> = listed.map(|path| folder.path().join(path)).collect();
            let contents: Vec<_> = listed.iter().map(|path| path.as_os_str().as_bytes()).collect();
            if !contents.is_empty() {
                spec.ioc = vec![sha256_of(&contents)];
            }
        }
        let (whole, footer) = run(&spec);
        let (rows, resumed, times) = run_interrupted(&spec, &stops);
        RESUMED.fetch_add(times, Ordering::Relaxed);
        let each: BTreeSet<_> = rows.iter().map(|row| &row.path).collect();
        prop_assert_eq!(each.len(), rows.len(), "nothing twice");
        let plain = |rows: &[Row]| {
            let keep = |row: &Row| Row { atime_ns: 0, ..row.clone() };
            rows.iter().map(keep).collect::<Vec<_>>()
        };
        prop_assert_eq!(plain(&rows), plain(&whole), "the same rows in the same order");
        prop_assert_eq!(lasting(&resumed), lasting(&footer));
    }
}

/// Runs something as a user who may not read everything: on a thread of its own, for the rights of a thread are
/// its own, and those that it starts inherit them.
pub(super) fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                let nobody = Uid::from_raw(65_534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            work()
        });
        thread.join().unwrap()
    })
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder that everybody may enter.
fn open_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    set_mode(folder.path(), 0o755);
    folder
}

/// Runs from a cursor to the end; returns the rows, the cursors with the number of rows before each, the figures.
fn run_from(
    spec: &file_hash::Args,
    cursor: Option<&Cursor>,
) -> (Vec<Row>, Vec<(usize, Cursor)>, file_hash::Footer) {
    let session = FakeSession::new().resuming(cursor.map(stored));
    let footer = as_nobody(|| collect_on(spec, &session, 1)).unwrap();
    let seen = seen(&session);
    (seen.rows, seen.cursors, footer)
}

/// Returns the last cursor that was out with so many rows.
fn cursor_at(cursors: &[(usize, Cursor)], rows: usize) -> Cursor {
    cursors.iter().rfind(|(out, _)| *out == rows).expect("a cursor there").1.clone()
}

#[test]
fn a_folder_that_is_closed_while_the_agent_is_away_is_one_row() {
    let folder = open_folder();
    for name in ["a/1", "a/2", "a/3", "z"] {
        write(folder.path(), name, b"");
    }
    for is_listing in [false, true] {
        let mut spec = spec(folder.path());
        if is_listing {
            spec.hashes.clear();
        }
        let (whole, cursors, _) = run_from(&spec, None);
        // Behind a/1.
        let before = whole.iter().position(|row| row.path.ends_with(b"a/1")).unwrap() + 1;
        set_mode(&folder.path().join("a"), 0);
        let cursor = cursor_at(&cursors, before);
        let (rows, _, footer) = run_from(&spec, Some(&cursor));
        let denied = ("a".to_owned(), FileStatus::Denied);
        let last = ("z".to_owned(), FileStatus::Ok);
        assert_eq!(
            names(folder.path(), &rows),
            [denied, last.clone()],
            "the rest of it is not lost in silence"
        );
        assert_eq!(footer.failed.get("denied"), Some(&1));
        // Interrupted again right behind that row, it is not said again, and a folder that can be read again is not
        // begun again.
        let closed =
            Cursor { after: done_with(folder.path().join("a").as_os_str().as_bytes()), ..cursor };
        assert_eq!(
            names(folder.path(), &run_from(&spec, Some(&closed)).0),
            std::slice::from_ref(&last)
        );
        set_mode(&folder.path().join("a"), 0o755);
        assert_eq!(names(folder.path(), &run_from(&spec, Some(&closed)).0), [last]);
    }
}

#[test]
fn a_root_that_goes_away_while_the_agent_is_away_is_one_row() {
    let folder = open_folder();
    let root = folder.path().join("outer/root");
    for name in ["a", "b"] {
        write(&root, name, b"");
    }
    let (_, cursors, _) = run_from(&spec(&root), None);
    let behind_a = cursor_at(&cursors, 1);
    let again = |wanted: FileStatus| {
        let (rows, cursors, footer) = run_from(&spec(&root), Some(&behind_a));
        assert_eq!(names(&root, &rows), [(String::new(), wanted)]);
        assert_eq!(footer.failed.values().sum::<u64>(), 1);
        assert!(run_from(&spec(&root), Some(&cursor_at(&cursors, 1))).0.is_empty(), "said once");
    };
    set_mode(&folder.path().join("outer"), 0);
    again(FileStatus::Denied);
    set_mode(&folder.path().join("outer"), 0o755);
    fs::rename(&root, folder.path().join("outer/other")).unwrap();
    again(FileStatus::Vanished);
}

/// What stands at a path of a generated tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    File,
    Folder,
    Link,
    /// To the root's folder of this number, over and under what it lies in.
    LinkTo(u8),
    /// To the file that was made before.
    HardLink,
    Pipe,
    ClosedFile,
    ClosedFolder,
}

/// Names of any bytes, those that mean something in a path left out.
fn odd_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'a'), Just(b'b'), Just(b'\n'), Just(b'.'), Just(b'-'), 1_u8..=255];
    prop::collection::vec(byte, 1..4)
        .prop_filter("a name", |name| !name.contains(&b'/') && name != b"." && name != b"..")
}

fn odd_tree() -> impl Strategy<Value = Vec<(Vec<Vec<u8>>, Thing)>> {
    let thing = prop_oneof![
        4 => Just(Thing::File),
        1 => Just(Thing::Folder),
        1 => Just(Thing::Link),
        1 => (0_u8..4).prop_map(Thing::LinkTo),
        1 => Just(Thing::HardLink),
        1 => Just(Thing::Pipe),
        1 => Just(Thing::ClosedFile),
        1 => Just(Thing::ClosedFolder),
    ];
    prop::collection::vec((prop::collection::vec(odd_name(), 1..5), thing), 10..40)
}

/// Makes the tree; where two things claim a path, the first has it. Returns the folders that were closed.
fn make(root: &Path, tree: &[(Vec<Vec<u8>>, Thing)]) -> Vec<std::path::PathBuf> {
    let mut closed = Vec::new();
    let mut last_file = None;
    let tops: Vec<_> = tree.iter().map(|(names, _)| OsStr::from_bytes(&names[0])).collect();
    for (names, thing) in tree {
        let path =
            names.iter().fold(root.to_owned(), |path, name| path.join(OsStr::from_bytes(name)));
        let is_free = fs::create_dir_all(path.parent().unwrap()).is_ok()
            && fs::symlink_metadata(&path).is_err();
        if !is_free {
            continue;
        }
        match thing {
            Thing::File => {
                fs::write(&path, path.as_os_str().as_bytes()).unwrap();
                last_file = Some(path);
            }
            Thing::LinkTo(top) => {
                symlink(root.join(tops[usize::from(*top) % tops.len()]), &path).unwrap();
            }
            Thing::HardLink => match &last_file {
                Some(file) => fs::hard_link(file, &path).unwrap(),
                None => fs::write(&path, "first").unwrap(),
            },
            Thing::Folder => fs::create_dir(&path).unwrap(),
            Thing::Link => symlink("nowhere", &path).unwrap(),
            Thing::Pipe => mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
            Thing::ClosedFile => {
                fs::write(&path, "closed").unwrap();
                set_mode(&path, 0);
            }
            Thing::ClosedFolder => {
                fs::create_dir(&path).unwrap();
                closed.push(path);
            }
        }
    }
    closed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_resume_at_any_row_never_changes_the_union_of_rows(
        tree in odd_tree(),
        at in prop::collection::vec(any::<prop::sample::Index>(), 4),
        is_listing: bool,
        follow: bool,
        has_select: bool,
    ) {
        let folder = open_folder();
        let closed = make(folder.path(), &tree);
        // From the inside out, and back.
        closed.iter().rev().for_each(|path| set_mode(path, 0));
        let mut spec = spec(folder.path());
        if is_listing {
            spec.hashes.clear();
        }
        spec.follow = follow;
        if has_select {
            spec.select.kinds = vec![FileKind::Regular, FileKind::Directory];
            spec.max_size = Some(folder.path().as_os_str().len() as u64 + 5);
        }
        let plain = |row: &Row| Row { atime_ns: 0, ..row.clone() };
        let (whole, cursors, footer) = run_from(&spec, None);
        let whole: Vec<_> = whole.iter().map(plain).collect();
        let runs: Vec<_> = at
            .iter()
            .map(|index| index.get(&cursors))
            .map(|(out, cursor)| (*out, run_from(&spec, Some(cursor))))
            .collect();
        for path in &closed {
            set_mode(path, 0o755);
        }
        for (out, (rest, _, resumed)) in runs {
            let union: Vec<_> = whole.iter().take(out).cloned().chain(rest.iter().map(plain)).collect();
            prop_assert_eq!(&union, &whole, "the same rows in the same order, none twice");
            prop_assert_eq!(lasting(&resumed), lasting(&footer));
        }
    }
}
