//! Rows on their way to the outbox, cut into chunks as they come.

use muster_protocol::artifact::{Record, Rows, Schema};
use muster_protocol::limits::{ROW_CHUNK_BYTES_MAX, ROW_CHUNK_ROWS_MAX};

/// Rows of one artifact, none of whose chunks is bigger than a chunk may be.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    chunks: Vec<Rows>,
}

impl Batch {
    /// Makes a batch of records, and takes their values.
    pub fn of<'r, R: Record + 'r>(records: impl Iterator<Item = &'r mut R>) -> Self {
        let room = records.size_hint().0.min(ROW_CHUNK_ROWS_MAX);
        let mut batch = Self::default();
        for record in records {
            batch.open(R::SCHEMA, room).push(record);
        }
        batch
    }

    /// Returns the chunk that the next row goes into.
    fn open(&mut self, schema: &'static Schema, room: usize) -> &mut Rows {
        if self.chunks.last().is_none_or(is_full) {
            self.chunks.push(Rows::new(schema, room));
        }
        let last = self.chunks.len().saturating_sub(1);
        #[expect(clippy::indexing_slicing, reason = "there is one now")]
        &mut self.chunks[last]
    }

    /// Adds the rows of another batch behind these.
    pub fn append(&mut self, other: Self) {
        for rows in other.chunks {
            match self.chunks.last_mut() {
                Some(last) if fits(last, &rows) => last.append(rows),
                _ => self.chunks.push(rows),
            }
        }
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Rows::len).sum()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Returns whether they are worth a chunk.
    pub(super) fn is_chunk(&self) -> bool {
        self.chunks.len() > 1 || self.chunks.last().is_some_and(is_full)
    }

    /// Returns the rows as they are to be sent.
    pub fn chunks(&self) -> &[Rows] {
        &self.chunks
    }

    /// Forgets the rows.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Reads the rows as records.
    #[cfg(test)]
    pub(crate) fn records<R: Record>(&self) -> Vec<R> {
        self.chunks.iter().flat_map(Rows::records).collect()
    }
}

fn is_full(rows: &Rows) -> bool {
    rows.bytes() >= ROW_CHUNK_BYTES_MAX || rows.len() >= ROW_CHUNK_ROWS_MAX
}

fn fits(last: &Rows, next: &Rows) -> bool {
    std::ptr::eq(last.schema(), next.schema())
        && last.bytes() + next.bytes() <= ROW_CHUNK_BYTES_MAX
        && last.len() + next.len() <= ROW_CHUNK_ROWS_MAX
}
