//! What the kernel says of an entry, as a row.

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::files::statx::{birth_ns, dev, kind_of, nanoseconds};
use crate::session::FileId;

/// Returns the same of a row that says what the kernel said.
pub(crate) fn file_id_of(row: &Row) -> FileId {
    let Row { dev, ino, size, mtime_ns, ctime_ns, .. } = *row;
    FileId { dev, ino, size, mtime_ns, ctime_ns }
}

/// Makes a row of what the kernel said.
pub(crate) fn row(path: Vec<u8>, stat: &Statx, status: FileStatus) -> Row {
    Row {
        size: stat.stx_size,
        mtime_ns: nanoseconds(&stat.stx_mtime),
        ctime_ns: nanoseconds(&stat.stx_ctime),
        btime_ns: birth_ns(stat),
        atime_ns: nanoseconds(&stat.stx_atime),
        mode: u32::from(stat.stx_mode),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        nlink: u64::from(stat.stx_nlink),
        dev: dev(stat),
        ino: stat.stx_ino,
        ..Row::bare(path, kind_of(stat), status, 0)
    }
}

/// Returns the status that an error means.
pub(crate) fn status_of(errno: Errno) -> FileStatus {
    match errno {
        Errno::ACCESS | Errno::PERM => FileStatus::Denied,
        Errno::NOENT | Errno::STALE => FileStatus::Vanished,
        _ => FileStatus::IoError,
    }
}

/// Makes the row of an entry that failed, with what can still be learnt of it.
pub(crate) fn failed(path: Vec<u8>, hint: FileKind, stat: Option<&Statx>, errno: Errno) -> Row {
    let mut failed = match stat {
        Some(stat) => row(path, stat, FileStatus::Ok),
        None => Row::bare(path, hint, FileStatus::Ok, 0),
    };
    fail(&mut failed, errno);
    failed
}

/// Turns the row of an entry into that of one that failed.
pub(crate) fn fail(row: &mut Row, errno: Errno) {
    (row.status, row.errno) = (status_of(errno), errno.raw_os_error());
}
