//! What the sampler holds while it is on: which windows are to be told, which threads are met, what is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::heap::Heap;
use crate::sys::Cause;
use crate::wall::Wall;
use crate::window::{Gathering, Spent};
use crate::{sys, tag};
use muster_protocol::request::profile::ProfileKind;

/// What is on, for which windows, and what was met so far.
#[derive(Debug)]
pub(super) struct State {
    pub(super) open: BTreeMap<u64, Open>,
    pub(super) next_window: u64,
    /// Period of the timers; 0 while off.
    period_ns: u32,
    timers: BTreeMap<u32, sys::Timer>,
    pub(super) wall: Wall,
    pub(super) heap: Heap,
    /// What the signal handler is installed for.
    heard: Vec<Cause>,
    /// The threads of this process as of the last search.
    met: BTreeSet<u32>,
    names: BTreeMap<u32, ThreadName>,
    pub(super) sweeper_tid: u32,
    sweeper: Option<JoinHandle<()>>,
    /// Raised at each start and each stop: a sweeper goes when it is not the one of now. An old one may
    /// still be on its way out when the next window has opened.
    pub(super) generation: u64,
    random: u64,
}

/// What an open window is for.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) kind: ProfileKind,
    pub(super) hertz: u32,
    pub(super) since: Instant,
    /// The number of the first allocation that it sees.
    pub(super) first: u64,
    pub(super) gathering: Gathering,
}

/// A thread's name, read again at its first sample: a thread is named a moment after it was made.
#[derive(Debug)]
struct ThreadName {
    text: String,
    is_settled: bool,
}

impl Open {
    pub(super) fn add(&mut self, spent: &Spent<'_>) {
        // An answer may speak of the time before this window, too.
        let longest = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let is_wall = self.kind == ProfileKind::Wall;
        let ns = if is_wall { spent.ns.min(longest) } else { spent.ns };
        self.gathering.add(&Spent { ns, ..*spent });
    }
}

impl ThreadName {
    fn unknown() -> Self {
        Self { text: String::new(), is_settled: false }
    }
}

