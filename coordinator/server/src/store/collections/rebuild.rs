//! The read models made again, one request at a time: for stores of before they were there, and to prove that they are right.
//!
//! Counters come from the chunks themselves, rows from the same derivation as ever. What differs is counted and put right.

use std::collections::BTreeSet;

use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{DOCTOR_COLLECTIONS_MAX, DOCTOR_REQUESTS_MAX};
use muster_protocol::request::Kind;
use rusqlite::{Connection, params};

use super::derive::derive;
use super::touched::agents_of;
use super::{find, put, remove};
use crate::store::read::{Reader, agent_id, request_id};
use crate::store::summaries;
use crate::store::{StoreError, Summary};

/// What a look at some of the read models found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many rows were looked at.
    pub rows: u64,
    /// Those that are not what their sources make of them: request, agent.
    pub different: Vec<(RequestId, AgentId)>,
}

impl Reader {
    /// Returns the requests that have, or should have, read models.
    pub fn modelled(&self) -> Result<Vec<RequestId>, StoreError> {
        modelled(&self.connection)
    }

    /// Looks at a bounded number of collections: of the newest requests, some each, which ones differs from time to time.
    pub fn look_at_collections(&self) -> Result<Looked, StoreError> {
        self.at_once(|reader| {
            let mut looked = Looked::default();
            let mut newest: Vec<Summary> = Vec::new();
            for kind in [Kind::HuntStart, Kind::ProfileStart] {
                let mut left = DOCTOR_REQUESTS_MAX / 2;
                reader.visit_summaries(kind, |summary| {
                    newest.push(summary);
                    left = left.saturating_sub(1);
                    Ok(left > 0)
                })?;
            }
            for summary in newest {
                reader.look_at(&summary, &mut looked)?;
            }
            Ok(looked)
        })
    }

    fn look_at(&self, summary: &Summary, looked: &mut Looked) -> Result<(), StoreError> {
        let most = DOCTOR_COLLECTIONS_MAX / DOCTOR_REQUESTS_MAX;
        let sql = "SELECT agent FROM collection WHERE request = ?1 ORDER BY agent LIMIT ?2 OFFSET abs(random() %
             max(1, (SELECT count(*) FROM collection WHERE request = ?1) - ?2 + 1))";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select
            .query(params![summary.id.as_bytes(), i64::try_from(most).unwrap_or(i64::MAX)])?;
        let mut agents = Vec::new();
        while let Some(row) = rows.next()? {
            agents.extend(agent_id(row, 0));
        }
        let is_broadcast = summary.route == muster_api::Route::Broadcast;
        for agent in agents {
            looked.rows += 1;
            let held = find(&self.connection, &summary.id, &agent);
            let row = derive(&self.connection, &summary.id, is_broadcast, &agent);
            // A row that cannot be read differs from what it should be.
            if !held.is_ok_and(|held| row.is_ok_and(|row| held == row)) {
                looked.different.push((summary.id, agent));
            }
        }
        Ok(())
    }
}

/// Makes the read models of all requests, in a store that had none.
pub(in crate::store) fn fill(tx: &Connection) -> Result<(), StoreError> {
    for request in modelled(tx)? {
        rebuild(tx, &request)?;
    }
    Ok(())
}

fn modelled(tx: &Connection) -> Result<Vec<RequestId>, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT id FROM request WHERE kind IN ('hunt.start', 'profile.start') UNION SELECT request FROM summary
         UNION SELECT request FROM collection",
    )?;
    let mut rows = select.query([])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.extend(request_id(row, 0));
    }
    Ok(ids)
}

