//! What agents have sent: statuses, chunks, blobs, each under the key that makes it exactly once.

use common::clock::Timestamp;
use common::ids::{AgentId, Attempt, RequestId};
use common::result::{RowChunk, Status};
use common::wire;
use rusqlite::{Connection, OptionalExtension, params};

use super::read::{Reader, agent_id, attempt, decode};
use super::write::signed;
use super::{Landed, StoreError};
use crate::hunts::state::{Event, replaces};

/// A chunk of rows or of a blob, checked.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Of which request.
    pub request: RequestId,
    /// Of whom.
    pub agent: AgentId,
    /// Of which run.
    pub attempt: Attempt,
    /// Its position.
    pub seq: u64,
    /// How many rows; 0 for a piece of a blob.
    pub rows: u32,
    /// Which blob it is a piece of.
    pub blob: Option<u32>,
    /// SHA-256 of the payload.
    pub sha256: Vec<u8>,
    /// The whole message as sent.
    pub body: Vec<u8>,
}

/// What is stored of one run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Volume {
    /// Rows.
    pub rows: u64,
    /// Bytes of the chunks as they came.
    pub bytes: u64,
    /// When the first row was stored, by the coordinator's clock.
    pub first_row: Option<Timestamp>,
}

/// A blob on record.
#[derive(Debug, Clone)]
pub struct StoredBlob {
    /// Of whom.
    pub agent: AgentId,
    /// Of which run.
    pub attempt: Attempt,
    /// What it is.
    pub kind: String,
    /// SHA-256 of the whole.
    pub sha256: Vec<u8>,
    /// Size.
    pub bytes: u64,
}

impl Reader {
    /// Returns everything that is known of a request, as events for the fold.
    pub fn events(&self, id: &RequestId) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        // A directed request is always answered: there silence says nothing.
        let mut select = self.connection.prepare_cached(
            "SELECT e.agent, e.is_seen, CASE r.route WHEN 0 THEN e.passed END
             FROM expected e JOIN request r ON r.id = e.request WHERE e.request = ?1",
        )?;
        let mut rows = select.query([id.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let agent = agent_id(row, 0)?;
            if row.get(1)? {
                events.push(Event::Seen(agent.clone()));
            }
            if let Some(at) = row.get::<_, Option<i64>>(2)?.map(Timestamp) {
                events.push(Event::Passed { agent: agent.clone(), at });
            }
            events.push(Event::Expected(agent));
        }
        let mut select =
            self.connection.prepare_cached("SELECT body FROM status WHERE request = ?1")?;
        let mut rows = select.query([id.as_bytes()])?;
        while let Some(row) = rows.next()? {
            events.push(Event::Status(Box::new(decode::<Status>(row, 0)?)));
        }
        let mut select = self
            .connection
            .prepare_cached("SELECT agent, origin, journal, seq FROM chunk WHERE request = ?1")?;
        let mut rows = select.query([id.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let seq = row.get::<_, i64>(3)?.unsigned_abs();
            events.push(Event::Chunk { agent: agent_id(row, 0)?, attempt: attempt(row, 1)?, seq });
        }
        let mut select = self
            .connection
            .prepare_cached("SELECT agent, origin, journal FROM conflict WHERE request = ?1")?;
        let mut rows = select.query([id.as_bytes()])?;
        while let Some(row) = rows.next()? {
            events.push(Event::Conflict { agent: agent_id(row, 0)?, attempt: attempt(row, 1)? });
        }
        Ok(events)
    }

    /// Returns what an agent said of its hunts and profiles since a moment by its own clock, the latest first, with the
    /// kind of each request.
    pub fn statuses_of(
        &self,
        agent: &AgentId,
        since: Timestamp,
    ) -> Result<Vec<(String, Status)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT r.kind, s.body FROM status s JOIN request r ON r.id = s.request
             WHERE s.agent = ?1 AND s.at >= ?2 ORDER BY s.at DESC, s.is_final DESC",
        )?;
        let mut rows = select.query(params![agent.as_str(), since.0])?;
        let mut statuses = Vec::new();
        while let Some(row) = rows.next()? {
            statuses.push((row.get(0)?, decode(row, 1)?));
        }
        Ok(statuses)
    }

    /// Returns what is stored of a request, by agent and run.
    pub fn volume(&self, id: &RequestId) -> Result<Vec<(AgentId, Attempt, Volume)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT agent, origin, journal, sum(rows), sum(length(body)),
                    min(CASE WHEN rows > 0 THEN received END) FROM chunk
             WHERE request = ?1 GROUP BY agent, origin, journal",
        )?;
        let mut rows = select.query([id.as_bytes()])?;
        let mut volume = Vec::new();
        while let Some(row) = rows.next()? {
            let number =
                |n: usize| row.get::<_, Option<i64>>(n).map(|v| v.unwrap_or(0).unsigned_abs());
            let first_row = row.get::<_, Option<i64>>(5)?.map(Timestamp);
            let stored = Volume { rows: number(3)?, bytes: number(4)?, first_row };
            volume.push((agent_id(row, 0)?, attempt(row, 1)?, stored));
        }
        Ok(volume)
    }

    /// Visits the row chunks of one run, in order of `seq`; `visit` says whether to go on.
    pub fn row_chunks(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
        mut visit: impl FnMut(RowChunk) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT body FROM chunk WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4
             AND blob IS NULL ORDER BY seq",
        )?;
        let mut rows = select.query(params![
            request.as_bytes(),
            agent.as_str(),
            run.origin.as_bytes(),
            run.journal.as_bytes(),
        ])?;
        while let Some(row) = rows.next()? {
            if !visit(decode(row, 0)?)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns how long the messages of one blob's chunks are together.
    pub fn blob_bytes(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
        blob: u32,
    ) -> Result<u64, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT coalesce(sum(length(body)), 0) FROM chunk
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND blob = ?5",
        )?;
        let of = params![
            request.as_bytes(),
            agent.as_str(),
            run.origin.as_bytes(),
            run.journal.as_bytes(),
            blob,
        ];
        let bytes: i64 = select.query_row(of, |row| row.get(0))?;
        Ok(bytes.unsigned_abs())
    }

    /// Returns the messages of one blob's chunks, in order of `seq`.
    pub fn blob_chunks(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
        blob: u32,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT body FROM chunk WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4
             AND blob = ?5 ORDER BY seq",
        )?;
        let rows = select.query_map(
            params![
                request.as_bytes(),
                agent.as_str(),
                run.origin.as_bytes(),
                run.journal.as_bytes(),
                blob,
            ],
            |row| row.get(0),
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the blobs of a request.
    pub fn blobs(&self, request: &RequestId) -> Result<Vec<StoredBlob>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT agent, origin, journal, kind, sha256, bytes FROM blob WHERE request = ?1 ORDER BY agent, origin, journal, blob",
        )?;
        let mut rows = select.query([request.as_bytes()])?;
        let mut blobs = Vec::new();
        while let Some(row) = rows.next()? {
            blobs.push(StoredBlob {
                agent: agent_id(row, 0)?,
                attempt: attempt(row, 1)?,
                kind: row.get(3)?,
                sha256: row.get(4)?,
                bytes: row.get::<_, i64>(5)?.unsigned_abs(),
            });
        }
        Ok(blobs)
    }
}

