//! `rows` messages: file rows, as columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use self::times::{FarTime, TimeColumn};
use crate::ids::{AgentId, Attempt, RequestId};
use crate::limits;
use crate::request::hunt::HashKind;
use crate::wire::{self, WireError};

/// One chunk of rows; routing key `rows.<agent>.<request>`, AMQP type `rows.chunk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChunk {
    /// Who sends it.
    pub agent: AgentId,
    /// On behalf of which request.
    pub request: RequestId,
    /// Of which run.
    pub attempt: Attempt,
    /// Position in the attempt, counted from 0 across rows and blobs.
    pub seq: u64,
    /// How many rows.
    pub rows: u32,
    /// SHA-256 of `body`, 32 bytes.
    pub sha256: ByteBuf,
    /// Rows after [`pack`]: zstd of named MessagePack columns.
    pub body: ByteBuf,
}

/// Makes a closed list that travels as a number and is shown as a word.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "u8", into = "u8")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the word in every output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> u8 {
                match value { $($name::$variant => $value,)* }
            }
        }

        impl TryFrom<u8> for $name {
            type Error = String;
            fn try_from(value: u8) -> Result<Self, String> {
                match value {
                    $($value => Ok(Self::$variant),)*
                    other => Err(format!("{other} is no {}", stringify!($name))),
                }
            }
        }
    };
}

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
    /// Digests, in the order of the request's `hashes`; empty where none could be made.
    pub digests: Digests,
}

/// One digest; up to 32 bytes of it need no memory of their own.
pub type Digest = SmallVec<[u8; 32]>;

/// The digests of one file; a single one needs no memory of its own.
pub type Digests = SmallVec<[(HashKind, Digest); 1]>;

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

/// Rows as columns: one array a field, digests as one byte string an algorithm.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Columns {
    path: Vec<ByteBuf>,
    kind: Vec<u8>,
    status: Vec<u8>,
    errno: Vec<i32>,
    size: Vec<u64>,
    mtime_ns: Vec<i64>,
    ctime_ns: Vec<i64>,
    btime_ns: Vec<Option<i64>>,
    atime_ns: Vec<i64>,
    mode: Vec<u32>,
    uid: Vec<u32>,
    gid: Vec<u32>,
    nlink: Vec<u64>,
    dev: Vec<u64>,
    ino: Vec<u64>,
    link_target: Vec<Option<ByteBuf>>,
    /// Bit n: the row has the digests of `digests`.
    hashed: Vec<bool>,
    /// Times that do not fit 64 bits of nanoseconds; absent where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    far_times: Vec<FarTime>,
    /// Per algorithm the digests of the rows that are `hashed`, one after another.
    digests: BTreeMap<HashKind, ByteBuf>,
}

/// Packs rows for the wire. Rows that carry digests must all carry the same algorithms.
pub fn pack(rows: &[Row]) -> Result<Vec<u8>, WireError> {
    let mut columns = Columns::default();
    for row in rows {
        columns.path.push(ByteBuf::from(row.path.as_slice()));
        columns.kind.push(row.kind.into());
        columns.status.push(row.status.into());
        columns.errno.push(row.errno);
        columns.size.push(row.size);
        let at = u32::try_from(columns.mtime_ns.len()).unwrap_or(u32::MAX);
        let far = &mut columns.far_times;
        columns.mtime_ns.push(times::put(row.mtime_ns, at, TimeColumn::Mtime, far));
        columns.ctime_ns.push(times::put(row.ctime_ns, at, TimeColumn::Ctime, far));
        let btime = row.btime_ns.map(|ns| times::put(ns, at, TimeColumn::Btime, far));
        columns.btime_ns.push(btime);
        columns.atime_ns.push(times::put(row.atime_ns, at, TimeColumn::Atime, far));
        columns.mode.push(row.mode);
        columns.uid.push(row.uid);
        columns.gid.push(row.gid);
        columns.nlink.push(row.nlink);
        columns.dev.push(row.dev);
        columns.ino.push(row.ino);
        columns.link_target.push(row.link_target.as_deref().map(ByteBuf::from));
        columns.hashed.push(!row.digests.is_empty());
        for (kind, digest) in &row.digests {
            columns.digests.entry(*kind).or_default().extend_from_slice(digest);
        }
    }
    wire::compress(&wire::encode(&columns)?)
}

