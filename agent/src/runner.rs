//! Runs one collection on its own thread and turns however it ends, a panic included, into its final status.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_profiler::{ProcessReport, Scope};
use muster_protocol::clock::Clock;
use muster_protocol::ids::RequestId;
use muster_protocol::limits;
use muster_protocol::result::{State, Telemetry};
use muster_runtime::process::{CostSource, Meter};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::collectors::{self, CollectError, Collected, profile};
use crate::core::Core;
use crate::journal::JournalError;
use crate::progress::Reports;
use crate::session::live::{Last, LiveSession};
use crate::session::{Session, Stop};
use crate::task::{Task, Work};
use crate::watchdog::Watch;

/// Threads that have not come back so long after they were told to stop are not waited for any longer.
const ABANDON_AFTER: Duration = Duration::from_millis(700);

/// Carries a task out; the collectors, or something else in tests.
pub trait Runner: Send + Sync + fmt::Debug {
    /// Collects for an agent until the end or until the session says stop.
    fn collect(
        &self,
        core: &Core,
        task: &Task,
        session: &dyn Session,
    ) -> Result<Collected, CollectError>;
}

/// Which run of which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId {
    pub(crate) request: RequestId,
    /// Tells apart the runs of one request in this process: one that was given up may come back beside the next.
    pub(crate) number: u64,
}

/// A collection that runs.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) task: Task,
    pub(crate) session: Arc<LiveSession>,
    /// `started` was said, now or before a restart.
    pub(crate) is_told: AtomicBool,
    pub(crate) reports: std::sync::Mutex<Reports>,
    pub(crate) watch: std::sync::Mutex<Watch>,
    pub(crate) is_being_profiled: AtomicBool,
    /// What was last seen of its progress, entries and bytes, and since when it is the same.
    pub(crate) moved: std::sync::Mutex<((u64, u64), Instant)>,
}

impl Run {
    /// Returns which run it is.
    pub(crate) fn id(&self) -> RunId {
        RunId { request: self.task.body.id, number: self.number }
    }

    /// Returns whether it was told to stop so that a later run goes on.
    pub(crate) fn is_pausing(&self) -> bool {
        matches!(self.session.stop_reason(), Some((Stop::Paused, _)))
    }
}

/// Starts the thread of a collection. It says on `done` when it is over.
pub(crate) fn spawn(
    core: &Arc<Core>,
    run: &Arc<Run>,
    done: mpsc::Sender<RunId>,
) -> std::io::Result<()> {
    let (core, run) = (Arc::clone(core), Arc::clone(run));
    let name = match run.task.work {
        Work::Hunt(_) => "hunt",
        Work::Profile(_) => "profile",
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let id = run.id();
        let request = id.request;
        carry_out(&core, &run);
        if let Some(cache) = &core.cache {
            cache.rest();
        }
        if run.session.is_abandoned() {
            core.stuck.fetch_sub(1, Ordering::Relaxed);
            info!(%request, "the threads of a collection that was given up came back");
        }
        drop((core, run));
        crate::memory::give_back();
        if done.blocking_send(id).is_err() {
            warn!(%request, "a collection ended after its agent");
        }
    })?;
    // The dispatcher waits for the word on `done`, which is the end of the thread's work.
    drop(thread);
    Ok(())
}

fn carry_out(core: &Core, run: &Run) {
    let request = run.task.body.id;
    let session = &run.session;
    // What the collector does on this thread before its workers begin is the collection's, too.
    let thread = session.enter_thread();
    let collected =
        catch_unwind(AssertUnwindSafe(|| core.runner.collect(core, &run.task, session.as_ref())));
    drop(thread);
    let is_hunt = matches!(run.task.work, Work::Hunt(_));
    let so_far = || session.artifact_so_far();
    let (state, code, reason, artifact) = match collected {
        Ok(Ok(Collected { footer, failure: Some((code, reason)) })) => {
            (State::Failed, code, reason, footer)
        }
        Ok(Ok(Collected { footer, failure: None })) => (State::Finished, "", String::new(), footer),
        Ok(Err(CollectError::Stop(stop))) => {
            // A journal that is full keeps nobody from going on later.
            let stop = match session.stop_reason() {
                Some((wanted, _)) if wanted.is_resumed() && matches!(stop, Stop::Journal(_)) => {
                    wanted
                }
                _ => stop,
            };
            // A hunt that stood still has profiles, and goes on all the same.
            if stop.is_resumed() && (is_hunt || session.footer(None).profiles.is_empty()) {
                return suspend(core, run, &stop);
            }
            let (state, code) = ending(&stop);
            // A partial profile that is delivered says so in its footer.
            let reason = if code.is_empty() { String::new() } else { reason(&stop, session) };
            (state, code, reason, so_far())
        }
        Ok(Err(CollectError::Failed { code, reason })) => (State::Failed, code, reason, so_far()),
        Err(panic) => {
            let reason = panic_text(panic.as_ref());
            error!(%request, error = reason, "a collector panicked");
            (State::Failed, "panic", reason, so_far())
        }
    };
    let mut status = core.status(request, state, code, reason);
    let mut footer = session.footer(artifact);
    footer.ended = status.at;
    status.footer = Some(footer);
    info!(%request, state = state.as_str(), code, "collection ended");
    if let Err(problem) = session.finish(status) {
        error!(%request, error = %problem, "the final status cannot be journalled; the collection goes on at the next start");
    }
}

