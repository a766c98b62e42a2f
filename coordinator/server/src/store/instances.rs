//! The last instances of each agent, and what was wrong with them: one bounded row per agent.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::result::Telemetry;
use muster_protocol::wire;
use rusqlite::{Connection, OptionalExtension, params};
use tracing::error;

use super::StoreError;
use super::collections::touched::Touched;
use super::read::{Reader, agent_id};
use crate::instances::{Fault, Faults, Instances};

/// Size of one agent's row, which only the coordinator writes.
const ROW_BYTES_MAX: usize = 1_048_576;

/// The table. `has_faults` makes the few agents with faults cheap to find among all.
pub(super) const TABLES: &str = "
CREATE TABLE instances (agent TEXT PRIMARY KEY, has_faults INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX instances_with_faults ON instances (agent) WHERE has_faults;
";

impl Reader {
    /// Returns what is or was wrong with the identities of agents, by agent.
    pub fn faults(&self) -> Result<Faults, StoreError> {
        let mut select =
            self.connection.prepare_cached("SELECT agent, body FROM instances WHERE has_faults")?;
        let mut rows = select.query([])?;
        let mut faults = Faults::new();
        while let Some(row) = rows.next()? {
            let body: Vec<u8> = row.get(1)?;
            faults.insert(agent_id(row, 0)?, decoded(&body).faults().to_vec());
        }
        Ok(faults)
    }

    /// Returns what is or was wrong with the identity of one agent.
    pub fn faults_of(&self, agent: &AgentId) -> Result<Vec<Fault>, StoreError> {
        let sql = "SELECT body FROM instances WHERE agent = ?1 AND has_faults";
        let mut select = self.connection.prepare_cached(sql)?;
        let body: Option<Vec<u8>> =
            select.query_row([agent.as_str()], |row| row.get(0)).optional()?;
        Ok(body.map(|body| decoded(&body).faults().to_vec()).unwrap_or_default())
    }
}

/// Takes a sample for what it says of the agent's instances.
pub(super) fn insert(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
    touched: &mut Touched,
) -> Result<(), StoreError> {
    if sample.instance.is_none() {
        return Ok(());
    }
    let agent = sample.agent.as_str();
    let held: Option<Vec<u8>> = tx
        .prepare_cached("SELECT body FROM instances WHERE agent = ?1")?
        .query_row([agent], |row| row.get(0))
        .optional()?;
    let mut instances = held.map(|body| decoded(&body)).unwrap_or_default();
    let had_faults = !instances.faults().is_empty();
    instances.apply(sample, now);
    let has_faults = !instances.faults().is_empty();
    if had_faults || has_faults {
        touched.faulty(&sample.agent);
    }
    tx.prepare_cached("INSERT OR REPLACE INTO instances VALUES (?1, ?2, ?3)")?.execute(params![
        agent,
        has_faults,
        wire::encode(&instances)?
    ])?;
    Ok(())
}

/// A row that does not read is begun again: it must not take the agent's telemetry with it.
fn decoded(body: &[u8]) -> Instances {
    wire::decode(body, ROW_BYTES_MAX).unwrap_or_else(|problem| {
        error!(error = %problem, "the instances of an agent cannot be read; they are forgotten");
        Instances::default()
    })
}
