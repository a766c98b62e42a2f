//! What agents report of the policies of their machines: the last report of each, which comes with few of its samples.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, JournalId};
use muster_protocol::result::{ReportedPolicy, Telemetry};
use rusqlite::{Connection, params};

use super::StoreError;
use super::read::{Reader, bounded, encode};
use super::unreadable::Table;

/// The table, which stores of the same version may lack.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS policy (agent TEXT PRIMARY KEY, received INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
";

impl Reader {
    /// Returns what an agent last reported of its machine's policy, and when that came.
    pub fn policy(
        &self,
        agent: &AgentId,
    ) -> Result<Option<(Timestamp, ReportedPolicy)>, StoreError> {
        let sql = "SELECT received, body FROM policy WHERE agent = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query([agent.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let read = row.get(0).map_err(StoreError::from);
        let read = read.and_then(|at| Ok((Timestamp(at), bounded(row, 1)?)));
        self.readable_of(Table::Policy, agent.as_str(), &[], read)
    }

    /// Returns the journals under which an agent was heard lately, and when, the latest first.
    pub fn journals(&self, agent: &AgentId) -> Result<Vec<(JournalId, Timestamp)>, StoreError> {
        let sql = "SELECT journal, received FROM heard WHERE agent = ?1 ORDER BY received DESC, rowid DESC";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query([agent.as_str()])?;
        let mut journals = Vec::new();
        while let Some(row) = rows.next()? {
            // What cannot be read is no journal that could be named; it is noted where samples are read.
            let (Ok(journal), Ok(received)) = (row.get(0), row.get(1)) else { continue };
            journals.push((JournalId::from_bytes(journal), Timestamp(received)));
        }
        Ok(journals)
    }
}

/// Keeps the policy that a sample reports, where it does.
pub(super) fn insert(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(policy) = &sample.policy else { return Ok(()) };
    tx.prepare_cached("INSERT OR REPLACE INTO policy VALUES (?1, ?2, ?3)")?.execute(params![
        sample.agent.as_str(),
        now.0,
        encode(policy)?
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use muster_protocol::clock::Clock;
    use serde_json::json;

    use super::*;
    use crate::store::{DataDir, Write, Writer};

    fn agent() -> AgentId {
        AgentId::new("a-1").unwrap()
    }

    fn sample(journal: u8, policy: &serde_json::Value) -> Write {
        let journal = JournalId::from_bytes([journal; 16]);
        let json =
            json!({"agent": agent(), "at": Timestamp(1), "journal": journal, "policy": policy});
        Write::Telemetry(Box::new(serde_json::from_value(json).unwrap()))
    }

    #[tokio::test]
    async fn the_last_policy_stays_while_samples_without_one_come() {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let clock = Clock::system();
        let writer = Writer::start(&place).unwrap();
        writer.write(sample(1, &json!(null))).await.unwrap();
        let reader = place.reader().unwrap();
        assert_eq!(reader.policy(&agent()).unwrap(), None, "an agent of an older version");
        writer.write(sample(1, &json!({"deny_rules": 1}))).await.unwrap();
        writer.write(sample(2, &json!({"deny_rules": 2}))).await.unwrap();
        writer.write(sample(2, &json!(null))).await.unwrap();
        let (at, policy) = reader.policy(&agent()).unwrap().unwrap();
        assert_eq!(policy, ReportedPolicy { deny_rules: 2, ..ReportedPolicy::default() });
        assert!(clock.now().since_ms(at) < 60_000);
        let journals: Vec<_> =
            reader.journals(&agent()).unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(journals, [2, 1].map(|n| JournalId::from_bytes([n; 16])));
    }

    #[tokio::test]
    async fn a_sample_is_kept_without_its_policy() {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let writer = Writer::start(&place).unwrap();
        writer.write(sample(1, &json!({"deny_rules": 1}))).await.unwrap();
        let (_, said) = place.reader().unwrap().heard(&agent()).unwrap().unwrap();
        assert_eq!(said.policy, None);
    }
}
