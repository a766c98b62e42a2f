//! The first rows by a column: found by looking through all that the filter leaves, in as many answers as that takes.
//!
//! What was found so far is kept between two answers (see [`super::held`]). Each answer has the first rows of all that was
//! looked at so far; they are final once everything was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use muster_protocol::artifact::{RowRef, Schema, Value};
use muster_protocol::limits::{ROWS_SORTED_BYTES_MAX, ROWS_SORTED_MAX};
use serde::{Deserialize, Serialize};

use super::condition::is_known;
use super::source::Place;
use super::walk::Looking;
use crate::store::StoreError;

/// Columns that rows can be sorted by, where their artifact has them.
pub const SORTS: [&str; 6] = ["size", "mtime", "ctime", "started", "cpu_ms", "rss_bytes"];

/// An order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The place of the column.
    pub place: usize,
    /// Whether the greatest comes first.
    pub is_descending: bool,
}

/// The place of a row in an order: the place in the walk breaks ties. A value that is not known comes last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    is_unknown: bool,
    /// The value, its sign changed where the greatest comes first.
    value: i128,
    place: Place,
}

/// A look through all rows for the first ones.
#[derive(Debug, Default)]
pub struct Sorting {
    first: BTreeMap<Rank, Vec<u8>>,
    bytes: usize,
    /// The first rank that there was no room for: none from it on is kept.
    beyond: Option<Rank>,
    next: Option<Place>,
    has_begun: bool,
    found: u64,
}

/// A part of the first rows.
#[derive(Debug, Default)]
pub struct SortedPart {
    /// The rows, as JSON objects.
    pub rows: Vec<Vec<u8>>,
    /// The rank of the last of them, where there are more of the first rows.
    pub after: Option<Rank>,
    /// How many rows were looked at for this answer.
    pub looked_at: u64,
    /// How many rows are meant, once that is known.
    pub found: Option<u64>,
    /// Whether everything was looked at.
    pub is_complete: bool,
}

impl Order {
    /// Returns the columns that tell the value of a row.
    fn places(self, schema: &'static Schema) -> BTreeSet<usize> {
        let known_by = schema.columns.get(self.place).map_or(&[][..], |column| column.known_by);
        let known_by = known_by.iter().filter_map(|name| schema.place(name));
        std::iter::once(self.place).chain(known_by).collect()
    }

    fn rank(self, row: &RowRef<'_>, known_by: &[usize], place: Place) -> Rank {
        let value = match row.value(self.place) {
            _ if !is_known(row, known_by) => None,
            Value::Unsigned(number) => Some(i128::from(number)),
            Value::Signed(number) => Some(i128::from(number)),
            Value::Time(ns) => Some(ns),
            _ => None,
        };
        let signed = |value: i128| if self.is_descending { value.saturating_neg() } else { value };
        Rank { is_unknown: value.is_none(), value: value.map_or(0, signed), place }
    }
}

impl Sorting {
    /// Returns whether everything was looked at.
    pub fn is_complete(&self) -> bool {
        self.has_begun && self.next.is_none()
    }

    /// Goes on until the deadline has passed or everything was looked at: one chunk at least. Returns how many rows were
    /// looked at.
    pub fn go_on(
        &mut self,
        looking: &Looking<'_>,
        order: Order,
        until: Instant,
    ) -> Result<u64, StoreError> {
        if self.is_complete() {
            return Ok(0);
        }
        let places = order.places(looking.source.schema);
        let known_by: Vec<_> = places.iter().copied().filter(|at| *at != order.place).collect();
        let (from, mut looked_at, mut next) = (self.next.take(), 0_u64, None);
        let looked = looking.look(from.as_ref(), &places, |hits, from| {
            let (run, chunk) = (hits.run, hits.chunk);
            let place = |seq, index| {
                let (agent, attempt) = (run.agent.clone(), run.attempt);
                Place { agent, attempt, seq, index }
            };
            self.found = self.found.saturating_add(hits.at.len() as u64);
            let mut at = hits.at.iter().copied().peekable();
            let rows = chunk.rows.iter().enumerate();
            let rows = rows.filter(|(index, _)| at.next_if_eq(index).is_some());
            let ranks =
                rows.map(|(index, row)| order.rank(&row, &known_by, place(chunk.seq, index)));
            self.take(looking, hits, self.worth_keeping(ranks))?;
            looked_at += chunk.rows.len().saturating_sub(from) as u64;
            if Instant::now() >= until {
                next = Some(place(chunk.seq.saturating_add(1), 0));
                return Ok(false);
            }
            Ok(true)
        });
        if let Err(error) = looked {
            // What was counted of a chunk twice would be wrong: the next answer begins again.
            *self = Self::default();
            return Err(error);
        }
        (self.has_begun, self.next) = (true, next);
        Ok(looked_at)
    }

    /// Returns those of some ranks that are among the first, by their positions in the chunk.
    fn worth_keeping(&self, ranks: impl Iterator<Item = Rank>) -> BTreeMap<usize, Rank> {
        let is_full = self.first.len() >= ROWS_SORTED_MAX;
        let last = self.first.last_key_value().filter(|_| is_full).map(|(last, _)| last);
        let end = last.or(self.beyond.as_ref());
        let mut ahead: Vec<_> = ranks.filter(|rank| end.is_none_or(|end| rank < end)).collect();
        if ahead.len() > ROWS_SORTED_MAX {
            ahead.sort_unstable();
            ahead.truncate(ROWS_SORTED_MAX);
        }
        ahead.into_iter().map(|rank| (rank.place.index, rank)).collect()
    }

    fn take(
        &mut self,
        looking: &Looking<'_>,
        hits: &super::walk::Hits<'_>,
        mut ranks: BTreeMap<usize, Rank>,
    ) -> Result<(), StoreError> {
        let at: Vec<_> = ranks.keys().copied().collect();
        let Some(whole) = looking.whole(hits.chunk, &at)? else { return Ok(()) };
        for (index, row) in whole.iter().enumerate() {
            let Some(rank) = ranks.remove(&index) else { continue };
            if self.beyond.as_ref().is_some_and(|beyond| rank >= *beyond) {
                continue;
            }
            let mut line = Vec::new();
            looking.source.write(hits.run, &row, &mut line)?;
            self.bytes = self.bytes.saturating_add(line.len());
            self.first.insert(rank, line);
            self.cut();
        }
        Ok(())
    }

    /// Drops the last rows that are too many.
    fn cut(&mut self) {
        while self.first.len() > ROWS_SORTED_MAX
            || self.bytes > ROWS_SORTED_BYTES_MAX && self.first.len() > 1
        {
            let Some((rank, line)) = self.first.pop_last() else { break };
            self.bytes = self.bytes.saturating_sub(line.len());
            self.beyond = Some(rank);
        }
    }

    /// Returns a part of the first rows, behind one of them.
    pub fn part(&self, after: Option<&Rank>, limit: usize, looked_at: u64) -> SortedPart {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut rest = self.first.range((after.map_or(Unbounded, Excluded), Unbounded));
        let part: Vec<_> = rest.by_ref().take(limit).collect();
        let last = part.last().map(|(rank, _)| (*rank).clone());
        let is_complete = self.is_complete();
        SortedPart {
            rows: part.into_iter().map(|(_, line)| line.clone()).collect(),
            after: last.filter(|_| rest.next().is_some()),
            looked_at,
            found: is_complete.then_some(self.found),
            is_complete,
        }
    }
}
