//! Collections: what runs or waits, how far it is, and the chunks that it yields.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::Sealed;
use muster_protocol::request::lifecycle::Hold;
use muster_protocol::result::{BlobChunk, ProfileFooter, RowChunk, Spent, Status};
use muster_protocol::topology::Class;
use muster_protocol::wire;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::outbox::{Entry, encode};
use super::{Journal, JournalError, controls, parts, to_sql};
use crate::session::RequestState;

/// What was spent and emitted up to the cursor, restarts included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// CPU of the collection's own threads in user mode.
    pub cpu_user_ms: u64,
    /// CPU of the collection's own threads in the kernel.
    pub cpu_system_ms: u64,
    /// Time spent waiting for limits or for room in the outbox.
    pub throttled_ms: u64,
    /// Wall time of the runs before this one.
    pub ran_ms: u64,
    /// Rows emitted.
    pub rows: u64,
    /// How often the collection was taken up again.
    pub resumed: u32,
    /// Of the profiles that are already journalled.
    pub profiles: Vec<ProfileFooter>,
    /// Waits, page faults, disk.
    pub spent: Spent,
}

/// A request that is owed, as the journal has it.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Which request.
    pub request: RequestId,
    /// The signed bytes.
    pub sealed: Sealed,
    /// Came by the directed queue.
    pub is_directed: bool,
    /// Was begun; goes on from `cursor`.
    pub is_running: bool,
    /// When it first began.
    pub started: Timestamp,
    /// The next free sequence number of the attempt.
    pub next_seq: u64,
    /// The next free blob number of the attempt.
    pub next_blob: u32,
    /// Runs that ended without progress and without a word.
    pub deaths: u32,
    /// What its controls want of it.
    pub hold: Hold,
    /// Since when it is held.
    pub held_since: Option<Timestamp>,
    /// A status has said that it is held.
    pub is_hold_told: bool,
    /// Where it goes on, as its collector wrote it.
    pub cursor: Option<Vec<u8>>,
    /// What was spent so far.
    pub figures: Figures,
}

/// What one commit of a collection carries; everything in it becomes durable together.
#[derive(Debug, Default)]
pub struct Step<'a> {
    /// Rows that were emitted since the last step.
    pub rows: &'a [RowChunk],
    /// Blobs, one after the other, or the next piece of one; a blob's number is used up with its first.
    pub blobs: &'a [BlobChunk],
    /// Where a later run goes on.
    pub cursor: Option<&'a [u8]>,
    /// What was spent so far.
    pub figures: Option<&'a Figures>,
    /// Says that the collection stands still; left out when it was let go meanwhile.
    pub paused: Option<&'a Status>,
    /// The final status; with it the collection is over.
    pub last: Option<&'a Status>,
}

impl Collection {
    /// Returns whether its controls keep it from running.
    pub fn is_held(&self) -> bool {
        self.hold.stops(self.is_running)
    }
}

impl Journal {
    /// Returns everything that is owed, oldest first.
    pub fn collections(&self) -> Result<Vec<Collection>, JournalError> {
        self.read(|db| {
            let mut statement = db.prepare(&format!("{SELECT} ORDER BY n"))?;
            statement.query_map([], |row| collection(db, row))?.collect()
        })
    }

    /// Returns one collection.
    pub fn collection(&self, request: RequestId) -> Result<Option<Collection>, JournalError> {
        self.read(|db| {
            db.prepare_cached(&format!("{SELECT} WHERE request = ?1"))?
                .query_row(params![request.as_bytes()], |row| collection(db, row))
                .optional()
        })
    }

    /// Returns how a request stands.
    pub fn standing(&self, request: RequestId) -> Result<RequestState, JournalError> {
        self.read(|db| {
            let is_running: Option<bool> = db
                .prepare_cached("SELECT running FROM collections WHERE request = ?1")?
                .query_row(params![request.as_bytes()], |row| row.get(0))
                .optional()?;
            let is_known = db
                .prepare_cached("SELECT 1 FROM seen WHERE id = ?1 UNION ALL SELECT 1 FROM refused WHERE id = ?1")?
                .exists(params![request.as_bytes()])?;
            Ok(match is_running {
                Some(true) => RequestState::Running,
                None if is_known => RequestState::Ended,
                Some(false) | None => RequestState::Pending,
            })
        })
    }

