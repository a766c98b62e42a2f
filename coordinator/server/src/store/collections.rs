//! The read model of collections: one row for each agent of each hunt and profile, with the figures of the attempt that counts.
//!
//! A cache: everything here follows from `expected`, `status`, `chunk`, `conflict`, `attempt`, `blob` and `agent`. A row changes only
//! in the transaction that changes one of these ([`touched`]), and is what the fold of the request's events makes of them
//! ([`mod@derive`]). `muster doctor --rebuild` makes it again and compares ([`rebuild`]). What only time, telemetry and the roster
//! know is not in a row: [`Standing::phase`] takes it when it is read.

pub mod derive;
pub mod rebuild;
#[cfg(test)]
pub(crate) mod tests;
pub(super) mod touched;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::result::{CollectionSample, Spent};
use muster_protocol::wire;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::read::{Reader, agent_id, attempt, broken, request_id};
use super::signed::signed;
use super::summaries;
use super::unreadable::Table;
use crate::state::{Class, Done, Phase, Standing};

/// Size of a row's `spent`, which only the coordinator writes: the causes that are known, and the rest together.
const SPENT_BYTES_MAX: usize = 4_096;

/// The table, and what the counters of each attempt need beside its bytes.
pub(super) const TABLES: &str = "
-- Of each attempt's chunks: how many, the position behind the last, rows, bytes as they came, when the first row came.
ALTER TABLE attempt ADD COLUMN chunks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN next INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN first_row INTEGER;
-- A cache: see store/collections.rs.
CREATE TABLE collection (
    request BLOB NOT NULL, agent TEXT NOT NULL,
    -- Neither time nor telemetry changes its state.
    is_settled INTEGER NOT NULL, is_expected INTEGER NOT NULL, is_seen INTEGER NOT NULL,
    is_revoked INTEGER NOT NULL, passed INTEGER, class TEXT NOT NULL, until INTEGER,
    attempts INTEGER NOT NULL, origin BLOB, journal BLOB,
    has_ended INTEGER NOT NULL, is_spoilt INTEGER NOT NULL,
    -- heard and received are the coordinator's clock; said, started and ended the agent's.
    heard INTEGER, received INTEGER, said INTEGER, started INTEGER NOT NULL, ended INTEGER NOT NULL,
    host TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
    chunks INTEGER, chunks_stored INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    first_row INTEGER, seen INTEGER NOT NULL, hashed INTEGER NOT NULL, cached INTEGER NOT NULL,
    matched INTEGER NOT NULL, errors INTEGER NOT NULL, bytes_read INTEGER NOT NULL,
    cpu_ms INTEGER NOT NULL, throttled_ms INTEGER NOT NULL, path BLOB NOT NULL, spent BLOB,
    -- The highest revision of the controls that the agent had applied.
    revision INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (request, agent)
) WITHOUT ROWID;
CREATE INDEX collection_open ON collection (request) WHERE is_settled = 0;
CREATE INDEX collection_by_agent ON collection (agent, request);
";

/// From version 7: no agent had applied a control with a revision.
pub(super) const FROM_7: &str = "
ALTER TABLE collection ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
";

/// The columns after the key, in the order of the table.
const COLUMNS: &str = "is_settled, is_expected, is_seen, is_revoked, passed, class, until, attempts, origin, journal, has_ended,
    is_spoilt, heard, received, said, started, ended, host, code, reason, chunks, chunks_stored, rows, bytes, first_row, seen,
    hashed, cached, matched, errors, bytes_read, cpu_ms, throttled_ms, path, spent, revision";

/// The place of a column behind [`COLUMNS`] and the agent.
const REQUEST: usize = 37;

/// What the threads of an attempt that has ended used, and what they waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// CPU in user mode.
    pub cpu_user_ms: u64,
    /// CPU in the kernel.
    pub cpu_system_ms: u64,
    /// The rest. Causes that are not known are `more`.
    pub spent: Spent,
}

/// One agent's part in a hunt or a profile, as far as only what is stored changes it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCollection {
    /// The agent.
    pub agent: AgentId,
    /// The agent counts among the targeted, whether it answers or not.
    pub is_expected: bool,
    /// How far it is.
    pub standing: Standing,
    /// How many attempts are known.
    pub attempts: u64,
    /// The attempt that counts; all that follows is of it.
    pub attempt: Option<Attempt>,
    /// Its final status is stored.
    pub has_ended: bool,
    /// Its results are not what the agent sent, or the coordinator failed it: `code` says why.
    pub is_spoilt: bool,
    /// The earliest moment, by the coordinator's clock, from which something of the part is stored, of any attempt.
    pub heard: Option<Timestamp>,
    /// When its final status came, by the coordinator's clock.
    pub received: Option<Timestamp>,
    /// When the final status was made, by the agent's clock.
    pub said: Option<Timestamp>,
    /// When it began, by the agent's clock; 0 where that is not known.
    pub started: Timestamp,
    /// When it ended, by the agent's clock; 0 where that is not known.
    pub ended: Timestamp,
    /// Name of its machine; empty where no status named one.
    pub host: String,
    /// Why it is where it is, as a word: of the status, of the fault.
    pub code: String,
    /// The same for people.
    pub reason: String,
    /// How many chunks it has, once it has ended.
    pub chunks: Option<u64>,
    /// How many of them are stored.
    pub chunks_stored: u64,
    /// Rows stored.
    pub rows: u64,
    /// Bytes of its chunks as they came.
    pub bytes: u64,
    /// When its first row was stored.
    pub first_row: Option<Timestamp>,
    /// What it has done, by its last status.
    pub done: Done,
    /// What took longest, as its footer has it.
    pub path: Vec<u8>,
    /// What it cost, once it has ended.
    pub cost: Option<Cost>,
    /// The highest revision of the pauses, drains and resumes that its agent had applied.
    pub revision: u64,
}