/// One row a run for the last status before the end, one for the end. Which of two stays does not depend on which
/// came first.
pub(super) fn insert_status(tx: &Connection, status: &Status) -> Result<usize, StoreError> {
    let key = params![
        status.request.as_bytes(),
        status.agent.as_str(),
        status.attempt.origin.as_bytes(),
        status.attempt.journal.as_bytes(),
        status.state.is_final(),
    ];
    let mut select = tx.prepare_cached(
        "SELECT body FROM status
         WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND is_final = ?5",
    )?;
    let mut rows = select.query(key)?;
    if let Some(row) = rows.next()?
        && !decode::<Status>(row, 0).map(|held| replaces(status, &held))?
    {
        return Ok(0);
    }
    drop(rows);
    let sql = "INSERT OR REPLACE INTO status VALUES (?1, ?2, ?3, ?4, ?6, ?5, ?7, ?8)";
    Ok(tx.prepare_cached(sql)?.execute(params![
        status.request.as_bytes(),
        status.agent.as_str(),
        status.attempt.origin.as_bytes(),
        status.attempt.journal.as_bytes(),
        status.state.is_final(),
        status.state.as_str(),
        status.at.0,
        wire::encode(status)?,
    ])?)
}

pub(super) fn insert_chunk(
    tx: &Connection,
    chunk: &Chunk,
    now: Timestamp,
) -> Result<Landed, StoreError> {
    let (request, agent) = (chunk.request.as_bytes(), chunk.agent.as_str());
    let (origin, journal) = (chunk.attempt.origin.as_bytes(), chunk.attempt.journal.as_bytes());
    let known: Option<Vec<u8>> = tx
        .prepare_cached(
            "SELECT sha256 FROM chunk
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND seq = ?5",
        )?
        .query_row(params![request, agent, origin, journal, signed(chunk.seq)], |row| row.get(0))
        .optional()?;
    match known {
        Some(sha256) if sha256 == chunk.sha256 => Ok(Landed::Known),
        Some(_) => {
            insert_conflict(tx, chunk)?;
            Ok(Landed::Conflict)
        }
        None => {
            tx.prepare_cached(
                "INSERT INTO chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                request,
                agent,
                origin,
                journal,
                signed(chunk.seq),
                chunk.rows,
                chunk.blob,
                chunk.sha256,
                chunk.body,
                now.0,
            ])?;
            Ok(Landed::New)
        }
    }
}

pub(super) fn insert_conflict(tx: &Connection, chunk: &Chunk) -> Result<usize, StoreError> {
    let sql = "INSERT OR IGNORE INTO conflict VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    Ok(tx.prepare_cached(sql)?.execute(params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
        signed(chunk.seq),
        chunk.sha256,
    ])?)
}

/// Lists a blob whose file lies in place; `chunk` is any of its chunks, for the key.
pub(super) fn insert_blob(
    tx: &Connection,
    chunk: &Chunk,
    kind: &str,
    sha256: &[u8],
    bytes: u64,
) -> Result<usize, StoreError> {
    let sql = "INSERT OR IGNORE INTO blob VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    Ok(tx.prepare_cached(sql)?.execute(params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
        chunk.blob,
        kind,
        sha256,
        signed(bytes),
    ])?)
}
