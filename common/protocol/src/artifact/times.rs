//! Times that do not fit 64 bits of nanoseconds (before 1677, after 2262).
//!
//! They are rare: each is an entry of its own beside the columns, and the columns of ordinary rows stay as they were.

use serde::{Deserialize, Serialize};

use super::schema::{ColumnType, Schema};

pub(super) const NS_PER_S: i128 = 1_000_000_000;

/// One time: its column has the nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FarTime(
    /// The row.
    u32,
    /// Which of the columns of times.
    u8,
    /// Whole seconds since 1970, rounded down.
    i64,
);

/// The far times of some rows, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FarTimes(Vec<FarTime>);

impl FarTimes {
    /// Returns whether there are none, as mostly.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes the seconds of a time; returns the nanoseconds within the second.
    pub(super) fn note(&mut self, ns: i128, row: usize, schema: &Schema, place: usize) -> i64 {
        let seconds = ns.div_euclid(NS_PER_S);
        let clamped = if seconds < 0 { i64::MIN } else { i64::MAX };
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        let seconds = i64::try_from(seconds).unwrap_or(clamped);
        self.0.push(FarTime(row, number(schema, place), seconds));
        i64::try_from(ns.rem_euclid(NS_PER_S)).unwrap_or_default()
    }

    /// Adds those of rows that come to stand behind `from` others.
    pub(super) fn append(&mut self, other: Self, from: u32) {
        let moved = |FarTime(row, column, s)| FarTime(row.saturating_add(from), column, s);
        self.0.extend(other.0.into_iter().map(moved));
    }

    /// Returns the seconds of the time in a row and column, where it is a far one.
    pub(super) fn seconds(&self, row: usize, schema: &Schema, place: usize) -> Option<i64> {
        if self.is_empty() {
            return None;
        }
        let key = (u32::try_from(row).ok()?, number(schema, place));
        let at = self.0.binary_search_by_key(&key, |far| (far.0, far.1)).ok()?;
        self.0.get(at).map(|far| far.2)
    }

    /// Checks them against the rows; `within` returns the nanoseconds that a row has in the n-th column of times.
    pub(super) fn check(
        &self,
        rows: usize,
        columns: usize,
        within: impl Fn(usize, usize) -> Option<i64>,
    ) -> Result<(), String> {
        let mut last = None;
        for FarTime(row, column, _) in self.0.iter().copied() {
            if last.is_some_and(|last| last >= (row, column)) {
                return Err("far times are out of order".to_owned());
            }
            last = Some((row, column));
            let row = usize::try_from(row).ok().filter(|row| *row < rows);
            let row = row.ok_or("a far time is of no row")?;
            let column = Some(usize::from(column)).filter(|column| *column < columns);
            let ns = column.and_then(|column| within(row, column));
            let ns = ns.ok_or("a far time is of no column")?;
            if !(0..NS_PER_S).contains(&i128::from(ns)) {
                return Err("a far time has more than a second of nanoseconds".to_owned());
            }
        }
        Ok(())
    }
}

/// Returns which of the columns of times the column at a place is.
fn number(schema: &Schema, place: usize) -> u8 {
    let before = schema.columns.iter().take(place);
    let times = before.filter(|column| is_time(column.kind)).count();
    u8::try_from(times).unwrap_or(u8::MAX)
}

/// Returns whether the values of a column are times.
pub(super) const fn is_time(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Time | ColumnType::OptionalTime)
}
