//! Symbolic links below a root, followed.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use tempfile::TempDir;

use crate::collectors::file_hash::tests::names;
use crate::collectors::file_hash::tests::run;
use crate::collectors::file_hash::tests::spec;
use crate::collectors::file_hash::tests::write;

fn following(root: &Path) -> file_hash::Args {
    file_hash::Args { follow: true, ..spec(root) }
}

fn ok(name: &str) -> (String, FileStatus) {
    (name.to_owned(), FileStatus::Ok)
}

fn link(name: &str) -> (String, FileStatus) {
    (name.to_owned(), FileStatus::SkippedKind)
}

fn errno(rows: &[Row], name: &str) -> i32 {
    rows.iter().find(|row| row.path.ends_with(name.as_bytes())).unwrap().errno
}

#[test]
fn what_a_link_leads_to_comes_under_the_links_path() {
    let folder = TempDir::new().unwrap();
    let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
    let target = write(&outside, "deep/er/file", b"abc");
    write(&outside, "deep/z", b"");
    write(&root, "own", b"");
    symlink("../outside/deep", root.join("folder")).unwrap();
    symlink(&target, root.join("file")).unwrap();
    symlink("folder/er", root.join("through")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("self", root.join("self")).unwrap();
    let (rows, footer) = run(&following(&root));
    let wanted = [
        link("dangling"),
        ok("file"),
        ok("folder/er/file"),
        ok("folder/z"),
        ok("own"),
        link("self"),
        ok("through/file"),
    ];
    assert_eq!(names(&root, &rows), wanted);
    assert_eq!((errno(&rows, "dangling"), errno(&rows, "self")), (0, libc::ELOOP));
    assert_eq!(footer.listed, 4, "the root, two links to folders and the folder below one of them");
    let file = rows.iter().find(|row| row.path.ends_with(b"root/file")).unwrap();
    let meta = std::fs::metadata(target).unwrap();
    assert_eq!((file.kind, file.ino, file.size), (FileKind::Regular, meta.ino(), 3));
    // The same but for the links' own path.
    let excluded =
        file_hash::Args { exclude: vec!["through/".into(), "er".into()], ..following(&root) };
    let (rows, footer) = run(&excluded);
    let kept = [link("dangling"), ok("file"), ok("folder/z"), ok("own"), link("self")];
    assert_eq!(names(&root, &rows), kept);
    assert_eq!(footer.filtered.get("exclude"), Some(&2));
}

#[test]
fn a_link_back_to_its_own_way_is_a_row_and_the_walk_ends() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    write(root, "a/b/file", b"");
    write(root, "c/file", b"");
    symlink("..", root.join("a/b/up")).unwrap();
    symlink(root, root.join("a/top")).unwrap();
    symlink("../c", root.join("a/to-c")).unwrap();
    symlink("../a", root.join("c/to-a")).unwrap();
    for is_listing in [false, true] {
        let mut spec = following(root);
        if is_listing {
            spec.hashes.clear();
        }
        let (rows, footer) = run(&spec);
        let loops: Vec<_> = rows.iter().filter(|row| row.errno == libc::ELOOP).collect();
        assert!(loops.iter().all(|row| row.status == FileStatus::SkippedKind));
        assert!(loops.iter().all(|row| row.kind == FileKind::Symlink && row.link_target.is_some()));
        let loops: Vec<_> = loops.into_iter().cloned().collect();
        let of: Vec<_> = names(root, &loops).into_iter().map(|(name, _)| name).collect();
        let wanted = ["a/b/up", "a/to-c/to-a", "a/top", "c/to-a/b/up", "c/to-a/to-c", "c/to-a/top"];
        assert_eq!(of, wanted);
        assert_eq!(footer.seen, footer.accounted());
        let files: Vec<_> = rows.iter().filter(|row| row.kind == FileKind::Regular).collect();
        assert_eq!(files.len(), 4, "each file under each way that leads to it");
    }
}

#[test]
fn a_folder_on_the_way_below_a_link_is_not_entered_again() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("outer/root");
    write(&root, "file", b"");
    // Not to the folder itself, but to what holds it.
    symlink("../..", root.join("link")).unwrap();
    let (rows, _) = run(&following(&root));
    assert_eq!(names(&root, &rows), [ok("file"), link("link/outer/root")]);
    assert_eq!((errno(&rows, "outer/root"), rows[1].kind), (libc::ELOOP, FileKind::Directory));
}

#[test]
fn no_link_leads_into_a_file_system_that_is_not_entered() {
    let folder = TempDir::new().unwrap();
    symlink("/proc", folder.path().join("a")).unwrap();
    symlink("/proc/self/status", folder.path().join("b")).unwrap();
    let (rows, footer) = run(&following(folder.path()));
    let skipped = |name: &str| (name.to_owned(), FileStatus::SkippedFs);
    assert_eq!(names(folder.path(), &rows), [skipped("a"), skipped("b")]);
    assert_eq!(footer.mounts_skipped.get("/proc proc"), Some(&2));
    let one = file_hash::Args {
        one_file_system: true,
        all_file_systems: true,
        ..following(folder.path())
    };
    let (rows, footer) = run(&one);
    assert_eq!((rows.len(), footer.filtered.get("file_system")), (0, Some(&2)));
    assert_eq!(footer.mounts_skipped.get("/proc proc"), Some(&1));
}

#[test]
fn a_long_chain_of_folders_by_links_ends_at_its_bound() {
    let folder = TempDir::new().unwrap();
    for n in 0..45 {
        write(folder.path(), &format!("{n:02}/file"), b"");
        symlink(format!("../{:02}", n + 1), folder.path().join(format!("{n:02}/next"))).unwrap();
    }
    let (rows, _) = run(&following(&folder.path().join("00")));
    let files = rows.iter().filter(|row| row.kind == FileKind::Regular).count();
    assert_eq!(files, 41, "the root's and those behind forty links");
    let end = rows.iter().find(|row| row.errno == libc::ELOOP).unwrap();
    assert_eq!(end.link_target.as_deref(), Some(&b"../41"[..]));
}
