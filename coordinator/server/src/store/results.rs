//! What agents have sent: statuses, chunks, blobs, each under the key that makes it exactly once.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits::CONFLICTS_MAX;
use muster_protocol::result::Status;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::attempts::{self, AttemptKey, Entry};
use super::read::{Reader, agent_id, attempt, bounded, decode, encode};
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};
use super::{Piece, StoreError, WriteOutcome, pieces, spent};
use crate::state::{Collections, Event, Fault, replaces};

/// When the rows of a request came, without a look at its chunks.
pub(super) const INDEXES: &str = "
CREATE INDEX chunk_by_time ON chunk (request, received, rows);
";

/// Why a result is refused: its agent has too many attempts at the request.
const TOO_MANY_ATTEMPTS: &str = "too_many_attempts";

/// A chunk of rows or of a blob, checked.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Of which request.
    pub request: RequestId,
    /// The agent that sent it.
    pub agent: AgentId,
    /// Of which run.
    pub attempt: Attempt,
    /// Its position.
    pub seq: u64,
    /// How many rows; 0 for a piece of a blob.
    pub rows: u32,
    /// Which piece of which blob it is.
    pub blob: Option<Piece>,
    /// SHA-256 of the payload.
    pub sha256: Vec<u8>,
    /// The whole message, encoded of the fields that are known.
    pub body: Vec<u8>,
}

impl Chunk {
    /// Returns the chunk without its body.
    #[must_use]
    pub fn key(&self) -> Self {
        Self {
            request: self.request,
            agent: self.agent.clone(),
            attempt: self.attempt,
            seq: self.seq,
            rows: self.rows,
            blob: self.blob.clone(),
            sha256: self.sha256.clone(),
            body: Vec::new(),
        }
    }
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
    /// The agent that sent it.
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
    /// Returns what became of a request on each agent: the fold of everything that is stored of it and can be read.
    pub fn collections(&self, id: &RequestId) -> Result<Collections, StoreError> {
        let mut collections = Collections::default();
        self.visit_events(id, |event| collections.apply(&event))?;
        Ok(collections)
    }