/// Unpacks what [`pack`] made; every column must have exactly `count` entries.
pub fn unpack(body: &[u8], count: u32) -> Result<Vec<Row>, WireError> {
    let cap = limits::ROW_CHUNK_UNPACKED_BYTES_MAX;
    let mut columns: Columns = wire::decode(&wire::decompress(body, cap)?, cap)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let lengths = [
        columns.path.len(),
        columns.kind.len(),
        columns.status.len(),
        columns.errno.len(),
        columns.size.len(),
        columns.mtime_ns.len(),
        columns.ctime_ns.len(),
        columns.btime_ns.len(),
        columns.atime_ns.len(),
        columns.mode.len(),
        columns.uid.len(),
        columns.gid.len(),
        columns.nlink.len(),
        columns.dev.len(),
        columns.ino.len(),
        columns.link_target.len(),
        columns.hashed.len(),
    ];
    let malformed = |what: &str| WireError::Malformed(what.to_owned());
    if count > limits::ROW_CHUNK_ROWS_MAX || lengths.iter().any(|length| *length != count) {
        return Err(malformed("columns differ in length from the count of rows"));
    }
    let hashed = columns.hashed.iter().filter(|has| **has).count();
    if columns.digests.iter().any(|(kind, bytes)| bytes.len() != hashed * kind.bytes()) {
        return Err(malformed("digests differ in length from the rows that have them"));
    }
    let mut digests: Vec<_> = columns
        .digests
        .iter()
        .map(|(kind, bytes)| (*kind, bytes.chunks_exact(kind.bytes())))
        .collect();
    let mut rows = Vec::with_capacity(count);
    for n in 0..count {
        let at = |column: &[u64]| column.get(n).copied().unwrap_or_default();
        let at_i64 = |column: &[i64]| column.get(n).copied().unwrap_or_default();
        let at_u32 = |column: &[u32]| column.get(n).copied().unwrap_or_default();
        let code = |column: &[u8]| column.get(n).copied().unwrap_or(u8::MAX);
        let mut row_digests = Digests::new();
        if columns.hashed.get(n) == Some(&true) {
            for (kind, chunks) in &mut digests {
                row_digests.push((*kind, Digest::from_slice(chunks.next().unwrap_or_default())));
            }
        }
        rows.push(Row {
            kind: FileKind::try_from(code(&columns.kind)).map_err(WireError::Malformed)?,
            status: FileStatus::try_from(code(&columns.status)).map_err(WireError::Malformed)?,
            errno: columns.errno.get(n).copied().unwrap_or_default(),
            size: at(&columns.size),
            mtime_ns: at_i64(&columns.mtime_ns).into(),
            ctime_ns: at_i64(&columns.ctime_ns).into(),
            btime_ns: columns.btime_ns.get(n).copied().flatten().map(i128::from),
            atime_ns: at_i64(&columns.atime_ns).into(),
            mode: at_u32(&columns.mode),
            uid: at_u32(&columns.uid),
            gid: at_u32(&columns.gid),
            nlink: at(&columns.nlink),
            dev: at(&columns.dev),
            ino: at(&columns.ino),
            digests: row_digests,
            path: columns.path.get_mut(n).map(std::mem::take).unwrap_or_default().into_vec(),
            link_target: columns
                .link_target
                .get_mut(n)
                .and_then(Option::take)
                .map(ByteBuf::into_vec),
        });
    }
    times::restore(&columns.far_times, &mut rows).map_err(|why| malformed(&why))?;
    Ok(rows)
}

/// Returns the SHA-256 that chunks carry of their payload.
pub fn sha256(bytes: &[u8]) -> ByteBuf {
    ByteBuf::from(Sha256::digest(bytes).as_slice())
}

#[cfg(test)]
mod tests;
mod times;
