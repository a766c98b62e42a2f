//! Starts what admission lets start, tells of what runs, and ends it all at shutdown.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_protocol::ids::RequestId;
use muster_protocol::limits;
use muster_protocol::request::Limits;
use muster_protocol::request::lifecycle::Hold;
use muster_protocol::result::{ArtifactFooter, State};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::collectors;
use crate::core::{Core, lock};
use crate::intake::is_over;
use crate::journal::{Collection, JournalError};
use crate::progress::{self, Reports};
use crate::runner::{self, Run, RunId};
use crate::session::Stop;
use crate::session::live::LiveSession;
use crate::task::{Task, Work};
use crate::watchdog::{self, Watch};

/// The code of a hunt without its whole list.
const LIST_MISSING: &str = "list_missing";
/// Runs without progress after which a collection is given up.
const DEATHS_MAX: u32 = 3;
/// A broadcast run is worth a `started` when it lasts longer.
const TELL_AFTER: Duration = Duration::from_secs(2);
/// How often running collections are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long collections may take to stop.
const SHUTDOWN: Duration = Duration::from_millis(1_500);
/// Pause before a start is tried again that the journal could not take.
const RETRY: Duration = muster_runtime::retry::JOURNAL.first();

/// What became of a request that was about to begin.
enum Prepared {
    Run(Arc<Run>),
    /// It is to be tried again.
    Waits,
    /// A control has come that lets it not begin now.
    Held,
    /// It has ended before it began.
    Ended,
}

/// Whether a request may begin.
enum Verdict {
    Begins(Limits),
    Waits,
    Held,
    Ends(State, &'static str, String),
}

impl Core {
    /// Takes up what the journal owes from before.
    pub fn resume(&self) -> Result<(), JournalError> {
        for collection in self.journal.collections()? {
            self.settle(collection.request)?;
        }
        Ok(())
    }

    /// Makes the run of a request.
    fn prepare(&self, request: RequestId) -> Result<Prepared, JournalError> {
        let Some(collection) = self.journal.collection(request)? else {
            return Ok(Prepared::Ended);
        };
        let task = match Task::of_journal(&collection.sealed) {
            Ok(task) => task,
            Err(error) => {
                let reason = error.to_string();
                self.end_unstarted(&collection, State::Failed, "malformed", &reason)?;
                return Ok(Prepared::Ended);
            }
        };
        match self.verdict(&collection, &task)? {
            Verdict::Begins(limits) => {
                let run = self.begin(collection, task, limits)?;
                Ok(run.map_or(Prepared::Held, |run| Prepared::Run(Arc::new(run))))
            }
            Verdict::Waits => Ok(Prepared::Waits),
            Verdict::Held => Ok(Prepared::Held),
            Verdict::Ends(state, code, reason) => {
                self.end_unstarted(&collection, state, code, &reason)?;
                Ok(Prepared::Ended)
            }
        }
    }

    /// Decides whether a request may begin, or go on, now.
    fn verdict(&self, collection: &Collection, task: &Task) -> Result<Verdict, JournalError> {
        let request = task.body.id;
        let end = |state, code, reason: String| Ok(Verdict::Ends(state, code, reason));
        if collection.hold == Hold::Cancel || collection.is_held() {
            return Ok(Verdict::Held);
        }
        if !collection.is_running {
            if is_over(task.body.not_after, self.now()) {
                let reason = format!("expired at {} while it waited", task.body.not_after);
                return end(State::Declined, "expired", reason);
            }
            if lock(&self.trust).revoked.contains(&task.body.key) {
                let reason = format!("key {} was revoked while it waited", task.body.key);
                return end(State::Declined, "revoked_key", reason);
            }
        }
        if matches!(task.work, Work::Profile(_)) && !collection.figures.profiles.is_empty() {
            return end(State::Finished, "", String::new());
        }
        if collection.deaths >= DEATHS_MAX {
            return end(State::Failed, "agent_died", "the agent died on it".to_owned());
        }
        let stuck = self.stuck.load(Ordering::Relaxed);
        if stuck >= limits::STUCK_HUNTS_MAX && matches!(task.work, Work::Hunt(_)) {
            if collection.is_running {
                // It was paused, and goes on when a thread has come back or after a restart.
                return Ok(Verdict::Waits);
            }
            let reason = format!(
                "threads of {stuck} hunts do not come back from the kernel; restart the agent"
            );
            return end(State::Declined, "stuck", reason);
        }
        let refused = if collection.is_running { State::Failed } else { State::Declined };
        let limits = match self.policy.allow(&task.body, &task.args()) {
            Ok(limits) => limits,
            Err(reason) => return end(refused, "policy", reason),
        };
        match self.missing_parts(task)? {
            None => Ok(Verdict::Begins(limits)),
            Some(reason) if !collection.is_running && self.awaits(request, &reason)? => {
                Ok(Verdict::Waits)
            }
            Some(reason) => end(refused, LIST_MISSING, reason),
        }
    }

