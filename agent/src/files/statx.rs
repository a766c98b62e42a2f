//! What the kernel says of a file.

use muster_protocol::artifact::file_hash::FileKind;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, FileType, Statx, StatxFlags, StatxTimestamp};
use rustix::io::{Errno, retry_on_intr};

use crate::session::FileId;

/// Returns what is behind an open file.
pub(crate) fn of_open(file: impl AsFd) -> Result<Statx, Errno> {
    retry_on_intr(|| fs::statx(&file, c"", AtFlags::EMPTY_PATH, wanted()))
}

/// Returns what is behind a name, links not followed, nothing mounted on the way.
pub(crate) fn of_name(folder: &OwnedFd, name: &[u8]) -> Result<Statx, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    retry_on_intr(|| fs::statx(folder, name, flags, wanted()))
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

/// Returns the device number.
pub(crate) fn dev(stat: &Statx) -> u64 {
    fs::makedev(stat.stx_dev_major, stat.stx_dev_minor)
}

/// Returns what tells this state of a file from any other.
pub(crate) fn file_id(stat: &Statx) -> FileId {
    FileId {
        dev: dev(stat),
        ino: stat.stx_ino,
        size: stat.stx_size,
        mtime_ns: nanoseconds(&stat.stx_mtime),
        ctime_ns: nanoseconds(&stat.stx_ctime),
    }
}

/// Returns what an entry is.
pub(crate) fn kind_of(stat: &Statx) -> FileKind {
    kind(FileType::from_raw_mode(u32::from(stat.stx_mode)))
}

/// Returns the row's word for a file type.
pub(crate) fn kind(file_type: FileType) -> FileKind {
    match file_type {
        FileType::RegularFile => FileKind::Regular,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::Unknown => FileKind::Unknown,
    }
}

/// Returns when an entry was made, where its file system knows.
pub(crate) fn birth_ns(stat: &Statx) -> Option<i128> {
    let is_known = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    is_known.then(|| nanoseconds(&stat.stx_btime))
}

/// Returns a time as nanoseconds since 1970.
pub(crate) fn nanoseconds(time: &StatxTimestamp) -> i128 {
    since_1970(time.tv_sec, time.tv_nsec.into())
}

/// Returns the same of seconds and their rest.
pub(crate) fn since_1970(seconds: i64, rest_ns: u64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest_ns)
}
