//! All rows that are meant, run by run: for those who take everything.

use std::ops::Range;

use muster_protocol::artifact::RowRef;

use super::source::Run;
use super::walk::Looking;
use crate::store::StoreError;

impl Looking<'_> {
    /// Visits the rows of one run that are meant, of the chunks whose `seq` is in a range: those of a chunk at a time, also
    /// none, so that the reader can end it. `visit` returns whether to go on.
    pub fn run(
        &self,
        run: &Run,
        seq: Range<u64>,
        mut visit: impl FnMut(&mut dyn Iterator<Item = RowRef<'_>>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let places: Option<Vec<usize>> =
            self.filter.places().map(|places| places.iter().copied().collect());
        let (hunt, agent, attempt) = (&self.source.hunt, &run.agent, &run.attempt);
        self.reader.row_chunks(hunt, agent, attempt, seq, places.as_deref(), |chunk| {
            let at = self.filter.hits(self.source, run, &chunk.rows, 0);
            let Some(whole) = self.whole(&chunk, &at)? else {
                return visit(&mut std::iter::empty());
            };
            let mut at = at.iter().copied().peekable();
            let rows = whole.iter().enumerate();
            let mut rows = rows.filter(|(index, _)| at.next_if_eq(index).is_some());
            visit(&mut rows.by_ref().map(|(_, row)| row))
        })
    }
}
