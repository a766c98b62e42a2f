//! Deletes the bytes of pieces once the file of their blob is durable: the file is the only copy from then on.
//!
//! The keys stay: a piece that is delivered again is known by its key and digest. What the messages weighed is kept with the
//! blob, for the figures of its attempt. Stores of before version 6 kept the pieces of every blob: a sweep goes through
//! their chunks once, a bounded step at a time.

use muster_protocol::limits::{PIECE_SWEEP_BYTES_MAX, PIECE_SWEEP_ROWS_MAX};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::Reader;
use super::signed::signed;
use super::{Chunk, DataDir, StoreError};

/// One row while chunks of an older store are left to look at, by the row ids of `chunk`; then none.
pub(super) const TABLES: &str = "
CREATE TABLE piece_sweep (next INTEGER NOT NULL, last INTEGER NOT NULL);
";

/// Has the chunks of an older version looked at.
pub(super) const FILL: &str = "
INSERT INTO piece_sweep SELECT 0, max(rowid) FROM chunk HAVING max(rowid) IS NOT NULL;
";

/// Pages of the file that one step gives back: as many as it may have freed, and some.
const PAGES_MAX: u64 = (PIECE_SWEEP_BYTES_MAX / 4_096) * 2;

/// The result of one step's look: which chunks are spent, and how far it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Row ids of chunks whose blob is durable.
    spent: Vec<i64>,
    /// The last row id that was looked at.
    until: i64,
}

impl Reader {
    /// Looks at the next chunks of an older store; `None` when the sweep has ended.
    pub fn sweep(&self, place: &DataDir) -> Result<Option<Sweep>, StoreError> {
        let mut range = self.connection.prepare_cached("SELECT next, last FROM piece_sweep")?;
        let range = range.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((next, last)): Option<(i64, i64)> = range else { return Ok(None) };
        let mut select = self.connection.prepare_cached(
            "SELECT c.rowid, length(c.body), b.sha256, b.bytes FROM chunk c LEFT JOIN blob b
             USING (request, agent, origin, journal, blob)
             WHERE c.rowid > ?1 AND c.rowid <= ?2 ORDER BY c.rowid LIMIT ?3",
        )?;
        let mut rows = select.query(params![next, last, signed(PIECE_SWEEP_ROWS_MAX)])?;
        let mut sweep = Sweep { spent: Vec::new(), until: next };
        let (mut looked, mut bytes) = (0, 0);
        // The pieces of one blob lie side by side: its file is looked at once.
        let mut file = (Vec::new(), false);
        while let Some(row) = rows.next()? {
            sweep.until = row.get(0)?;
            looked += 1;
            let Some(piece) = piece(row)? else { continue };
            if file.0 != piece.sha256 {
                file = (piece.sha256.to_vec(), place.has_blob(piece.sha256, piece.total)?);
            }
            if file.1 {
                sweep.spent.push(sweep.until);
                bytes += piece.bytes;
            }
            if bytes >= PIECE_SWEEP_BYTES_MAX {
                return Ok(Some(sweep));
            }
        }
        if looked < PIECE_SWEEP_ROWS_MAX {
            sweep.until = last;
        }
        Ok(Some(sweep))
    }
}

/// A piece whose blob is listed.
struct Piece<'a> {
    /// Size of its message.
    bytes: u64,
    /// What its blob is.
    sha256: &'a [u8],
    /// Size of its blob.
    total: u64,
}

/// Returns the piece that a chunk is; `None` for every other chunk.
fn piece<'a>(row: &'a Row<'_>) -> Result<Option<Piece<'a>>, StoreError> {
    let number =
        |column| row.get_ref(column).map(|value| value.as_i64().ok().map(i64::unsigned_abs));
    let (bytes, total) = (number(1)?, number(3)?);
    let sha256 = row.get_ref(2)?.as_blob().ok();
    let piece = bytes.zip(sha256).zip(total);
    Ok(piece.map(|((bytes, sha256), total)| Piece { bytes, sha256, total }))
}

/// Deletes what a sweep found, and gives the room back to the file system.
pub(super) fn swept(tx: &Connection, sweep: &Sweep) -> Result<usize, StoreError> {
    // Of the chunk as it is now: only a blob that is listed may have its pieces deleted.
    let mut charge = tx.prepare_cached(
        "UPDATE blob SET piece_bytes = piece_bytes + c.bytes
         FROM (SELECT request, agent, origin, journal, blob AS number, length(body) AS bytes
               FROM chunk WHERE rowid = ?1 AND body IS NOT NULL) AS c
         WHERE blob.request = c.request AND blob.agent = c.agent AND blob.origin = c.origin
         AND blob.journal = c.journal AND blob.blob = c.number",
    )?;
    let mut empty = tx.prepare_cached("UPDATE chunk SET body = NULL WHERE rowid = ?1")?;
    for rowid in &sweep.spent {
        if charge.execute([rowid])? > 0 {
            empty.execute([rowid])?;
        }
    }
    tx.execute("UPDATE piece_sweep SET next = ?1", [sweep.until])?;
    tx.execute("DELETE FROM piece_sweep WHERE next >= last", [])?;
    give_back(tx)?;
    Ok(1)
}

/// Takes free pages off the end of the file, where it was made so that this is possible.
fn give_back(tx: &Connection) -> Result<(), StoreError> {
    let mut vacuum = tx.prepare(&format!("PRAGMA incremental_vacuum({PAGES_MAX})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

/// Deletes the bytes of the pieces of a blob whose file is durable; returns how many their messages had.
pub(super) fn of_blob(tx: &Connection, chunk: &Chunk, blob: u32) -> Result<u64, StoreError> {
    let key = params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
        blob
    ];
    let seqs = "request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND seq IN
         (SELECT seq FROM piece WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4
          AND blob = ?5)";
    let sql = format!("SELECT coalesce(sum(length(body)), 0) FROM chunk WHERE {seqs}");
    let bytes: i64 = tx.prepare_cached(&sql)?.query_row(key, |row| row.get(0))?;
    let sql = format!("UPDATE chunk SET body = NULL WHERE {seqs}");
    tx.prepare_cached(&sql)?.execute(key)?;
    Ok(bytes.unsigned_abs())
}

#[cfg(test)]
mod tests;
