//! The watchdog: a collection that makes no progress is profiled by its own agent, unasked, and what it was doing is sent
//! at once. So much was asked for by the hunt (`--on-stall`), signed as everything in it.
//!
//! It looks at what the collection tells of itself, never at the collector. What it sends is a blob of the collection, and
//! bounded: a few profiles of a few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_profiler::{Captured, capture};
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{STALL_PROFILES_MAX, STALL_SECONDS};
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::result::State;
use tracing::{info, warn};

use crate::core::Core;
use crate::runner::Run;
use crate::session::batch::Batch;
use crate::session::cache::Cache;
use crate::session::live::LiveSession;
use crate::session::upload::{Content, Read, Sent};
use crate::session::{Checkpoint, Cost, Progress, RequestState, Session, Stop, ThreadScope, Wait};
use crate::task::{Task, Work};

/// Where a thread is, and where its time goes: what a stall is understood by.
const KINDS: [ProfileKind; 3] = [ProfileKind::Wall, ProfileKind::Cpu, ProfileKind::Tasks];
/// Samples a second and thread.
const HERTZ: u32 = 99;

/// What the watchdog knows of one run.
#[derive(Debug)]
pub(crate) struct Watch {
    moved: Instant,
    last: Progress,
    /// The present stall was taken up.
    is_known: bool,
    taken: u32,
}

impl Watch {
    /// Begins to watch a run of which `taken` profiles were taken before a restart.
    pub(crate) fn new(now: Instant, taken: u32) -> Self {
        Self { moved: now, last: Progress::default(), is_known: false, taken }
    }

    /// Takes in how far the run is; returns how long it has stood still when that is to be looked into now.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        progress: Progress,
        after: Duration,
    ) -> Option<Duration> {
        if progress != self.last {
            (self.moved, self.last, self.is_known) = (now, progress, false);
            return None;
        }
        let still = now.saturating_duration_since(self.moved);
        if still < after || self.is_known || self.taken >= STALL_PROFILES_MAX {
            return None;
        }
        self.is_known = true;
        self.taken += 1;
        Some(still)
    }
}

/// How many profiles are in so many footers: each stall has all kinds that are offered.
pub(crate) fn taken(footers: usize) -> u32 {
    u32::try_from(footers.div_ceil(kinds().len().max(1))).unwrap_or(u32::MAX)
}

fn kinds() -> Vec<ProfileKind> {
    let offered = capture::offered();
    KINDS.into_iter().filter(|kind| offered.contains(kind)).collect()
}

/// Looks at a run, and has it profiled when it stands still for as long as its hunt allows.
pub(crate) fn look(core: &Arc<Core>, run: &Arc<Run>) {
    let Work::Hunt(hunt) = &run.task.work else { return };
    if hunt.on_stall_s == 0 || run.is_being_profiled.load(Ordering::Relaxed) {
        return;
    }
    let (progress, ..) = run.session.snapshot();
    let after = Duration::from_secs(hunt.on_stall_s.into());
    let still = crate::core::lock(&run.watch).look(Instant::now(), progress, after);
    let Some(still) = still else { return };
    let request = run.task.body.id;
    if !core.policy.allows_profile(STALL_SECONDS) {
        warn!(%request, "a collection stands still; this machine's policy allows no profile of it");
        return;
    }
    run.is_being_profiled.store(true, Ordering::Relaxed);
    let current_paths = run.session.current_paths();
    let paths: Vec<_> = current_paths.iter().map(|path| String::from_utf8_lossy(path)).collect();
    let reason = format!("no progress for {} s at {}", still.as_secs(), paths.join(", "));
    warn!(%request, reason, "a collection stands still and is profiled");
    let (core, run) = (Arc::clone(core), Arc::clone(run));
    let work = move || {
        let _over = ProfilingGuard(&run.is_being_profiled);
        profile(&core, &run, &reason);
    };
    // It ends with its few seconds, or as soon as the collection is told to stop.
    if let Err(error) = std::thread::Builder::new().name("watchdog".to_owned()).spawn(work) {
        warn!(%request, %error, "no thread for the watchdog");
    }
}

/// Notes at its end that the run is no longer profiled.
struct ProfilingGuard<'a>(&'a AtomicBool);

