//! One file as it was found.

use crate::artifact::code::code;
use crate::artifact::{
    Column, ColumnType, Digests, HashKind, Record, RowRef, RowWriter, Schema, Value, Words,
};

code! {
    /// What a directory entry is.
    FileKind {
        /// A regular file.
        Regular = 0 "file",
        /// A folder.
        Directory = 1 "dir",
        /// A symbolic link.
        Symlink = 2 "symlink",
        /// A named pipe.
        Fifo = 3 "fifo",
        /// A socket.
        Socket = 4 "socket",
        /// A character device.
        CharDevice = 5 "char_device",
        /// A block device.
        BlockDevice = 6 "block_device",
        /// Could not be looked at.
        Unknown = 7 "unknown",
    }
}

code! {
    /// What became of a directory entry.
    FileStatus {
        /// Read to its end and unchanged meanwhile (or listed, where nothing was to be read).
        Ok = 0 "ok",
        /// The digest comes from the cache.
        Cached = 1 "cached",
        /// Size or times changed while it was read: the digest is of what was read.
        Changed = 2 "changed",
        /// Permission denied.
        Denied = 3 "denied",
        /// Gone between listing and reading.
        Vanished = 4 "vanished",
        /// Any other error; `errno` says which.
        IoError = 5 "io_error",
        /// Neither a file nor a folder: nothing to hash.
        SkippedKind = 6 "skipped_kind",
        /// On a file system that policy does not enter.
        SkippedFs = 7 "skipped_fs",
        /// The cache and the file disagree.
        CacheMismatch = 10 "cache_mismatch",
        /// Where it lies the machine's policy allows nothing to be looked at.
        DeniedByPolicy = 11 "denied_by_policy",
    }
}

impl FileStatus {
    /// Returns whether a row of this status about a regular file carries digests.
    pub const fn has_digests(self) -> bool {
        matches!(self, Self::Ok | Self::Cached | Self::Changed | Self::CacheMismatch)
    }
}

/// One file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The whole path, byte for byte.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: FileKind,
    /// What became of it.
    pub status: FileStatus,
    /// The error number behind the status, 0 where there is none.
    pub errno: i32,
    /// Size in bytes. Where there are digests: of what went through them, which for a file of `/proc` or one
    /// that grew is not what the kernel said.
    pub size: u64,
    /// Change of content, nanoseconds since 1970. File systems know times far beyond 64 bits of them.
    pub mtime_ns: i128,
    /// Change of the inode.
    pub ctime_ns: i128,
    /// Birth, where the file system knows it.
    pub btime_ns: Option<i128>,
    /// Last read.
    pub atime_ns: i128,
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
    /// Where a symbolic link points, byte for byte.
    pub link_target: Option<Vec<u8>>,
    /// Digests; empty where none could be made.
    pub digests: Digests,
}

impl Row {
    /// Returns a row of which only the path and the fate are known.
    pub fn bare(path: Vec<u8>, kind: FileKind, status: FileStatus, errno: i32) -> Self {
        Self {
            path,
            kind,
            status,
            errno,
            size: 0,
            mtime_ns: 0,
            ctime_ns: 0,
            btime_ns: None,
            atime_ns: 0,
            mode: 0,
            uid: 0,
            gid: 0,
            nlink: 0,
            dev: 0,
            ino: 0,
            link_target: None,
            digests: Digests::new(),
        }
    }
}

/// Where one of these columns is not 0, the file was looked at, and its times are known.
const LOOKED_AT: &[&str] = &["ino", "nlink"];

