//! Two system calls that no safe crate offers: CPU of the calling thread by mode, and its I/O class.
#![expect(unsafe_code, reason = "getrusage(RUSAGE_THREAD) and ioprio_set have no safe wrapper")]

use std::mem::MaybeUninit;
use std::time::Duration;

/// Returns the CPU time of the calling thread in user mode and in the kernel.
pub(super) fn thread_cpu() -> (Duration, Duration) {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole `rusage`, for which all zeroes are valid, and the call only writes to it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    (duration(usage.ru_utime), duration(usage.ru_stime))
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
