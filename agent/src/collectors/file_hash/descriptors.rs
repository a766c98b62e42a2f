//! What a collection does when the process has no file descriptor left, or the kernel no memory: that is the agent's
//! condition and not the file's, so no row is made of it.
//!
//! The collection gives back what it holds in reserve, works with as few descriptors as it can from then on
//! ([`Descriptors::are_scarce`]), and tries again. When nothing could be opened for a while, it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_protocol::limits::{DESCRIPTORS_SCARCE, DESCRIPTORS_WAIT_MS_MAX};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::session::{Session, Stop, Wait, blocking};

/// Pause before a file is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// Descriptors that are held in reserve besides one for each worker: with them the walk goes on.
const RESERVE: usize = 2;

/// Returns whether a call failed for want of descriptors or of the kernel's memory.
pub(crate) fn is_starved(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// What the workers of a collection know of the process's descriptors.
#[derive(Debug)]
pub(crate) struct Descriptors {
    reserve: Mutex<Vec<OwnedFd>>,
    are_scarce: AtomicBool,
    /// Since when nothing could be opened.
    starved: Mutex<Option<Instant>>,
}

impl Descriptors {
    /// Looks how many there are, and takes some in reserve.
    pub(crate) fn new(workers: usize) -> Self {
        let wanted = workers + RESERVE;
        let reserve: Vec<_> = (0..wanted).map_while(|_| placeholder().ok()).collect();
        let are_scarce = reserve.len() < wanted || free().is_none_or(|n| n < DESCRIPTORS_SCARCE);
        Self {
            reserve: Mutex::new(reserve),
            are_scarce: are_scarce.into(),
            starved: Mutex::default(),
        }
    }

    /// Returns whether the collection must do with as few as it can.
    pub(crate) fn are_scarce(&self) -> bool {
        self.are_scarce.load(Ordering::Relaxed)
    }

    /// Notes that something was opened.
    pub(crate) fn opened(&self) {
        if self.are_scarce() {
            *lock(&self.starved) = None;
        }
    }

    /// Gives the reserve back, and waits a moment before something is tried again. Fails when that has gone on for too
    /// long.
    pub(crate) fn wait(&self, session: &dyn Session) -> Result<(), Stop> {
        session.check()?;
        self.are_scarce.store(true, Ordering::Relaxed);
        lock(&self.reserve).clear();
        let since = *lock(&self.starved).get_or_insert_with(Instant::now);
        let waited = since.elapsed();
        if waited >= Duration::from_millis(DESCRIPTORS_WAIT_MS_MAX) {
            return Err(Stop::NoDescriptors(waited.as_secs()));
        }
        blocking(session, Wait::Open, || std::thread::park_timeout(PAUSE));
        Ok(())
    }
}

/// Opens something that costs a descriptor and nothing else.
fn placeholder() -> Result<OwnedFd, Errno> {
    fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// Returns how many more the process may open; `None` when it cannot even look.
fn free() -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Some(most.saturating_sub(u64::try_from(open).unwrap_or(u64::MAX)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
