//! Time by the kernel's last tick: a fifth of what the exact clock costs, and exact to some milliseconds (4 at 250 Hz).
//! For what is asked at every file and matters by the second.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment by the ticking clock, which only goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(Duration);

impl Tick {
    /// Returns the moment of the last tick.
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanoseconds))
    }

    /// Returns the time since then.
    pub(super) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
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
    }
}
