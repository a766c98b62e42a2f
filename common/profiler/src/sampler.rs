//! The sampler: one per process, on only while a window is open, shared by all windows.
//!
//! It runs at the highest hertz that an open window of a kind asked for. While it is on, a thread of its own
//! drains what was sampled, gives new threads their timers and asks threads where they are; with the last window of
//! a kind its signal handler or its allocator's share goes, with the last of all everything: timers, thread, memory.

mod state;

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::state::{Open, State, period_ns, tids};
use crate::cost::{self, Cost};
use crate::heap;
use crate::sys;
use crate::wall::Wall;
use crate::window::{Gathering, RawProfile, Sample, Scope};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::limits::{
    PROFILE_ANSWER_MS_MAX, PROFILE_HEAP_SAMPLE_BYTES, PROFILE_HERTZ_MAX, PROFILE_SWEEP_MS,
    PROFILE_WALL_LOOKS_PER_S_MAX,
};
use muster_protocol::request::profile::ProfileKind;

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
    cost_at_start: Cost,
    is_open: bool,
}

static GLOBAL: Sampler = Sampler { state: Mutex::new(State::new()), quit: Condvar::new() };

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
            cost_at_start: Cost::so_far(kind),
            is_open: true,
        })
    }

    /// Does something while no sweep runs.
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
        let mut count_cost = cost::of_the_sweeper();
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
            count_cost();
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
            cost: Cost::so_far(self.kind).since(&self.cost_at_start),
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

#[cfg(test)]
mod tests;
