//! Sums over the collections of one request.
//!
//! [`Totals`] are exact: what is added can be taken away again, whatever figures agents report. [`Tally`] is what is shown.

use std::collections::BTreeMap;

use muster_api::{Applied, Progress, Spent, States};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::APPLIED_WAITING_MAX;
use muster_protocol::result::CollectionSample;
use serde::{Deserialize, Serialize};

use crate::state::{Class, Done, Phase, counter};
use crate::store::collections::is_running;
use crate::store::{StoredCollection, Summary};

/// A sum of figures of 64 bits; no number of agents makes it overflow. On record as its upper and lower half.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, u64)", into = "(i64, u64)")]
struct Sum(i128);

impl From<(i64, u64)> for Sum {
    fn from((high, low): (i64, u64)) -> Self {
        Self((i128::from(high) << 64) | i128::from(low))
    }
}

impl From<Sum> for (i64, u64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the two halves of a number"
    )]
    fn from(sum: Sum) -> Self {
        ((sum.0 >> 64) as i64, sum.0 as u64)
    }
}

impl Sum {
    fn add(&mut self, figure: u64, sign: i128) {
        self.0 += i128::from(figure) * sign;
    }

    /// Returns the sum as it is shown.
    fn shown(self) -> u64 {
        u64::try_from(self.0.max(0)).unwrap_or(u64::MAX)
    }
}

/// The sums over the settled collections of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    finished: u64,
    failed: u64,
    cancelled: u64,
    declined: u64,
    incomplete: u64,
    seen: Sum,
    files: Sum,
    matched: Sum,
    errors: Sum,
    bytes: Sum,
    cpu_ms: Sum,
    throttled_ms: Sum,
    rows: Sum,
    stored_bytes: Sum,
    threads_ms: Sum,
    cpu_user_ms: Sum,
    cpu_system_ms: Sum,
    faults_minor: Sum,
    faults_major: Sum,
    disk_read_bytes: Sum,
    disk_written_bytes: Sum,
    waits_ms: BTreeMap<String, Sum>,
}

impl Totals {
    /// Adds a collection, if it counts and is settled.
    pub(in crate::store) fn add(&mut self, one: &StoredCollection) {
        if one.is_counted() && one.is_settled() {
            self.count(one, 1);
            self.sum(one, &one.done, 1);
        }
    }

    /// Takes away what [`Totals::add`] has added.
    pub(in crate::store) fn take(&mut self, one: &StoredCollection) {
        if one.is_counted() && one.is_settled() {
            self.count(one, -1);
            self.sum(one, &one.done, -1);
        }
    }

    fn count(&mut self, one: &StoredCollection, sign: i64) {
        let counter = match one.standing.class {
            Class::Finished => &mut self.finished,
            Class::Failed => &mut self.failed,
            Class::Cancelled => &mut self.cancelled,
            Class::Declined => &mut self.declined,
            // Settled by the revocation of its agent.
            _ => &mut self.incomplete,
        };
        *counter = counter.saturating_add_signed(sign);
    }

    fn sum(&mut self, one: &StoredCollection, done: &Done, sign: i128) {
        self.seen.add(done.seen, sign);
        self.files.add(done.hashed.saturating_add(done.cached), sign);
        self.matched.add(done.matched, sign);
        self.errors.add(done.errors, sign);
        self.bytes.add(done.bytes, sign);
        self.cpu_ms.add(done.cpu_ms, sign);
        self.throttled_ms.add(done.throttled_ms, sign);
        self.rows.add(one.rows, sign);
        self.stored_bytes.add(one.bytes, sign);
        let Some(cost) = &one.cost else { return };
        self.threads_ms.add(cost.spent.threads_ms, sign);
        self.cpu_user_ms.add(cost.cpu_user_ms, sign);
        self.cpu_system_ms.add(cost.cpu_system_ms, sign);
        self.faults_minor.add(cost.spent.faults_minor, sign);
        self.faults_major.add(cost.spent.faults_major, sign);
        self.disk_read_bytes.add(cost.spent.disk_read_bytes, sign);
        self.disk_written_bytes.add(cost.spent.disk_written_bytes, sign);
        for (cause, ms) in &cost.spent.waits_ms {
            self.waits_ms.entry(cause.clone()).or_default().add(*ms, sign);
        }
        self.waits_ms.retain(|_, sum| sum.0 != 0);
    }
}

/// What is shown of a request as a whole, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How many agents are in each state.
    pub states: States,
    /// What was done so far.
    pub progress: Progress,
    /// What that cost, of the parts that have ended.
    pub spent: Spent,
    /// When time alone changes it next; nothing where it never does.
    pub changes_at: Option<Timestamp>,
    /// How far the newest pause, drain or resume has come, where there is one that still matters.
    pub applied: Option<Applied>,
    /// When the last part ended; nothing while one has not.
    pub ended_at: Option<Timestamp>,
}

