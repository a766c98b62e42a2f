//! One process as it was found.

use crate::artifact::code::code;
use crate::artifact::{
    Column, ColumnType, Digests, HashKind, Record, RowRef, RowWriter, Schema, Value, Words,
};

code! {
    /// What became of a process.
    ProcessStatus {
        /// Its file was read to its end and unchanged meanwhile (or nothing was to be read).
        Ok = 0 "ok",
        /// The digests of its file come from the cache.
        Cached = 1 "cached",
        /// Its file changed while it was read: the digests are of what was read.
        Changed = 2 "changed",
        /// The agent may not look at its file; what anybody may read is there.
        Denied = 3 "denied",
        /// It ended meanwhile.
        Vanished = 4 "vanished",
        /// Any other error; `errno` says which.
        IoError = 5 "io_error",
        /// A thread of the kernel: it runs no file.
        Kernel = 6 "kernel",
        /// Its file lies on a file system that may not answer.
        SkippedFs = 7 "skipped_fs",
        /// Its file lies where the machine's policy allows nothing to be looked at: its path is withheld.
        DeniedByPolicy = 8 "denied_by_policy",
    }
}

code! {
    /// How the file that a process runs stands to the path that it was started by.
    ExeState {
        /// Not known.
        Unknown = 0 "unknown",
        /// It lies there.
        Present = 1 "present",
        /// Nothing lies there any more.
        Deleted = 2 "deleted",
        /// Another file lies there now.
        Replaced = 3 "replaced",
    }
}

impl ProcessStatus {
    /// Returns whether a row of this status carries digests, where any are asked for.
    pub const fn has_digests(self) -> bool {
        matches!(self, Self::Ok | Self::Cached | Self::Changed)
    }
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// That of its parent.
    pub ppid: u32,
    /// What became of it.
    pub status: ProcessStatus,
    /// The error number behind the status, 0 where there is none.
    pub errno: i32,
    /// When it was started, nanoseconds since 1970, to a hundredth of a second.
    pub started_ns: Option<i128>,
    /// The user whose rights it has (effective).
    pub uid: u32,
    /// The name that it gave itself, at most 15 bytes.
    pub comm: Vec<u8>,
    /// The path of the file that it runs, in its own view of the file systems, byte for byte.
    pub exe: Option<Vec<u8>>,
    /// How that file stands to its path.
    pub exe_state: ExeState,
    /// Its control group, of version 2 where there is one.
    pub cgroup: Option<Vec<u8>>,
    /// The container that the control group names.
    pub container: Option<Vec<u8>>,
    /// CPU that it has used so far.
    pub cpu_ms: u64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Its command line, each word ended by a zero byte; only where the machine's policy shows it.
    pub cmdline: Option<Vec<u8>>,
    /// Digests of the file that it runs; empty where none could be made.
    pub digests: Digests,
}

impl Process {
    /// Returns a row of which only the number and the fate are known.
    pub fn bare(pid: u32, status: ProcessStatus, errno: i32) -> Self {
        Self {
            pid,
            ppid: 0,
            status,
            errno,
            started_ns: None,
            uid: 0,
            comm: Vec::new(),
            exe: None,
            exe_state: ExeState::Unknown,
            cgroup: None,
            container: None,
            cpu_ms: 0,
            rss_bytes: 0,
            threads: 0,
            cmdline: None,
            digests: Digests::new(),
        }
    }
}

/// Where one of these columns is not 0, the process was looked at, and its figures are known.
const LOOKED_AT: &[&str] = &["threads"];

