//! The sampler: one per process, on only while a window is open, shared by all windows.
//!
//! It runs at the highest hertz that an open window asked for. While it is on, a thread of its own drains
//! the ring and gives new threads their timers; with the last window everything goes: timers, signal
//! handler, thread, memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::{Clock, Timestamp};
use crate::limits::{PROFILE_HERTZ_MAX, PROFILE_SWEEP_MS};
use crate::profile::window::{Gathering, RawProfile, Sample, Scope};
use crate::profile::{sys, tag};

/// Why no window can be opened.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// The hertz are out of bounds.
    #[error("{0} samples a second: must be 1 to {PROFILE_HERTZ_MAX}")]
    Hertz(u32),
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
    names: BTreeMap<u32, ThreadName>,
    sweeper: Option<JoinHandle<()>>,
    /// Raised at each start and each stop: a sweeper goes when it is not the one of now. An old one may
    /// still be on its way out when the next window has opened.
    generation: u64,
    random: u64,
}

#[derive(Debug)]
struct Open {
    hertz: u32,
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
        names: BTreeMap::new(),
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

    /// Opens a window; it begins now. `hertz` is samples a second of CPU time and thread.
    pub fn window(
        &'static self,
        hertz: u32,
        scope: Scope,
        clock: &Clock,
    ) -> Result<Window, SamplerError> {
        if hertz == 0 || hertz > PROFILE_HERTZ_MAX {
            return Err(SamplerError::Hertz(hertz));
        }
        let mut state = self.lock();
        if state.open.is_empty() {
            state.start(|generation| {
                let builder = std::thread::Builder::new().name("muster-sampler".into());
                builder.spawn(move || GLOBAL.sweep(generation))
            })?;
        }
        state.drain();
        let id = state.next_window;
        state.next_window += 1;
        let gathering = Gathering::new(scope, period_ns(hertz).into());
        state.open.insert(id, Open { hertz, gathering });
        state.set_period();
        state.meet_threads();
        Ok(Window {
            sampler: self,
            id,
            hertz,
            clock: clock.clone(),
            start: clock.now(),
            opened: Instant::now(),
            cpu_at_start: sys::process_cpu(),
            lost_at_start: sys::lost(),
            is_open: true,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sweeper's thread: until its sampling ends.
    fn sweep(&self, generation: u64) {
        let mut state = self.lock();
        while state.generation == generation {
            state.drain();
            state.meet_threads();
            let pause = Duration::from_millis(PROFILE_SWEEP_MS);
            state = self.quit.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends a window and, with the last one, the sampling.
    fn close(&self, id: u64) -> Option<(Gathering, BTreeMap<u32, String>)> {
        let mut state = self.lock();
        state.drain();
        let closed = state.open.remove(&id)?.gathering;
        let tids = closed.counts.keys().map(|key| key.tid);
        let names = tids.map(|tid| (tid, state.name(tid))).collect();
        if state.open.is_empty() {
            let sweeper = state.stop();
            // The sweeper needs the lock to see that it must go; a window may open meanwhile.
            drop(state);
            self.quit.notify_all();
            if sweeper.is_some_and(|sweeper| sweeper.join().is_err()) {
                tracing::error!("the sweeper of the sampler panicked");
            }
        } else {
            state.set_period();
            state.meet_threads();
        }
        Some((closed, names))
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
        sys::stop();
        tag::forget(&tag::retired());
        self.names.clear();
        self.period_ns = 0;
        self.generation += 1;
        self.sweeper.take()
    }

    /// Hands what waits in the ring to the windows.
    fn drain(&mut self) {
        let retired = tag::retired();
        let mut owners = BTreeMap::new();
        while let Some(slot) = sys::take() {
            let owner = owners.entry(slot.tag).or_insert_with(|| tag::owner(slot.tag));
            self.settle_name(slot.tid);
            let cpu_ns = u64::from(slot.period_ns) * u64::from(slot.periods);
            for open in self.open.values_mut() {
                open.gathering.add(slot.frames(), owner.as_ref(), slot.tid, cpu_ns);
            }
        }
        tag::forget(&retired);
    }

    /// Runs the timers at the highest hertz of the open windows; they are made anew when it changes.
    fn set_period(&mut self) {
        let hertz = self.open.values().map(|open| open.hertz).max().unwrap_or(1);
        if self.period_ns != period_ns(hertz) {
            self.period_ns = period_ns(hertz);
            self.timers.clear();
        }
    }

    /// Gives timers to new threads and takes them from those that are gone.
    fn meet_threads(&mut self) {
        let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return };
        let names = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
        let tids: BTreeSet<u32> = names.collect();
        self.timers.retain(|tid, _| tids.contains(tid));
        for tid in tids {
            if self.timers.contains_key(&tid) {
                continue;
            }
            // A thread that lives shorter than a period is still seen as often as its CPU time deserves.
            let first_ns = 1 + self.random_below(self.period_ns);
            match sys::Timer::start(tid, first_ns, self.period_ns) {
                Ok(timer) => {
                    self.timers.insert(tid, timer);
                    let text = thread_name(tid).unwrap_or_default();
                    self.names.insert(tid, ThreadName { text, is_settled: false });
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
        let mut lost = sys::lost().saturating_sub(self.lost_at_start);
        if let Some((gathering, names)) = self.sampler.close(self.id) {
            lost += gathering.lost;
            samples.reserve_exact(gathering.counts.len());
            samples.extend(gathering.counts.into_iter().map(|(key, count)| Sample {
                thread: names.get(&key.tid).cloned().unwrap_or_default(),
                frames: key.frames.into_vec(),
                owner: key.owner,
                count,
            }));
        }
        RawProfile {
            samples,
            period_ns: period_ns(self.hertz).into(),
            hertz: self.hertz,
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

fn thread_name(tid: u32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/self/task/{tid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests;
