//! Small trees, plain calls, a session that only remembers.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::artifact::{Digest, Digests};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::collectors::CollectError;
use crate::collectors::file_hash::Folders;
use crate::collectors::file_hash::cursor::Cursor;
use crate::session::Checkpoint;
use crate::session::Stop;
use crate::session::fake::{self, FakeSession};
use crate::session::live::LiveSession;
use crate::session::upload::Sent;
use muster_protocol::result::RowChunk;
use muster_protocol::wire;

mod access;
mod ahead;
mod cache;
mod cold;
mod ends;
mod follow;
mod honest;
mod ioc;
mod limits;
mod links;
mod resume;
mod resumed;
mod select;
mod together;
mod upload;

fn collect(
    spec: &file_hash::Args,
    session: &FakeSession,
) -> Result<file_hash::Footer, CollectError> {
    crate::collectors::file_hash::collect(spec, &Folders::default(), session)
}

fn spec(root: &Path) -> file_hash::Args {
    file_hash::Args {
        roots: vec![ByteBuf::from(root.as_os_str().as_bytes())],
        hashes: vec![HashKind::Sha256],
        ..file_hash::Args::default()
    }
}

fn run(spec: &file_hash::Args) -> (Vec<Row>, file_hash::Footer) {
    let session = FakeSession::new();
    let footer = collect(spec, &session).unwrap();
    let (entered, left) = session.threads();
    assert!(entered > 0 && entered == left, "every thread enters and leaves");
    let seen = seen(&session);
    let (out, last) = seen.cursors.last().cloned().unwrap();
    assert_eq!((out, &last.footer), (seen.rows.len(), &footer), "the last cursor says it all");
    (seen.rows, footer)
}

/// What a session has seen of a collection of files.
struct Seen {
    rows: Vec<Row>,
    cursors: Vec<(usize, Cursor)>,
    last: Option<(Vec<Row>, file_hash::Footer)>,
    uploads: Vec<(Sent, Vec<u8>)>,
    files: u64,
    bytes: u64,
}

fn seen(session: &FakeSession) -> Seen {
    let fake::Seen { rows, checkpoints, last, uploads, files, bytes, .. } = session.seen();
    let read = |at: &dyn Checkpoint| Cursor::read(&at.cursor().unwrap()).unwrap();
    Seen {
        rows: rows.records(),
        cursors: checkpoints.iter().map(|(out, at)| (*out, read(at.as_ref()))).collect(),
        last: last.map(|(rows, at)| (rows.records(), read(at.as_ref()).footer)),
        uploads,
        files,
        bytes,
    }
}

/// Returns a cursor as the journal has it.
fn stored(cursor: &Cursor) -> Vec<u8> {
    cursor.cursor().unwrap()
}

/// Returns the rows of a chunk.
fn unpack(chunk: &RowChunk) -> Vec<Row> {
    chunk.unpack().unwrap().records()
}

/// Returns the figures up to the last checkpoint.
fn files_so_far(session: &LiveSession) -> file_hash::Footer {
    let footer = session.artifact_so_far();
    footer.map(|footer| wire::decode(&footer.body, footer.body.len()).unwrap()).unwrap_or_default()
}

/// Returns the SHA-256 of `content` as a row has it.
fn sha256(content: &[u8]) -> (HashKind, Digest) {
    (HashKind::Sha256, Digest::from_slice(&Sha256::digest(content)))
}

/// Returns the names below `root` with their statuses.
fn names(root: &Path, rows: &[Row]) -> Vec<(String, FileStatus)> {
    let below = |row: &Row| {
        let rest = row.path.strip_prefix(root.as_os_str().as_bytes()).unwrap();
        String::from_utf8_lossy(rest).trim_start_matches('/').to_owned()
    };
    rows.iter().map(|row| (below(row), row.status)).collect()
}