    /// Notes that a run begins, and makes it; `None` when a control has come that lets it not.
    fn begin(
        &self,
        mut collection: Collection,
        task: Task,
        limits: Limits,
    ) -> Result<Option<Run>, JournalError> {
        let request = task.body.id;
        let says_at_once = collection.is_directed || matches!(task.work, Work::Profile(_));
        let was_running = collection.is_running;
        if !was_running {
            collection.started = self.now();
        }
        if !self.journal.begin(request, collection.started)? {
            return Ok(None);
        }
        if says_at_once && !was_running {
            self.journal.put_status(&self.status(request, State::Started, "", ""))?;
        }
        let is_watched = collection.is_directed && matches!(task.work, Work::Hunt(_));
        let reports = Reports::new(task.progress_s(), is_watched, Instant::now());
        let stalls = watchdog::taken(collection.figures.profiles.len());
        let is_polite = matches!(task.work, Work::Hunt(_));
        let done_before = done_before(&collection);
        let (journal, agent) = (Arc::clone(&self.journal), self.agent.clone());
        let session = LiveSession::new(journal, agent, collection, limits, is_polite)
            .with_done_before(done_before)
            .with_cache(self.cache.clone())
            .with_printer(self.printer.clone());
        Ok(Some(Run {
            number: self.run_count.fetch_add(1, Ordering::Relaxed),
            task,
            session: Arc::new(session),
            is_told: (says_at_once || was_running).into(),
            reports: Mutex::new(reports),
            watch: Mutex::new(Watch::new(Instant::now(), stalls)),
            is_being_profiled: false.into(),
            moved: Mutex::new(((0, 0), Instant::now())),
        }))
    }

    /// Returns which of the parts of its list a hunt lacks, if any.
    fn missing_parts(&self, task: &Task) -> Result<Option<String>, JournalError> {
        let missing = self.journal.missing_parts(task.parts())?;
        if missing == 0 {
            lock(&self.awaited).remove(&task.body.id);
            return Ok(None);
        }
        let named = task.parts().len();
        Ok(Some(format!("{missing} of {named} parts of its list of hashes are not here")))
    }

    /// Returns whether a hunt may still wait for parts of its list; says once that it does.
    fn awaits(&self, request: RequestId, reason: &str) -> Result<bool, JournalError> {
        let now = self.now();
        let since = lock(&self.awaited).get(&request).copied();
        let Some(since) = since else {
            self.journal.put_status(&self.status(request, State::Queued, LIST_MISSING, reason))?;
            lock(&self.awaited).insert(request, now);
            return Ok(true);
        };
        let is_patient = now.since_ms(since) < limits::LIST_WAIT_MS_MAX;
        if !is_patient {
            lock(&self.awaited).remove(&request);
        }
        Ok(is_patient)
    }

    /// Starts a request; `false` when it waits again: the journal could not take it, or parts of its list are missing.
    fn start(self: &Arc<Self>, request: RequestId, done: &mpsc::Sender<RunId>) -> bool {
        let run = match self.prepare(request) {
            Ok(Prepared::Run(run)) => run,
            Ok(Prepared::Waits) => {
                lock(&self.admission).ended(request);
                return false;
            }
            Ok(Prepared::Held) => {
                lock(&self.admission).ended(request);
                self.settle_or_later(request);
                return true;
            }
            Ok(Prepared::Ended) => {
                lock(&self.admission).ended(request);
                self.wake.notify_one();
                return true;
            }
            Err(problem) => {
                error!(%request, error = %problem, "cannot start a collection; trying again");
                lock(&self.admission).ended(request);
                return false;
            }
        };
        lock(&self.runs).insert(request, Arc::clone(&run));
        if let Err(problem) = runner::spawn(self, &run, done.clone()) {
            error!(%request, error = %problem, "no thread for a collection; trying again");
            self.run_ended(run.id());
            return false;
        }
        true
    }

