//! The same filters, written another way: over records, one row after another, nothing shared with what is tested.

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::artifact::{HashKind, Rows};
use muster_protocol::limits::ROWS_SORTED_MAX;

use super::super::source::Source;
use super::made::Made;

const NOW_NS: i128 = 1_800_000_000_000 * 1_000_000;
const MINUTE_NS: i128 = 60_000_000_000;

/// Returns the rows that a filter leaves, as they are written.
pub(super) fn lines(made: &Made, source: &Source, asked: &[(String, String)]) -> Vec<Vec<u8>> {
    left(made, source, asked).into_iter().map(|(_, line)| line).collect()
}

/// Returns the first of them in an order.
pub(super) fn sorted(
    made: &Made,
    source: &Source,
    asked: &[(String, String)],
    by: &str,
    is_descending: bool,
) -> Vec<Vec<u8>> {
    let mut left = left(made, source, asked);
    let value = |row: &Row| match by {
        "size" => Some(i128::from(row.size)),
        _ if row.ino == 0 => None,
        "mtime" => Some(row.mtime_ns),
        _ => Some(row.ctime_ns),
    };
    // Stable: rows of one value stay in the order of the walk.
    left.sort_by(|(a, _), (b, _)| match (value(a), value(b)) {
        (None, b) => b.is_some().cmp(&false),
        (Some(_), None) => std::cmp::Ordering::Less,
        (Some(a), Some(b)) if is_descending => b.cmp(&a),
        (Some(a), Some(b)) => a.cmp(&b),
    });
    left.truncate(ROWS_SORTED_MAX);
    left.into_iter().map(|(_, line)| line).collect()
}

fn left(made: &Made, source: &Source, asked: &[(String, String)]) -> Vec<(Row, Vec<u8>)> {
    let files = made.files.borrow();
    let mut left = Vec::new();
    for (agent, chunks) in files.iter() {
        let run = &source.runs[*agent];
        for row in chunks.iter().flatten() {
            if asked.iter().all(|(name, text)| holds(*agent, row, name, text)) {
                let mut line = Vec::new();
                let rows = Rows::of([row.clone()]);
                source.write(run, &rows.iter().next().unwrap(), &mut line).unwrap();
                left.push((row.clone(), line));
            }
        }
    }
    left
}

fn holds(agent: usize, row: &Row, name: &str, text: &str) -> bool {
    let path = row.path.strip_prefix(b"/r/").unwrap();
    let sha256 = row.digests.iter().find(|(kind, _)| *kind == HashKind::Sha256);
    let sha256 = sha256.map(|(_, digest)| digest[0]);
    let is_matched = matches!(sha256, Some(2 | 3));
    let is_seen = row.ino != 0;
    let is_link = row.mode & 0o170_000 == 0o120_000;
    match (name, text) {
        ("agent", text) => text == format!("a-{agent}"),
        ("status", "ok") => row.status == FileStatus::Ok,
        ("status", _) => {
            matches!(row.status, FileStatus::Ok | FileStatus::Denied | FileStatus::IoError)
        }
        ("errno", "13") => row.errno == 13,
        ("errno", _) => row.errno != 13,
        ("match", "yes") => is_matched,
        ("match", _) => !is_matched,
        ("uploaded", text) => (text == "yes") == (agent == 2 && sha256 == Some(3)),
        ("path", "*.php") => path.ends_with(b".php"),
        ("path", "sub/*") => path.starts_with(b"sub/") && !path.starts_with(b"sub/deep/"),
        ("path", _) => path.starts_with(b"sub/"),
        ("hash", "02020202") => sha256 == Some(2),
        ("hash", _) => sha256 == Some(4),
        ("kind", _) => matches!(row.kind, FileKind::Regular | FileKind::Directory),
        ("min_size", _) => row.size >= 10,
        ("max_size", _) => row.size <= 4_096,
        ("newer", _) => is_seen && row.mtime_ns >= NOW_NS - MINUTE_NS,
        ("older", _) => is_seen && row.mtime_ns < NOW_NS - 1_000_000,
        ("changed_newer", _) => is_seen && row.ctime_ns >= NOW_NS - MINUTE_NS,
        ("uid", _) => row.uid.is_multiple_of(2),
        ("gid", _) => row.gid == 1,
        ("mode", "/4001") => !is_link && row.mode & 0o4001 != 0,
        ("mode", _) => !is_link && row.mode & 0o7777 == 0o644,
        other => panic!("{other:?}"),
    }
}