    /// Visits everything that is known of a request, one event at a time.
    pub(crate) fn visit_events(
        &self,
        id: &RequestId,
        mut visit: impl FnMut(Event),
    ) -> Result<(), StoreError> {
        let of =
            |table, keys, sql| Query { table, reads: Reads::Some, of: id.as_bytes(), keys, sql };
        // A directed request is always answered: there silence says nothing.
        let expected = of(
            Table::Expected,
            1,
            "SELECT e.agent, e.is_seen, CASE r.route WHEN 0 THEN e.passed END
             FROM expected e JOIN request r ON r.id = e.request WHERE e.request = ?1",
        );
        let read = |row: &Row<'_>| {
            let passed: Option<i64> = row.get(2)?;
            Ok((agent_id(row, 0)?, row.get::<_, bool>(1)?, passed.map(Timestamp)))
        };
        self.each(expected, [id.as_bytes()], read, |(agent, is_seen, passed)| {
            if is_seen {
                visit(Event::Seen(agent.clone()));
            }
            if let Some(at) = passed {
                visit(Event::Passed { agent: agent.clone(), at });
            }
            visit(Event::Expected(agent));
            Ok(true)
        })?;
        let statuses = of_status(
            "SELECT agent, request, origin, journal, is_final, received, body FROM status
             WHERE request = ?1",
        );
        let read = |row: &Row<'_>| {
            let status = Box::new(bounded::<Status>(row, 6)?);
            Ok(Event::Status { status, received: Timestamp(row.get(5)?) })
        };
        let mut pass = |event| {
            visit(event);
            Ok(true)
        };
        self.each(statuses, [id.as_bytes()], read, &mut pass)?;
        let chunks =
            of(Table::Chunk, 4, "SELECT agent, origin, journal, seq FROM chunk WHERE request = ?1");
        let read = |row: &Row<'_>| {
            let seq = row.get::<_, i64>(3)?.unsigned_abs();
            Ok(Event::Chunk { agent: agent_id(row, 0)?, attempt: attempt(row, 1)?, seq })
        };
        self.each(chunks, [id.as_bytes()], read, &mut pass)?;
        let conflicts = of(
            Table::Conflict,
            5,
            "SELECT agent, origin, journal, seq, sha256 FROM conflict WHERE request = ?1",
        );
        let read = |row: &Row<'_>| {
            Ok(Event::Conflict { agent: agent_id(row, 0)?, attempt: attempt(row, 1)? })
        };
        self.each(conflicts, [id.as_bytes()], read, &mut pass)?;
        let faults = of(
            Table::Attempt,
            3,
            "SELECT agent, origin, journal, fault, coalesce(reason, '') FROM attempt
             WHERE request = ?1 AND fault IS NOT NULL",
        );
        let read = |row: &Row<'_>| {
            let fault = Fault { code: row.get(3)?, reason: row.get(4)? };
            Ok(Event::Fault { agent: agent_id(row, 0)?, attempt: attempt(row, 1)?, fault })
        };
        self.each(faults, [id.as_bytes()], read, &mut pass)
    }

    /// Returns what came of an agent's hunts and profiles since a moment by the coordinator's clock, the latest first, with
    /// the kind of each request.
    pub fn statuses_of(
        &self,
        agent: &AgentId,
        since: Timestamp,
    ) -> Result<Vec<(String, Status)>, StoreError> {
        let sql = "SELECT s.agent, s.request, s.origin, s.journal, s.is_final, r.kind, s.body
             FROM status s JOIN request r ON r.id = s.request
             WHERE s.agent = ?1 AND s.received >= ?2 ORDER BY s.received DESC, s.is_final DESC";
        self.all(of_status(sql), params![agent.as_str(), since.0], |row| {
            Ok((row.get(5)?, bounded(row, 6)?))
        })
    }

    /// Returns what is stored of a request, by agent and run.
    pub fn volume(&self, id: &RequestId) -> Result<Vec<(AgentId, Attempt, Volume)>, StoreError> {
        let sql = "SELECT agent, origin, journal, sum(rows),
                    coalesce(sum(length(body)), 0) + coalesce((SELECT sum(piece_bytes) FROM blob b
                     WHERE b.request = c.request AND b.agent = c.agent AND b.origin = c.origin
                     AND b.journal = c.journal), 0),
                    min(CASE WHEN rows > 0 THEN received END) FROM chunk c
             WHERE request = ?1 GROUP BY agent, origin, journal";
        let read = |row: &Row<'_>| {
            let number =
                |n: usize| row.get::<_, Option<i64>>(n).map(|v| v.unwrap_or(0).unsigned_abs());
            let first_row = row.get::<_, Option<i64>>(5)?.map(Timestamp);
            let stored = Volume { rows: number(3)?, bytes: number(4)?, first_row };
            Ok((agent_id(row, 0)?, attempt(row, 1)?, stored))
        };
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select.query_map([id.as_bytes()], |row| Ok(read(row)))?;
        let volume: Vec<Result<_, StoreError>> = rows.collect::<Result<_, _>>()?;
        // The fold of the request meets the same chunks, and notes what cannot be read of them.
        Ok(volume.into_iter().flatten().collect())
    }

    /// Returns when the first and the last rows of a request were stored.
    pub fn rows_span(
        &self,
        request: &RequestId,
    ) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let sql = "SELECT min(received), max(received) FROM chunk WHERE request = ?1 AND rows > 0";
        let mut select = self.connection.prepare_cached(sql)?;
        let (first, last): (Option<i64>, Option<i64>) =
            select.query_row([request.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(first.map(Timestamp).zip(last.map(Timestamp)))
    }

    /// Returns how many rows of a request were stored in each step of time that has any: the number of the step, the rows. A step
    /// ends with its last moment included.
    pub fn rows_by_step(
        &self,
        request: &RequestId,
        begin: Timestamp,
        step_ms: i64,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let sql = "SELECT (max(received - ?2, 1) - 1) / ?3 AS step, sum(rows) FROM chunk
             WHERE request = ?1 AND rows > 0 GROUP BY step";
        let mut select = self.connection.prepare_cached(sql)?;
        let key = params![request.as_bytes(), begin.0, step_ms.max(1)];
        let rows = select.query_map(key, |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the first `seq` from `from` on that is not stored of a run: before it nothing is missing.
    pub fn stored_until(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
        from: u64,
    ) -> Result<u64, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT seq FROM chunk
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND seq >= ?5
             ORDER BY seq",
        )?;
        let key = params![
            request.as_bytes(),
            agent.as_str(),
            run.origin.as_bytes(),
            run.journal.as_bytes(),
            signed(from),
        ];
        let mut rows = select.query(key)?;
        let mut until = from;
        while let Some(row) = rows.next()? {
            if row.get_ref(0)?.as_i64() != Ok(signed(until)) {
                break;
            }
            until += 1;
        }
        Ok(until)
    }

    /// Returns the blobs of a request.
    pub fn blobs(&self, request: &RequestId) -> Result<Vec<StoredBlob>, StoreError> {
        let sql = "SELECT agent, origin, journal, blob, kind, sha256, bytes FROM blob
             WHERE request = ?1 ORDER BY agent, origin, journal, blob";
        self.all(of_blob(request, sql), [request.as_bytes()], blob)
    }

    /// Returns the blobs that one agent has sent for a request.
    pub fn blobs_of(
        &self,
        request: &RequestId,
        agent: &AgentId,
    ) -> Result<Vec<StoredBlob>, StoreError> {
        let sql = "SELECT agent, origin, journal, blob, kind, sha256, bytes FROM blob
             WHERE request = ?1 AND agent = ?2 ORDER BY agent, origin, journal, blob";
        self.all(of_blob(request, sql), params![request.as_bytes(), agent.as_str()], blob)
    }
}

