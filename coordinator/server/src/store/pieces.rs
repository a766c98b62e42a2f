//! What is stored of each blob: where its pieces lie and how much they are together.
//!
//! Kept in the transaction of the piece, so that a piece costs the same whatever is there already. The first piece says
//! what the blob is; one that says something else, or lies over another, is a conflict of its run.

use muster_protocol::result::BlobChunk;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::{Reader, agent_id, attempt, decode, request_id};
use super::results::{insert_conflict, of_chunk};
use super::signed::signed;
use super::{Chunk, StoreError, WriteOutcome};

/// The sums stay, so that a complete blob takes no further piece; the places go when it is listed, and with them the
/// pieces' bytes ([`super::spent`]).
pub(super) const TABLES: &str = "
CREATE TABLE blob_sum (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    blob INTEGER NOT NULL, kind TEXT NOT NULL, total INTEGER NOT NULL, sha256 BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (request, agent, origin, journal, blob)
) WITHOUT ROWID;
CREATE TABLE piece (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    blob INTEGER NOT NULL, place INTEGER NOT NULL, bytes INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (request, agent, origin, journal, blob, place)
) WITHOUT ROWID;
";

const OF_BLOB: &str = "request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND blob = ?5";
const OF_RUN: &str = "request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4";

/// Where a chunk belongs in its blob, and what it says of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which blob of the run.
    pub blob: u32,
    /// What the blob is.
    pub kind: String,
    /// Where the piece begins.
    pub place: u64,
    /// Its size.
    pub bytes: u64,
    /// Size of the blob.
    pub total: u64,
    /// SHA-256 of the blob.
    pub sha256: Vec<u8>,
}

impl Piece {
    /// Reads it from a chunk's message.
    pub fn of(chunk: &BlobChunk) -> Self {
        Self {
            blob: chunk.blob,
            kind: chunk.kind.clone(),
            place: chunk.offset,
            bytes: chunk.data.len() as u64,
            total: chunk.total,
            sha256: chunk.blob_sha256.to_vec(),
        }
    }
}

/// The four columns of a run and the number of a blob, as parameters.
macro_rules! of_blob {
    ($chunk:expr, $blob:expr $(, $more:expr)*) => {
        params![
            $chunk.request.as_bytes(),
            $chunk.agent.as_str(),
            $chunk.attempt.origin.as_bytes(),
            $chunk.attempt.journal.as_bytes(),
            $blob
            $(, $more)*
        ]
    };
}

impl Reader {
    /// Visits the pieces of one blob that can be read, in order of place.
    pub fn pieces(
        &self,
        chunk: &Chunk,
        blob: u32,
        mut visit: impl FnMut(BlobChunk) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT c.agent, c.origin, c.journal, c.seq, c.body
             FROM piece p JOIN chunk c USING (request, agent, origin, journal, seq)
             WHERE p.request = ?1 AND p.agent = ?2 AND p.origin = ?3 AND p.journal = ?4 AND p.blob = ?5
             ORDER BY p.place";
        let query = of_chunk(&chunk.request, sql);
        let read = |row: &Row<'_>| decode(row, 4);
        self.each(query, of_blob!(chunk, blob), read, |piece| visit(piece).map(|()| true))
    }
}

/// Returns whether a new piece says the same of its blob as the first one, and lies where none lies yet.
pub(super) fn fits(tx: &Connection, chunk: &Chunk, piece: &Piece) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT bytes, kind = ?6 AND total = ?7 AND sha256 = ?8 FROM blob_sum WHERE {OF_BLOB}"
    );
    let held: Option<(i64, bool)> = tx
        .prepare_cached(&sql)?
        .query_row(
            of_blob!(chunk, piece.blob, piece.kind, signed(piece.total), piece.sha256),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((bytes, is_the_same)) = held else { return Ok(true) };
    let is_full = bytes >= signed(piece.total) && piece.total > 0;
    Ok(is_the_same && !is_full && !lies_over_another(tx, chunk, piece)?)
}

/// Takes in a piece that [`fits`]; returns whether its blob is complete with it.
pub(super) fn add(
    tx: &Connection,
    chunk: &Chunk,
    piece: &Piece,
) -> Result<WriteOutcome, StoreError> {
    tx.prepare_cached("INSERT INTO piece VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute(
        of_blob!(chunk, piece.blob, signed(piece.place), signed(piece.bytes), signed(chunk.seq)),
    )?;
    let sql = "INSERT INTO blob_sum VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET bytes = bytes + ?9 RETURNING bytes = total";
    let (total, bytes) = (signed(piece.total), signed(piece.bytes));
    let of_blob = of_blob!(chunk, piece.blob, piece.kind, total, piece.sha256, bytes);
    let is_complete = tx.prepare_cached(sql)?.query_row(of_blob, |row| row.get(0))?;
    Ok(if is_complete { WriteOutcome::Complete } else { WriteOutcome::Inserted })
}

