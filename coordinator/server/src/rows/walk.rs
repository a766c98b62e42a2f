//! Rows in walk order: by agent, then as the agent met them, from any place on.
//!
//! The place of a row never changes, so that no row is met twice. Rows that come while a client walks are met where they
//! lie behind it. Where another run of an agent counts meanwhile, the walk goes on with that run's first row.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Instant;

use muster_protocol::artifact::Rows;
use muster_protocol::limits::ROWS_PAGE_BYTES_MAX;

use super::filter::Filter;
use super::source::{Place, Run, Source};
use crate::store::row_chunks::PartChunk;
use crate::store::{Reader, StoreError};

/// Whose rows are looked through, and which are meant.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'a> {
    /// The store.
    pub reader: &'a Reader,
    /// Where the rows come from.
    pub source: &'a Source,
    /// Which of them are meant.
    pub filter: &'a Filter,
}

/// What was found in one stretch of a walk.
#[derive(Debug, Default)]
pub struct Stretch {
    /// The rows, as JSON objects.
    pub rows: Vec<Vec<u8>>,
    /// Where to go on; nothing at the end.
    pub next: Option<Place>,
    /// How many rows were looked at.
    pub looked_at: u64,
}

/// Some rows of one chunk that are meant.
#[derive(Debug)]
pub struct Hits<'a> {
    /// Of which run.
    pub run: &'a Run,
    /// The chunk, with the columns that the filter looks at.
    pub chunk: &'a PartChunk,
    /// The positions of the rows.
    pub at: &'a [usize],
}

impl Looking<'_> {
    /// Walks from a place on until there are so many rows, the deadline has passed, or the end is reached. It looks at one
    /// chunk at least.
    pub fn walk(
        &self,
        from: Option<&Place>,
        limit: usize,
        until: Instant,
    ) -> Result<Stretch, StoreError> {
        let mut bytes = 0_usize;
        let (mut rows, mut looked_at, mut next) = (Vec::new(), 0_u64, None);
        self.look(from, &BTreeSet::new(), |hits, from| {
            let Hits { run, chunk, at } = hits;
            let place = |seq, index| {
                let (agent, attempt) = (run.agent.clone(), run.attempt);
                Some(Place { agent, attempt, seq, index })
            };
            if let Some(whole) = self.whole(chunk, at)? {
                let mut at = at.iter().copied().peekable();
                for (index, row) in whole.iter().enumerate() {
                    if at.next_if_eq(&index).is_none() {
                        continue;
                    }
                    let mut line = Vec::new();
                    self.source.write(run, &row, &mut line)?;
                    bytes = bytes.saturating_add(line.len());
                    rows.push(line);
                    if rows.len() >= limit || bytes >= ROWS_PAGE_BYTES_MAX {
                        let behind = index.saturating_add(1);
                        looked_at += behind.saturating_sub(from) as u64;
                        next = place(chunk.seq, behind);
                        return Ok(false);
                    }
                }
            }
            looked_at += chunk.rows.len().saturating_sub(from) as u64;
            if Instant::now() >= until {
                next = place(chunk.seq.saturating_add(1), 0);
                return Ok(false);
            }
            Ok(true)
        })?;
        Ok(Stretch { rows, next, looked_at })
    }

    /// Looks through chunk after chunk from a place on, with the columns that the filter and others need. `visit` takes
    /// the rows that are meant, none where none are, and the position that the chunk was looked at from; it returns whether
    /// to go on.
    pub(super) fn look(
        &self,
        from: Option<&Place>,
        more: &BTreeSet<usize>,
        mut visit: impl FnMut(&Hits<'_>, usize) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let places = match self.filter.places() {
            None if more.is_empty() => None,
            places => Some(places.into_iter().flatten().chain(more).copied().collect::<Vec<_>>()),
        };
        let mut goes_on = true;
        for run in self.source.runs.iter().filter(|run| self.is_ahead(from, run)) {
            let at = from.filter(|from| (&from.agent, from.attempt) == (&run.agent, run.attempt));
            let (seq, index) = at.map_or((0, 0), |at| (at.seq, at.index));
            let (hunt, range) = (&self.source.hunt, seq..u64::MAX);
            let (agent, attempt) = (&run.agent, &run.attempt);
            self.reader.row_chunks(hunt, agent, attempt, range, places.as_deref(), |chunk| {
                let from = if chunk.seq == seq { index } else { 0 };
                let at = self.filter.hits(self.source, run, &chunk.rows, from);
                goes_on = visit(&Hits { run, chunk: &chunk, at: &at }, from)?;
                Ok(goes_on)
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn is_ahead(&self, from: Option<&Place>, run: &Run) -> bool {
        from.is_none_or(|from| run.agent >= from.agent) && self.filter.may_have(self.source, run)
    }

    /// Reads a chunk whole where some of its rows are meant.
    pub(super) fn whole<'a>(
        &self,
        chunk: &'a PartChunk,
        at: &[usize],
    ) -> Result<Option<Cow<'a, Rows>>, StoreError> {
        if at.is_empty() {
            return Ok(None);
        }
        if chunk.is_whole {
            return Ok(Some(Cow::Borrowed(&chunk.rows)));
        }
        Ok(self.reader.whole_rows(chunk)?.map(Cow::Owned))
    }
}
