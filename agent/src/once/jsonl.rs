//! A row as one JSON object a line, written straight: at 200,000 rows a second a tree of values costs more than hashing.

use std::io::{self, Write};

use base64::Engine;
use muster_protocol::clock::{Nanoseconds, Timestamp};
use muster_protocol::result::Row;
use serde::Serialize;

/// Writes a row as one JSON object.
pub fn jsonl(row: &Row, line: &mut Vec<u8>) -> io::Result<()> {
    line.push(b'{');
    put_path(line, "path", &row.path)?;
    put_word(line, b",\"kind\":\"", row.kind.as_str());
    put_word(line, b",\"status\":\"", row.status.as_str());
    put(line, b",\"errno\":", &row.errno)?;
    put(line, b",\"size\":", &row.size)?;
    put_times(line, row)?;
    put(line, b",\"mode\":", &row.mode)?;
    put(line, b",\"uid\":", &row.uid)?;
    put(line, b",\"gid\":", &row.gid)?;
    put(line, b",\"nlink\":", &row.nlink)?;
    put(line, b",\"dev\":", &row.dev)?;
    put(line, b",\"ino\":", &row.ino)?;
    if let Some(target) = &row.link_target {
        line.push(b',');
        put_path(line, "link_target", target)?;
    }
    for (kind, digest) in &row.digests {
        line.extend_from_slice(b",\"");
        line.extend_from_slice(kind.as_str().as_bytes());
        line.extend_from_slice(b"\":\"");
        muster_protocol::hex::append(digest, line);
        line.push(b'"');
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// Writes a value behind its name, which comes with all that JSON wants around it. A name whose length the compiler knows
/// is copied in place, any other by a call.
fn put<const N: usize, T: Serialize + ?Sized>(
    line: &mut Vec<u8>,
    name: &[u8; N],
    value: &T,
) -> io::Result<()> {
    line.extend_from_slice(name);
    Ok(serde_json::to_writer(line, value)?)
}

/// A word of ours has nothing to escape.
fn put_word<const N: usize>(line: &mut Vec<u8>, name: &[u8; N], word: &str) {
    line.extend_from_slice(name);
    line.extend_from_slice(word.as_bytes());
    line.push(b'"');
}

/// Neither has a time. Of the four some mostly are the same moment.
fn put_times(line: &mut Vec<u8>, row: &Row) -> io::Result<()> {
    let times = [
        (b",\"mtime\":", Some(row.mtime_ns)),
        (b",\"ctime\":", Some(row.ctime_ns)),
        (b",\"atime\":", Some(row.atime_ns)),
        (b",\"btime\":", row.btime_ns),
    ];
    let mut last = None;
    for (name, ns) in times {
        line.extend_from_slice(name);
        let Some(ns) = ns else {
            line.extend_from_slice(b"null");
            continue;
        };
        // Division of 128 bits is slow, and few times need it.
        let ms = i64::try_from(ns).ok().map(|ns| ns.div_euclid(1_000_000));
        let text = match (last, ms) {
            (Some((of, text)), Some(ms)) if of == ms => Some(text),
            (_, ms) => ms.and_then(|ms| Timestamp(ms).utc()),
        };
        line.push(b'"');
        match text {
            Some(text) => line.extend_from_slice(&text),
            None => write!(line, "{:.3}", Nanoseconds(ns))?,
        }
        line.push(b'"');
        last = ms.zip(text);
    }
    Ok(())
}

/// A path that is no text is shown lossily, and exactly in a field of its own.
fn put_path(line: &mut Vec<u8>, name: &str, path: &[u8]) -> io::Result<()> {
    put_name(line, name);
    if let Ok(text) = std::str::from_utf8(path) {
        return put(line, b":", text);
    }
    put(line, b":", &String::from_utf8_lossy(path))?;
    line.push(b',');
    put_name(line, &format!("{name}_b64"));
    let exact = base64::engine::general_purpose::STANDARD.encode(path);
    put(line, b":", &exact)
}

fn put_name(line: &mut Vec<u8>, name: &str) {
    line.push(b'"');
    line.extend_from_slice(name.as_bytes());
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use muster_protocol::request::hunt::HashKind;
    use muster_protocol::result::{Digest, FileKind, FileStatus};
    use serde_json::{Value, json};

    use super::*;

    fn parsed(row: &Row) -> Value {
        let mut out = Vec::new();
        jsonl(row, &mut out).unwrap();
        assert_eq!(out.split(|byte| *byte == b'\n').count(), 2, "one line");
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn every_field_is_there_and_what_a_name_holds_is_escaped() {
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
        let wanted = json!({
            "path": "/a\"\n\u{1b}", "kind": "file", "status": "denied", "errno": 13, "size": 5,
            "mtime": "2017-07-14T02:40:00.123Z", "ctime": "1970-01-01T00:00:00.000Z",
            "atime": "1970-01-01T00:00:00.000Z", "btime": null, "mode": 0o100_644, "uid": 0, "gid": 0, "nlink": 2,
            "dev": 0, "ino": u64::MAX, "link_target": "to\n", "md5": "ab".repeat(16),
        });
        assert_eq!(parsed(&row), wanted);
    }

    #[test]
    fn times_that_are_alike_and_times_that_are_not_are_those_of_the_calendar() {
        let far = 32_503_680_000_000_000_000;
        let moments = [0, -1, 1_500_000_000_123_456_789, 1_500_000_000_123_999_999, far, -far];
        for [mtime_ns, ctime_ns, atime_ns] in
            moments.iter().flat_map(|a| moments.map(|b| [*a, b, *a]))
        {
            let bare = Row::bare(b"/".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
            let row =
                parsed(&Row { mtime_ns, ctime_ns, atime_ns, btime_ns: Some(ctime_ns), ..bare });
            let ms = |ns: i128| i64::try_from(ns.div_euclid(1_000_000)).unwrap();
            let wanted = |ns: i128| json!(Timestamp(ms(ns)).to_string());
            for (name, ns) in [("mtime", mtime_ns), ("ctime", ctime_ns), ("atime", atime_ns)] {
                assert_eq!(row[name], wanted(ns), "{name} of {ns}");
            }
            assert_eq!(row["btime"], wanted(ctime_ns));
        }
    }

    #[test]
    fn a_path_that_is_no_text_comes_exactly_too() {
        let row = Row::bare(b"/\xff".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        let row = parsed(&row);
        assert_eq!((&row["path"], &row["path_b64"]), (&json!("/\u{fffd}"), &json!("L/8=")));
    }
}
