//! The word that ends a collection: said once, heard by every thread, also by those that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Stop;

/// The first word counts.
#[derive(Debug, Default)]
pub(super) struct StopSignal {
    is_said: AtomicBool,
    word: Mutex<Option<(Stop, Instant)>>,
    heard: Condvar,
}

impl StopSignal {
    /// Sets the reason to stop, unless there is one.
    pub(super) fn say(&self, stop: Stop) {
        let mut word = lock(&self.word);
        if word.is_none() {
            *word = Some((stop, Instant::now()));
            self.is_said.store(true, Ordering::Release);
            self.heard.notify_all();
        }
    }

    /// Fails when it was said. One atomic read when it was not.
    pub(super) fn check(&self) -> Result<(), Stop> {
        if !self.is_said.load(Ordering::Acquire) {
            return Ok(());
        }
        self.said().map_or(Ok(()), |(stop, _)| Err(stop))
    }

    /// Returns the word and when it was said.
    pub(super) fn said(&self) -> Option<(Stop, Instant)> {
        lock(&self.word).clone()
    }

    /// Waits for at most `time`, less when the word is said.
    pub(super) fn wait(&self, time: Duration) -> Result<(), Stop> {
        let word = lock(&self.word);
        let waited = self.heard.wait_timeout_while(word, time, |word| word.is_none());
        let (word, _) = waited.unwrap_or_else(PoisonError::into_inner);
        word.clone().map_or(Ok(()), |(stop, _)| Err(stop))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
