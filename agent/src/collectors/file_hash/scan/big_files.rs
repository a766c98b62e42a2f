//! Big files that wait for a worker, and what a worker does next.
//!
//! A big file is put up ([`BigFiles::offer`]) by the worker that opened it, and taken by any worker that is free. The
//! queue is a part of the order in which rows leave: whether a worker takes a big file, walks on or waits is decided
//! under the lock of the [`ReorderBuffer`], and what is added is added under it, so that no worker goes to sleep
//! meanwhile. The queue's own lock is taken after that one, never before it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;

use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::state::State;
use crate::collectors::file_hash::scan::pipelined::PipelinedRead;
use crate::collectors::file_hash::scan::stream::Stream;

/// Big files that are open and wait for a worker.
const BIG_MAX: usize = 16;
/// How long a big file waits for a second one: hashing two interleaved takes two thirds of the time.
pub(crate) const PAIR_WAIT: Duration = Duration::from_millis(250);
/// How long a worker that has nothing to do sleeps before it looks whether it must stop.
const WAIT: Duration = Duration::from_millis(100);

/// What a worker may do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Read a big file.
    Read(Box<Stream>),
    /// Read a big file for the worker that puts it through the digests.
    ReadAhead(Arc<PipelinedRead>),
    /// Take a batch off the walk.
    Walk,
    /// Sleep until something happens.
    Wait,
    /// Everything is done, or the collection has failed.
    End,
}

/// The big files of one collection.
#[derive(Debug)]
pub(crate) struct BigFiles<'a> {
    window: &'a ReorderBuffer,
    queue: Mutex<Queue>,
    /// Workers that have nothing to do.
    idle: AtomicUsize,
}

/// What waits for a worker.
#[derive(Debug)]
struct Queue {
    files: VecDeque<Stream>,
    /// From then on the first of them waits for no other.
    due: Instant,
    /// A file that one worker hashes and an idle one is to read for it.
    asked: Option<Arc<PipelinedRead>>,
}

impl Queue {
    /// Returns whether a big file is to be read now, though it may be alone.
    fn is_due(&self, order: &State) -> bool {
        !order.can_walk() || self.files.len() > 1 || Instant::now() >= self.due
    }
}

impl<'a> BigFiles<'a> {
    pub(crate) fn new(window: &'a ReorderBuffer) -> Self {
        let queue = Queue { files: VecDeque::new(), due: Instant::now(), asked: None };
        Self { window, queue: Mutex::new(queue), idle: AtomicUsize::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what there is to do. `in_company`: big files are better read together.
    pub(crate) fn next(&self, in_company: bool) -> Next {
        let order = self.window.lock();
        if order.failure.is_some() {
            return Next::End;
        }
        let mut queue = self.lock();
        if (!in_company || queue.is_due(&order))
            && let Some(big) = queue.files.pop_front()
        {
            return Next::Read(Box::new(big));
        }
        if order.can_walk() {
            return Next::Walk;
        }
        if order.is_finished() {
            return Next::End;
        }
        queue.asked.take().map_or(Next::Wait, Next::ReadAhead)
    }

    /// Returns whether there is other work than to read ahead for another worker, or the collection has failed.
    pub(crate) fn has_work(&self) -> bool {
        let order = self.window.lock();
        order.failure.is_some() || order.can_walk() || !self.lock().files.is_empty()
    }

    /// Sleeps until something happened, but not long.
    pub(crate) fn wait(&self) {
        let order = self.window.lock();
        let queue = self.lock();
        let has_work = order.failure.is_some() || order.can_walk() || !queue.files.is_empty();
        let is_wanted = has_work || queue.asked.is_some();
        drop(queue);
        if !is_wanted && !order.is_finished() {
            self.idle.fetch_add(1, Ordering::Relaxed);
            self.window.wait(order, WAIT);
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns whether a worker has nothing to do.
    pub(crate) fn has_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0
    }

    /// Puts a big file up for any worker that is free; gives it back when too many wait.
    pub(crate) fn offer(&self, big: Stream) -> Option<Stream> {
        let mut order = self.window.lock();
        order.note_big(big.place());
        let mut queue = self.lock();
        if queue.files.len() >= BIG_MAX {
            return Some(big);
        }
        if queue.files.is_empty() {
            queue.due = Instant::now() + PAIR_WAIT;
        }
        queue.files.push_back(big);
        self.window.wake_one();
        None
    }

    /// Passes on a big file that was begun to a worker that has nothing to do.
    pub(crate) fn give(&self, big: Stream) {
        let _order = self.window.lock();
        let mut queue = self.lock();
        queue.due = Instant::now();
        queue.files.push_back(big);
        self.window.wake_one();
    }

    /// Takes a big file that waits.
    pub(crate) fn take(&self) -> Option<Stream> {
        self.lock().files.pop_front()
    }

    /// Asks an idle worker to read a file ahead; `None` where another one is asked for.
    pub(crate) fn ask_ahead(&self, file: OwnedFd) -> Option<ReadRequest<'_>> {
        let _order = self.window.lock();
        let mut queue = self.lock();
        if queue.asked.is_some() {
            return None;
        }
        let ahead = Arc::new(PipelinedRead::new(file));
        queue.asked = Some(Arc::clone(&ahead));
        self.window.wake_one();
        Some(ReadRequest { ahead, big: self })
    }

    /// Asks no more.
    fn withdraw(&self, ahead: &Arc<PipelinedRead>) {
        self.lock().asked.take_if(|asked| Arc::ptr_eq(asked, ahead));
    }
}

/// What was asked for, as long as it is wanted.
#[derive(Debug)]
pub(crate) struct ReadRequest<'a> {
    pub(crate) ahead: Arc<PipelinedRead>,
    big: &'a BigFiles<'a>,
}

impl Drop for ReadRequest<'_> {
    fn drop(&mut self) {
        self.ahead.close();
        self.big.withdraw(&self.ahead);
    }
}