fn write(root: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_file_has_all_digests_and_what_the_kernel_says_of_it() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "abc", b"abc");
    let all = file_hash::Args { hashes: HashKind::ALL.to_vec(), ..spec(folder.path()) };
    let (rows, footer) = run(&all);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let hex = muster_protocol::hex::encode;
    let digests: Vec<_> = row.digests.iter().map(|(kind, bytes)| (*kind, hex(bytes))).collect();
    assert_eq!(
        digests,
        [
            (HashKind::Md5, "900150983cd24fb0d6963f7d28e17f72".to_owned()),
            (HashKind::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d".to_owned()),
            (
                HashKind::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned()
            ),
            (
                HashKind::Sha512,
                concat!(
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
                )
                .to_owned()
            ),
            (
                HashKind::Blake3,
                "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85".to_owned()
            ),
        ]
    );
    let meta = fs::metadata(path).unwrap();
    assert_eq!((row.kind, row.status, row.errno), (FileKind::Regular, FileStatus::Ok, 0));
    assert_eq!((row.size, row.ino, row.dev), (3, meta.ino(), meta.dev()));
    assert_eq!((row.mode, row.uid, row.gid), (meta.mode(), meta.uid(), meta.gid()));
    assert_eq!(row.mtime_ns, i128::from(meta.mtime() * 1_000_000_000 + meta.mtime_nsec()));
    assert_eq!(row.ctime_ns, i128::from(meta.ctime() * 1_000_000_000 + meta.ctime_nsec()));
    assert_eq!((footer.seen, footer.hashed, footer.listed), (2, 1, 1), "the file and its folder");
    assert_eq!((footer.bytes_hashed, footer.bytes_read), (3, 3));
}

#[test]
fn the_order_is_by_component_not_by_path() {
    let folder = TempDir::new().unwrap();
    for name in ["a/x", "a-b", "a.b/y", "B", "é"] {
        write(folder.path(), name, b"");
    }
    let (rows, _) = run(&spec(folder.path()));
    let order: Vec<_> = names(folder.path(), &rows).into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, ["B", "a/x", "a-b", "a.b/y", "é"]);
}

#[test]
fn filters_count_what_they_leave_out() {
    let folder = TempDir::new().unwrap();
    for name in ["top.log", "etc/a.conf", "etc/b.log", "etc/sub/c.conf", "cache/d.conf", "e.conf"] {
        write(folder.path(), name, name.as_bytes());
    }
    let filtered = |include: &[&str], exclude: &[&str]| {
        let own = |list: &[&str]| list.iter().map(|glob| (*glob).to_owned()).collect();
        let spec =
            file_hash::Args { include: own(include), exclude: own(exclude), ..spec(folder.path()) };
        let (rows, footer) = run(&spec);
        let mut kept: Vec<_> =
            names(folder.path(), &rows).into_iter().map(|(name, _)| name).collect();
        kept.sort();
        (kept.join(" "), footer.filtered.into_iter().collect::<Vec<_>>())
    };
    let count = |reason: &str, count: u64| (reason.to_owned(), count);
    assert_eq!(
        filtered(&["*.conf"], &[]),
        ("cache/d.conf e.conf etc/a.conf etc/sub/c.conf".into(), vec![count("include", 2)])
    );
    assert_eq!(
        filtered(&["etc/*.conf"], &[]),
        ("etc/a.conf".into(), vec![count("include", 5)]),
        "a star stops at a slash"
    );
    assert_eq!(
        filtered(&["./etc/**"], &["*.log"]),
        ("etc/a.conf etc/sub/c.conf".into(), vec![count("exclude", 2), count("include", 2)])
    );
    assert_eq!(
        filtered(&[], &["etc/", "cache"]),
        ("e.conf top.log".into(), vec![count("exclude", 2)]),
        "what is in an excluded folder is not met"
    );
    assert_eq!(filtered(&[], &["top.log/"]).1, vec![], "a slash at the end: folders only");
}

#[test]
fn sizes_and_depths_are_bounds_that_include_themselves() {
    let folder = TempDir::new().unwrap();
    for (name, size) in [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("d/2", 2)] {
        write(folder.path(), name, &vec![7; size]);
    }
    let bounded = file_hash::Args {
        min_size: Some(1),
        max_size: Some(2),
        max_depth: Some(1),
        ..spec(folder.path())
    };
    let (rows, footer) = run(&bounded);
    let kept: Vec<_> = names(folder.path(), &rows).into_iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["1", "2"]);
    assert_eq!(footer.filtered.get("size"), Some(&2));
    assert_eq!((footer.seen, footer.listed), (6, 2), "the root, its folder, four files");
    let nothing_below = file_hash::Args { max_depth: Some(0), ..spec(folder.path()) };
    assert_eq!(run(&nothing_below).1.seen, 1);
}

#[test]
fn a_listing_reads_nothing_and_shows_everything() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "d/f", b"content");
    symlink("nowhere", folder.path().join("l")).unwrap();
    let listing = file_hash::Args { hashes: Vec::new(), ..spec(folder.path()) };
    let (rows, footer) = run(&listing);
    let all_ok = |name: &str| (name.to_owned(), FileStatus::Ok);
    assert_eq!(names(folder.path(), &rows), ["", "d", "d/f", "l"].map(all_ok));
    assert_eq!(rows.last().unwrap().link_target.as_deref(), Some(&b"nowhere"[..]));
    assert_eq!((footer.listed, footer.bytes_read), (4, 0));
}

