//! One row from its sources: reads everything that is stored of one agent's part, folds it as [`crate::state`] says, and takes what
//! is shown of it. Nothing else decides what a row holds.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::result::bounds::MORE;
use muster_protocol::result::{ArtifactFooter, Footer, Spent, Status};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Cost, StoredCollection};
use crate::state::{AttemptState, Chunks, Collection, Collections, Done, Event, Fault, is_whole};
use crate::store::read::{attempt, bounded};
use crate::store::signed::signed;
use crate::store::{Reader, StoreError, Volume};

/// What threads wait for, by the names that are shown; whatever else an agent names is `more`.
const CAUSES: [&str; 9] =
    ["limit", "outbox", "journal", "peers", "open", "read", "list", "processor", "other"];

/// Everything that is stored of one part.
#[derive(Debug, Default)]
pub struct Sources {
    /// The fold of its events.
    pub part: Collection,
    /// What is stored of the chunks of each attempt.
    pub counted: BTreeMap<Attempt, Volume>,
}

/// Makes the row of an agent's part in a request that is answered over the stream (`is_broadcast`) or not. `None` when there is
/// nothing of it. A record that cannot be read counts as one that is not there, as in every other view.
pub(in crate::store) fn derive(
    tx: &Connection,
    request: &RequestId,
    is_broadcast: bool,
    agent: &AgentId,
) -> Result<Option<StoredCollection>, StoreError> {
    let Sources { part, counted } = sources(tx, request, is_broadcast, agent)?;
    if !part.is_expected && part.runs.is_empty() {
        return Ok(None);
    }
    let counting = part.counting();
    let run = counting.map(|(_, run)| run);
    let last = run.and_then(|run| run.last.as_ref());
    let said = run.and_then(|run| run.last.as_ref().or(run.latest.as_ref()));
    let is_whole = match (counting, last.and_then(|last| last.footer.as_ref())) {
        (Some((id, _)), Some(footer)) => has_blobs(tx, request, agent, id, footer)?,
        _ => true,
    };
    let footer = run.and_then(AttemptState::footer);
    let figures = footer.and_then(|footer| footer.artifact.as_ref()).map(ArtifactFooter::figures);
    let stored = counting.and_then(|(id, _)| counted.get(id)).copied().unwrap_or_default();
    let (code, reason) = match run {
        Some(run) if run.has_conflict => (CONFLICT.0.to_owned(), CONFLICT.1.to_owned()),
        Some(AttemptState { fault: Some(fault), .. }) => (fault.code.clone(), fault.reason.clone()),
        _ => said.map(|said| (said.code.clone(), said.reason.clone())).unwrap_or_default(),
    };
    Ok(Some(StoredCollection {
        agent: agent.clone(),
        is_expected: part.is_expected,
        standing: part.standing(is_whole),
        attempts: part.runs.len() as u64,
        attempt: counting.map(|(id, _)| *id),
        has_ended: last.is_some(),
        is_spoilt: run.is_some_and(AttemptState::is_spoilt),
        heard: heard(&part, &counted),
        received: last.map(|last| last.received),
        said: last.map(|last| last.at),
        started: footer.map(|footer| footer.started).unwrap_or_default(),
        ended: footer.map(|footer| footer.ended).unwrap_or_default(),
        host: run.and_then(AttemptState::host).unwrap_or_default().to_owned(),
        code,
        reason,
        chunks: run.and_then(AttemptState::chunks).map(kept),
        chunks_stored: kept(run.map_or(0, |run| run.stored.len())),
        rows: stored.rows,
        bytes: stored.bytes,
        first_row: stored.first_row,
        done: footer.map(|footer| done(&Done::of(footer))).unwrap_or_default(),
        path: figures.map(|figures| figures.slowest_path).unwrap_or_default(),
        cost: last.and_then(|last| last.footer.as_ref()).map(cost),
        revision: kept(run.map_or(0, AttemptState::revision)),
    }))
}

impl Reader {
    /// Returns everything that is stored of one part.
    pub fn sources(
        &self,
        request: &RequestId,
        is_broadcast: bool,
        agent: &AgentId,
    ) -> Result<Sources, StoreError> {
        sources(&self.connection, request, is_broadcast, agent)
    }
}

/// Why an attempt of which two chunks claim one position has failed.
pub const CONFLICT: (&str, &str) =
    ("conflict", "the agent sent two different things for one place");

