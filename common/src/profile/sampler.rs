//! The sampler: one per process, on only while a window is open, shared by all windows.
//!
//! It runs at the highest hertz that an open window of a kind asked for. While it is on, a thread of its own
//! drains what was sampled, gives new threads their timers and asks threads where they are; with the last window of
//! a kind its signal handler or its allocator's share goes, with the last of all everything: timers, thread, memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::{Clock, Timestamp};
use crate::limits::{
    PROFILE_ANSWER_MS_MAX, PROFILE_HEAP_SAMPLE_BYTES, PROFILE_HERTZ_MAX, PROFILE_SWEEP_MS,
    PROFILE_WALL_LOOKS_PER_S_MAX,
};
use crate::profile::heap::{self, Heap};
use crate::profile::sys::Cause;
use crate::profile::wall::Wall;
use crate::profile::window::{Gathering, RawProfile, Sample, Scope, Spent};
use crate::profile::{sys, tag};
use crate::request::profile::ProfileKind;

/// Why no window can be opened.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// The hertz are out of bounds.
    #[error("{0} samples a second: must be 1 to {PROFILE_HERTZ_MAX}")]
    Hertz(u32),
    /// There are more threads than can be asked so often.
    #[error(
        "{threads} threads at {hertz} hertz are more than {PROFILE_WALL_LOOKS_PER_S_MAX} looks a second: fewer hertz"
    )]
    Threads {
        /// Threads of the process.
        threads: usize,
        /// What was asked for.
        hertz: u32,
    },
    /// The system refused a timer, a thread, memory or the signal handler.
    #[error("the system refused the sampler: {0}")]
    System(#[from] std::io::Error),
}

/// The one sampler of this process.
#[derive(Debug)]
pub struct Sampler {
    state: Mutex<State>,
    quit: Condvar,
}

#[derive(Debug)]
struct State {
    open: BTreeMap<u64, Open>,
    next_window: u64,
    /// Period of the timers; 0 while off.
    period_ns: u32,
    timers: BTreeMap<u32, sys::Timer>,
    wall: Wall,
    heap: Heap,
    /// What the signal handler is installed for.
    heard: Vec<Cause>,
    /// The threads of this process as of the last search.
    met: BTreeSet<u32>,
    names: BTreeMap<u32, ThreadName>,
    sweeper_tid: u32,
    sweeper: Option<JoinHandle<()>>,
    /// Raised at each start and each stop: a sweeper goes when it is not the one of now. An old one may
    /// still be on its way out when the next window has opened.
    generation: u64,
    random: u64,
}

#[derive(Debug)]
struct Open {
    kind: ProfileKind,
    hertz: u32,
    since: Instant,
    /// The number of the first allocation that it sees.
    first: u64,
    gathering: Gathering,
}

/// A thread's name, read anew at its first sample: a thread is named a moment after it was made.
#[derive(Debug)]
struct ThreadName {
    text: String,
    is_settled: bool,
}

/// An open window. Dropped unfinished, it closes and its samples are gone.
#[derive(Debug)]
#[must_use = "a window that is dropped yields nothing"]
pub struct Window {
    sampler: &'static Sampler,
    id: u64,
    kind: ProfileKind,
    hertz: u32,
    clock: Clock,
    start: Timestamp,
    opened: Instant,
    cpu_at_start: Duration,
    lost_at_start: u64,
    is_open: bool,
}

static GLOBAL: Sampler = Sampler {
    state: Mutex::new(State {
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
    }),
    quit: Condvar::new(),
};

