//! What each attempt has taken of the store, and why one has failed by the coordinator's decision.
//!
//! One row per attempt and one per agent and day, kept in the transaction of the chunk: a chunk is held against its bounds
//! without a scan.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits::{
    AGENT_BYTES_PER_DAY_MAX, ATTEMPTS_MAX, CHUNK_BYTES_EXTRA, COLLECTION_BYTES_MAX, USAGE_DAYS_MAX,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::signed::signed;
use super::{Chunk, StoreError};

/// The tables.
pub(super) const TABLES: &str = "
-- Each attempt that was heard of: the bytes of its chunks, and why it has failed, where the coordinator says so.
CREATE TABLE attempt (
    request BLOB NOT NULL, agent TEXT NOT NULL, origin BLOB NOT NULL, journal BLOB NOT NULL,
    bytes INTEGER NOT NULL, fault TEXT, reason TEXT,
    PRIMARY KEY (request, agent, origin, journal)
) WITHOUT ROWID;
-- The bytes of each agent's chunks by day, in UTC.
CREATE TABLE usage (
    agent TEXT NOT NULL, day INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (agent, day)
) WITHOUT ROWID;
";

/// Fills the tables from what an older version stored.
pub(super) const FILL: &str = "
INSERT INTO attempt (request, agent, origin, journal, bytes)
    SELECT request, agent, origin, journal, sum(coalesce(length(body), 0) + 512) FROM chunk
    GROUP BY request, agent, origin, journal;
INSERT OR IGNORE INTO attempt (request, agent, origin, journal, bytes)
    SELECT DISTINCT request, agent, origin, journal, 0 FROM status;
";

const DAY_MS: i64 = 86_400_000;

/// The attempt fails: the bytes that it may have are used up.
pub const QUOTA: &str = "quota";
/// The attempt fails: a chunk of it was refused.
pub const REJECTED: &str = "rejected";

/// One attempt of one agent at one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptKey {
    /// At which request.
    pub request: RequestId,
    /// Of which agent.
    pub agent: AgentId,
    /// Which.
    pub attempt: Attempt,
}

impl Chunk {
    /// Returns the attempt that it belongs to.
    pub fn run(&self) -> AttemptKey {
        AttemptKey { request: self.request, agent: self.agent.clone(), attempt: self.attempt }
    }
}

/// Whether a result of an attempt is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is.
    Open,
    /// Its chunks are not: the attempt is over its quota.
    OverQuota,
    /// The agent has too many attempts at this request.
    TooMany,
}

/// Returns whether a result of an attempt is taken, and the bytes of all the agent's attempts at the request.
fn look(tx: &Connection, run: &AttemptKey) -> Result<(Option<Entry>, u64), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT origin = ?3 AND journal = ?4, bytes, fault IS ?5 FROM attempt
         WHERE request = ?1 AND agent = ?2",
    )?;
    let (origin, journal) = (run.attempt.origin.as_bytes(), run.attempt.journal.as_bytes());
    let key = params![run.request.as_bytes(), run.agent.as_str(), origin, journal, QUOTA];
    let mut rows = select.query(key)?;
    let (mut known, mut count, mut bytes) = (None, 0, 0_u64);
    while let Some(row) = rows.next()? {
        count += 1;
        bytes = bytes.saturating_add(row.get::<_, i64>(1)?.unsigned_abs());
        if row.get(0)? {
            known = Some(if row.get(2)? { Entry::OverQuota } else { Entry::Open });
        }
    }
    if known.is_none() && count >= ATTEMPTS_MAX {
        known = Some(Entry::TooMany);
    }
    Ok((known, bytes))
}

