//! `cachestat(2)`: how much of a file is in memory.
#![expect(unsafe_code, reason = "the call is too new for a safe wrapper")]

use rustix::fd::{AsRawFd, OwnedFd};

/// The same number on every architecture but alpha.
const SYS_CACHESTAT: libc::c_long = 451;

#[repr(C)]
struct Range {
    offset: u64,
    /// 0 is up to the end.
    len: u64,
}

#[repr(C)]
#[derive(Default)]
struct Cached {
    pages: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// Returns how many pages of a range are in memory; `None` where the kernel cannot tell.
pub(crate) fn cached_pages(file: &OwnedFd, offset: u64, len: u64) -> Option<u64> {
    let range = Range { offset, len };
    let mut cached = Cached::default();
    // SAFETY: both pointers are to whole structures of the layout that the call documents; it reads the first and
    // writes the second.
    let failed = unsafe {
        libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), &raw const range, &raw mut cached, 0)
    };
    (failed == 0).then_some(cached.pages)
}