impl State {
    /// Begins with nothing on.
    pub(super) const fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            next_window: 0,
            period_ns: 0,
            timers: BTreeMap::new(),
            wall: Wall::new(),
            heap: Heap::new(),
            heard: Vec::new(),
            met: BTreeSet::new(),
            names: BTreeMap::new(),
            sweeper_tid: 0,
            sweeper: None,
            generation: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Turns sampling on, with a sweeper that `spawn` makes; all of it or nothing.
    pub(super) fn start(
        &mut self,
        spawn: impl FnOnce(u64) -> std::io::Result<JoinHandle<()>>,
    ) -> std::io::Result<()> {
        sys::start()?;
        self.generation += 1;
        match spawn(self.generation) {
            Ok(sweeper) => self.sweeper = Some(sweeper),
            Err(error) => {
                self.stop();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Turns sampling off and returns the sweeper, which goes as soon as it has the lock.
    pub(super) fn stop(&mut self) -> Option<JoinHandle<()>> {
        self.timers.clear();
        for cause in self.heard.drain(..) {
            sys::ignore(cause);
        }
        self.heap.stop();
        sys::stop();
        tag::forget(&tag::retired());
        self.wall.set_hertz(0);
        self.met.clear();
        self.names.clear();
        self.period_ns = 0;
        self.generation += 1;
        self.sweeper.take()
    }

    /// Hands what was sampled to the windows.
    pub(super) fn drain(&mut self) {
        let retired = tag::retired();
        self.drain_ring();
        self.drain_heap();
        tag::forget(&retired);
    }

    fn drain_ring(&mut self) {
        let mut owners = BTreeMap::new();
        while let Some(slot) = sys::take() {
            let owner = owners.entry(slot.tag).or_insert_with(|| tag::owner(slot.tag));
            self.settle_name(slot.tid);
            let (tid, frames, owner) = (slot.tid, slot.frames(), owner.as_ref());
            let Self { open, wall, .. } = &mut *self;
            if slot.period_ns == 0 {
                let say = &mut |spent: &Spent<'_>| tell(open, ProfileKind::Wall, spent);
                wall.answered(tid, frames, owner, say);
            } else {
                let ns = u64::from(slot.period_ns) * u64::from(slot.periods);
                let spent = Spent { tid, frames, owner, wait: None, ns };
                tell(open, ProfileKind::Cpu, &spent);
            }
        }
    }

    fn drain_heap(&mut self) {
        let Self { open, heap, names, .. } = self;
        let lost = heap.drain(|allocation, name| {
            let known = names.entry(allocation.tid).or_insert_with(ThreadName::unknown);
            known.is_settled = true;
            if known.text != name {
                name.clone_into(&mut known.text);
            }
            for open in open.values_mut().filter(|open| open.kind == ProfileKind::Heap) {
                open.gathering.allocated(allocation);
            }
        });
        for open in open.values_mut().filter(|open| open.kind == ProfileKind::Heap) {
            open.gathering.lost += lost;
        }
    }

    /// Looks where every thread is, when wall-clock time is wanted.
    pub(super) fn look(&mut self) {
        if self.wall.next().is_some() {
            let Self { open, wall, .. } = self;
            let say = &mut |spent: &Spent<'_>| tell(open, ProfileKind::Wall, spent);
            wall.look(Instant::now(), say);
        }
    }

    /// Installs the signal handler for a kind, or has the allocator sample, unless it is so.
    pub(super) fn listen(&mut self, kind: ProfileKind) -> std::io::Result<()> {
        let cause = match kind {
            ProfileKind::Heap => return self.heap.start(),
            ProfileKind::Wall => Cause::Question,
            _ => Cause::Timer,
        };
        if !self.heard.contains(&cause) {
            sys::listen(cause)?;
            self.heard.push(cause);
        }
        Ok(())
    }

    /// Takes the signal handler for a kind away, when it is there.
    fn ignore(&mut self, cause: Cause) {
        if self.heard.contains(&cause) {
            sys::ignore(cause);
            self.heard.retain(|heard| *heard != cause);
        }
    }

    /// Samples each kind at the highest hertz of its open windows; timers are made again when it changes.
    pub(super) fn set_rhythm(&mut self) {
        let (cpu, wall) = (self.hertz(ProfileKind::Cpu), self.hertz(ProfileKind::Wall));
        let period_ns = cpu.map_or(0, period_ns);
        if self.period_ns != period_ns {
            self.period_ns = period_ns;
            self.timers.clear();
        }
        self.wall.set_hertz(wall.unwrap_or(0));
        if cpu.is_none() {
            self.ignore(Cause::Timer);
        }
        if wall.is_none() {
            self.ignore(Cause::Question);
        }
        if self.hertz(ProfileKind::Heap).is_none() {
            self.heap.stop();
        }
    }

    fn hertz(&self, kind: ProfileKind) -> Option<u32> {
        self.open.values().filter(|open| open.kind == kind).map(|open| open.hertz).max()
    }

    /// Begins with new threads and forgets those that are gone.
    pub(super) fn meet_threads(&mut self) {
        let Ok(tids) = tids() else { return };
        for tid in tids.difference(&self.met) {
            let text = thread_name(*tid).unwrap_or_default();
            self.names.insert(*tid, ThreadName { text, is_settled: false });
        }
        self.timers.retain(|tid, _| tids.contains(tid));
        self.wall.meet(&tids, self.sweeper_tid, Instant::now());
        self.met.clone_from(&tids);
        for tid in tids {
            if self.period_ns == 0 || self.timers.contains_key(&tid) {
                continue;
            }
            // A thread that lives shorter than a period is still seen as often as its CPU time deserves.
            let first_ns = 1 + self.random_below(self.period_ns);
            match sys::Timer::start(tid, first_ns, self.period_ns) {
                Ok(timer) => {
                    self.timers.insert(tid, timer);
                }
                Err(error) => tracing::debug!(tid, %error, "thread gets no timer"),
            }
        }
    }

    fn settle_name(&mut self, tid: u32) {
        let Some(name) = self.names.get_mut(&tid) else { return };
        if !name.is_settled {
            name.is_settled = true;
            name.text = thread_name(tid).unwrap_or_else(|| std::mem::take(&mut name.text));
        }
    }

    pub(super) fn name(&self, tid: u32) -> String {
        self.names.get(&tid).map(|name| name.text.clone()).unwrap_or_default()
    }

    /// Returns a number below `bound` (xorshift: it only has to be evenly spread).
    fn random_below(&mut self, bound: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        u32::try_from((self.random >> 32) % u64::from(bound.max(1))).unwrap_or(0)
    }
}

pub(super) fn period_ns(hertz: u32) -> u32 {
    1_000_000_000 / hertz.max(1)
}

fn tell(open: &mut BTreeMap<u64, Open>, kind: ProfileKind, spent: &Spent<'_>) {
    open.values_mut().filter(|open| open.kind == kind).for_each(|open| open.add(spent));
}

pub(super) fn tids() -> std::io::Result<BTreeSet<u32>> {
    let tasks = std::fs::read_dir("/proc/self/task")?;
    Ok(tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).collect())
}

fn thread_name(tid: u32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/self/task/{tid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