/// Notes an attempt that was heard of.
pub(super) fn enter(tx: &Connection, run: &AttemptKey) -> Result<Entry, StoreError> {
    if let Some(entry) = look(tx, run)?.0 {
        return Ok(entry);
    }
    tx.prepare_cached(
        "INSERT OR IGNORE INTO attempt (request, agent, origin, journal, bytes) VALUES (?1, ?2, ?3, ?4, 0)",
    )?
    .execute(params![
        run.request.as_bytes(),
        run.agent.as_str(),
        run.attempt.origin.as_bytes(),
        run.attempt.journal.as_bytes(),
    ])?;
    Ok(Entry::Open)
}

/// Charges a chunk that is about to be stored; at a bound the attempt fails.
pub(super) fn charge(tx: &Connection, chunk: &Chunk, now: Timestamp) -> Result<Entry, StoreError> {
    let run = chunk.run();
    let (entry, held) = look(tx, &run)?;
    if let Some(refused @ (Entry::TooMany | Entry::OverQuota)) = entry {
        return Ok(refused);
    }
    let cost = (chunk.body.len() as u64).saturating_add(CHUNK_BYTES_EXTRA);
    let day = now.0.div_euclid(DAY_MS);
    let used = used(tx, &run.agent, day)?;
    let over = if held.saturating_add(cost) > COLLECTION_BYTES_MAX {
        Some("the coordinator stores no more of one collection (collection_bytes_max)")
    } else if used.unwrap_or(0).saturating_add(cost) > AGENT_BYTES_PER_DAY_MAX {
        Some("the coordinator stores no more of one agent on one day (agent_bytes_per_day_max)")
    } else {
        None
    };
    if let Some(reason) = over {
        fail(tx, &run, QUOTA, reason)?;
        return Ok(Entry::OverQuota);
    }
    count(tx, chunk, cost, now)?;
    if used.is_none() {
        tx.prepare_cached("DELETE FROM usage WHERE agent = ?1 AND day < ?2")?
            .execute(params![run.agent.as_str(), day.saturating_sub(USAGE_DAYS_MAX)])?;
    }
    tx.prepare_cached(
        "INSERT INTO usage VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET bytes = bytes + ?3",
    )?
    .execute(params![run.agent.as_str(), day, signed(cost)])?;
    Ok(Entry::Open)
}

/// Notes that an attempt has failed; the first cause stays.
pub(super) fn fail(
    tx: &Connection,
    run: &AttemptKey,
    fault: &str,
    reason: &str,
) -> Result<usize, StoreError> {
    if enter(tx, run)? == Entry::TooMany {
        return Ok(0);
    }
    let sql = "UPDATE attempt SET fault = ?5, reason = ?6
               WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND fault IS NULL";
    Ok(tx.prepare_cached(sql)?.execute(params![
        run.request.as_bytes(),
        run.agent.as_str(),
        run.attempt.origin.as_bytes(),
        run.attempt.journal.as_bytes(),
        fault,
        reason,
    ])?)
}

fn used(tx: &Connection, agent: &AgentId, day: i64) -> Result<Option<u64>, StoreError> {
    let mut select = tx.prepare_cached("SELECT bytes FROM usage WHERE agent = ?1 AND day = ?2")?;
    let bytes: Option<i64> =
        select.query_row(params![agent.as_str(), day], |row| row.get(0)).optional()?;
    Ok(bytes.map(i64::unsigned_abs))
}

/// Counts a chunk that is about to be stored.
fn count(tx: &Connection, chunk: &Chunk, cost: u64, now: Timestamp) -> Result<(), StoreError> {
    let first_row = (chunk.rows > 0).then_some(now.0);
    tx.prepare_cached(
        "INSERT INTO attempt (request, agent, origin, journal, bytes, chunks, next, rows, stored, first_row)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6 + 1, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET bytes = bytes + ?5, chunks = chunks + 1, next = max(next, ?6 + 1),
         rows = rows + ?7, stored = stored + ?8,
         first_row = min(coalesce(first_row, ?9), coalesce(?9, first_row))",
    )?
    .execute(params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
        signed(cost),
        signed(chunk.seq),
        chunk.rows,
        signed(chunk.body.len() as u64),
        first_row,
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
