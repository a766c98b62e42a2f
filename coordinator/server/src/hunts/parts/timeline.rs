//! How a hunt went, by the coordinator's clock: when agents were first heard of, when their parts ended and in which state, when
//! rows came.
//!
//! The points are as long as anything was heard. What time alone ends, an agent that never answers, is in the last point: a day
//! of waiting would leave nothing to see of the minutes in which everything happened.

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::TIMELINE_POINTS_MAX;

use super::Moment;
use crate::state::{Phase, counter};
use crate::store::StoredCollection;
use muster_api::{HuntTimeline, States, TimelinePoint};

/// The lengths of a step that are used, in milliseconds.
const STEPS_MS: [i64; 16] = [
    1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000,
];

/// Begins and length of one step, and the points of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    begin: Timestamp,
    /// Length of a step, in milliseconds.
    pub step_ms: i64,
    count: usize,
}

impl Steps {
    /// Divides a span of time.
    pub fn over(begin: Timestamp, end: Timestamp) -> Self {
        let span = end.since_ms(begin).max(1);
        // The last point stands for the present.
        let most = i64::try_from(TIMELINE_POINTS_MAX - 1).unwrap_or(i64::MAX);
        let fits = |step: &&i64| steps(span, **step) <= most;
        let usual = STEPS_MS.iter().find(fits).copied();
        let step_ms = usual.unwrap_or_else(|| steps(span, most));
        let count = usize::try_from(steps(span, step_ms)).unwrap_or(1);
        Self { begin, step_ms, count }
    }

    fn place(&self, at: Timestamp) -> usize {
        let steps = (at.since_ms(self.begin).max(1) - 1) / self.step_ms;
        usize::try_from(steps).unwrap_or(0)
    }
}

/// Returns how many steps a span of time needs.
const fn steps(span_ms: i64, step_ms: i64) -> i64 {
    (span_ms - 1) / step_ms + 1
}

/// What happened within one step.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    heard: u64,
    ended: States,
    rows: u64,
}

/// When something of a part happened: heard of first, ended and how.
fn moments(
    moment: &Moment<'_>,
    part: &StoredCollection,
) -> (Option<Timestamp>, Option<(Timestamp, Phase)>) {
    let phase = moment.phase(part);
    // What has no final status, or waited for what never came, was ended by time.
    let by_status = !matches!(phase, Phase::Incomplete | Phase::Expired);
    let ended = part.received.filter(|_| by_status).unwrap_or(moment.now);
    (part.heard, phase.has_ended().then_some((ended, phase)))
}

/// Returns when anything was first and last heard of the parts.
pub fn span(parts: &[StoredCollection]) -> Option<(Timestamp, Timestamp)> {
    let moments = || parts.iter().flat_map(|part| [part.heard, part.received, part.first_row]);
    let first = moments().flatten().min()?;
    Some((first, moments().flatten().max()?))
}

/// Shows how parts went. `rows`: how many were stored in each of the steps, by its number.
pub fn timeline(
    moment: &Moment<'_>,
    parts: &[StoredCollection],
    steps: Steps,
    rows: &[(u64, u64)],
) -> HuntTimeline {
    // One more: the present, with what only time has ended.
    let mut within = vec![Step::default(); steps.count.saturating_add(1)];
    let last = steps.count;
    let place = |at: Timestamp| steps.place(at).min(last);
    for part in parts.iter().filter(|part| part.is_counted()) {
        let (heard, ended) = moments(moment, part);
        if let Some(step) = heard.and_then(|at| within.get_mut(place(at))) {
            step.heard += 1;
        }
        if let Some((at, phase)) = ended
            && let Some(step) = within.get_mut(place(at))
        {
            *counter(&mut step.ended, phase) += 1;
        }
    }
    for (at, count) in rows {
        let at = usize::try_from(*at).unwrap_or(last).min(last);
        if let Some(step) = within.get_mut(at) {
            step.rows = step.rows.saturating_add(*count);
        }
    }
    let mut sum = Step::default();
    let mut points = Vec::with_capacity(within.len());
    for (number, step) in within.iter().enumerate() {
        sum.heard += step.heard;
        sum.rows = sum.rows.saturating_add(step.rows);
        sum.ended = plus(&sum.ended, &step.ended);
        let steps_ms = i64::try_from(number + 1).unwrap_or(i64::MAX).saturating_mul(steps.step_ms);
        let at = if number == last { moment.now } else { steps.begin.plus_ms(steps_ms) };
        points.push(TimelinePoint {
            at: at.min(moment.now).into(),
            heard: sum.heard,
            ended: sum.ended,
            rows: sum.rows,
        });
    }
    HuntTimeline {
        hunt: moment.request.to_string(),
        step_ms: u64::try_from(steps.step_ms).unwrap_or(0),
        points,
        as_of: moment.now.into(),
    }
}

fn plus(a: &States, b: &States) -> States {
    States {
        silent: a.silent + b.silent,
        seen: a.seen + b.seen,
        queued: a.queued + b.queued,
        running: a.running + b.running,
        paused: a.paused + b.paused,
        finishing: a.finishing + b.finishing,
        finished: a.finished + b.finished,
        failed: a.failed + b.failed,
        cancelled: a.cancelled + b.cancelled,
        declined: a.declined + b.declined,
        expired: a.expired + b.expired,
        incomplete: a.incomplete + b.incomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_at_most_600_points_of_a_round_length() {
        let over = |ms| Steps::over(Timestamp(1_000), Timestamp(1_000 + ms));
        assert_eq!((over(0).step_ms, over(0).count), (1_000, 1));
        assert_eq!((over(599_000).step_ms, over(599_000).count), (1_000, 599));
        assert_eq!(over(599_001).step_ms, 2_000);
        for ms in [1, 999, 86_400_000, 30 * 86_400_000, 3_000 * 86_400_000_i64] {
            let steps = over(ms);
            assert!(steps.count < TIMELINE_POINTS_MAX, "{ms}");
            assert_eq!(steps.place(Timestamp(1_000)), 0);
            assert_eq!(steps.place(Timestamp(1_000 + ms)), steps.count - 1, "{ms}");
        }
    }
}
