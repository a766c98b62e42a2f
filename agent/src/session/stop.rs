//! The request to stop a collection: set once, seen by every thread, also by those that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Stop;

/// The first reason counts.
#[derive(Debug, Default)]
pub(super) struct StopSignal {
    is_requested: AtomicBool,
    reason: Mutex<Option<(Stop, Instant)>>,
    wakes: Condvar,
}

impl StopSignal {
    /// Sets the reason to stop, unless there is one.
    pub(super) fn request(&self, stop: Stop) {
        let mut reason = lock(&self.reason);
        if reason.is_none() {
            *reason = Some((stop, Instant::now()));
            self.is_requested.store(true, Ordering::Release);
            self.wakes.notify_all();
        }
    }

    /// Fails once a stop was requested. One atomic read while it was not.
    pub(super) fn check(&self) -> Result<(), Stop> {
        if !self.is_requested.load(Ordering::Acquire) {
            return Ok(());
        }
        self.requested().map_or(Ok(()), |(stop, _)| Err(stop))
    }

    /// Returns the reason and when it was set.
    pub(super) fn requested(&self) -> Option<(Stop, Instant)> {
        lock(&self.reason).clone()
    }

    /// Waits for at most `time`, less when a stop is requested.
    pub(super) fn wait(&self, time: Duration) -> Result<(), Stop> {
        let reason = lock(&self.reason);
        let waited = self.wakes.wait_timeout_while(reason, time, |reason| reason.is_none());
        let (reason, _) = waited.unwrap_or_else(PoisonError::into_inner);
        reason.clone().map_or(Ok(()), |(stop, _)| Err(stop))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