/// Returns how a collection has ended that was told to stop.
const fn ending(stop: &Stop) -> (State, &'static str) {
    match stop {
        Stop::Shutdown | Stop::Paused => (State::Finished, ""),
        Stop::Cancelled => (State::Cancelled, "cancelled"),
        Stop::TimedOut(_) => (State::Failed, "timeout"),
        Stop::Limit(_) => (State::Failed, "limit"),
        Stop::Stuck(_) => (State::Failed, "stuck"),
        Stop::NoDescriptors(_) => (State::Failed, "no_descriptors"),
        Stop::Journal(_) => (State::Failed, "journal"),
    }
}

/// Returns why a collection had to stop, for people; with the paths that its threads were at, where that explains it.
fn reason(stop: &Stop, session: &LiveSession) -> String {
    let is_explained_by_paths =
        matches!(stop, Stop::TimedOut(_) | Stop::Stuck(_) | Stop::Limit("memory"));
    let paths = session.paths_at_stop();
    if !is_explained_by_paths || paths.is_empty() {
        return stop.to_string();
    }
    let paths: Vec<_> = paths.iter().map(|path| String::from_utf8_lossy(path)).collect();
    format!("{stop}, reading {}", paths.join(", "))
}

/// Ends a run that was told to stop and whose threads do not come back from the kernel, where nothing can end them (a
/// file system that does not answer). They are left to themselves and counted. With a pause only the run ends: another
/// one goes on from the cursor.
pub(crate) fn abandon(core: &Core, run: &Run) -> bool {
    let is_hunt = matches!(run.task.work, Work::Hunt(_));
    let Some((stop, since)) = run.session.stop_reason().filter(|_| is_hunt) else { return false };
    // A file that matches is sent to its end, for a moment.
    let sending_ms = if run.session.is_uploading() { limits::UPLOAD_AT_END_MS_MAX } else { 0 };
    if stop == Stop::Shutdown || since < ABANDON_AFTER + Duration::from_millis(sending_ms) {
        return false;
    }
    let request = run.task.body.id;
    let (state, code) = if stop == Stop::Paused { (State::Paused, "") } else { ending(&stop) };
    // Threads that came back hold nothing any more.
    let current_paths = run.session.current_paths();
    let paths: Vec<_> = current_paths.iter().map(|path| String::from_utf8_lossy(path)).collect();
    let path = paths.join(", ");
    let reason = format!("{stop}; a thread does not come back from the kernel: {path}");
    let mut status = core.status(request, state, code, reason);
    let mut footer = run.session.footer(run.session.artifact_so_far());
    if stop != Stop::Paused {
        footer.ended = status.at;
    }
    status.footer = Some(footer);
    let last = if stop == Stop::Paused { Last::Paused(status) } else { Last::Final(status) };
    match run.session.abandon(last) {
        Ok(is_abandoned) => {
            if is_abandoned {
                core.stuck.fetch_add(1, Ordering::Relaxed);
                warn!(%request, path, "threads of a hunt do not come back from the kernel: they are left to themselves");
            }
            is_abandoned
        }
        Err(problem) => {
            warn!(%request, error = %problem, "a hunt that is stuck cannot be given up yet");
            false
        }
    }
}

/// Keeps what was done for the run that goes on; a pause says how much it is.
fn suspend(core: &Core, run: &Run, stop: &Stop) {
    let request = run.task.body.id;
    let session = &run.session;
    let kept = if *stop == Stop::Paused {
        let mut status = core.status(request, State::Paused, "", "");
        status.footer = Some(session.footer(session.artifact_so_far()));
        session.stand_still(status)
    } else {
        session.suspend()
    };
    if let Err(problem) = kept {
        error!(%request, error = %problem, "the cursor cannot be journalled; the one before it counts");
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

/// Takes one sample of an agent.
pub type Sampler = fn(&Core, &mut CostSource) -> Result<Telemetry, JournalError>;

/// The real collectors.
#[derive(Debug)]
pub struct Collectors {
    /// Which threads of the process a profile of this agent looks at.
    pub scope: Scope,
    /// The agent's clock.
    pub clock: Clock,
    /// What the agent reports of itself goes along with a profile.
    pub sampler: Sampler,
}

impl Runner for Collectors {
    fn collect(
        &self,
        core: &Core,
        task: &Task,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        match &task.work {
            Work::Hunt(hunt) => {
                let collector = collectors::find(&hunt.artifact).ok_or_else(|| {
                    let reason = format!("there is no collector of {}", hunt.artifact);
                    CollectError::failed(CollectError::BAD_ARGUMENTS, reason)
                })?;
                collector.collect(&hunt.args, &core.policy.machine(), session)
            }
            Work::Profile(args) => {
                let mut cost = CostSource::Own(Meter::default());
                let mut told = || {
                    let telemetry = (self.sampler)(core, &mut cost);
                    let telemetry = telemetry.map_err(|problem| problem.to_string())?;
                    Ok(ProcessReport { telemetry, tasks: core.tasks.running() })
                };
                profile::collect(args, &self.scope, &self.clock, &mut told, session)?;
                Ok(Collected::default())
            }
        }
    }
}

#[cfg(test)]
mod tests;