impl Drop for ProfilingGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn profile(core: &Core, run: &Run, reason: &str) {
    let request = run.task.body.id;
    let (seconds, kinds) = (STALL_SECONDS, kinds());
    let args = ProfileStart { revision: 0, kinds, seconds, during: None, hertz: HERTZ };
    let task = Task::profile(run.task.body.clone(), args);
    let told = core.runner.collect(core, &task, &StallSession(&run.session));
    if let Err(error) = told {
        info!(%request, %error, "the profile of a stall was cut short");
    }
    // After the final status nothing may follow.
    if run.session.check().is_ok() {
        let mut status = core.status(request, State::Progress, "stalled", reason);
        status.footer = Some(run.session.footer(run.session.artifact_so_far()));
        if let Err(problem) = core.journal.put_progress(&status, None) {
            warn!(%request, error = %problem, "a stall was not journalled");
        }
    }
}

/// The session of a collection for the profile that is taken of it: its blobs go the collection's way, and its threads
/// are not the collection's.
#[derive(Debug)]
struct StallSession<'a>(&'a LiveSession);

impl Session for StallSession<'_> {
    fn resume(&self) -> Option<Vec<u8>> {
        None
    }

    fn enter_thread(&self) -> ThreadScope<'_> {
        ThreadScope::new(None)
    }

    fn check(&self) -> Result<(), Stop> {
        self.0.check()
    }

    fn ask(&self, _cost: Cost) -> Result<Option<Instant>, Stop> {
        self.0.check().map(|()| None)
    }

    fn pause(&self, _until: Instant) -> Result<(), Stop> {
        self.0.check()
    }

    fn end(&self, _stop: Stop) {}

    fn set_current_path(&self, _path: &[u8]) {}

    fn waited(&self, _why: Wait, _time: Duration) {}

    fn standing(&self, request: RequestId) -> Result<RequestState, Stop> {
        self.0.standing(request)
    }

    fn rows_left(&self) -> usize {
        0
    }

    fn rows(&self, _rows: Batch, _at: Arc<dyn Checkpoint>) -> Result<(), Stop> {
        Err(Stop::Limit("rows"))
    }

    fn last_rows(&self, _rows: Batch, _at: Arc<dyn Checkpoint>) -> Result<(), Stop> {
        Err(Stop::Limit("rows"))
    }

    fn blobs(&self, blobs: Vec<Captured>) -> Result<(), Stop> {
        self.0.blobs(blobs)
    }

    fn upload(&self, _content: &Content<'_>, _read: &mut Read<'_>) -> Result<Sent, Stop> {
        Err(Stop::Limit("files"))
    }

    fn progress(&self, _progress: Progress) {}

    fn list(&self, _named: &SplitIocList) -> Result<Vec<IocList>, String> {
        Err("a profile has no list".to_owned())
    }

    fn cache(&self) -> Option<&dyn Cache> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_taken_up_once_and_so_are_only_a_few() {
        let began = Instant::now();
        let at = |s| began + Duration::from_secs(s);
        let after = Duration::from_secs(30);
        let at_file = |n: u64| Progress { seen: n, ..Progress::default() };
        let mut watch = Watch::new(began, 0);
        assert_eq!(watch.look(at(29), Progress::default(), after), None);
        let still = watch.look(at(31), Progress::default(), after);
        assert_eq!(still, Some(Duration::from_secs(31)), "also before the first entry");
        assert_eq!(watch.look(at(90), Progress::default(), after), None, "the same stall");
        assert_eq!(watch.look(at(91), at_file(1), after), None, "it moves");
        assert_eq!(watch.look(at(120), at_file(1), after), None);
        assert_eq!(watch.look(at(121), at_file(1), after), Some(after), "another stall");
        let mut profiled = 2;
        for n in 0..20 {
            watch.look(at(200 + n * 100), at_file(n + 2), after);
            profiled += u32::from(watch.look(at(250 + n * 100), at_file(n + 2), after).is_some());
        }
        assert_eq!(profiled, STALL_PROFILES_MAX);
        let mut again = Watch::new(began, taken(kinds().len() * 3));
        assert_eq!(again.look(at(31), Progress::default(), after), None, "also over a restart");
    }
}