#[test]
fn each_path_comes_once_however_the_roots_overlap() {
    let folder = TempDir::new().unwrap();
    for name in ["a/1", "a/b/2", "a/b/c/3", "z"] {
        write(folder.path(), name, b"");
    }
    let root = |name: &str| {
        let path = format!("{}{name}", folder.path().display());
        ByteBuf::from(path.into_bytes())
    };
    let roots = vec![root("/a/b/"), root("/./"), root("//a/b"), root("/a/b/c/3"), root("/gone")];
    let (rows, footer) = run(&file_hash::Args { roots, ..spec(folder.path()) });
    let mut kept = names(folder.path(), &rows);
    kept.sort();
    let ok = |name: &str| (name.to_owned(), FileStatus::Ok);
    let gone = ("gone".to_owned(), FileStatus::Vanished);
    assert_eq!(kept, [ok("a/1"), ok("a/b/2"), ok("a/b/c/3"), gone, ok("z")]);
    let gone = rows.iter().find(|row| row.status == FileStatus::Vanished).unwrap();
    assert_eq!(gone.errno, libc::ENOENT);
    assert_eq!(footer.failed.get("vanished"), Some(&1));
    assert_eq!(footer.seen, footer.accounted());
    let gone = format!("{}/gone does not exist", folder.path().display());
    assert_eq!(
        crate::collectors::file_hash::stats::no_root(&footer),
        Some(gone),
        "a root is named, not only counted"
    );
}

#[test]
fn bad_arguments_are_refused() {
    let refused = |spec: file_hash::Args| match collect(&spec, &FakeSession::new()) {
        Err(CollectError::Failed { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(file_hash::Args::default()), CollectError::BAD_ARGUMENTS);
    for root in ["relative", "/a/../b", "/a\0b"] {
        assert_eq!(refused(spec(Path::new(root))), CollectError::BAD_ARGUMENTS, "{root}");
    }
    let glob = file_hash::Args { exclude: vec!["[".to_owned()], ..spec(Path::new("/")) };
    assert_eq!(refused(glob), CollectError::BAD_ARGUMENTS);
}

#[test]
fn a_path_far_beyond_one_call_is_walked_up_and_down() {
    let folder = TempDir::new().unwrap();
    let name = "n".repeat(100);
    let mut at =
        rustix::fs::open(folder.path(), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty())
            .unwrap();
    let open = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
    for _ in 0..90 {
        rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, &name, open, rustix::fs::Mode::empty()).unwrap();
        let create = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
        rustix::fs::openat(&at, "z", create, rustix::fs::Mode::RUSR).unwrap();
    }
    let (rows, footer) = run(&spec(folder.path()));
    assert!(rows.iter().all(|row| row.status == FileStatus::Ok), "{:?}", rows.first());
    assert_eq!((rows.len(), footer.listed), (90, 91));
    assert!(rows.first().unwrap().path.len() > 9_000, "the deepest file comes first");
    fs::remove_dir_all(folder.path()).unwrap();
}

#[test]
fn a_cancel_ends_it_in_the_midst_of_a_huge_file() {
    let folder = TempDir::new().unwrap();
    fs::File::create(folder.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
    let session = FakeSession::new().cancelling_at(500);
    let ended = collect(&spec(folder.path()), &session);
    assert_eq!(ended, Err(CollectError::Stop(Stop::Cancelled)));
    assert!(seen(&session).bytes < 100 << 20, "{}", seen(&session).bytes);
    assert!(session.checks() < 520, "every thread ends at its next check");
}

#[test]
fn a_limit_of_rows_ends_it_with_that_limit() {
    let folder = TempDir::new().unwrap();
    for n in 0..300 {
        write(folder.path(), &format!("{n}"), b"");
    }
    let session = FakeSession::new().capped_at(100);
    assert_eq!(
        collect(&spec(folder.path()), &session),
        Err(CollectError::Stop(Stop::Limit("rows")))
    );
    assert!(seen(&session).rows.len() <= 100);
}

#[test]
fn big_files_among_small_ones_keep_their_place() {
    let folder = TempDir::new().unwrap();
    for n in 0..40_u8 {
        let size = if n % 3 == 0 { 9 << 20 } else { 10 };
        write(folder.path(), &format!("{n:02}"), &vec![n; size]);
    }
    let (rows, footer) = run(&spec(folder.path()));
    for (n, row) in rows.iter().enumerate() {
        let content = fs::read(folder.path().join(format!("{n:02}"))).unwrap();
        assert_eq!(row.digests.as_slice(), [sha256(&content)]);
    }
    assert_eq!(footer.hashed, 40);
}
