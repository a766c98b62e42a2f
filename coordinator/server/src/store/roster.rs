//! Which agents are in the fleet, and what each reported last: which is also the receipt for requests.

use std::collections::{BTreeMap, BTreeSet};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{JOURNALS_HEARD_MAX, TELEMETRY_WAITING_MAX};
use muster_protocol::request::target::Facts;
use muster_protocol::result::Telemetry;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::collections::touched::Touched;
use super::read::{Reader, agent_id, bounded, encode, request_id};
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};
use super::{Quarantine, StoreError, curves, instances, policies};

/// A new agent.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Labels, as a JSON object.
    pub labels: String,
}

/// An agent on the roster.
#[derive(Debug, Clone, PartialEq)]
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
    /// Why it is in quarantine.
    pub quarantine: Option<Quarantine>,
    /// The latest self-sample and when it came.
    pub heard: Option<(Timestamp, Telemetry)>,
}

impl StoredAgent {
    /// Returns its labels: those of the enrolment, overridden by what it says itself.
    pub fn labels(&self) -> BTreeMap<String, String> {
        // Written by us as a JSON object; one that does not read is as good as none.
        let mut labels: BTreeMap<String, String> =
            serde_json::from_str(&self.labels).unwrap_or_default();
        if let Some((_, said)) = &self.heard {
            labels.extend(said.labels.clone());
        }
        labels
    }

    /// Returns what a target expression can ask of it.
    pub fn facts(&self) -> Facts {
        let said = self.heard.as_ref().map(|(_, said)| said);
        let word = |take: fn(&Telemetry) -> &String| said.map(take).cloned().unwrap_or_default();
        Facts {
            id: self.id.to_string(),
            host: word(|said| &said.host),
            os: word(|said| &said.os),
            arch: word(|said| &said.arch),
            version: word(|said| &said.version),
            labels: self.labels(),
        }
    }
}

/// Columns of an agent with its latest self-sample.
macro_rules! agents {
    ($where:literal) => {
        concat!(
            "SELECT a.id, a.name, a.labels, a.enrolled, a.revoked, h.received, h.body
             FROM agent a LEFT JOIN heard h ON h.rowid =
                 (SELECT rowid FROM heard WHERE agent = a.id ORDER BY received DESC, rowid DESC LIMIT 1)
             WHERE ",
            $where
        )
    };
}

impl Reader {
    /// Returns the ids of all agents, and whether each is revoked. Reads nothing that other versions have otherwise.
    pub fn agent_ids(&self) -> Result<Vec<(AgentId, bool)>, StoreError> {
        let mut select =
            self.connection.prepare("SELECT id, revoked IS NOT NULL FROM agent ORDER BY id")?;
        let mut rows = select.query([])?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            ids.push((agent_id(row, 0)?, row.get(1)?));
        }
        Ok(ids)
    }

    /// Returns every agent, by id, with its latest self-sample; those that cannot be read are left out.
    pub fn agents(&self) -> Result<Vec<StoredAgent>, StoreError> {
        let quarantined: BTreeMap<_, _> = self.quarantined()?.into_iter().collect();
        let sql = agents!("true ORDER BY a.id");
        let query = Query { table: Table::Agent, reads: Reads::All, of: &[], keys: 1, sql };
        let mut agents = self.all(query, [], |row| self.stored_agent(row))?;
        for agent in &mut agents {
            agent.quarantine = quarantined.get(&agent.id).cloned();
        }
        Ok(agents)
    }

    /// Returns one agent with its latest self-sample: as [`Self::agents`] does, and reads nothing of any other.
    pub fn agent(&self, id: &AgentId) -> Result<Option<StoredAgent>, StoreError> {
        let sql = agents!("a.id = ?1");
        let query = Query { table: Table::Agent, reads: Reads::All, of: &[], keys: 1, sql };
        let found = self.all(query, [id.as_str()], |row| self.stored_agent(row))?.pop();
        let Some(mut agent) = found else { return Ok(None) };
        agent.quarantine = self.quarantine_of(id)?;
        Ok(Some(agent))
    }

    /// Reads an agent, all but why it is in quarantine.
    fn stored_agent(&self, row: &Row<'_>) -> Result<StoredAgent, StoreError> {
        let id = agent_id(row, 0)?;
        // A sample that cannot be read does not hide its agent.
        let heard = match row.get_ref(5)? {
            ValueRef::Null => None,
            _ => self.readable_of(Table::Heard, id.as_str(), &[], sample(row, 5))?,
        };
        Ok(StoredAgent {
            name: row.get(1)?,
            labels: row.get(2)?,
            enrolled: Timestamp(row.get(3)?),
            revoked: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            quarantine: None,
            heard,
            id,
        })
    }

    /// Returns the last sample of an agent, or of the coordinator itself.
    pub fn heard(&self, agent: &AgentId) -> Result<Option<(Timestamp, Telemetry)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT received, body FROM heard WHERE agent = ?1
             ORDER BY received DESC, rowid DESC LIMIT 1",
        )?;
        let mut rows = select.query([agent.as_str()])?;
        match rows.next()? {
            Some(row) => self.readable_of(Table::Heard, agent.as_str(), &[], sample(row, 0)),
            None => Ok(None),
        }
    }

    /// Returns whether an agent is on the roster, and whether it was revoked; `None` when it is not known.
    pub fn is_revoked(&self, agent: &AgentId) -> Result<Option<bool>, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT revoked IS NOT NULL FROM agent WHERE id = ?1")?;
        Ok(select.query_row([agent.as_str()], |row| row.get(0)).optional()?)
    }
}