/// Adds collections that are not settled to the totals of those that are.
#[derive(Debug)]
pub struct Tallying {
    totals: Totals,
    states: States,
    files_per_s: f64,
    mb_per_s: f64,
    changes_at: Option<Timestamp>,
    applied: Option<Applied>,
    ended_at: Option<Timestamp>,
    now: Timestamp,
    not_after: Timestamp,
}

impl Tallying {
    /// Begins with the settled ones.
    pub fn new(summary: &Summary, now: Timestamp) -> Self {
        let (totals, not_after) = (&summary.totals, summary.not_after);
        let states = States {
            finished: totals.finished,
            failed: totals.failed,
            cancelled: totals.cancelled,
            declined: totals.declined,
            incomplete: totals.incomplete,
            ..States::default()
        };
        let applied = summary.applying().map(|revision| Applied {
            revision,
            applied: states.sum(),
            of: states.sum(),
            waiting: Vec::new(),
        });
        Self {
            totals: totals.clone(),
            states,
            files_per_s: 0.0,
            mb_per_s: 0.0,
            changes_at: None,
            applied,
            ended_at: summary.received,
            now,
            not_after,
        }
    }

    /// Adds one that is not settled, with what telemetry last showed of it; returns its state.
    pub fn add(&mut self, one: &StoredCollection, sample: Option<&CollectionSample>) -> Phase {
        let standing = &one.standing;
        let phase = standing.phase(self.now, self.not_after, is_running(sample));
        if !one.is_counted() {
            return phase;
        }
        *counter(&mut self.states, phase) += 1;
        if phase.has_ended() {
            self.ended_at = self.ended_at.max(one.ended_at(self.not_after));
        }
        if let Some(applied) = &mut self.applied {
            count(applied, &one.agent, one.has_applied(applied.revision, phase));
        }
        self.totals.sum(one, &one.done(sample), 1);
        if let Some(sample) = sample.filter(|_| !one.has_ended) {
            self.files_per_s += rate(sample.hashed, sample.age_ms);
            self.mb_per_s += rate(sample.bytes, sample.age_ms) / 1e6;
        }
        let next = standing.changes_at(self.now, self.not_after);
        self.changes_at = [self.changes_at, next].into_iter().flatten().min();
        phase
    }

    /// Returns the whole.
    pub fn tally(self) -> Tally {
        let totals = &self.totals;
        Tally {
            states: self.states,
            progress: Progress {
                seen: totals.seen.shown(),
                files: totals.files.shown(),
                matched: totals.matched.shown(),
                errors: totals.errors.shown(),
                bytes: totals.bytes.shown(),
                files_per_s: self.files_per_s,
                mb_per_s: self.mb_per_s,
                cpu_ms: totals.cpu_ms.shown(),
                throttled_ms: totals.throttled_ms.shown(),
                rows: totals.rows.shown(),
                stored_bytes: totals.stored_bytes.shown(),
            },
            spent: Spent {
                threads_ms: totals.threads_ms.shown(),
                cpu_user_ms: totals.cpu_user_ms.shown(),
                cpu_system_ms: totals.cpu_system_ms.shown(),
                waits_ms: totals
                    .waits_ms
                    .iter()
                    .map(|(cause, sum)| (cause.clone(), sum.shown()))
                    .collect(),
                faults_minor: totals.faults_minor.shown(),
                faults_major: totals.faults_major.shown(),
                disk_read_bytes: totals.disk_read_bytes.shown(),
                disk_written_bytes: totals.disk_written_bytes.shown(),
            },
            changes_at: self.changes_at,
            applied: self.applied,
            ended_at: self.ended_at.filter(|_| self.states.ended() == self.states.sum()),
        }
    }
}

/// Counts one agent more, which has applied a control or has not. Agents come in the order of their ids.
pub(crate) fn count(applied: &mut Applied, agent: &AgentId, has_applied: bool) {
    applied.of += 1;
    if has_applied {
        applied.applied += 1;
    } else if applied.waiting.len() < APPLIED_WAITING_MAX {
        applied.waiting.push(agent.to_string());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, ms: u64) -> f64 {
    if ms == 0 { 0.0 } else { count as f64 * 1_000.0 / ms as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_it_was_written_also_beyond_64_bits() {
        for number in [0, 1, -1, i128::from(u64::MAX), i128::from(u64::MAX) * 9_999, -77] {
            let halves: (i64, u64) = Sum(number).into();
            assert_eq!(Sum::from(halves), Sum(number));
        }
        let mut sum = Sum::default();
        (0..3).for_each(|_| sum.add(u64::MAX, 1));
        assert_eq!(sum.shown(), u64::MAX);
        (0..3).for_each(|_| sum.add(u64::MAX, -1));
        assert_eq!(sum, Sum::default());
    }
}
