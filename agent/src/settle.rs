//! What controls make of a collection, whatever they meet: `muster_protocol::request::lifecycle` is the table.
//!
//! [`Core::settle`] reads what holds from the journal and brings lanes and runs to it. It may be called at any time and
//! any number of times; so a control, a restart and the end of a run all end here.

use muster_protocol::ids::RequestId;
use muster_protocol::limits;
use muster_protocol::request::lifecycle::Hold;
use muster_protocol::result::{Footer, State};
use tracing::{info, warn};

use crate::core::{Core, lock};
use crate::dispatch::done_before;
use crate::journal::{Collection, JournalError, Step};
use crate::paused::{Over, Standstill};
use crate::runner::RunId;
use crate::session::Stop;
use crate::task::Task;

impl Core {
    /// Brings a collection to what its controls want of it.
    pub(crate) fn settle(&self, request: RequestId) -> Result<(), JournalError> {
        let Some(collection) = self.journal.collection(request)? else {
            self.forget_waiting(request);
            return Ok(());
        };
        let task = match Task::of_journal(&collection.sealed) {
            Ok(task) => task,
            Err(error) => {
                let reason = error.to_string();
                return self.end_unstarted(&collection, State::Failed, "malformed", &reason);
            }
        };
        let run = lock(&self.runs).get(&request).cloned();
        let is_cancelled = collection.hold == Hold::Cancel;
        match run {
            Some(run) if is_cancelled => run.session.request_stop(Stop::Cancelled),
            Some(run) if collection.is_held() => run.session.request_stop(Stop::Paused),
            // What is about to stand still is settled again when it does.
            Some(_) => {}
            None if is_cancelled => {
                self.forget_waiting(request);
                self.end_unstarted(
                    &collection,
                    State::Cancelled,
                    "cancelled",
                    cancelled(&collection),
                )?;
            }
            None if collection.is_held() => self.hold(&collection, &task)?,
            None => {
                lock(&self.paused).release(request);
                let not_before = task.not_before(&self.agent);
                let (lane, was_running) = (task.lane(), collection.is_running);
                lock(&self.admission).queue(request, lane, not_before, was_running);
                self.wake.notify_one();
            }
        }
        Ok(())
    }

    /// The same; what the journal cannot take now is tried again.
    pub(crate) fn settle_or_later(&self, request: RequestId) {
        if let Err(problem) = self.settle(request) {
            warn!(%request, error = %problem, "a control waits for the journal");
            lock(&self.unsettled).insert(request);
            self.wake.notify_one();
        }
    }

    /// Tries again what could not be settled; returns whether something is left.
    pub(crate) fn settle_again(&self) -> bool {
        let left = std::mem::take(&mut *lock(&self.unsettled));
        for request in left {
            if let Err(problem) = self.settle(request) {
                warn!(%request, error = %problem, "a control still waits for the journal");
                lock(&self.unsettled).insert(request);
            }
        }
        !lock(&self.unsettled).is_empty()
    }

    /// Keeps a collection that has no thread from the lanes, and says so where that was not said yet.
    fn hold(&self, collection: &Collection, task: &Task) -> Result<(), JournalError> {
        let request = collection.request;
        self.forget_waiting(request);
        let done = collection.is_running.then(|| done_before(collection)).flatten();
        let standstill = Standstill {
            since: collection.held_since.unwrap_or_else(|| self.now()),
            not_after: (!collection.is_running).then_some(task.body.not_after),
            done: done.map(|footer| footer.counters).unwrap_or_default(),
        };
        lock(&self.paused).hold(request, standstill);
        // It may have to end sooner than anything else.
        self.wake.notify_one();
        if collection.is_hold_told {
            return Ok(());
        }
        let mut status = self.status(request, State::Paused, "", "");
        status.footer = collection.is_running.then(|| footer_before(collection));
        self.journal.tell_held(&status)
    }

    /// Takes a request out of everything that waits.
    fn forget_waiting(&self, request: RequestId) {
        lock(&self.admission).withdraw(request);
        // Patience for the parts of a list begins again with a resume.
        lock(&self.awaited).remove(&request);
        lock(&self.paused).release(request);
    }

    /// Notes the end of a run; what was paused or resumed while it stopped is settled now.
    pub(crate) fn run_ended(&self, id: RunId) {
        let mut runs = lock(&self.runs);
        // A run that was given up may come back when the next one has begun.
        if runs.get(&id.request).is_none_or(|run| run.number != id.number) {
            return;
        }
        let is_pausing = runs.remove(&id.request).is_some_and(|run| run.is_pausing());
        drop(runs);
        lock(&self.admission).ended(id.request);
        if is_pausing {
            self.settle_or_later(id.request);
        }
    }

    /// Ends what has stood still for too long.
    pub(crate) fn end_standstills(&self) {
        let over = lock(&self.paused).over(self.now());
        for (request, why) in over {
            if let Err(problem) = self.end_standstill(request, why) {
                warn!(%request, error = %problem, "the end of a pause waits for the journal");
                lock(&self.paused).release(request);
                lock(&self.unsettled).insert(request);
            }
        }
    }

    fn end_standstill(&self, request: RequestId, why: Over) -> Result<(), JournalError> {
        if let Some(collection) = self.journal.collection(request)? {
            let (state, code, reason) = match why {
                Over::TooLong => {
                    let days = limits::PAUSED_MS_MAX / 86_400_000;
                    (State::Cancelled, "paused_too_long", format!("paused for {days} days"))
                }
                Over::Expired => {
                    (State::Declined, "expired", "expired while it was held".to_owned())
                }
            };
            info!(%request, code, "a pause is over");
            self.end_unstarted(&collection, state, code, &reason)?;
        }
        lock(&self.paused).release(request);
        Ok(())
    }

    /// Ends a collection that has no thread.
    pub(crate) fn end_unstarted(
        &self,
        collection: &Collection,
        state: State,
        code: &str,
        reason: &str,
    ) -> Result<(), JournalError> {
        let mut status = self.status(collection.request, state, code, reason);
        status.chunks = Some(collection.next_seq);
        if collection.is_running {
            status.footer = Some(Footer { ended: status.at, ..footer_before(collection) });
        }
        let step = Step { last: Some(&status), ..Step::default() };
        self.journal.step(&self.agent, collection.request, &step)
    }
}

fn cancelled(collection: &Collection) -> &'static str {
    if collection.is_running {
        "cancelled while it did not run"
    } else {
        "cancelled before it began"
    }
}

/// Returns what a collection without a thread has done.
fn footer_before(collection: &Collection) -> Footer {
    let figures = &collection.figures;
    Footer {
        artifact: done_before(collection),
        profiles: figures.profiles.clone(),
        started: collection.started,
        cpu_user_ms: figures.cpu_user_ms,
        cpu_system_ms: figures.cpu_system_ms,
        throttled_ms: figures.throttled_ms,
        rows: figures.rows,
        resumed: figures.resumed,
        spent: figures.spent.clone(),
        ..Footer::default()
    }
}