impl StoredCollection {
    /// Returns whether it counts: the agent is expected, or has joined by answering.
    pub fn is_counted(&self) -> bool {
        self.is_expected || self.attempts > 0
    }

    /// Returns whether neither time nor telemetry changes anything that is shown of it.
    pub fn is_settled(&self) -> bool {
        self.has_ended && self.standing.is_settled()
    }

    /// Returns whether its agent has nothing left to do about a control of this revision: it has applied it, or the part has ended
    /// (`phase` is its state) or is not going to begin.
    pub fn has_applied(&self, revision: u64, phase: Phase) -> bool {
        self.has_ended || phase.has_ended() || self.revision >= revision
    }

    /// Returns when the part ended, by the coordinator's clock, of one whose state `phase` is an end: when its final status came, or
    /// when the wait for one, or for what was missing, was over.
    pub fn ended_at(&self, not_after: Timestamp) -> Option<Timestamp> {
        self.standing.timed_out_at(not_after).or(self.received)
    }

    /// Returns the state at `now` of a request that may begin until `not_after`.
    pub fn phase(
        &self,
        now: Timestamp,
        not_after: Timestamp,
        sample: Option<&CollectionSample>,
    ) -> Phase {
        self.standing.phase(now, not_after, is_running(sample))
    }

    /// Returns what it has done: what its agent's last sample knows beyond its last status counts until it has ended.
    pub fn done(&self, sample: Option<&CollectionSample>) -> Done {
        self.done.with(sample.filter(|_| !self.has_ended))
    }
}

/// Returns what a sample shows of a collection: nothing, waiting or running.
pub fn is_running(sample: Option<&CollectionSample>) -> Option<bool> {
    sample.map(|sample| sample.state == "running")
}

impl Reader {
    /// Returns all parts of a request, by agent.
    pub fn stored_collections(
        &self,
        request: &RequestId,
    ) -> Result<Vec<StoredCollection>, StoreError> {
        self.parts_that(request, "1")
    }

    /// Returns the parts of a request of which rows are stored.
    pub fn collections_with_rows(
        &self,
        request: &RequestId,
    ) -> Result<Vec<StoredCollection>, StoreError> {
        self.parts_that(request, "rows > 0")
    }

    /// Returns the parts of a request that time or telemetry may still change.
    pub fn open_collections(
        &self,
        request: &RequestId,
    ) -> Result<Vec<StoredCollection>, StoreError> {
        self.parts_that(request, "is_settled = 0")
    }

    fn parts_that(
        &self,
        request: &RequestId,
        condition: &str,
    ) -> Result<Vec<StoredCollection>, StoreError> {
        let sql =
            format!("SELECT agent, {COLUMNS} FROM collection WHERE request = ?1 AND {condition}");
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query([request.as_bytes()])?;
        let mut parts = Vec::new();
        while let Some(row) = rows.next()? {
            parts.extend(self.readable_part(request, row)?);
        }
        Ok(parts)
    }

    /// Returns one part.
    pub fn stored_collection(
        &self,
        request: &RequestId,
        agent: &AgentId,
    ) -> Result<Option<StoredCollection>, StoreError> {
        let mut select = self.connection.prepare_cached(&of_part())?;
        let mut rows = select.query(params![request.as_bytes(), agent.as_str()])?;
        rows.next()?.map_or(Ok(None), |row| self.readable_part(request, row))
    }

    /// Reads a row. One that cannot be read is noted, and made again of what it is a cache of: until `muster doctor --rebuild` writes
    /// that down, each who asks pays for it.
    fn readable_part(
        &self,
        request: &RequestId,
        row: &Row<'_>,
    ) -> Result<Option<StoredCollection>, StoreError> {
        let agent = agent_id(row, 0);
        let name = agent.as_ref().map_or("?", AgentId::as_str);
        let found = self.readable_of(Table::Collection, name, request.as_bytes(), read(row))?;
        let (None, Ok(agent)) = (&found, &agent) else { return Ok(found) };
        let Some(open) = summaries::open_of(&self.connection, request)? else { return Ok(None) };
        derive::derive(&self.connection, request, open.is_broadcast, agent)
    }

