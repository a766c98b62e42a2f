use serde_json::{Value as Json, json};

use super::*;
use crate::artifact::file_hash::{FileKind, FileStatus, Row};
use crate::artifact::{Digest, HashKind, Rows};
use crate::clock::Nanoseconds;

fn written(row: Row) -> Json {
    let rows = Rows::of([row]);
    let mut line = Vec::new();
    object(&rows.iter().next().unwrap(), &mut line).unwrap();
    assert!(!line.contains(&b'\n'), "one line");
    serde_json::from_slice(&line).unwrap()
}

fn bare(path: &[u8]) -> Row {
    Row::bare(path.to_vec(), FileKind::Regular, FileStatus::Ok, 0)
}

#[test]
fn every_column_is_there_and_what_a_name_holds_is_escaped() {
    let row = Row {
        size: 5,
        mtime_ns: 1_500_000_000_123_456_789,
        mode: 0o100_644,
        nlink: 2,
        ino: u64::MAX,
        link_target: Some(b"to\n".to_vec()),
        digests: [(HashKind::Md5, Digest::from_elem(0xab, 16))].into(),
        ..Row::bare(b"/a\"\n\x1b".to_vec(), FileKind::Regular, FileStatus::Denied, 13)
    };
    let epoch = "1970-01-01T00:00:00.000000000Z";
    let wanted = json!({
        "path": "/a\"\n\u{1b}", "kind": "file", "status": "denied", "errno": 13, "size": 5,
        "mtime": "2017-07-14T02:40:00.123456789Z", "ctime": epoch, "atime": epoch, "btime": null,
        "mode": 0o100_644, "uid": 0, "gid": 0, "nlink": 2, "dev": 0, "ino": u64::MAX,
        "link_target": "to\n", "md5": "ab".repeat(16),
    });
    assert_eq!(written(row), wanted);
}

#[test]
fn what_could_not_be_looked_at_has_no_times() {
    let row = written(bare(b"/a"));
    for name in ["mtime", "ctime", "btime", "atime"] {
        assert_eq!(row[name], Json::Null, "{name} is not 1970");
    }
    assert!(row.get("sha256").is_none() && row.get("link_target").is_none());
}

#[test]
fn a_path_that_is_no_text_comes_exactly_too() {
    let row = Row { link_target: Some(b"\xfe".to_vec()), ..bare(b"/\xff") };
    let row = written(row);
    assert_eq!((&row["path"], &row["path_b64"]), (&json!("/\u{fffd}"), &json!("L/8=")));
    assert_eq!(
        (&row["link_target"], &row["link_target_b64"]),
        (&json!("\u{fffd}"), &json!("/g=="))
    );
}

#[test]
fn times_that_are_alike_and_times_that_are_not_are_those_of_the_calendar() {
    let far = 32_503_680_000_000_000_000;
    let beyond = [i128::from(i64::MAX) * 1_000_000_000, i128::from(i64::MIN) * 1_000_000_000];
    let moments = [
        0,
        -1,
        1_500_000_000_123_456_789,
        1_500_000_000_999_999_999,
        far,
        -far,
        beyond[0],
        beyond[1],
    ];
    for [mtime_ns, ctime_ns, atime_ns] in moments.iter().flat_map(|a| moments.map(|b| [*a, b, *a]))
    {
        let row =
            Row { mtime_ns, ctime_ns, atime_ns, btime_ns: Some(ctime_ns), ino: 7, ..bare(b"/") };
        let row = written(row);
        let wanted = |ns: i128| json!(Nanoseconds(ns).to_string());
        for (name, ns) in [("mtime", mtime_ns), ("ctime", ctime_ns), ("atime", atime_ns)] {
            assert_eq!(row[name], wanted(ns), "{name} of {ns}");
        }
        assert_eq!(row["btime"], wanted(ctime_ns));
    }
}
