//! What came in since the coordinator was started, for `/metrics`.
//!
//! Counters that only grow, kept in memory: nothing is decided by them, and no figure of a hunt is taken from them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use muster_protocol::clock::Timestamp;
use muster_protocol::result::State;
use muster_protocol::topology::Class;

use super::row_rate::RowRate;
use crate::store::{Write, WriteOutcome};

/// What can become of a message that passed the checks.
pub const OUTCOMES: [&str; 5] = ["stored", "known", "conflict", "over_quota", "refused"];

/// How a collection can end.
pub const ENDS: [State; 4] = [State::Finished, State::Failed, State::Cancelled, State::Declined];

/// One message that is on its way to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    class: Class,
    bytes: u64,
    rows: u64,
    end: Option<State>,
}

impl Received {
    /// Notes what is to be counted once it has landed.
    pub fn of(class: Class, bytes: usize, write: &Write) -> Self {
        let (rows, end) = match write {
            Write::Chunk(chunk) => (chunk.rows.into(), None),
            Write::Status(status) => (0, status.state.is_final().then_some(status.state)),
            _ => (0, None),
        };
        Self { class, bytes: bytes as u64, rows, end }
    }
}

/// The figures at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Messages by class and outcome.
    pub messages: BTreeMap<(&'static str, &'static str), u64>,
    /// Their bytes by class, whatever became of them.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Rows that were stored.
    pub rows: u64,
    /// Collections that said their end, by how.
    pub ended: BTreeMap<&'static str, u64>,
}

/// The counters.
#[derive(Debug, Default)]
pub struct IngestCounters {
    counts: Mutex<Snapshot>,
    rate: Mutex<RowRate>,
}

impl IngestCounters {
    /// Snapshot a message whose commit is durable.
    pub fn add(&self, came: Received, landed: WriteOutcome) {
        self.add_at(came, landed, Timestamp::from(SystemTime::now()));
    }

    fn add_at(&self, came: Received, landed: WriteOutcome, now: Timestamp) {
        let outcome = match landed {
            WriteOutcome::Inserted | WriteOutcome::Complete | WriteOutcome::Differed(_) => "stored",
            WriteOutcome::Duplicate | WriteOutcome::Superseded => "known",
            WriteOutcome::Conflict => "conflict",
            WriteOutcome::OverQuota => "over_quota",
            WriteOutcome::Refused(_) => "refused",
        };
        let class = came.class.as_str();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.messages.entry((class, outcome)).or_default() += 1;
        *counts.bytes.entry(class).or_default() += came.bytes;
        if landed == WriteOutcome::Inserted {
            counts.rows += came.rows;
            self.rate.lock().unwrap_or_else(PoisonError::into_inner).add(came.rows, now);
            if let Some(end) = came.end {
                *counts.ended.entry(end.as_str()).or_default() += 1;
            }
        }
    }

    /// Returns the figures.
    pub fn read(&self) -> Snapshot {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the rows that were stored a second, over the last minute.
    pub fn rows_per_s(&self, now: Timestamp) -> f64 {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner).per_s(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_counted_as_a_message_and_as_nothing_else() {
        let counted = IngestCounters::default();
        let rows = Received { class: Class::Rows, bytes: 100, rows: 7, end: None };
        let end = Received { class: Class::Status, bytes: 10, rows: 0, end: Some(State::Finished) };
        for landed in [
            WriteOutcome::Inserted,
            WriteOutcome::Duplicate,
            WriteOutcome::Conflict,
            WriteOutcome::OverQuota,
            WriteOutcome::Refused("x"),
        ] {
            counted.add_at(rows, landed, Timestamp(0));
            counted.add_at(end, landed, Timestamp(0));
        }
        assert!((counted.rows_per_s(Timestamp(0)) - 7.0 / 60.0).abs() < 1e-9);
        let counts = counted.read();
        assert_eq!((counts.rows, counts.bytes["rows"], counts.bytes["status"]), (7, 500, 50));
        assert_eq!(counts.ended, BTreeMap::from([("finished", 1)]));
        assert!(OUTCOMES.iter().all(|outcome| counts.messages[&("rows", *outcome)] == 1));
        assert!(ENDS.iter().all(|end| end.is_final()));
    }
}