    /// Returns how many requests are owed.
    pub fn unfinished(&self) -> Result<u64, JournalError> {
        self.read(|db| {
            let sql = "SELECT count(*) FROM collections";
            db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        })
    }

    /// Records that a run begins: until it commits a step, it counts as one that the agent died on. `false` when a control
    /// has come that lets it not.
    pub fn begin(&self, request: RequestId, now: Timestamp) -> Result<bool, JournalError> {
        self.write(|tx| {
            if controls::may_not_run(tx, request)? {
                return Ok(false);
            }
            tx.execute(
                "UPDATE collections SET deaths = deaths + 1, running = 1,
                 started = CASE running WHEN 0 THEN ?2 ELSE started END WHERE request = ?1",
                params![request.as_bytes(), now.0],
            )?;
            Ok(true)
        })
    }

    /// Commits a step of a collection.
    pub fn step(
        &self,
        agent: &AgentId,
        request: RequestId,
        step: &Step<'_>,
    ) -> Result<(), JournalError> {
        let mut entries = Vec::new();
        for chunk in step.rows {
            entries.push(Entry::new(Class::Rows, "rows.chunk", agent, request, encode(chunk)?));
        }
        for chunk in step.blobs {
            entries.push(Entry::new(Class::Blobs, "blob.chunk", agent, request, encode(chunk)?));
        }
        let chunks = entries.len() as u64;
        let cursor = step.cursor;
        let figures = step.figures.map(encode).transpose()?;
        let entries = self.write(|tx| {
            if let Some(status) = step.paused {
                entries.extend(controls::held(tx, status)?);
            }
            if let Some(status) = step.last {
                entries.push(Entry::status(tx, status)?);
            }
            entries.iter().try_for_each(|entry| entry.insert(tx))?;
            if step.last.is_some() {
                end(tx, request)?;
                return Ok(entries);
            }
            tx.execute(
                "UPDATE collections SET deaths = 0, next_seq = next_seq + ?2, next_blob = next_blob + ?3,
                 cursor = coalesce(?4, cursor), figures = coalesce(?5, figures) WHERE request = ?1",
                params![request.as_bytes(), to_sql(chunks), blobs(step.blobs), cursor, figures],
            )?;
            Ok(entries)
        })?;
        self.counted(&entries);
        Ok(())
    }
}

const SELECT: &str = "SELECT request, body, directed, running, started, next_seq, next_blob, deaths, cursor, figures, held_since, held_told, kind FROM collections";

/// Counts the blobs that begin with the chunks.
fn blobs(chunks: &[BlobChunk]) -> u32 {
    let Some((first, last)) = chunks.first().zip(chunks.last()) else { return 0 };
    let begins = u32::from(first.offset == 0);
    last.blob.saturating_sub(first.blob).saturating_add(begins)
}

fn end(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM collections WHERE request = ?1", params![request.as_bytes()])?;
    parts::release(tx, request)
}

fn collection(db: &Connection, row: &Row<'_>) -> rusqlite::Result<Collection> {
    let broken = |column: usize, error: &wire::WireError| {
        let kind = rusqlite::types::Type::Blob;
        rusqlite::Error::FromSqlConversionFailure(column, kind, error.to_string().into())
    };
    let body: Vec<u8> = row.get(1)?;
    let figures: Option<Vec<u8>> = row.get(9)?;
    let figures = match figures {
        Some(bytes) => wire::decode(&bytes, FIGURES_BYTES_MAX).map_err(|e| broken(9, &e))?,
        None => Figures::default(),
    };
    let request = RequestId::from_bytes(row.get(0)?);
    Ok(Collection {
        request,
        sealed: wire::decode(&body, 2 * REQUEST_BYTES_MAX).map_err(|e| broken(1, &e))?,
        is_directed: row.get(2)?,
        is_running: row.get(3)?,
        started: Timestamp(row.get(4)?),
        next_seq: row.get::<_, i64>(5)?.unsigned_abs(),
        next_blob: row.get(6)?,
        deaths: row.get(7)?,
        hold: controls::hold(db, request, &row.get::<_, String>(12)?)?,
        held_since: row.get::<_, Option<i64>>(10)?.map(Timestamp),
        is_hold_told: row.get(11)?,
        cursor: row.get(8)?,
        figures,
    })
}

/// What stored figures may take.
const FIGURES_BYTES_MAX: usize = 4_194_304;