/// Returns a query of blobs whose first columns are agent, origin, journal and number.
fn of_blob<'a>(request: &'a RequestId, sql: &'a str) -> Query<'a> {
    Query { table: Table::Blob, reads: Reads::All, of: request.as_bytes(), keys: 4, sql }
}

pub(super) fn blob(row: &Row<'_>) -> Result<StoredBlob, StoreError> {
    Ok(StoredBlob {
        agent: agent_id(row, 0)?,
        attempt: attempt(row, 1)?,
        kind: row.get(4)?,
        sha256: row.get(5)?,
        bytes: row.get::<_, i64>(6)?.unsigned_abs(),
    })
}

/// Returns a query of statuses whose first columns are agent, request, origin, journal and `is_final`.
fn of_status(sql: &str) -> Query<'_> {
    Query { table: Table::Status, reads: Reads::All, of: &[], keys: 5, sql }
}

/// Returns a query of chunks whose first columns are agent, origin, journal and `seq`.
pub(super) fn of_chunk<'a>(request: &'a RequestId, sql: &'a str) -> Query<'a> {
    Query { table: Table::Chunk, reads: Reads::All, of: request.as_bytes(), keys: 4, sql }
}

/// One row a run for the last status before the end, one for the end. Which of two stays does not depend on which
/// came first; one that cannot be read gives way.
pub(super) fn insert_status(
    tx: &Connection,
    status: &Status,
    now: Timestamp,
) -> Result<WriteOutcome, StoreError> {
    let (request, agent) = (status.request, status.agent.clone());
    if attempts::enter(tx, &AttemptKey { request, agent, attempt: status.attempt })?
        == Entry::TooMany
    {
        return Ok(WriteOutcome::Refused(TOO_MANY_ATTEMPTS));
    }
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
        && decode::<Status>(row, 0).is_ok_and(|held| !replaces(status, &held))
    {
        return Ok(WriteOutcome::Duplicate);
    }
    drop(rows);
    let sql = "INSERT OR REPLACE INTO status
        (request, agent, origin, journal, state, is_final, at, body, received)
        VALUES (?1, ?2, ?3, ?4, ?6, ?5, ?7, ?8, ?9)";
    tx.prepare_cached(sql)?.execute(params![
        status.request.as_bytes(),
        status.agent.as_str(),
        status.attempt.origin.as_bytes(),
        status.attempt.journal.as_bytes(),
        status.state.is_final(),
        status.state.as_str(),
        status.at.0,
        encode(status)?,
        now.0,
    ])?;
    Ok(WriteOutcome::Inserted)
}