fn sources(
    tx: &Connection,
    request: &RequestId,
    is_broadcast: bool,
    agent: &AgentId,
) -> Result<Sources, StoreError> {
    let mut events = Collections::default();
    let key = params![request.as_bytes(), agent.as_str()];
    let sql = "SELECT is_seen, passed FROM expected WHERE request = ?1 AND agent = ?2";
    let expected: Option<(bool, Option<i64>)> =
        tx.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((is_seen, passed)) = expected {
        events.apply(&Event::Expected(agent.clone()));
        if is_seen {
            events.apply(&Event::Seen(agent.clone()));
        }
        // A directed request is always answered: there silence says nothing.
        if let Some(at) = passed.filter(|_| is_broadcast).map(Timestamp) {
            events.apply(&Event::Passed { agent: agent.clone(), at });
        }
    }
    let sql = "SELECT received, body FROM status WHERE request = ?1 AND agent = ?2";
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query(key)?;
    while let Some(row) = rows.next()? {
        let Ok(status) = bounded::<Status>(row, 1) else { continue };
        let received = Timestamp(row.get(0)?);
        events.apply(&Event::Status { status: Box::new(status), received });
    }
    let mut counted = BTreeMap::new();
    let sql =
        "SELECT origin, journal, chunks, next, rows, stored, first_row, fault, coalesce(reason, '')
         FROM attempt WHERE request = ?1 AND agent = ?2";
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query(key)?;
    while let Some(row) = rows.next()? {
        let Ok(Attempted { id, chunks, next, stored, fault }) = attempted(row) else { continue };
        if chunks > 0 {
            let part = events.part(agent);
            part.is_seen = true;
            part.runs.entry(id).or_default().stored = if chunks == next {
                Chunks::until(next)
            } else {
                positions(tx, request, agent, &id)?
            };
        }
        counted.insert(id, stored);
        if let Some(fault) = fault {
            events.apply(&Event::Fault { agent: agent.clone(), attempt: id, fault });
        }
    }
    let sql = "SELECT DISTINCT origin, journal FROM conflict WHERE request = ?1 AND agent = ?2";
    let mut select = tx.prepare_cached(sql)?;
    let mut rows = select.query(key)?;
    while let Some(row) = rows.next()? {
        let Ok(attempt) = attempt(row, 0) else { continue };
        events.apply(&Event::Conflict { agent: agent.clone(), attempt });
    }
    let sql = "SELECT 1 FROM agent WHERE id = ?1 AND revoked IS NOT NULL";
    if tx.prepare_cached(sql)?.exists([agent.as_str()])? {
        events.apply(&Event::Revoked(agent.clone()));
    }
    Ok(Sources { part: events.parts.remove(agent).unwrap_or_default(), counted })
}

/// What is counted of one attempt.
struct Attempted {
    id: Attempt,
    chunks: u64,
    /// The position behind the last chunk.
    next: u64,
    stored: Volume,
    fault: Option<Fault>,
}

fn attempted(row: &Row<'_>) -> Result<Attempted, StoreError> {
    let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let first_row = row.get::<_, Option<i64>>(6)?.map(Timestamp);
    let reason = row.get(8)?;
    Ok(Attempted {
        id: attempt(row, 0)?,
        chunks: number(2)?,
        next: number(3)?,
        stored: Volume { rows: number(4)?, bytes: number(5)?, first_row },
        fault: row.get::<_, Option<String>>(7)?.map(|code| Fault { code, reason }),
    })
}

/// Reads which chunks of an attempt are stored, where they are not the first so many.
fn positions(
    tx: &Connection,
    request: &RequestId,
    agent: &AgentId,
    id: &Attempt,
) -> Result<Chunks, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT seq FROM chunk WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4",
    )?;
    let key =
        params![request.as_bytes(), agent.as_str(), id.origin.as_bytes(), id.journal.as_bytes()];
    let mut rows = select.query(key)?;
    let mut chunks = Chunks::default();
    while let Some(row) = rows.next()? {
        if let Ok(seq) = row.get::<_, i64>(0) {
            chunks.insert(seq.unsigned_abs());
        }
    }
    Ok(chunks)
}

/// Returns whether all blobs that a footer names are put together.
fn has_blobs(
    tx: &Connection,
    request: &RequestId,
    agent: &AgentId,
    id: &Attempt,
    said: &Footer,
) -> Result<bool, StoreError> {
    if is_whole(said, &[]) {
        return Ok(true);
    }
    let mut select = tx.prepare_cached(
        "SELECT kind, sha256 FROM blob
         WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4",
    )?;
    let key =
        params![request.as_bytes(), agent.as_str(), id.origin.as_bytes(), id.journal.as_bytes()];
    let mut rows = select.query(key)?;
    let mut blobs: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some(row) = rows.next()? {
        if let (Ok(kind), Ok(sha256)) = (row.get(0), row.get(1)) {
            blobs.push((kind, sha256));
        }
    }
    let blobs: Vec<_> =
        blobs.iter().map(|(kind, sha256)| (kind.as_str(), sha256.as_slice())).collect();
    Ok(is_whole(said, &blobs))
}

/// Returns the earliest moment from which something of a part is stored.
fn heard(part: &Collection, counted: &BTreeMap<Attempt, Volume>) -> Option<Timestamp> {
    let statuses = part.runs.values().flat_map(|run| [&run.latest, &run.last]);
    let statuses = statuses.flatten().map(|heard| heard.received);
    let rows = counted.values().filter_map(|counted| counted.first_row);
    statuses.chain(rows).chain(part.passed).min()
}

/// Returns a figure as it can be stored: an agent that reports more is none that this matters for.
fn kept(figure: u64) -> u64 {
    signed(figure).unsigned_abs()
}

fn done(done: &Done) -> Done {
    Done {
        seen: kept(done.seen),
        hashed: kept(done.hashed),
        cached: kept(done.cached),
        matched: kept(done.matched),
        errors: kept(done.errors),
        bytes: kept(done.bytes),
        cpu_ms: kept(done.cpu_ms),
        throttled_ms: kept(done.throttled_ms),
    }
}

fn cost(footer: &Footer) -> Cost {
    let mut waits_ms = BTreeMap::<String, u64>::new();
    for (cause, ms) in &footer.spent.waits_ms {
        let known = CAUSES.iter().find(|known| *known == cause).copied().unwrap_or(MORE);
        let sum = waits_ms.entry(known.to_owned()).or_default();
        *sum = sum.saturating_add(*ms);
    }
    Cost {
        cpu_user_ms: footer.cpu_user_ms,
        cpu_system_ms: footer.cpu_system_ms,
        spent: Spent { waits_ms, ..footer.spent.clone() },
    }
}
