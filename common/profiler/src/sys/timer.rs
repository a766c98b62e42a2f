//! Timers of CPU time.

use std::io;
use std::mem;
use std::ptr;

/// A running timer on one thread's CPU clock. Deleted when dropped.
#[derive(Debug)]
pub(crate) struct Timer(libc::c_int);

impl Timer {
    /// Starts a timer that signals thread `tid` after `first_ns` of its CPU time and every `period_ns`
    /// from then on. Fails with `ESRCH` or `EINVAL` when the thread is gone.
    pub(crate) fn start(tid: u32, first_ns: u32, period_ns: u32) -> io::Result<Self> {
        let thread = libc::c_int::try_from(tid).map_err(io::Error::other)?;
        // The kernel's name of a thread's CPU clock: inverted id, per-thread bit, scheduler's clock.
        let clock = (!thread << 3) | 4 | 2;
        let value = u64::from(tid) | (u64::from(period_ns) << 32);
        let value = usize::try_from(value).map_err(io::Error::other)?;
        let mut id: libc::c_int = 0;
        // SAFETY: all zeros is a valid sigevent; the pointers live over the call. The raw system call
        // takes any clock and allocates nothing in the process.
        let code = unsafe {
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGPROF;
            event.sigev_notify_thread_id = thread;
            event.sigev_value.sival_ptr = ptr::without_provenance_mut(value);
            libc::syscall(libc::SYS_timer_create, clock, &raw mut event, &raw mut id)
        };
        if code != 0 {
            return Err(io::Error::last_os_error());
        }
        let timer = Self(id);
        let spec =
            libc::itimerspec { it_interval: timespec(period_ns), it_value: timespec(first_ns) };
        let none = ptr::null_mut::<libc::itimerspec>();
        // SAFETY: the timer exists and the pointer lives over the call.
        let code = unsafe { libc::syscall(libc::SYS_timer_settime, id, 0, &raw const spec, none) };
        if code == 0 { Ok(timer) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: the id is ours and deleted once.
        unsafe { libc::syscall(libc::SYS_timer_delete, self.0) };
    }
}

fn timespec(ns: u32) -> libc::timespec {
    let tv_sec = libc::time_t::from(ns / 1_000_000_000);
    libc::timespec { tv_sec, tv_nsec: libc::c_long::from(ns % 1_000_000_000) }
}