pub(super) fn insert_chunk(
    tx: &Connection,
    chunk: &Chunk,
    now: Timestamp,
) -> Result<WriteOutcome, StoreError> {
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
        Some(sha256) if sha256 == chunk.sha256 => match &chunk.blob {
            Some(piece) => pieces::again(tx, chunk, piece),
            None => Ok(WriteOutcome::Duplicate),
        },
        Some(_) => {
            insert_conflict(tx, chunk)?;
            Ok(WriteOutcome::Conflict)
        }
        None => insert_new_chunk(tx, chunk, now),
    }
}

fn insert_new_chunk(
    tx: &Connection,
    chunk: &Chunk,
    now: Timestamp,
) -> Result<WriteOutcome, StoreError> {
    if let Some(piece) = &chunk.blob
        && !pieces::fits(tx, chunk, piece)?
    {
        return pieces::conflict(tx, chunk);
    }
    match attempts::charge(tx, chunk, now)? {
        Entry::Open => {}
        Entry::OverQuota => return Ok(WriteOutcome::OverQuota),
        Entry::TooMany => return Ok(WriteOutcome::Refused(TOO_MANY_ATTEMPTS)),
    }
    let sql = "INSERT INTO chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    tx.prepare_cached(sql)?.execute(params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
        signed(chunk.seq),
        chunk.rows,
        chunk.blob.as_ref().map(|piece| piece.blob),
        chunk.sha256,
        chunk.body,
        now.0,
    ])?;
    match &chunk.blob {
        Some(piece) => pieces::add(tx, chunk, piece),
        None => Ok(WriteOutcome::Inserted),
    }
}

/// Records that a chunk contradicts a stored one; of one attempt only the first few.
pub(super) fn insert_conflict(tx: &Connection, chunk: &Chunk) -> Result<usize, StoreError> {
    let recorded: i64 = tx
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM conflict
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 LIMIT ?5)",
        )?
        .query_row(
            params![
                chunk.request.as_bytes(),
                chunk.agent.as_str(),
                chunk.attempt.origin.as_bytes(),
                chunk.attempt.journal.as_bytes(),
                i64::try_from(CONFLICTS_MAX).unwrap_or(i64::MAX),
            ],
            |row| row.get(0),
        )?;
    if recorded.unsigned_abs() >= CONFLICTS_MAX as u64 {
        return Ok(0);
    }
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

/// Lists a blob whose file is durable, and deletes the bytes of its pieces with it; `chunk` is any of its chunks, for the key.
pub(super) fn insert_blob(
    tx: &Connection,
    chunk: &Chunk,
    kind: &str,
    sha256: &[u8],
    bytes: u64,
) -> Result<usize, StoreError> {
    let Some(blob) = chunk.blob.as_ref().map(|piece| piece.blob) else { return Ok(0) };
    let piece_bytes = spent::of_blob(tx, chunk, blob)?;
    pieces::forget(tx, chunk, blob)?;
    let (request, agent) = (chunk.request.as_bytes(), chunk.agent.as_str());
    let (origin, journal) = (chunk.attempt.origin.as_bytes(), chunk.attempt.journal.as_bytes());
    let (bytes, piece_bytes) = (signed(bytes), signed(piece_bytes));
    let sql = "INSERT OR IGNORE INTO blob VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let inserted = tx.prepare_cached(sql)?.execute(params![
        request,
        agent,
        origin,
        journal,
        blob,
        kind,
        sha256,
        bytes,
        piece_bytes
    ])?;
    if inserted == 0 && piece_bytes > 0 {
        // Pieces that came when it was listed already: their bytes are deleted now, and stay counted.
        let sql = "UPDATE blob SET piece_bytes = piece_bytes + ?6
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND blob = ?5";
        let key = params![request, agent, origin, journal, blob, piece_bytes];
        tx.prepare_cached(sql)?.execute(key)?;
    }
    Ok(inserted)
}
