//! Memory: which code allocates, and what of it is not freed.
//!
//! The program's allocator samples one in so many bytes while a window is open (`sys`). Here is what is kept
//! of it between two sweeps: which samples are alive. A sample stands for as many allocations of its size as
//! there must have been for one to be met.

mod sys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

pub use sys::Allocator;

use crate::tag::{self, Owner};
#[cfg(test)]
use muster_protocol::limits::PROFILE_HEAP_FRESH_MAX;
use muster_protocol::limits::PROFILE_HEAP_SAMPLE_BYTES;

/// Returns whether allocations of this program can be sampled.
pub(super) fn is_offered() -> bool {
    sys::is_installed()
}

/// Samples nothing of what the calling thread allocates from now on.
pub(super) fn serve_the_sampler() {
    sys::serve_the_sampler();
}

/// The allocations that were sampled and are not freed, while a window of memory is open.
#[derive(Debug)]
pub(super) struct Heap {
    live: BTreeMap<u64, Allocation>,
    /// The number of the next allocation.
    next: u64,
    /// What is left of whole allocations.
    rest: f64,
    is_on: bool,
}

/// An allocation that was sampled.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) tid: u32,
    pub(super) frames: Box<[u64]>,
    pub(super) owner: Option<Owner>,
    /// How many allocations it stands for.
    pub(super) objects: u64,
    /// And how many bytes.
    pub(super) bytes: u64,
}

impl Heap {
    pub(super) const fn new() -> Self {
        Self { live: BTreeMap::new(), next: 0, rest: 0.0, is_on: false }
    }

    /// Turns the sampling on, unless it is.
    pub(super) fn start(&mut self) -> io::Result<()> {
        if !is_offered() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this program's allocator samples nothing",
            ));
        }
        if !self.is_on {
            sys::start(PROFILE_HEAP_SAMPLE_BYTES);
            (self.is_on, self.next) = (true, 0);
        }
        Ok(())
    }

    /// Turns the sampling off, when it is on.
    pub(super) fn stop(&mut self) {
        if self.is_on {
            sys::stop();
            self.live.clear();
            self.is_on = false;
        }
    }

    /// Returns the number of the next allocation: what a window sees begins with it.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes in what has happened; tells of each new allocation, with the name of its thread, and how many were lost.
    pub(super) fn drain(&mut self, mut say: impl FnMut(&Allocation, &str)) -> u64 {
        if !self.is_on {
            return 0;
        }
        let batch = sys::take();
        let mut owners = BTreeMap::new();
        for fresh in batch.fresh {
            let owner = owners.entry(fresh.tag).or_insert_with(|| tag::owner(fresh.tag));
            let (objects, bytes) = stands_for(fresh.size, PROFILE_HEAP_SAMPLE_BYTES);
            let objects = whole(objects, &mut self.rest);
            let (tid, frames, owner) = (fresh.tid, fresh.frames, owner.clone());
            let allocation = Allocation { tid, frames, owner, objects, bytes };
            let name = fresh.name.split(|byte| *byte == 0).next().unwrap_or_default();
            say(&allocation, &String::from_utf8_lossy(name));
            self.next = fresh.id + 1;
            self.live.insert(fresh.id, allocation);
        }
        for id in batch.freed {
            self.live.remove(&id);
        }
        batch.lost
    }

    /// Returns what was allocated since `first` and is not freed.
    pub(super) fn live_since(&self, first: u64) -> impl Iterator<Item = &Allocation> {
        self.live.range(first..).map(|(_, allocation)| allocation)
    }
}

/// Returns how many allocations of a size one sample stands for, and how many bytes: the inverse of the chance that
/// one is met.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of a positive number"
)]
fn stands_for(size: usize, interval: usize) -> (f64, u64) {
    let size = size.max(1) as f64;
    let objects = 1.0 / -(-size / interval as f64).exp_m1();
    (objects, (objects * size).round() as u64)
}

/// Returns whole allocations, and leaves the rest to the next ones. Each rounded by itself, two and a half would be three
/// every time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of a positive number"
)]
fn whole(objects: f64, rest: &mut f64) -> u64 {
    let sum = objects + *rest;
    *rest = sum.fract();
    sum as u64
}