fn sample(row: &Row<'_>, column: usize) -> Result<(Timestamp, Telemetry), StoreError> {
    Ok((Timestamp(row.get(column)?), bounded(row, column + 1)?))
}

/// Keeps a sample, and takes it as the receipt that it is.
pub(super) fn insert_telemetry(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
    touched: &mut Touched,
) -> Result<usize, StoreError> {
    // The policy has a table of its own: the next sample replaces this one, and has none.
    let body = match &sample.policy {
        None => encode(sample)?,
        Some(_) => encode(&Telemetry { policy: None, ..sample.clone() })?,
    };
    let agent = sample.agent.as_str();
    tx.prepare_cached("INSERT OR REPLACE INTO heard VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        agent,
        sample.journal.as_bytes(),
        now.0,
        body
    ])?;
    tx.prepare_cached(
        "DELETE FROM heard WHERE rowid IN
         (SELECT rowid FROM heard WHERE agent = ?1 ORDER BY received DESC, rowid DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![agent, i64::try_from(JOURNALS_HEARD_MAX).unwrap_or(i64::MAX)])?;
    curves::insert(tx, sample, now)?;
    instances::insert(tx, sample, now, touched)?;
    policies::insert(tx, sample, now)?;
    receive(tx, sample, now, touched)?;
    Ok(1)
}

/// A sample is also the receipt for requests: by offset on the stream, by id on the directed queue.
fn receive(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    let agent = sample.agent.as_str();
    let mut seen: BTreeSet<RequestId> = sample.directed.iter().copied().collect();
    if let Some(offset) = sample.stream_offset {
        // An offset of another stream is no receipt; where either side does not know its stream, it is taken for one.
        let epoch = sample.stream_epoch.as_ref().map(RequestId::as_bytes);
        // Nor was anything read that retention had taken away.
        let (gap, gap_end) = sample.stream_gap.map_or((-1, -1), |(a, b)| (signed(a), signed(b)));
        let mut select = tx.prepare_cached(
            "SELECT e.request FROM expected e JOIN request r ON r.id = e.request
             WHERE e.agent = ?1 AND e.passed IS NULL AND r.stream_offset <= ?2
             AND r.stream_offset NOT BETWEEN ?4 AND ?5
             AND NOT EXISTS (SELECT 1 FROM request WHERE stream_offset = 0 AND id <> ?3)",
        )?;
        let mut rows = select.query(params![agent, signed(offset), epoch, gap, gap_end])?;
        while let Some(row) = rows.next()? {
            // One that cannot be read is no request that could be seen.
            seen.extend(request_id(row, 0));
        }
    }
    let held: BTreeSet<RequestId> = sample.collections.iter().map(|c| c.request).collect();
    // Only a sample that names all there is, of an agent whose answers are all on their way, says by its silence
    // that an agent has nothing to do with a request.
    let waiting = sample.collections.iter().filter(|c| c.state == "queued").count();
    let is_whole = waiting < TELEMETRY_WAITING_MAX && sample.outbox_messages == 0;
    let mut update = tx.prepare_cached(
        "UPDATE expected SET is_seen = 1, passed = ?3
         WHERE request = ?1 AND agent = ?2 AND passed IS NULL AND (is_seen = 0 OR ?3 IS NOT NULL)",
    )?;
    for id in seen.union(&held) {
        let passed = (is_whole && !held.contains(id)).then_some(now.0);
        if update.execute(params![id.as_bytes(), agent, passed])? > 0 {
            touched.part(*id, &sample.agent);
        }
    }
    Ok(())
}

/// Puts new agents on the roster.
pub(super) fn insert_agents(
    tx: &Connection,
    agents: &[NewAgent],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut insert = tx.prepare_cached("INSERT INTO agent VALUES (?1, ?2, ?3, ?4, NULL)")?;
    for agent in agents {
        insert.execute(params![agent.id.as_str(), agent.name, agent.labels, now.0])?;
    }
    Ok(agents.len())
}

/// Takes an agent out of the fleet; what it did stays.
pub(super) fn revoke(
    tx: &Connection,
    agent: &AgentId,
    now: Timestamp,
    touched: &mut Touched,
) -> Result<usize, StoreError> {
    let mut select = tx.prepare_cached("SELECT request FROM collection WHERE agent = ?1")?;
    let mut rows = select.query([agent.as_str()])?;
    while let Some(row) = rows.next()? {
        touched.part(request_id(row, 0)?, agent);
    }
    let sql = "UPDATE agent SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
    Ok(tx.prepare_cached(sql)?.execute(params![agent.as_str(), now.0])?)
}