/// The columns of `processes`.
pub const SCHEMA: Schema = Schema::new(
    super::PROCESSES,
    1,
    &[
        Column::new("pid", ColumnType::U32, "", "Number of the process."),
        Column::new("ppid", ColumnType::U32, "", "Number of its parent.").known_by(LOOKED_AT),
        Column::new("status", ColumnType::Word(STATUSES), "", "What became of it."),
        Column::new(
            "errno",
            ColumnType::I32,
            "",
            "The error number behind the status, 0 where there is none.",
        ),
        Column::new(
            "started",
            ColumnType::OptionalTime,
            "",
            "When it was started, to a hundredth of a second.",
        ),
        Column::new("uid", ColumnType::U32, "", "The user whose rights it has (effective).")
            .known_by(LOOKED_AT),
        Column::new("comm", ColumnType::Bytes, "", "The name that it gave itself."),
        Column::new(
            "exe",
            ColumnType::OptionalBytes,
            "",
            "The file that it runs, by the path that it has in the view of the process.",
        ),
        Column::new(
            "exe_state",
            ColumnType::Word(STATES),
            "",
            "Whether that file still lies there: present, deleted, replaced, unknown.",
        ),
        Column::new("cgroup", ColumnType::OptionalBytes, "", "Its control group."),
        Column::new(
            "container",
            ColumnType::OptionalBytes,
            "",
            "The id of the container that the control group names.",
        ),
        Column::new("cpu_ms", ColumnType::U64, "ms", "CPU that it has used so far.")
            .known_by(LOOKED_AT),
        Column::new("rss_bytes", ColumnType::U64, "bytes", "Resident memory.").known_by(LOOKED_AT),
        Column::new("threads", ColumnType::U32, "", "Threads.").known_by(LOOKED_AT),
        Column::new(
            "cmdline",
            ColumnType::OptionalBytes,
            "",
            "Its command line, each word ended by a zero byte; only where the machine's policy shows it.",
        ),
        Column::new(
            "md5",
            ColumnType::Digest(HashKind::Md5),
            "",
            "MD5 of the file that it runs, where computed.",
        ),
        Column::new(
            "sha1",
            ColumnType::Digest(HashKind::Sha1),
            "",
            "SHA-1 of the file that it runs, where computed.",
        ),
        Column::new(
            "sha256",
            ColumnType::Digest(HashKind::Sha256),
            "",
            "SHA-256 of the file that it runs, where computed.",
        ),
        Column::new(
            "sha512",
            ColumnType::Digest(HashKind::Sha512),
            "",
            "SHA-512 of the file that it runs, where computed.",
        ),
        Column::new(
            "blake3",
            ColumnType::Digest(HashKind::Blake3),
            "",
            "BLAKE3 of the file that it runs, where computed.",
        ),
    ],
    &["pid", "status", "rss_bytes", "comm", "digest", "exe"],
);

const STATUSES: Words =
    Words(|value| ProcessStatus::try_from(value).ok().map(ProcessStatus::as_str));
const STATES: Words = Words(|value| ExeState::try_from(value).ok().map(ExeState::as_str));

impl Record for Process {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn write(&mut self, row: &mut RowWriter<'_>) {
        row.u32(self.pid);
        row.u32(self.ppid);
        row.word(self.status.into());
        row.i32(self.errno);
        row.optional_time(self.started_ns);
        row.u32(self.uid);
        row.bytes(std::mem::take(&mut self.comm));
        row.optional_bytes(self.exe.take());
        row.word(self.exe_state.into());
        row.optional_bytes(self.cgroup.take());
        row.optional_bytes(self.container.take());
        row.u64(self.cpu_ms);
        row.u64(self.rss_bytes);
        row.u32(self.threads);
        row.optional_bytes(self.cmdline.take());
        row.digests(&self.digests);
    }

    fn read(row: &RowRef<'_>) -> Self {
        Self {
            pid: row.u32("pid"),
            ppid: row.u32("ppid"),
            status: row.word("status").unwrap_or(ProcessStatus::IoError),
            errno: row.i32("errno"),
            started_ns: match row.get("started") {
                Value::Time(ns) => Some(ns),
                _ => None,
            },
            uid: row.u32("uid"),
            comm: row.bytes("comm").unwrap_or_default(),
            exe: row.bytes("exe"),
            exe_state: row.word("exe_state").unwrap_or(ExeState::Unknown),
            cgroup: row.bytes("cgroup"),
            container: row.bytes("container"),
            cpu_ms: row.u64("cpu_ms"),
            rss_bytes: row.u64("rss_bytes"),
            threads: row.u32("threads"),
            cmdline: row.bytes("cmdline"),
            digests: row.own_digests(),
        }
    }
}
