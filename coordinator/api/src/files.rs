//! File rows, as every output shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_protocol::clock::Nanoseconds;
use muster_protocol::hex;
use muster_protocol::request::hunt::HashKind;
use muster_protocol::request::ioc::{self, IocList};
use muster_protocol::result::Row;
use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

/// One file on one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct FileRow {
    /// The hunt that found it.
    pub hunt: String,
    /// The agent.
    pub agent: String,
    /// Name of the machine that the run was on.
    pub host: String,
    /// Two machines answered under the agent's id meanwhile: the file is on one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<bool>,
    /// The path; not UTF-8 is shown lossily.
    pub path: String,
    /// The exact path in base64, when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_b64: Option<String>,
    /// `file`, `dir`, `symlink`, …
    pub kind: String,
    /// `ok`, `denied`, …
    pub status: String,
    /// The error number behind the status, 0 where there is none.
    pub errno: i32,
    /// Size in bytes.
    pub size: u64,
    /// Change of content; nothing where the file could not be looked at.
    pub mtime: Option<String>,
    /// Change of the inode.
    pub ctime: Option<String>,
    /// Birth, where the file system knows it.
    pub btime: Option<String>,
    /// Last read.
    pub atime: Option<String>,
    /// Type and permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links.
    pub nlink: u64,
    /// File system.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// Where a symbolic link points; not UTF-8 is shown lossily.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_target: Option<String>,
    /// The exact link target in base64, when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_target_b64: Option<String>,
    /// Lower-case hexadecimal, where computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// Lower-case hexadecimal, where computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    /// Lower-case hexadecimal, where computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Lower-case hexadecimal, where computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha512: Option<String>,
    /// Lower-case hexadecimal, where computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// The digests that are in the list of hashes of the hunt, `md5,sha256`; nothing where none is, or there is no list.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
    /// Its content was sent and can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<bool>,
}

/// The answer to `who-has`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct WhoHas {
    /// The files that have one of the digests.
    pub rows: Vec<FileRow>,
    /// Asked-for digests that no file has.
    pub absent: Vec<String>,
    /// How many rows were looked at.
    pub scanned_rows: u64,
    /// How many agents they are of.
    pub scanned_agents: u64,
    /// There is more than is shown.
    pub truncated: bool,
}

impl FileRow {
    /// Shows a row as it was found.
    pub fn new(hunt: String, agent: String, host: String, row: &Row) -> Self {
        // A file that could not be looked at has no inode, and then no times either.
        let known = row.ino != 0 || row.nlink != 0;
        let time = |ns: i128| known.then(|| Nanoseconds(ns).to_string());
        let digest = |kind: HashKind| {
            row.digests.iter().find(|(of, _)| *of == kind).map(|(_, bytes)| hex::encode(bytes))
        };
        let (path, path_b64) = shown(&row.path);
        let link = row.link_target.as_deref().map(shown);
        let (link_target, link_target_b64) = match link {
            Some((text, exact)) => (Some(text), exact),
            None => (None, None),
        };
        Self {
            hunt,
            agent,
            host,
            clone: None,
            path,
            path_b64,
            kind: row.kind.as_str().to_owned(),
            status: row.status.as_str().to_owned(),
            errno: row.errno,
            size: row.size,
            mtime: time(row.mtime_ns),
            ctime: time(row.ctime_ns),
            btime: row.btime_ns.and_then(time),
            atime: time(row.atime_ns),
            mode: row.mode,
            uid: row.uid,
            gid: row.gid,
            nlink: row.nlink,
            dev: row.dev,
            ino: row.ino,
            link_target,
            link_target_b64,
            md5: digest(HashKind::Md5),
            sha1: digest(HashKind::Sha1),
            sha256: digest(HashKind::Sha256),
            sha512: digest(HashKind::Sha512),
            blake3: digest(HashKind::Blake3),
            matched: None,
            uploaded: None,
        }
    }

    /// Notes which of the digests are in the list of the hunt, whatever the agent made of it.
    #[must_use]
    pub fn judged(self, row: &Row, lists: &[IocList]) -> Self {
        let kinds: Vec<_> = ioc::matches(lists, &row.digests).map(HashKind::as_str).collect();
        Self { matched: (!kinds.is_empty()).then(|| kinds.join(",")), ..self }
    }
}

/// Returns bytes as text and, where that loses something, exactly.
fn shown(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(STANDARD.encode(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::result::{Digest, Digests, FileKind, FileStatus};

    use super::*;

    #[test]
    fn a_path_that_is_not_utf8_is_shown_twice() {
        let row = Row::bare(b"/tmp/\xff".to_vec(), FileKind::Unknown, FileStatus::Denied, 13);
        let shown = FileRow::new("h".into(), "a".into(), "m".into(), &row);
        assert_eq!(shown.path, "/tmp/\u{fffd}");
        assert_eq!(shown.path_b64.as_deref(), Some("L3RtcC//"));
        assert_eq!(shown.mtime, None, "what is not known is not 1970");
    }

    #[test]
    fn digests_are_one_field_each() {
        let mut row = Row::bare(b"/a".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        row.ino = 7;
        row.mtime_ns = 1_700_000_000_123_456_789;
        row.digests = Digests::from_iter([(HashKind::Md5, Digest::from_elem(0xab, 16))]);
        let json = serde_json::to_value(FileRow::new("h".into(), "a".into(), "m".into(), &row));
        let json = json.unwrap();
        assert_eq!(json["md5"], "ab".repeat(16));
        assert_eq!(json["mtime"], "2023-11-14T22:13:20.123456789Z");
        assert!(json.get("sha256").is_none() && json.get("path_b64").is_none());
    }

    #[test]
    fn a_time_is_what_the_file_system_says_however_far_away() {
        for (seconds, text) in [
            (-11_644_473_600, "1601-01-01T00:00:00.000000000Z"),
            (10_413_792_000, "2300-01-01T00:00:00.000000000Z"),
            (i64::MAX, "9223372036854775807s"),
            (i64::MIN, "-9223372036854775808s"),
        ] {
            let mut row = Row::bare(b"/a".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
            (row.ino, row.mtime_ns) = (7, i128::from(seconds) * 1_000_000_000);
            let shown = FileRow::new("h".into(), "a".into(), "m".into(), &row);
            assert_eq!(shown.mtime.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_match_is_what_is_in_the_list() {
        let mut row = Row::bare(b"/a".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        row.digests = Digests::from_iter([
            (HashKind::Md5, Digest::from_elem(1, 16)),
            (HashKind::Sha256, Digest::from_elem(2, 32)),
        ]);
        let judged = |listed: &[u8]| {
            let lists = [IocList::new(HashKind::Sha256, 32, [listed])];
            let shown = FileRow::new("h".into(), "a".into(), "m".into(), &row);
            serde_json::to_value(shown.judged(&row, &lists)).unwrap()
        };
        assert_eq!(judged(&[2; 32])["match"], "sha256");
        assert!(judged(&[3; 32]).get("match").is_none(), "though an agent sent it");
    }
}
