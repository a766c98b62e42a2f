//! Files that match and come back themselves.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use muster_protocol::artifact::file_hash::Upload;

use super::*;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::seen;
use crate::collectors::file_hash::upload::Uploads;
use crate::files::access::Access;
use crate::session::upload::Sent;

const ASKED: Upload = Upload { max_file_bytes: 400_000, max_bytes: 700_000 };

fn reasons(words: &[(&str, u64)]) -> BTreeMap<String, u64> {
    words.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[test]
fn each_content_is_sent_once_before_its_row_and_the_bounds_hold() {
    let folder = TempDir::new().unwrap();
    let (one, two, three, big) =
        (vec![1; 300_000], vec![2; 300_000], vec![3; 200_000], vec![4; 400_001]);
    for (name, content) in
        [("a", &one), ("b/1", &two), ("c", &one), ("d", &three), ("e", &big), ("f", &vec![])]
    {
        write(folder.path(), name, content);
    }
    write(folder.path(), "good", b"good");
    let list = sha256_of(&[&one, &two, &three, &big, b""]);
    let spec =
        file_hash::Args { ioc: vec![list], upload: Some(Box::new(ASKED)), ..spec(folder.path()) };
    let session = FakeSession::new();
    let footer = collect(&spec, &session).unwrap();
    let found = seen(&session);
    assert_eq!(found.uploads, [(Sent::Whole, one), (Sent::Whole, two)]);
    assert_eq!((footer.matched, footer.uploaded, footer.upload_bytes), (6, 3, 600_000));
    let not = reasons(&[("no_room", 1), ("file_too_big", 1), ("empty", 1)]);
    assert_eq!(footer.not_uploaded, not);
    assert_eq!(found.rows.len(), 6, "each match is a row all the same");
    // Nothing leaves that was not asked for.
    let session = FakeSession::new();
    collect(&file_hash::Args { upload: None, ..spec }, &session).unwrap();
    assert!(seen(&session).uploads.is_empty());
}

#[test]
fn a_hunt_that_goes_on_sends_what_its_cursor_has_not_passed() {
    let folder = TempDir::new().unwrap();
    let contents: Vec<Vec<u8>> = (1..=20_u8).map(|n| vec![n; 1_000]).collect();
    for (n, content) in contents.iter().enumerate() {
        write(folder.path(), &format!("{n:02}"), content);
    }
    let listed: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let upload = Some(Box::new(Upload { max_file_bytes: 1_000, max_bytes: 19_000 }));
    let spec = file_hash::Args { ioc: vec![sha256_of(&listed)], upload, ..spec(folder.path()) };
    for check in (1..200).step_by(7) {
        let first = FakeSession::new().suspending_at(check);
        let cut = collect(&spec, &first).is_err();
        let resumed = FakeSession::new().resuming(first.last_cursor());
        let footer = if cut { collect(&spec, &resumed).unwrap() } else { break };
        let whole =
            |session: &FakeSession| seen(session).uploads.into_iter().map(|(_, bytes)| bytes);
        let sent: std::collections::BTreeSet<_> = whole(&first).chain(whole(&resumed)).collect();
        assert_eq!(sent.len(), 19, "cut at check {check}");
        assert_eq!((footer.uploaded, footer.upload_bytes), (19, 19_000), "cut at check {check}");
        assert_eq!(footer.not_uploaded, reasons(&[("no_room", 1)]));
    }
}

#[test]
fn what_is_not_what_matched_is_not_sent_and_its_row_says_nothing_else() {
    let folder = TempDir::new().unwrap();
    let session = FakeSession::new();
    let becomes = |name: &str, change: &dyn Fn(&Path)| {
        let path = write(folder.path(), name, b"bad");
        let (rows, _) = run(&spec(&path));
        change(&path);
        let mut footer = file_hash::Footer::default();
        let access = std::sync::Arc::new(Access::new(Folders::default()));
        Uploads::new(Some(ASKED), access).send(&rows[0], &mut footer, &session).unwrap();
        assert_eq!((footer.uploaded, footer.upload_bytes), (0, 0));
        footer.not_uploaded
    };
    let elsewhere = write(folder.path(), "elsewhere", b"secret");
    let word = |word| reasons(&[(word, 1)]);
    assert_eq!(becomes("a", &|path| fs::write(path, "other").unwrap()), word("changed"));
    assert_eq!(becomes("b", &|path| fs::rename(&elsewhere, path).unwrap()), word("changed"));
    assert_eq!(becomes("c", &|path| fs::remove_file(path).unwrap()), word("vanished"));
    let to_a_link = |path: &Path| {
        fs::remove_file(path).unwrap();
        symlink("/etc/passwd", path).unwrap();
    };
    assert_eq!(becomes("d", &to_a_link), word("io_error"));
    assert!(seen(&session).uploads.is_empty(), "not a byte has left");
}
