//! Reports of how far a hunt is while it runs: statuses with the figures so far.
//!
//! Whoever asks few agents directly watches them, and hears from the first second on. A hunt that goes to many reports by
//! telemetry alone, unless it asks for more. Of a run one report waits in the outbox, the newest: while the broker is away
//! they do not pile up.

use std::time::{Duration, Instant};

use muster_protocol::limits::{PROGRESS_EVERY_MS, PROGRESS_FIRST_MS};
use muster_protocol::result::{Counters, State};
use tracing::warn;

use crate::core::{Core, lock};
use crate::runner::Run;

/// When a run reports next.
#[derive(Debug)]
pub(crate) struct Reports {
    next: Option<Instant>,
    every: Duration,
    /// Where the last report lies in the outbox, if it was not sent yet.
    last: Option<i64>,
}

impl Reports {
    /// Returns the rhythm of a run that begins now: what its request asks for, else that of a hunt that is watched.
    pub(crate) fn new(asked_s: u32, is_watched: bool, now: Instant) -> Self {
        let (first, every) = match asked_s {
            0 => (PROGRESS_FIRST_MS, PROGRESS_EVERY_MS),
            asked_s => (u64::from(asked_s) * 1_000, u64::from(asked_s) * 1_000),
        };
        let next = (is_watched || asked_s > 0).then(|| now + Duration::from_millis(first));
        Self { next, every: Duration::from_millis(every), last: None }
    }

    /// Returns whether a report is due; if so, the next one is not before its time.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next.is_some_and(|next| now >= next);
        if is_due {
            self.next = Some(now + self.every);
        }
        is_due
    }
}

/// Reports how far a run is, when it is time.
pub(crate) fn report(core: &Core, run: &Run) {
    let mut reports = lock(&run.reports);
    if !reports.is_due(Instant::now()) {
        return;
    }
    let request = run.task.body.id;
    let mut status = core.status(request, State::Progress, "", "");
    let (progress, ..) = run.session.snapshot();
    let mut artifact = run.session.artifact_so_far();
    if let Some(Counters { entries, hashed, bytes, .. }) =
        artifact.as_mut().map(|footer| &mut footer.counters)
    {
        *entries = progress.seen.max(*entries);
        *hashed = progress.hashed.max(*hashed);
        *bytes = progress.bytes.max(*bytes);
    }
    status.footer = Some(run.session.footer(artifact));
    match core.journal.put_progress(&status, reports.last) {
        Ok(last) => reports.last = last,
        Err(problem) => {
            warn!(%request, error = %problem, "a report of progress was not journalled");
        }
    }
}

#[cfg(test)]
mod tests;