/// The columns of `file_hash`.
pub const SCHEMA: Schema = Schema::new(
    super::FILE_HASH,
    1,
    &[
        Column::new("path", ColumnType::Bytes, "", "The whole path."),
        Column::new("kind", ColumnType::Word(KINDS), "", "What the directory entry is."),
        Column::new("status", ColumnType::Word(STATUSES), "", "What became of it."),
        Column::new(
            "errno",
            ColumnType::I32,
            "",
            "The error number behind the status, 0 where there is none.",
        ),
        Column::new(
            "size",
            ColumnType::U64,
            "bytes",
            "Size; where there are digests, of what went through them.",
        ),
        Column::new(
            "mtime",
            ColumnType::Time,
            "",
            "Change of content; nothing where the file could not be looked at.",
        )
        .known_by(LOOKED_AT),
        Column::new("ctime", ColumnType::Time, "", "Change of the inode.").known_by(LOOKED_AT),
        Column::new(
            "btime",
            ColumnType::OptionalTime,
            "",
            "Birth, where the file system knows it.",
        )
        .known_by(LOOKED_AT),
        Column::new("atime", ColumnType::Time, "", "Last read.").known_by(LOOKED_AT),
        Column::new("mode", ColumnType::U32, "", "Type and permission bits."),
        Column::new("uid", ColumnType::U32, "", "Owner."),
        Column::new("gid", ColumnType::U32, "", "Group."),
        Column::new("nlink", ColumnType::U64, "", "Hard links."),
        Column::new("dev", ColumnType::U64, "", "File system."),
        Column::new("ino", ColumnType::U64, "", "Inode."),
        Column::new("link_target", ColumnType::OptionalBytes, "", "Where a symbolic link points."),
        Column::new("md5", ColumnType::Digest(HashKind::Md5), "", "MD5, where computed."),
        Column::new("sha1", ColumnType::Digest(HashKind::Sha1), "", "SHA-1, where computed."),
        Column::new("sha256", ColumnType::Digest(HashKind::Sha256), "", "SHA-256, where computed."),
        Column::new("sha512", ColumnType::Digest(HashKind::Sha512), "", "SHA-512, where computed."),
        Column::new("blake3", ColumnType::Digest(HashKind::Blake3), "", "BLAKE3, where computed."),
    ],
    &["status", "size", "digest", "path"],
);

const KINDS: Words = Words(|value| FileKind::try_from(value).ok().map(FileKind::as_str));
const STATUSES: Words = Words(|value| FileStatus::try_from(value).ok().map(FileStatus::as_str));

impl Record for Row {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn write(&mut self, row: &mut RowWriter<'_>) {
        row.bytes(std::mem::take(&mut self.path));
        row.word(self.kind.into());
        row.word(self.status.into());
        row.i32(self.errno);
        row.u64(self.size);
        row.time(self.mtime_ns);
        row.time(self.ctime_ns);
        row.optional_time(self.btime_ns);
        row.time(self.atime_ns);
        row.u32(self.mode);
        row.u32(self.uid);
        row.u32(self.gid);
        row.u64(self.nlink);
        row.u64(self.dev);
        row.u64(self.ino);
        row.optional_bytes(self.link_target.take());
        row.digests(&self.digests);
    }

    fn read(row: &RowRef<'_>) -> Self {
        let time = |name| match row.get(name) {
            Value::Time(ns) => Some(ns),
            _ => None,
        };
        Self {
            path: row.bytes("path").unwrap_or_default(),
            kind: row.word("kind").unwrap_or(FileKind::Unknown),
            status: row.word("status").unwrap_or(FileStatus::IoError),
            errno: row.i32("errno"),
            size: row.u64("size"),
            mtime_ns: time("mtime").unwrap_or_default(),
            ctime_ns: time("ctime").unwrap_or_default(),
            btime_ns: time("btime"),
            atime_ns: time("atime").unwrap_or_default(),
            mode: row.u32("mode"),
            uid: row.u32("uid"),
            gid: row.u32("gid"),
            nlink: row.u64("nlink"),
            dev: row.u64("dev"),
            ino: row.u64("ino"),
            link_target: row.bytes("link_target"),
            digests: row.own_digests(),
        }
    }
}
