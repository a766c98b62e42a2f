//! Clocks.

use std::time::Duration;

/// Returns monotonic time in nanoseconds. Async-signal-safe.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Returns the CPU time of this process.
pub(crate) fn process_cpu() -> Duration {
    Duration::from_nanos(clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID))
}

/// Returns the CPU time of the calling thread in nanoseconds. Async-signal-safe.
pub(crate) fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns how many clock ticks, the unit of CPU time in `/proc`, make a second.
pub(crate) fn ticks_per_second() -> u64 {
    // SAFETY: takes a number. (A crate that reads the kernel's own page for it does not run under valgrind.)
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer lives over the call; these clocks always exist.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