    /// Ends hunts that do not end by themselves.
    fn watch(&self) {
        let runs: Vec<_> = lock(&self.runs).values().cloned().collect();
        for run in runs {
            run.session.look_at_the_limits();
            let (progress, ..) = run.session.snapshot();
            let (now, mut moved) = ((progress.seen, progress.bytes), lock(&run.moved));
            if moved.0 != now || run.session.is_throttled() {
                *moved = (now, Instant::now());
            }
            let still = moved.1.elapsed();
            drop(moved);
            let is_hunt = matches!(run.task.work, Work::Hunt(_));
            if is_hunt && still >= Duration::from_millis(limits::STUCK_MS_MAX) {
                run.session.request_stop(Stop::Stuck(still.as_secs()));
            }
            if runner::abandon(self, &run) {
                self.run_ended(run.id());
                self.wake.notify_one();
            }
        }
    }

    /// Reports collections that run: `started` on a broadcast, and how far they are.
    fn tell(self: &Arc<Self>) {
        let runs: Vec<_> = lock(&self.runs).values().cloned().collect();
        for run in runs {
            watchdog::look(self, &run);
            let request = run.task.body.id;
            let (.., age) = run.session.snapshot();
            if age >= TELL_AFTER && !run.is_told.swap(true, Ordering::Relaxed) {
                let status = self.status(request, State::Started, "", "");
                if let Err(problem) = self.journal.put_progress(&status, None) {
                    warn!(%request, error = %problem, "a status was not journalled");
                }
            }
            progress::report(self, &run);
        }
    }
}

/// Runs the lanes until `stop`, then ends what runs and returns.
pub(crate) async fn dispatch(core: Arc<Core>, stop: CancellationToken) {
    // Never full: each running collection says one word.
    let (done, mut ended) = mpsc::channel(64);
    let mut retry: Vec<RequestId> = Vec::new();
    loop {
        let is_unsettled = core.settle_again();
        let ready = lock(&core.admission).start(core.now());
        for request in ready {
            if !core.start(request, &done) {
                retry.push(request);
            }
        }
        let pause = pause(&core, is_unsettled || !retry.is_empty());
        tokio::select! {
            () = stop.cancelled() => break,
            () = core.wake.notified() => {}
            Some(id) = ended.recv() => core.run_ended(id),
            () = tokio::time::sleep(pause) => again(&core, &mut retry),
        }
        core.tell();
        core.watch();
        core.end_standstills();
    }
    for run in lock(&core.runs).values() {
        run.session.request_stop(Stop::Shutdown);
    }
    let all_ended = async {
        while !lock(&core.runs).is_empty() {
            match ended.recv().await {
                Some(id) => core.run_ended(id),
                None => break,
            }
        }
    };
    if tokio::time::timeout(SHUTDOWN, all_ended).await.is_err() {
        warn!("collections did not stop in time; they go on from their last cursor");
    }
}

/// Returns what a hunt has done as far as the journal knows: its collector reads that from the cursor.
pub(crate) fn done_before(collection: &Collection) -> Option<ArtifactFooter> {
    let task = Task::of_journal(&collection.sealed).ok()?;
    let Work::Hunt(hunt) = &task.work else { return None };
    let footer = collectors::find(&hunt.artifact)?.so_far(collection.cursor.as_deref());
    let failed = |error| warn!(request = %collection.request, %error, "a cursor cannot be read");
    footer.map_err(failed).ok()
}

/// Queues again what could not start.
fn again(core: &Core, retry: &mut Vec<RequestId>) {
    for request in std::mem::take(retry) {
        core.settle_or_later(request);
    }
}

fn pause(core: &Core, is_retrying: bool) -> Duration {
    if !lock(&core.runs).is_empty() {
        return TICK;
    }
    if is_retrying {
        return RETRY;
    }
    let idle = Duration::from_hours(1);
    let moments = [lock(&core.admission).wake_at(), lock(&core.paused).wake_at()];
    moments.into_iter().flatten().min().map_or(idle, |at| {
        let ms = u64::try_from(at.since_ms(core.now())).unwrap_or_default();
        // A moment that has passed needs a free slot, not time.
        Duration::from_millis(ms.max(10)).min(idle)
    })
}
