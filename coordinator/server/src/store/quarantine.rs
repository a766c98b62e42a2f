//! Which agents are in quarantine, and which have a queue of results that were set aside.

use std::collections::BTreeSet;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use rusqlite::{Connection, Row, params};

use super::StoreError;
use super::read::{Reader, agent_id};
use super::unreadable::{Query, Reads, Table};

pub(super) const TABLES: &str = "
CREATE TABLE quarantine (agent TEXT PRIMARY KEY, since INTEGER NOT NULL, cause TEXT NOT NULL);
-- The agent has a queue of its own for what was set aside; the row goes when the queue is empty.
CREATE TABLE held (agent TEXT PRIMARY KEY, since INTEGER NOT NULL);
";

/// Why an agent is in quarantine, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub cause: String,
}

impl Reader {
    /// Returns the agents in quarantine.
    pub fn quarantined(&self) -> Result<Vec<(AgentId, Quarantine)>, StoreError> {
        let sql = "SELECT agent, since, cause FROM quarantine";
        self.all(of(Table::Quarantine, sql), [], quarantined)
    }

    /// Returns why an agent is in quarantine.
    pub fn quarantine_of(&self, agent: &AgentId) -> Result<Option<Quarantine>, StoreError> {
        let sql = "SELECT agent, since, cause FROM quarantine WHERE agent = ?1";
        let found = self.all(of(Table::Quarantine, sql), [agent.as_str()], quarantined)?.pop();
        Ok(found.map(|(_, quarantine)| quarantine))
    }

    /// Returns the ids of the agents in quarantine; none where the tables are of a version that knows no quarantine.
    pub fn quarantined_ids(&self) -> Result<BTreeSet<AgentId>, StoreError> {
        let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'quarantine'";
        if !self.connection.prepare_cached(sql)?.exists([])? {
            return Ok(BTreeSet::new());
        }
        Ok(self.quarantined()?.into_iter().map(|(agent, _)| agent).collect())
    }

    /// Returns the agents of which results were set aside and have not all been taken back.
    pub fn held(&self) -> Result<Vec<AgentId>, StoreError> {
        self.all(of(Table::Held, "SELECT agent FROM held"), [], |row| agent_id(row, 0))
    }
}

fn quarantined(row: &Row<'_>) -> Result<(AgentId, Quarantine), StoreError> {
    Ok((agent_id(row, 0)?, Quarantine { since: Timestamp(row.get(1)?), cause: row.get(2)? }))
}

fn of(table: Table, sql: &str) -> Query<'_> {
    Query { table, reads: Reads::All, of: &[], keys: 1, sql }
}

/// Puts an agent into quarantine; the first cause stays.
pub(super) fn impose(
    tx: &Connection,
    agent: &AgentId,
    cause: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let sql = "INSERT OR IGNORE INTO quarantine VALUES (?1, ?2, ?3)";
    Ok(tx.prepare_cached(sql)?.execute(params![agent.as_str(), now.0, cause])?)
}

/// Takes an agent out of quarantine.
pub(super) fn lift(tx: &Connection, agent: &AgentId) -> Result<usize, StoreError> {
    Ok(tx.prepare_cached("DELETE FROM quarantine WHERE agent = ?1")?.execute([agent.as_str()])?)
}

/// Notes that an agent has a queue for what is set aside.
pub(super) fn hold(tx: &Connection, agent: &AgentId, now: Timestamp) -> Result<usize, StoreError> {
    let sql = "INSERT OR IGNORE INTO held VALUES (?1, ?2)";
    Ok(tx.prepare_cached(sql)?.execute(params![agent.as_str(), now.0])?)
}

/// Notes that the queue is empty and gone.
pub(super) fn drained(tx: &Connection, agent: &AgentId) -> Result<usize, StoreError> {
    Ok(tx.prepare_cached("DELETE FROM held WHERE agent = ?1")?.execute([agent.as_str()])?)
}
