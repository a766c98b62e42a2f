//! The policy's folders hold for what is opened, whatever became of its path since.

use std::path::PathBuf;

use muster_protocol::artifact::file_hash::Upload;

use super::*;
use crate::collectors::file_hash::collect_within;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::{seen, stored};
use crate::session::upload::Sent;

/// A folder that may be collected from, and one that may not.
struct Place {
    _folder: TempDir,
    open: PathBuf,
    secret: PathBuf,
    folders: Folders,
}

fn place() -> Place {
    let folder = TempDir::new().unwrap();
    let top = folder.path().canonicalize().unwrap();
    let (open, secret) = (top.join("pub"), top.join("secret"));
    write(&open, "a/file", b"one");
    write(&open, "b/sub/file", b"two");
    write(&secret, "sub/file", b"secret");
    let folders = Folders { allow: Some(vec![open.clone()]), deny: vec![secret.clone()] };
    Place { _folder: folder, open, secret, folders }
}

fn path(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn roots(roots: &[&Path]) -> file_hash::Args {
    let roots = roots.iter().map(|root| ByteBuf::from(path(root))).collect();
    file_hash::Args { roots, ..spec(Path::new("/")) }
}

fn refused(name: &str) -> (String, FileStatus) {
    (name.to_owned(), FileStatus::DeniedByPolicy)
}

fn ok(name: &str) -> (String, FileStatus) {
    (name.to_owned(), FileStatus::Ok)
}

/// Puts a link in the place of a folder.
fn replace(folder: &Path, target: &Path) {
    fs::rename(folder, folder.with_extension("away")).unwrap();
    symlink(target, folder).unwrap();
}

#[test]
fn a_root_that_became_a_link_into_a_denied_folder_is_not_read() {
    for denies_only in [false, true] {
        let at = place();
        let (a, b) = (at.open.join("a"), at.open.join("b"));
        let (swapped, secret) = (b.clone(), at.secret.clone());
        let session = FakeSession::new()
            .meanwhile_at(&path(&a.join("file")), 0, move || replace(&swapped, &secret));
        let allow = at.folders.allow.clone().filter(|_| !denies_only);
        let folders = Folders { allow, ..at.folders.clone() };
        let footer = collect_within(&roots(&[&a, &b.join("sub")]), &folders, &session, 1).unwrap();
        let rows = seen(&session).rows;
        assert_eq!(names(&at.open, &rows), [ok("a/file"), refused("b/sub")]);
        assert!(rows[1].digests.is_empty() && rows[1].ino == 0, "nothing but its name");
        assert_eq!(footer.failed.get("denied_by_policy"), Some(&1));
        let reason = crate::collectors::file_hash::stats::no_root(&footer).unwrap();
        assert!(reason.contains("is against this machine's policy"), "{reason}");
    }
}

#[test]
fn a_root_that_is_a_file_is_held_against_the_rules_too() {
    let at = place();
    let (a, file) = (at.open.join("a"), at.open.join("b/sub/file"));
    let (swapped, secret) = (at.open.join("b"), at.secret.clone());
    let session = FakeSession::new()
        .meanwhile_at(&path(&a.join("file")), 0, move || replace(&swapped, &secret));
    collect_within(&roots(&[&a, &file]), &at.folders, &session, 1).unwrap();
    assert_eq!(names(&at.open, &seen(&session).rows), [ok("a/file"), refused("b/sub/file")]);
}

#[test]
fn a_resumed_hunt_holds_its_root_against_the_rules_again() {
    let at = place();
    let b = at.open.join("b");
    write(&b, "sub/later", b"three");
    let spec = roots(&[&b.join("sub")]);
    let cursor = Cursor { after: path(&b.join("sub/file/")), ..Cursor::default() };
    replace(&b, &at.secret);
    write(&at.secret, "sub/later", b"secret");
    let session = FakeSession::new().resuming(Some(stored(&cursor)));
    let footer = collect_within(&spec, &at.folders, &session, 1).unwrap();
    assert_eq!(names(&at.open, &seen(&session).rows), [refused("b/sub")]);
    assert_eq!(footer.hashed, 0);
}

#[test]
fn a_followed_link_leads_only_where_the_rules_allow() {
    let at = place();
    let a = at.open.join("a");
    symlink(&at.secret, a.join("to-folder")).unwrap();
    symlink(at.secret.join("sub/file"), a.join("to-file")).unwrap();
    symlink(at.secret.join("nothing"), a.join("to-nothing")).unwrap();
    symlink(at.open.join("b"), a.join("to-open")).unwrap();
    for (allow, outside) in
        [(at.folders.allow.clone(), refused("to-outside")), (None, ok("to-outside/x"))]
    {
        let elsewhere = TempDir::new().unwrap();
        write(elsewhere.path(), "x", b"x");
        symlink(elsewhere.path(), a.join("to-outside")).unwrap();
        let spec = file_hash::Args { follow: true, ..roots(&[&a]) };
        let session = FakeSession::new();
        let folders = Folders { allow, ..at.folders.clone() };
        collect_within(&spec, &folders, &session, 1).unwrap();
        let wanted = [
            ok("file"),
            refused("to-file"),
            refused("to-folder"),
            refused("to-nothing"),
            ok("to-open/sub/file"),
            outside,
        ];
        assert_eq!(names(&a, &seen(&session).rows), wanted);
        fs::remove_file(a.join("to-outside")).unwrap();
    }
}

#[test]
fn a_folder_that_is_renamed_while_it_is_walked_stays_under_the_rules() {
    let at = place();
    let (a, b) = (at.open.join("a"), at.open.join("b"));
    for n in 0..12 {
        write(&b, &format!("{n:02}"), b"x");
    }
    // The denied folder into an open one: its name is another, its inode is not.
    let (from, to) = (at.secret.clone(), b.join("moved"));
    let session = FakeSession::new()
        .meanwhile_at(&path(&a.join("file")), 0, move || fs::rename(&from, &to).unwrap());
    let spec = roots(&[&a, &b]);
    collect_within(&spec, &at.folders, &session, 1).unwrap();
    let rows = names(&b, &seen(&session).rows[1..]);
    assert!(rows.contains(&refused("moved")), "{rows:?}");
    assert!(rows.iter().all(|(name, _)| !name.starts_with("moved/")), "{rows:?}");
    // An open folder into a denied one.
    fs::create_dir(&at.secret).unwrap();
    let (from, to) = (b.clone(), at.secret.join("b"));
    let session = FakeSession::new()
        .meanwhile_at(&path(&b.join("00")), 0, move || fs::rename(&from, &to).unwrap());
    collect_within(&roots(&[&b]), &at.folders, &session, 1).unwrap();
    let rows = names(&b, &seen(&session).rows);
    assert_eq!((&rows[0], &rows[11]), (&ok("00"), &refused("11")), "{rows:?}");
}

#[test]
fn a_hard_link_to_a_denied_file_is_not_read() {
    let at = place();
    fs::hard_link(at.secret.join("sub/file"), at.open.join("a/link")).unwrap();
    let folders = Folders { deny: vec![at.secret.join("sub/file")], ..at.folders };
    for is_listing in [false, true] {
        let mut spec = roots(&[&at.open.join("a")]);
        if is_listing {
            spec.hashes.clear();
        }
        let session = FakeSession::new();
        let footer = collect_within(&spec, &folders, &session, 2).unwrap();
        assert!(names(&at.open, &seen(&session).rows).contains(&refused("a/link")));
        assert_eq!(footer.failed.get("denied_by_policy"), Some(&1));
    }
}

#[test]
fn a_file_that_a_rule_names_is_not_read_whatever_its_inode() {
    let at = place();
    symlink(&at.secret, at.open.join("a/link")).unwrap();
    let file = at.secret.join("sub/file");
    let folders = Folders { allow: None, deny: vec![file.clone()] };
    let renewed = file;
    let session =
        FakeSession::new().meanwhile_at(&path(&at.open.join("a/link/sub")), 0, move || {
            fs::rename(&renewed, renewed.with_extension("old")).unwrap();
            fs::write(&renewed, b"secret again").unwrap();
        });
    let spec = file_hash::Args { follow: true, ..roots(&[&at.open.join("a")]) };
    collect_within(&spec, &folders, &session, 1).unwrap();
    let rows = names(&at.open, &seen(&session).rows);
    assert!(rows.contains(&refused("a/link/sub/file")), "{rows:?}");
}

#[test]
fn a_file_that_was_moved_into_a_denied_folder_is_not_sent() {
    let at = place();
    let b = at.open.join("b");
    let (from, to) = (b.clone(), at.secret.join("b"));
    // The first time it is hashed, the second time it is to be sent.
    let session = FakeSession::new().meanwhile_at(&path(&b.join("sub/file")), 1, move || {
        fs::rename(&from, &to).unwrap();
        symlink(&to, &from).unwrap();
    });
    let upload = Some(Box::new(Upload { max_file_bytes: 100, max_bytes: 1_000 }));
    let spec = file_hash::Args { ioc: vec![sha256_of(&[b"two"])], upload, ..roots(&[&b]) };
    let footer = collect_within(&spec, &at.folders, &session, 1).unwrap();
    assert_eq!((footer.matched, footer.uploaded), (1, 0));
    assert_eq!(footer.not_uploaded.get("denied_by_policy"), Some(&1));
    assert!(seen(&session).uploads.iter().all(|(sent, _)| *sent != Sent::Whole));
}
