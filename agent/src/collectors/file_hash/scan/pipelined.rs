//! A big file that one thread reads and another puts through the digests, while the first has nothing else to do.
//!
//! The bytes of one file go through a digest one after the other; reading them is another fifth of the time, and that
//! another thread can take over. The worker that hashes the file asks for a reader, goes on by itself until one has come,
//! and only then lets go of the descriptor's position.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};

use crate::collectors::file_hash::scan::stream::BUFFER_BYTES;
use crate::session::{Session, Stop, Wait, blocking};

/// Buffers between the two: a megabyte, that the processors share in a cache.
const BUFFERS: usize = 16;
/// How long one waits for the other before it looks whether it must stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// Buffers after which the reader looks whether there is other work.
const LOOK_EVERY: usize = 16;

/// What was read.
#[derive(Debug)]
pub(crate) enum Chunk {
    Bytes(Vec<u8>),
    /// There is no more, or the kernel refuses it.
    End(Result<(), Errno>),
    /// The reader has other work: the rest is to be read from where the descriptor stands.
    Left,
}

/// What the two share.
#[derive(Debug)]
pub(crate) struct PipelinedRead {
    file: OwnedFd,
    has_reader: AtomicBool,
    ring: Mutex<Ring>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Ring {
    free: Vec<Vec<u8>>,
    full: VecDeque<Chunk>,
    /// The hashing thread has ended: nothing more is to be read.
    is_closed: bool,
}

impl PipelinedRead {
    /// `file` shares its position with the descriptor of whoever asks.
    pub(crate) fn new(file: OwnedFd) -> Self {
        Self { file, has_reader: false.into(), ring: Mutex::default(), moved: Condvar::new() }
    }

    /// Returns whether a reader has come.
    pub(crate) fn has_reader(&self) -> bool {
        self.has_reader.load(Ordering::Acquire)
    }

    /// Hands over the descriptor's position: from now on only the reader reads.
    pub(crate) fn begin(&self) {
        let buffers = std::iter::repeat_with(|| vec![0; BUFFER_BYTES]).take(BUFFERS);
        self.lock().free.extend(buffers);
        self.moved.notify_all();
    }

    /// Returns what comes next, `None` if that takes long.
    pub(crate) fn take(&self) -> Option<Chunk> {
        let is_empty = |ring: &mut Ring| ring.full.is_empty();
        let waited = self.moved.wait_timeout_while(self.lock(), PATIENCE, is_empty);
        waited.unwrap_or_else(PoisonError::into_inner).0.full.pop_front()
    }

    /// Gives a buffer back; the reader is woken for several.
    pub(crate) fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.resize(BUFFER_BYTES, 0);
        let mut ring = self.lock();
        ring.free.push(buffer);
        if ring.free.len() == BUFFERS / 2 {
            self.moved.notify_all();
        }
    }

    /// Ends the reading.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.moved.notify_all();
    }

    /// Reads until the end, until the hashing thread has ended, or until there is other work.
    pub(crate) fn read(
        &self,
        has_other_work: impl Fn() -> bool,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        self.has_reader.store(true, Ordering::Release);
        // Also when this ends by a stop or a panic, the other one learns of it.
        let guard = ReaderGuard(self);
        for count in 1.. {
            let Some(mut buffer) = self.free(session)? else { return Ok(()) };
            let read = || io::retry_on_intr(|| io::read(&self.file, buffer.as_mut_slice()));
            let read = blocking(session, Wait::Read, read);
            let is_over = !matches!(read, Ok(1..));
            self.put(match read {
                Ok(0) => Chunk::End(Ok(())),
                Ok(count) => {
                    buffer.truncate(count);
                    Chunk::Bytes(buffer)
                }
                Err(errno) => Chunk::End(Err(errno)),
            });
            if is_over || (count % LOOK_EVERY == 0 && has_other_work()) {
                break;
            }
        }
        drop(guard);
        Ok(())
    }

    /// Waits for a buffer; `None` when the hashing thread has ended.
    fn free(&self, session: &dyn Session) -> Result<Option<Vec<u8>>, Stop> {
        loop {
            session.check()?;
            let mut ring = blocking(session, Wait::Peers, || {
                let must_wait = |ring: &mut Ring| ring.free.is_empty() && !ring.is_closed;
                let waited = self.moved.wait_timeout_while(self.lock(), PATIENCE, must_wait);
                waited.unwrap_or_else(PoisonError::into_inner).0
            });
            if ring.is_closed {
                return Ok(None);
            }
            if let Some(buffer) = ring.free.pop() {
                return Ok(Some(buffer));
            }
        }
    }

    fn put(&self, got: Chunk) {
        let mut ring = self.lock();
        ring.full.push_back(got);
        if ring.full.len() == 1 {
            self.moved.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports at its end that the reader has left; after [`Chunk::End`] that is not read.
struct ReaderGuard<'a>(&'a PipelinedRead);

impl Drop for ReaderGuard<'_> {
    fn drop(&mut self) {
        self.0.put(Chunk::Left);
    }
}
