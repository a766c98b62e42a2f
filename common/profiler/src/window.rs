//! One profile's share of the samples: what it keeps, and at which weight.

use std::collections::HashMap;

use crate::cost::Cost;
use crate::heap::Allocation;
use crate::tag::Owner;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::PROFILE_STACKS_MAX;
use muster_protocol::request::profile::ProfileKind;

/// Which threads a profile looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every thread: the process is what is profiled (the coordinator).
    Process,
    /// Threads tagged with the agent, and those without a tag: a process with one agent.
    AgentAndUntagged(AgentId),
    /// Threads tagged with the agent only: a process with many agents.
    Agent(AgentId),
}

impl Scope {
    /// Returns whether a sample of `owner` belongs to the profile.
    pub fn includes(&self, owner: Option<&Owner>) -> bool {
        match (self, owner) {
            (Self::Process, _) | (Self::AgentAndUntagged(_), None) => true,
            (Self::Agent(_), None) => false,
            (Self::Agent(mine) | Self::AgentAndUntagged(mine), Some(owner)) => *mine == owner.agent,
        }
    }
}

/// Equal samples, merged: same stack address by address, same owner, same thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Addresses, leaf first. A caller's address lies within its call instruction.
    pub frames: Vec<u64>,
    /// What the thread worked for.
    pub owner: Option<Owner>,
    /// Name of the thread.
    pub thread: String,
    /// What it waited for in the kernel; `None` when it ran.
    pub wait: Option<Wait>,
    /// How many periods were spent there; how many allocations were sampled.
    pub count: u64,
    /// What was allocated there; nothing in a profile of time.
    pub memory: Memory,
}

/// Memory that a stack allocated over a window, as its samples tell: an estimate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// How many allocations.
    pub allocated_objects: u64,
    /// Their size.
    pub allocated_bytes: u64,
    /// How many of them were not freed when the window ended.
    pub live_objects: u64,
    /// Their size.
    pub live_bytes: u64,
}

/// What a thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wait {
    /// Number of the system call; nothing in a page fault, or where the kernel does not tell.
    pub syscall: Option<u32>,
    /// The thread could not say where it is until the window ended: the stack is its last known one.
    pub is_unanswered: bool,
}

/// What a window saw, without names.
#[derive(Debug, Clone, PartialEq)]
pub struct RawProfile {
    /// Of what it is a profile: CPU time, wall-clock time, memory.
    pub kind: ProfileKind,
    /// The merged samples.
    pub samples: Vec<Sample>,
    /// Nanoseconds that one count stands for; of memory: the mean distance of samples in bytes.
    pub period: u64,
    /// Samples a second and thread that were asked for; 0 for memory.
    pub hertz: u32,
    /// First moment.
    pub start: Timestamp,
    /// Last moment.
    pub end: Timestamp,
    /// Length of the window on the monotonic clock.
    pub duration_ns: u64,
    /// Samples that found no room.
    pub lost: u64,
    /// What taking the samples cost.
    pub cost: Cost,
    /// CPU time that the process used over the window.
    pub cpu_ms: u64,
}

impl RawProfile {
    /// Returns the sum of all counts.
    pub fn count(&self) -> u64 {
        self.samples.iter().map(|sample| sample.count).sum()
    }
}

/// What makes two samples equal.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) frames: Box<[u64]>,
    pub(super) owner: Option<Owner>,
    pub(super) tid: u32,
    pub(super) wait: Option<Wait>,
}

impl Key {
    fn of(allocation: &Allocation) -> Self {
        let Allocation { tid, frames, owner, .. } = allocation;
        Self { frames: frames.clone(), owner: owner.clone(), tid: *tid, wait: None }
    }
}

/// Where a thread was for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent<'a> {
    pub(super) tid: u32,
    pub(super) frames: &'a [u64],
    pub(super) owner: Option<&'a Owner>,
    pub(super) wait: Option<Wait>,
    pub(super) ns: u64,
}

/// Gathers the samples of one window.
///
/// The shared sampler may run faster than this window asked for. Time is then saved up thread by thread,
/// and a sample is kept each time a whole period of this window is full: what is kept, times the period, is
/// the time that was sampled, to within one period a thread.
#[derive(Debug)]
pub(super) struct Gathering {
    scope: Scope,
    period_ns: u64,
    saved_ns: HashMap<u32, u64>,
    pub(super) sums: HashMap<Key, Sum>,
    pub(super) lost: u64,
}

/// What equal samples add up to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) memory: Memory,
}

impl Gathering {
    pub(super) fn new(scope: Scope, period_ns: u64) -> Self {
        Self { scope, period_ns, saved_ns: HashMap::new(), sums: HashMap::new(), lost: 0 }
    }

    /// Takes in a sample.
    pub(super) fn add(&mut self, spent: &Spent<'_>) {
        let Spent { tid, frames, owner, wait, ns } = *spent;
        if !self.scope.includes(owner) {
            return;
        }
        let saved = self.saved_ns.entry(tid).or_default();
        *saved += ns;
        let count = *saved / self.period_ns;
        *saved %= self.period_ns;
        if count == 0 {
            return;
        }
        let key = Key { frames: frames.into(), owner: owner.cloned(), tid, wait };
        match self.sum(key) {
            Some(sum) => sum.count += count,
            None => self.lost += count,
        }
    }

    /// Takes in an allocation.
    pub(super) fn allocated(&mut self, allocation: &Allocation) {
        if !self.scope.includes(allocation.owner.as_ref()) {
            return;
        }
        let Some(sum) = self.sum(Key::of(allocation)) else {
            self.lost += 1;
            return;
        };
        sum.count += 1;
        sum.memory.allocated_objects += allocation.objects;
        sum.memory.allocated_bytes += allocation.bytes;
    }

    /// Takes in that an allocation is not freed.
    pub(super) fn still_lives(&mut self, allocation: &Allocation) {
        if let Some(sum) = self.sums.get_mut(&Key::of(allocation)) {
            sum.memory.live_objects += allocation.objects;
            sum.memory.live_bytes += allocation.bytes;
        }
    }

    /// Returns what is added up for a key; `None` when there is no room for another one.
    fn sum(&mut self, key: Key) -> Option<&mut Sum> {
        if self.sums.len() >= PROFILE_STACKS_MAX && !self.sums.contains_key(&key) {
            return None;
        }
        Some(self.sums.entry(key).or_default())
    }
}
