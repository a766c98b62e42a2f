//! Reading, on a connection of its own: what is committed and nothing else.

use std::collections::BTreeSet;

use common::clock::Timestamp;
use common::ids::{AgentId, Attempt, JournalId, KeyId, RequestId};
use common::limits::{REQUEST_BYTES_MAX, RESULT_BYTES_MAX};
use common::request::Sealed;
use common::result::{RowChunk, Status, Telemetry};
use common::wire;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoreError;
use crate::hunts::state::Event;

/// A reader; cheap to open.
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

#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// A request on record.
#[derive(Debug, Clone)]
pub struct StoredRequest {
    /// Its id.
    pub id: RequestId,
    /// Its kind.
    pub kind: String,
    /// Who signed.
    pub operator: String,
    /// When.
    pub issued: Timestamp,
    /// Until when work may begin.
    pub not_after: Timestamp,
    /// Target, as text.
    pub target: String,
    /// 0 broadcast, 1 directed, 2 the coordinator itself.
    pub route: u8,
    /// The signed bytes.
    pub sealed: Sealed,
    /// Whether the broker has confirmed it.
    pub is_published: bool,
}

/// An agent on the roster.
#[derive(Debug, Clone)]
pub struct StoredAgent {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Labels, as a JSON object.
    pub labels: String,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The latest self-sample and when it came.
    pub heard: Option<(Timestamp, Telemetry)>,
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

/// A line of the audit log, as stored.
#[derive(Debug, Clone)]
pub struct StoredAudit {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Token, operator, action, subject, detail.
    pub words: [String; 5],
}

/// How much agents have sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Chunks, of rows and of blobs.
    pub chunks: u64,
    /// Rows in them, of all runs.
    pub rows: u64,
    /// Chunks that contradict a stored one.
    pub conflicts: u64,
    /// Blobs that are whole.
    pub blobs: u64,
}

/// What an id prefix stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// One thing.
    One(T),
    /// Nothing.
    None,
    /// Several things.
    Many(usize),
}

