//! Time by the kernel's last tick: a fifth of what the exact clock costs, and exact to some milliseconds (4 at 250 Hz).
//! For what is asked at every file and matters by the second.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const NS_PER_S: u64 = 1_000_000_000;

/// A moment by the ticking clock, which only goes on: nanoseconds since the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Tick {
    /// Returns the moment of the last tick.
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
        Self(seconds.saturating_mul(NS_PER_S).saturating_add(nanoseconds))
    }

    /// Returns the moment so much later.
    pub(super) fn plus(self, time: Duration) -> Self {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ns))
    }

    /// Returns the time since then.
    pub(super) fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_goes_on_as_the_exact_clock_does() {
        let (exact, tick) = (Instant::now(), Tick::now());
        while tick.elapsed() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        // It may lag by a tick at either end: ten milliseconds on the slowest kernels.
        assert!(exact.elapsed() >= Duration::from_millis(10));
        assert!(Tick::now() > tick.plus(Duration::from_millis(10)));
        assert!(Tick::now() < tick.plus(Duration::MAX), "it ends where 64 bits do");
    }
}