fn lies_over_another(tx: &Connection, chunk: &Chunk, piece: &Piece) -> Result<bool, StoreError> {
    let (place, end) = (signed(piece.place), signed(piece.place.saturating_add(piece.bytes)));
    let sql = format!(
        "SELECT place + bytes FROM piece WHERE {OF_BLOB} AND place <= ?6
         ORDER BY place DESC LIMIT 1"
    );
    let before: Option<i64> = tx
        .prepare_cached(&sql)?
        .query_row(of_blob!(chunk, piece.blob, place), |row| row.get(0))
        .optional()?;
    let sql =
        format!("SELECT place FROM piece WHERE {OF_BLOB} AND place >= ?6 ORDER BY place LIMIT 1");
    let after: Option<i64> = tx
        .prepare_cached(&sql)?
        .query_row(of_blob!(chunk, piece.blob, place), |row| row.get(0))
        .optional()?;
    Ok(before.is_some_and(|before| before > place)
        || after.is_some_and(|after| after < end || after == place))
}

/// Notes that a run contradicts itself; once is enough.
pub(super) fn conflict(tx: &Connection, chunk: &Chunk) -> Result<WriteOutcome, StoreError> {
    if !has_conflict(tx, chunk)? {
        insert_conflict(tx, chunk)?;
    }
    Ok(WriteOutcome::Conflict)
}

fn has_conflict(tx: &Connection, chunk: &Chunk) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM conflict WHERE {OF_RUN}");
    let of_run = params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
    ];
    Ok(tx.prepare_cached(&sql)?.exists(of_run)?)
}

/// Returns what a piece that is stored already stands for: its blob may still have to be put together.
pub(super) fn again(
    tx: &Connection,
    chunk: &Chunk,
    piece: &Piece,
) -> Result<WriteOutcome, StoreError> {
    let sql = format!(
        "SELECT 1 FROM blob_sum WHERE {OF_BLOB} AND bytes = total
         AND NOT EXISTS (SELECT 1 FROM blob WHERE {OF_BLOB})"
    );
    let is_complete = tx.prepare_cached(&sql)?.exists(of_blob!(chunk, piece.blob))?;
    let is_open = is_complete && !has_conflict(tx, chunk)?;
    Ok(if is_open { WriteOutcome::Complete } else { WriteOutcome::Duplicate })
}

/// Forgets where the pieces of a blob lie that is listed.
pub(super) fn forget(tx: &Connection, chunk: &Chunk, blob: u32) -> Result<usize, StoreError> {
    let sql = format!("DELETE FROM piece WHERE {OF_BLOB}");
    Ok(tx.prepare_cached(&sql)?.execute(of_blob!(chunk, blob))?)
}

/// Fills the tables from the pieces of a store that did not have them: of the blobs that are not complete yet.
pub(super) fn fill(tx: &Connection) -> Result<(), StoreError> {
    let mut select = tx.prepare(
        "SELECT request, agent, origin, journal, seq, sha256, body FROM chunk c
         WHERE blob IS NOT NULL AND body IS NOT NULL AND NOT EXISTS
         (SELECT 1 FROM blob b WHERE b.request = c.request AND b.agent = c.agent
          AND b.origin = c.origin AND b.journal = c.journal AND b.blob = c.blob)",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        // One that cannot be read stays where it is; its blob is never complete.
        let Ok((chunk, piece)) = stored(row) else { continue };
        if fits(tx, &chunk, &piece)? {
            add(tx, &chunk, &piece)?;
        } else {
            conflict(tx, &chunk)?;
        }
    }
    Ok(())
}

/// Reads the key of a stored chunk and what piece it is.
fn stored(row: &Row<'_>) -> Result<(Chunk, Piece), StoreError> {
    let piece = Piece::of(&decode(row, 6)?);
    let chunk = Chunk {
        request: request_id(row, 0)?,
        agent: agent_id(row, 1)?,
        attempt: attempt(row, 2)?,
        seq: row.get::<_, i64>(4)?.unsigned_abs(),
        rows: 0,
        blob: Some(piece.clone()),
        sha256: row.get(5)?,
        body: Vec::new(),
    };
    Ok((chunk, piece))
}

#[cfg(test)]
mod tests;
