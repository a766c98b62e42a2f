//! Two system calls that no safe crate offers: what the calling thread has used, and its I/O class.
#![expect(unsafe_code, reason = "getrusage(RUSAGE_THREAD) and ioprio_set have no safe wrapper")]

use std::mem::MaybeUninit;
use std::time::Duration;

/// Bytes of a block as the kernel counts them here, whatever the disk's own are.
const BLOCK_BYTES: u64 = 512;

/// What a thread has used since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) user: Duration,
    pub(super) system: Duration,
    pub(super) faults_minor: u64,
    pub(super) faults_major: u64,
    pub(super) disk_read_bytes: u64,
    pub(super) disk_written_bytes: u64,
}

impl Usage {
    /// Adds what another thread has used.
    pub(super) fn add(&mut self, other: &Self) {
        self.user = self.user.saturating_add(other.user);
        self.system = self.system.saturating_add(other.system);
        self.faults_minor = self.faults_minor.saturating_add(other.faults_minor);
        self.faults_major = self.faults_major.saturating_add(other.faults_major);
        self.disk_read_bytes = self.disk_read_bytes.saturating_add(other.disk_read_bytes);
        self.disk_written_bytes = self.disk_written_bytes.saturating_add(other.disk_written_bytes);
    }

    /// Returns what was used since an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            faults_minor: self.faults_minor.saturating_sub(before.faults_minor),
            faults_major: self.faults_major.saturating_sub(before.faults_major),
            disk_read_bytes: self.disk_read_bytes.saturating_sub(before.disk_read_bytes),
            disk_written_bytes: self.disk_written_bytes.saturating_sub(before.disk_written_bytes),
        }
    }
}

/// Returns what the calling thread has used.
pub(super) fn thread_usage() -> Usage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole `rusage`, for which all zeroes are valid, and the call only writes to it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    let count = |value: libc::c_long| u64::try_from(value).unwrap_or_default();
    Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        faults_minor: count(usage.ru_minflt),
        faults_major: count(usage.ru_majflt),
        disk_read_bytes: count(usage.ru_inblock).saturating_mul(BLOCK_BYTES),
        disk_written_bytes: count(usage.ru_oublock).saturating_mul(BLOCK_BYTES),
    }
}

fn duration(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or_default();
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default())
        .saturating_add(Duration::from_micros(micros))
}

/// Puts the calling thread into the idle I/O class; where that is refused, it stays as it is.
pub(super) fn idle_io() {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_IDLE: libc::c_int = 3 << 13;
    // SAFETY: three numbers; 0 means the calling thread.
    unsafe {
        libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE);
    }
}