const REQUEST: &str = "SELECT id, kind, operator, issued, not_after, target, route, sealed, is_published FROM request";

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns every agent, by id, with its latest self-sample.
    pub fn agents(&self) -> Result<Vec<StoredAgent>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT a.id, a.name, a.labels, a.enrolled, a.revoked, h.received, h.body FROM agent a
             LEFT JOIN heard h ON h.agent = a.id AND h.received =
                 (SELECT max(received) FROM heard WHERE agent = a.id)
             GROUP BY a.id ORDER BY a.id",
        )?;
        let mut rows = select.query([])?;
        let mut agents = Vec::new();
        while let Some(row) = rows.next()? {
            let received: Option<i64> = row.get(5)?;
            let heard = match received {
                Some(at) => Some((Timestamp(at), decode(row, 6)?)),
                None => None,
            };
            agents.push(StoredAgent {
                id: agent_id(row, 0)?,
                name: row.get(1)?,
                labels: row.get(2)?,
                enrolled: Timestamp(row.get(3)?),
                revoked: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                heard,
            });
        }
        Ok(agents)
    }

    /// Returns the journals of an agent that were heard since a moment: more than one is a clone.
    pub fn journals_since(&self, agent: &AgentId, since: Timestamp) -> Result<u64, StoreError> {
        let count: i64 = self
            .connection
            .prepare_cached("SELECT count(*) FROM heard WHERE agent = ?1 AND received >= ?2")?
            .query_row(params![agent.as_str(), since.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Returns the coordinator's own last sample.
    pub fn heard(&self, agent: &AgentId) -> Result<Option<(Timestamp, Telemetry)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT received, body FROM heard WHERE agent = ?1 ORDER BY received DESC LIMIT 1",
        )?;
        let mut rows = select.query([agent.as_str()])?;
        match rows.next()? {
            Some(row) => Ok(Some((Timestamp(row.get(0)?), decode(row, 1)?))),
            None => Ok(None),
        }
    }

    /// Returns the samples of an agent since a moment, oldest first.
    pub fn telemetry(
        &self,
        agent: &AgentId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Telemetry)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT received, body FROM telemetry WHERE agent = ?1 AND received >= ?2 ORDER BY received",
        )?;
        let mut rows = select.query(params![agent.as_str(), since.0])?;
        let mut samples = Vec::new();
        while let Some(row) = rows.next()? {
            samples.push((Timestamp(row.get(0)?), decode(row, 1)?));
        }
        Ok(samples)
    }

    /// Returns one request.
    pub fn request(&self, id: &RequestId) -> Result<Option<StoredRequest>, StoreError> {
        let mut select = self.connection.prepare_cached(&format!("{REQUEST} WHERE id = ?1"))?;
        let mut rows = select.query([id.as_bytes()])?;
        rows.next()?.map(request).transpose()
    }

    /// Returns the requests of a kind, the newest first.
    pub fn requests(&self, kind: &str) -> Result<Vec<StoredRequest>, StoreError> {
        let sql = format!("{REQUEST} WHERE kind = ?1 ORDER BY id DESC LIMIT 10000");
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query([kind])?;
        let mut requests = Vec::new();
        while let Some(row) = rows.next()? {
            requests.push(request(row)?);
        }
        Ok(requests)
    }

    /// Returns the requests that the broker has not confirmed, oldest first.
    pub fn unpublished(&self) -> Result<Vec<StoredRequest>, StoreError> {
        let sql = format!("{REQUEST} WHERE is_published = 0 ORDER BY id");
        let mut select = self.connection.prepare_cached(&sql)?;
        let mut rows = select.query([])?;
        let mut requests = Vec::new();
        while let Some(row) = rows.next()? {
            requests.push(request(row)?);
        }
        Ok(requests)
    }

    /// Finds the one request of a kind whose id begins so.
    pub fn find(&self, kind: &str, prefix: &str) -> Result<Found<StoredRequest>, StoreError> {
        let mut found: Vec<_> = self.requests(kind)?;
        found.retain(|request| request.id.to_string().starts_with(prefix));
        let count = found.len();
        Ok(match (found.pop(), count) {
            (Some(one), 1) => Found::One(one),
            (None, _) => Found::None,
            (Some(_), many) => Found::Many(many),
        })
    }

    /// Returns the highest revision of the controls of a request, and whether one of them cancels it.
    pub fn controls(&self, about: &RequestId) -> Result<(u64, bool), StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT coalesce(max(revision), 0), coalesce(max(kind LIKE '%.cancel'), 0) FROM request WHERE about = ?1",
        )?;
        let (revision, is_cancelled): (i64, bool) =
            select.query_row([about.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((revision.unsigned_abs(), is_cancelled))
    }

    /// Returns the offset of the last request whose place on the stream is known.
    pub fn last_offset(&self) -> Result<Option<(RequestId, u64)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, stream_offset FROM request WHERE stream_offset IS NOT NULL
             ORDER BY stream_offset DESC LIMIT 1",
        )?;
        let mut rows = select.query([])?;
        match rows.next()? {
            Some(row) => Ok(Some((request_id(row, 0)?, row.get::<_, i64>(1)?.unsigned_abs()))),
            None => Ok(None),
        }
    }

    /// Tells whether an agent is expected to answer a request.
    pub fn is_expected(&self, request: &RequestId, agent: &AgentId) -> Result<bool, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT 1 FROM expected WHERE request = ?1 AND agent = ?2")?;
        Ok(select.exists(params![request.as_bytes(), agent.as_str()])?)
    }

    /// Tells whether an agent is on the roster and not revoked.
    pub fn is_enrolled(&self, agent: &AgentId) -> Result<bool, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT 1 FROM agent WHERE id = ?1 AND revoked IS NULL")?;
        Ok(select.exists([agent.as_str()])?)
    }

    /// Returns everything that is known of a request, as events for the fold.
    pub fn events(&self, id: &RequestId) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        let mut select = self
            .connection
            .prepare_cached("SELECT agent, is_seen FROM expected WHERE request = ?1")?;
        let mut rows = select.query([id.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let agent = agent_id(row, 0)?;
            if row.get(1)? {
                events.push(Event::Seen(agent.clone()));
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
            "SELECT agent, origin, journal, kind, sha256, bytes FROM blob WHERE request = ?1 ORDER BY agent",
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

    /// Returns the keys that are never trusted again.
    pub fn revoked_keys(&self) -> Result<BTreeSet<KeyId>, StoreError> {
        let mut select = self.connection.prepare_cached("SELECT id FROM revoked_key")?;
        let keys: Vec<String> =
            select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        keys.iter().map(|key| key.parse().map_err(broken)).collect()
    }

    /// Returns dead letters: class, reason, count, when the last one came.
    pub fn dead(&self) -> Result<Vec<(String, String, u64, Timestamp)>, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT class, reason, count, last FROM dead ORDER BY count DESC")?;
        let rows = select.query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, i64>(2)?.unsigned_abs(),
                Timestamp(row.get(3)?),
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the last lines of the audit log, the newest first.
    pub fn audit(&self, lines: u32) -> Result<Vec<StoredAudit>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, at, token, operator, action, subject, detail FROM audit ORDER BY id DESC LIMIT ?1",
        )?;
        let rows = select.query_map([lines], |row| {
            Ok(StoredAudit {
                id: row.get(0)?,
                at: Timestamp(row.get(1)?),
                words: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts everything that agents have sent.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let count = |sql: &str| -> Result<u64, StoreError> {
            let count: i64 =
                self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        };
        Ok(Totals {
            chunks: count("SELECT count(*) FROM chunk")?,
            rows: count("SELECT coalesce(sum(rows), 0) FROM chunk")?,
            conflicts: count("SELECT count(*) FROM conflict")?,
            blobs: count("SELECT count(*) FROM blob")?,
        })
    }

    /// Counts requests of a kind.
    pub fn count(&self, kind: &str) -> Result<u64, StoreError> {
        let mut select =
            self.connection.prepare_cached("SELECT count(*) FROM request WHERE kind = ?1")?;
        let count: Option<i64> = select.query_row([kind], |row| row.get(0)).optional()?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: impl ToString) -> StoreError {
    StoreError::Broken(error.to_string())
}

fn decode<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    Ok(wire::decode(row.get_ref(column)?.as_blob().map_err(broken)?, RESULT_BYTES_MAX)?)
}

fn agent_id(row: &Row<'_>, column: usize) -> Result<AgentId, StoreError> {
    let text: String = row.get(column)?;
    AgentId::new(&text).map_err(broken)
}

fn request_id(row: &Row<'_>, column: usize) -> Result<RequestId, StoreError> {
    Ok(RequestId::from_bytes(row.get(column)?))
}

fn attempt(row: &Row<'_>, column: usize) -> Result<Attempt, StoreError> {
    let journal = JournalId::from_bytes(row.get(column + 1)?);
    Ok(Attempt { origin: request_id(row, column)?, journal })
}

fn request(row: &Row<'_>) -> Result<StoredRequest, StoreError> {
    let sealed = row.get_ref(7)?.as_blob().map_err(broken)?;
    Ok(StoredRequest {
        id: request_id(row, 0)?,
        kind: row.get(1)?,
        operator: row.get(2)?,
        issued: Timestamp(row.get(3)?),
        not_after: Timestamp(row.get(4)?),
        target: row.get(5)?,
        route: row.get(6)?,
        sealed: wire::decode(sealed, REQUEST_BYTES_MAX * 2)?,
        is_published: row.get(8)?,
    })
}