    /// Visits an agent's parts in hunts and profiles, those of the newest first, until `take` says that it has enough. Nothing of
    /// another agent is read.
    pub fn visit_collections_of(
        &self,
        agent: &AgentId,
        mut take: impl FnMut(RequestId, StoredCollection) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT agent, {COLUMNS}, request FROM collection INDEXED BY collection_by_agent
             WHERE agent = ?1 ORDER BY request DESC"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query([agent.as_str()])?;
        while let Some(row) = rows.next()? {
            let Ok(request) = request_id(row, REQUEST) else { continue };
            if let Some(part) = self.readable_part(&request, row)?
                && !take(request, part)?
            {
                break;
            }
        }
        Ok(())
    }

    /// Returns the first agent that a request expects.
    pub fn first_expected(&self, request: &RequestId) -> Result<Option<AgentId>, StoreError> {
        let sql = "SELECT agent FROM collection WHERE request = ?1 AND is_expected ORDER BY agent LIMIT 1";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query([request.as_bytes()])?;
        rows.next()?.map(|row| agent_id(row, 0)).transpose()
    }
}

fn of_part() -> String {
    format!("SELECT agent, {COLUMNS} FROM collection WHERE request = ?1 AND agent = ?2")
}

/// Reads one row.
pub(super) fn find(
    tx: &Connection,
    request: &RequestId,
    agent: &AgentId,
) -> Result<Option<StoredCollection>, StoreError> {
    let mut select = tx.prepare_cached(&of_part())?;
    let mut rows = select.query(params![request.as_bytes(), agent.as_str()])?;
    rows.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Result<StoredCollection, StoreError> {
    let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let at = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp));
    let word = row.get_ref(6)?.as_str().map_err(broken)?;
    let class = Class::ALL.into_iter().find(|class| class.as_str() == word);
    let class = class.ok_or_else(|| StoreError::Broken(format!("class {word:?}")))?;
    let cost = match row.get_ref(35)? {
        ValueRef::Null => None,
        cost => Some(wire::decode(cost.as_blob().map_err(broken)?, SPENT_BYTES_MAX)?),
    };
    Ok(StoredCollection {
        agent: agent_id(row, 0)?,
        is_expected: row.get(2)?,
        standing: Standing {
            is_seen: row.get(3)?,
            is_revoked: row.get(4)?,
            passed: at(5)?,
            class,
            until: at(7)?,
        },
        attempts: number(8)?,
        attempt: match row.get_ref(9)? {
            ValueRef::Null => None,
            _ => Some(attempt(row, 9)?),
        },
        has_ended: row.get(11)?,
        is_spoilt: row.get(12)?,
        heard: at(13)?,
        received: at(14)?,
        said: at(15)?,
        started: Timestamp(row.get(16)?),
        ended: Timestamp(row.get(17)?),
        host: row.get(18)?,
        code: row.get(19)?,
        reason: row.get(20)?,
        chunks: row.get::<_, Option<i64>>(21)?.map(i64::unsigned_abs),
        chunks_stored: number(22)?,
        rows: number(23)?,
        bytes: number(24)?,
        first_row: at(25)?,
        done: Done {
            seen: number(26)?,
            hashed: number(27)?,
            cached: number(28)?,
            matched: number(29)?,
            errors: number(30)?,
            bytes: number(31)?,
            cpu_ms: number(32)?,
            throttled_ms: number(33)?,
        },
        path: row.get(34)?,
        cost,
        revision: number(36)?,
    })
}

/// Writes one row.
pub(super) fn put(
    tx: &Connection,
    request: &RequestId,
    row: &StoredCollection,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO collection VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
        ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38)";
    let at = |at: Option<Timestamp>| at.map(|at| at.0);
    let cost = row.cost.as_ref().map(wire::encode).transpose()?;
    let done = &row.done;
    tx.prepare_cached(sql)?.execute(params![
        request.as_bytes(),
        row.agent.as_str(),
        row.is_settled(),
        row.is_expected,
        row.standing.is_seen,
        row.standing.is_revoked,
        at(row.standing.passed),
        row.standing.class.as_str(),
        at(row.standing.until),
        signed(row.attempts),
        row.attempt.map(|attempt| *attempt.origin.as_bytes()),
        row.attempt.map(|attempt| *attempt.journal.as_bytes()),
        row.has_ended,
        row.is_spoilt,
        at(row.heard),
        at(row.received),
        at(row.said),
        row.started.0,
        row.ended.0,
        row.host,
        row.code,
        row.reason,
        row.chunks.map(signed),
        signed(row.chunks_stored),
        signed(row.rows),
        signed(row.bytes),
        at(row.first_row),
        signed(done.seen),
        signed(done.hashed),
        signed(done.cached),
        signed(done.matched),
        signed(done.errors),
        signed(done.bytes),
        signed(done.cpu_ms),
        signed(done.throttled_ms),
        row.path,
        cost,
        signed(row.revision),
    ])?;
    Ok(())
}

/// Takes one row away.
pub(super) fn remove(
    tx: &Connection,
    request: &RequestId,
    agent: &AgentId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM collection WHERE request = ?1 AND agent = ?2";
    tx.prepare_cached(sql)?.execute(params![request.as_bytes(), agent.as_str()])?;
    Ok(())
}