impl Sampler {
    /// Returns the sampler of this process.
    pub fn global() -> &'static Self {
        &GLOBAL
    }

    /// Opens a window of CPU time, wall-clock time or memory; it begins now. `hertz` is samples a second and thread,
    /// and means nothing for memory.
    pub fn window(
        &'static self,
        kind: ProfileKind,
        hertz: u32,
        scope: Scope,
        clock: &Clock,
    ) -> Result<Window, SamplerError> {
        if hertz == 0 || hertz > PROFILE_HERTZ_MAX {
            return Err(SamplerError::Hertz(hertz));
        }
        if kind == ProfileKind::Wall {
            let threads = tids().map_or(0, |tids| tids.len());
            if Wall::is_too_much(threads, hertz) {
                return Err(SamplerError::Threads { threads, hertz });
            }
        }
        let mut state = self.lock();
        if state.open.is_empty() {
            state.start(|generation| {
                let builder = std::thread::Builder::new().name("muster-sampler".into());
                builder.spawn(move || GLOBAL.sweep(generation))
            })?;
        }
        if let Err(error) = state.listen(kind) {
            self.rest(state);
            return Err(error.into());
        }
        state.drain();
        // What was open before has the time until now.
        state.look();
        let id = state.next_window;
        state.next_window += 1;
        let gathering = Gathering::new(scope, period_ns(hertz).into());
        let (since, first) = (Instant::now(), state.heap.next());
        state.open.insert(id, Open { kind, hertz, since, first, gathering });
        state.set_rhythm();
        state.meet_threads();
        drop(state);
        // The sweeper may have to get up earlier.
        self.quit.notify_all();
        Ok(Window {
            sampler: self,
            id,
            kind,
            hertz,
            clock: clock.clone(),
            start: clock.now(),
            opened: Instant::now(),
            cpu_at_start: sys::process_cpu(),
            lost_at_start: sys::lost(),
            is_open: true,
        })
    }

    /// Does something while nobody sweeps.
    #[cfg(test)]
    pub(super) fn while_locked<T>(&self, work: impl FnOnce() -> T) -> T {
        let _state = self.lock();
        work()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sweeper's thread: until its sampling ends.
    fn sweep(&self, generation: u64) {
        let rhythm = Duration::from_millis(PROFILE_SWEEP_MS);
        let mut meet_at = Instant::now();
        heap::serve_the_sampler();
        let mut state = self.lock();
        state.sweeper_tid = sys::own_tid();
        while state.generation == generation {
            state.drain();
            if meet_at <= Instant::now() {
                state.meet_threads();
                meet_at = Instant::now() + rhythm;
            }
            if state.wall.next().is_some_and(|due| due <= Instant::now()) {
                state.look();
            }
            let due = state.wall.next().map_or(meet_at, |due| due.min(meet_at));
            let pause = due.saturating_duration_since(Instant::now());
            state = self.quit.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends a window and, with the last one, the sampling.
    fn close(&self, id: u64) -> Option<(Gathering, BTreeMap<u32, String>)> {
        let mut state = self.lock();
        state.drain();
        let kind = state.open.get(&id)?.kind;
        if kind == ProfileKind::Heap {
            let State { open, heap, .. } = &mut *state;
            let open = open.get_mut(&id)?;
            for allocation in heap.live_since(open.first) {
                open.gathering.still_lives(allocation);
            }
        }
        if kind == ProfileKind::Wall {
            state.look();
            state = self.await_answers(state);
            let State { open, wall, .. } = &mut *state;
            let open = open.get_mut(&id)?;
            wall.unanswered(&mut |spent| open.add(spent));
        }
        let closed = state.open.remove(&id)?.gathering;
        let tids = closed.sums.keys().map(|key| key.tid);
        let names = tids.map(|tid| (tid, state.name(tid))).collect();
        self.rest(state);
        Some((closed, names))
    }

    /// Waits a moment for threads that were asked.
    fn await_answers<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let until = Instant::now() + Duration::from_millis(PROFILE_ANSWER_MS_MAX);
        while state.wall.is_waiting() && Instant::now() < until {
            let pause = Duration::from_millis(1);
            state = self.quit.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
            state.drain();
        }
        state
    }

    /// Goes on with the windows that are open; without any, everything ends.
    fn rest(&self, mut state: MutexGuard<'_, State>) {
        if !state.open.is_empty() {
            state.set_rhythm();
            state.meet_threads();
            return;
        }
        let sweeper = state.stop();
        // The sweeper needs the lock to see that it must go; a window may open meanwhile.
        drop(state);
        self.quit.notify_all();
        if sweeper.is_some_and(|sweeper| sweeper.join().is_err()) {
            tracing::error!("the sweeper of the sampler panicked");
        }
    }
}

impl Open {
    fn add(&mut self, spent: &Spent<'_>) {
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
    /// Turns sampling on, with a sweeper that `spawn` makes; all of it or nothing.
    fn start(
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
    fn stop(&mut self) -> Option<JoinHandle<()>> {
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
    fn drain(&mut self) {
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
    fn look(&mut self) {
        if self.wall.next().is_some() {
            let Self { open, wall, .. } = self;
            let say = &mut |spent: &Spent<'_>| tell(open, ProfileKind::Wall, spent);
            wall.look(Instant::now(), say);
        }
    }

    /// Installs the signal handler for a kind, or has the allocator sample, unless it is so.
    fn listen(&mut self, kind: ProfileKind) -> std::io::Result<()> {
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

    /// Samples each kind at the highest hertz of its open windows; timers are made anew when it changes.
    fn set_rhythm(&mut self) {
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
    fn meet_threads(&mut self) {
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

    fn name(&self, tid: u32) -> String {
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

impl Window {
    /// Returns how long the window has been open.
    pub fn elapsed(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Ends the window and returns what it saw.
    pub fn finish(mut self) -> RawProfile {
        let duration = self.opened.elapsed();
        let cpu = sys::process_cpu().saturating_sub(self.cpu_at_start);
        let end = self.clock.now();
        self.is_open = false;
        let mut samples = Vec::new();
        let mut lost = match self.kind {
            ProfileKind::Heap => 0,
            _ => sys::lost().saturating_sub(self.lost_at_start),
        };
        if let Some((gathering, names)) = self.sampler.close(self.id) {
            lost += gathering.lost;
            samples.reserve_exact(gathering.sums.len());
            samples.extend(gathering.sums.into_iter().map(|(key, sum)| Sample {
                thread: names.get(&key.tid).cloned().unwrap_or_default(),
                frames: key.frames.into_vec(),
                owner: key.owner,
                wait: key.wait,
                count: sum.count,
                memory: sum.memory,
            }));
        }
        let (period, hertz) = match self.kind {
            ProfileKind::Heap => (PROFILE_HEAP_SAMPLE_BYTES as u64, 0),
            _ => (period_ns(self.hertz).into(), self.hertz),
        };
        RawProfile {
            kind: self.kind,
            samples,
            period,
            hertz,
            start: self.start,
            end,
            duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
            lost,
            cpu_ms: u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.is_open {
            self.sampler.close(self.id);
        }
    }
}

fn period_ns(hertz: u32) -> u32 {
    1_000_000_000 / hertz.max(1)
}

fn tell(open: &mut BTreeMap<u64, Open>, kind: ProfileKind, spent: &Spent<'_>) {
    open.values_mut().filter(|open| open.kind == kind).for_each(|open| open.add(spent));
}

fn tids() -> std::io::Result<BTreeSet<u32>> {
    let tasks = std::fs::read_dir("/proc/self/task")?;
    Ok(tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).collect())
}

fn thread_name(tid: u32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/self/task/{tid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests;
