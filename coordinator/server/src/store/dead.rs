//! Counts of dead letters: by class and reason, and the same by the agent that sent them.
//!
//! The table is bounded: reasons are a closed list, and the broker lets an agent publish under its own id only.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use rusqlite::{Connection, params};

use super::StoreError;
use super::read::Reader;
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};

/// The counts by agent; the agent is empty where the routing key names none.
pub(super) const TABLES: &str = "
CREATE TABLE dead_of (
    agent TEXT NOT NULL, class TEXT NOT NULL, reason TEXT NOT NULL,
    count INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (agent, class, reason)
) WITHOUT ROWID;
";

/// Dead letters of one batch that have everything in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadCount {
    /// The class whose queue they came from.
    pub class: &'static str,
    /// Why they were refused.
    pub reason: &'static str,
    /// The agent in their routing key.
    pub agent: Option<AgentId>,
    /// How many.
    pub count: u64,
}

impl Reader {
    /// Returns dead letters: class, reason, count, when the last one came.
    pub fn dead(&self) -> Result<Vec<(String, String, u64, Timestamp)>, StoreError> {
        let sql = "SELECT class, reason, count, last FROM dead ORDER BY count DESC";
        let query = Query { table: Table::Dead, reads: Reads::All, of: &[], keys: 2, sql };
        self.all(query, [], |row| {
            let count = row.get::<_, i64>(2)?.unsigned_abs();
            Ok((row.get(0)?, row.get(1)?, count, Timestamp(row.get(3)?)))
        })
    }

    /// Returns the agents that dead letters came from, with their counts, the most first.
    pub fn dead_agents(&self, agents: u32) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT agent, sum(count) AS all_of_it FROM dead_of WHERE agent <> ''
             GROUP BY agent ORDER BY all_of_it DESC, agent LIMIT ?1";
        let query = Query { table: Table::DeadOf, reads: Reads::All, of: &[], keys: 1, sql };
        self.all(query, [agents], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
    }
}

/// Counts dead letters.
pub(super) fn count(
    tx: &Connection,
    dead: &[DeadCount],
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut all = tx.prepare_cached(
        "INSERT INTO dead VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET count = count + ?3, last = ?4",
    )?;
    let mut of_agent = tx.prepare_cached(
        "INSERT INTO dead_of VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET count = count + ?4, last = ?5",
    )?;
    for one in dead {
        let count = signed(one.count);
        all.execute(params![one.class, one.reason, count, now.0])?;
        let agent = one.agent.as_ref().map_or("", AgentId::as_str);
        of_agent.execute(params![agent, one.class, one.reason, count, now.0])?;
    }
    Ok(dead.len())
}