/// Makes the read models of one request again; returns how many records differed.
pub(in crate::store) fn rebuild(tx: &Connection, request: &RequestId) -> Result<u64, StoreError> {
    let mut differed = recount(tx, request)?;
    let held = summary(tx, request);
    let change = held.as_ref().map_or(0, |held| held.change);
    let is_modelled = summaries::insert(tx, request, change)?;
    if !is_modelled {
        tx.prepare_cached("DELETE FROM summary WHERE request = ?1")?
            .execute([request.as_bytes()])?;
    }
    let is_broadcast = summaries::open_of(tx, request)?.is_some_and(|open| open.is_broadcast);
    let mut open = summaries::Open { is_broadcast, ..summaries::Open::default() };
    for agent in all_agents(tx, request)? {
        let held = find(tx, request, &agent);
        let row = if is_modelled { derive(tx, request, is_broadcast, &agent)? } else { None };
        if let Some(row) = &row {
            open.totals.add(row);
            open.received.replace(None, row.received);
        }
        if held.is_ok_and(|held| held == row) {
            continue;
        }
        differed += 1;
        match &row {
            Some(row) => put(tx, request, row)?,
            None => remove(tx, request, &agent)?,
        }
    }
    if is_modelled {
        summaries::update(tx, request, &open, change)?;
    }
    Ok(differed + u64::from(summary(tx, request) != held))
}

/// Returns the summary as it is, nothing where it is not there or cannot be read.
fn summary(tx: &Connection, request: &RequestId) -> Option<Summary> {
    summaries::find(tx, request).ok().flatten()
}

/// Returns the agents that have, or should have, a row.
fn all_agents(tx: &Connection, request: &RequestId) -> Result<BTreeSet<AgentId>, StoreError> {
    let mut agents: BTreeSet<_> = agents_of(tx, request)?.into_iter().collect();
    let mut select = tx.prepare_cached("SELECT agent FROM collection WHERE request = ?1")?;
    let mut rows = select.query([request.as_bytes()])?;
    while let Some(row) = rows.next()? {
        agents.extend(agent_id(row, 0));
    }
    Ok(agents)
}

/// What is counted of one attempt: chunks, the position behind the last, rows, bytes, when the first row came.
type Counts = (i64, i64, i64, i64, Option<i64>);

/// Counts the chunks of each attempt again; returns how many attempts were counted otherwise.
fn recount(tx: &Connection, request: &RequestId) -> Result<u64, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT a.agent, a.origin, a.journal, a.chunks, a.next, a.rows, a.stored, a.first_row,
         count(c.seq), coalesce(max(c.seq) + 1, 0), coalesce(sum(c.rows), 0), coalesce(sum(length(c.body)), 0)
         + coalesce((SELECT sum(piece_bytes) FROM blob b WHERE b.request = a.request AND b.agent = a.agent
           AND b.origin = a.origin AND b.journal = a.journal), 0),
         min(CASE WHEN c.rows > 0 THEN c.received END)
         FROM attempt a LEFT JOIN chunk c USING (request, agent, origin, journal)
         WHERE a.request = ?1 GROUP BY a.agent, a.origin, a.journal",
    )?;
    let mut rows = select.query([request.as_bytes()])?;
    let mut wrong: Vec<(String, Vec<u8>, Vec<u8>, Counts)> = Vec::new();
    while let Some(row) = rows.next()? {
        let counts = |at: usize| -> rusqlite::Result<Counts> {
            Ok((
                row.get(at)?,
                row.get(at + 1)?,
                row.get(at + 2)?,
                row.get(at + 3)?,
                row.get(at + 4)?,
            ))
        };
        // A chunk that says nonsense of itself is none that is counted.
        let (Ok(held), Ok(made)) = (counts(3), counts(8)) else { continue };
        if held != made
            && let (Ok(agent), Ok(origin), Ok(journal)) = (row.get(0), row.get(1), row.get(2))
        {
            wrong.push((agent, origin, journal, made));
        }
    }
    let mut update = tx.prepare_cached(
        "UPDATE attempt SET chunks = ?5, next = ?6, rows = ?7, stored = ?8, first_row = ?9
         WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4",
    )?;
    for (agent, origin, journal, (chunks, next, rows, stored, first_row)) in &wrong {
        update.execute(params![
            request.as_bytes(),
            agent,
            origin,
            journal,
            chunks,
            next,
            rows,
            stored,
            first_row
        ])?;
    }
    Ok(wrong.len() as u64)
}
