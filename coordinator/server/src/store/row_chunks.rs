//! Chunks of rows as they are stored: looked through by some of their columns, read whole where that is worth it.

use std::ops::Range;

use muster_protocol::artifact::{self, Artifact, Rows};
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::result::RowChunk;
use rusqlite::{Row, params};

use super::StoreError;
use super::read::{Reader, decode};
use super::results::of_chunk;
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};

/// A chunk of rows, of which some columns are read.
#[derive(Debug)]
pub struct PartChunk {
    /// Its position.
    pub seq: u64,
    /// The rows, with the columns that were wanted.
    pub rows: Rows,
    /// Whether these are all columns.
    pub is_whole: bool,
    message: RowChunk,
}

impl Reader {
    /// Visits the rows of one run, a chunk at a time in order of `seq`; `visit` returns whether to go on.
    pub fn rows(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
        mut visit: impl FnMut(Rows) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.row_chunks(request, agent, run, 0..u64::MAX, None, |chunk| visit(chunk.rows))
    }

    /// Visits the chunks of one run whose `seq` is in a range, in its order, with the columns at some places of the schema;
    /// with every column where none are named. `visit` returns whether to go on.
    pub fn row_chunks(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
        seq: Range<u64>,
        places: Option<&[usize]>,
        visit: impl FnMut(PartChunk) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT agent, origin, journal, seq, body FROM chunk
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4
             AND blob IS NULL AND seq >= ?5 AND seq < ?6 ORDER BY seq";
        let reads = if places.is_some() { Reads::Some } else { Reads::All };
        let query = Query { reads, ..of_chunk(request, sql) };
        let key = params![
            request.as_bytes(),
            agent.as_str(),
            run.origin.as_bytes(),
            run.journal.as_bytes(),
            signed(seq.start),
            signed(seq.end),
        ];
        let read = |row: &Row<'_>| {
            let seq = row.get::<_, i64>(3)?.unsigned_abs();
            let message: RowChunk = decode(row, 4)?;
            let known = artifact::find(&message.artifact).map(Artifact::schema);
            let known = known.filter(|schema| message.schema <= schema.version);
            let (rows, is_whole) = match places.zip(known) {
                Some((places, schema)) => {
                    (Rows::unpack_columns(schema, &message.body, message.rows, places)?, false)
                }
                // Of what is too new it says so.
                None => (message.unpack()?, true),
            };
            Ok(PartChunk { seq, rows, is_whole, message })
        };
        self.each(query, key, read, visit)
    }

    /// Reads every column of a chunk. One that cannot be read is noted, and has no rows.
    pub fn whole_rows(&self, chunk: &PartChunk) -> Result<Option<Rows>, StoreError> {
        let PartChunk { seq, message, .. } = chunk;
        let (agent, attempt) = (message.agent.as_str(), message.attempt);
        let keys: [&[u8]; 4] = [
            agent.as_bytes(),
            attempt.origin.as_bytes(),
            attempt.journal.as_bytes(),
            &signed(*seq).to_be_bytes(),
        ];
        let mut key = message.request.as_bytes().to_vec();
        for part in keys {
            key.push(0);
            key.extend_from_slice(part);
        }
        let read = message.unpack().map_err(StoreError::from);
        self.readable_of(Table::Chunk, agent, &key, read)
    }
}
