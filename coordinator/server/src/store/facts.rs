//! What each agent has reported of itself, as far as targets ask for it, and since when: a short history.
//!
//! A request may be for an agent because of a label that the agent had at any time since the launch, so the last
//! sample is not enough. Bounded by [`FACTS_PER_AGENT_MAX`] and [`FACTS_BYTES_MAX`].

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{FACTS_BYTES_MAX, FACTS_PER_AGENT_MAX};
use muster_protocol::request::target::Facts;
use muster_protocol::result::Telemetry;
use muster_protocol::wire;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::read::{Reader, broken};
use super::signed::signed;
use super::unreadable::{Query, Reads, Table};

/// The history; a record holds from its `first` to the `first` of the next.
pub(super) const TABLES: &str = "
CREATE TABLE facts (
    agent TEXT NOT NULL, first INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (agent, first)
);
";

/// A record of the history.
#[derive(Debug, Serialize, Deserialize)]
struct Reported {
    host: String,
    os: String,
    arch: String,
    version: String,
    labels: BTreeMap<String, String>,
}

impl Reported {
    fn facts(self, agent: &AgentId) -> Facts {
        Facts {
            id: agent.to_string(),
            host: self.host,
            os: self.os,
            arch: self.arch,
            version: self.version,
            labels: self.labels,
        }
    }
}

impl Reader {
    /// Returns every set of facts that an agent had at some time since a moment, the latest first: as it reported them,
    /// and each with the labels of its enrolment below. Before its first report there are the enrolment's alone.
    pub fn facts_since(&self, agent: &AgentId, since: Timestamp) -> Result<Vec<Facts>, StoreError> {
        let mut select =
            self.connection.prepare_cached("SELECT labels FROM agent WHERE id = ?1")?;
        let enrolled: Option<String> =
            select.query_row([agent.as_str()], |row| row.get(0)).optional()?;
        let Some(enrolled) = enrolled else { return Ok(Vec::new()) };
        // Written by us as a JSON object; one that does not read is as good as none.
        let enrolled: BTreeMap<String, String> =
            serde_json::from_str(&enrolled).unwrap_or_default();
        let mut all = Vec::new();
        let sql = "SELECT agent, first, body FROM facts WHERE agent = ?1 ORDER BY first DESC";
        let query = Query { table: Table::Facts, reads: Reads::All, of: &[], keys: 2, sql };
        let read = |row: &Row<'_>| {
            let body = row.get_ref(2)?.as_blob().map_err(broken)?;
            let reported = wire::decode::<Reported>(body, FACTS_BYTES_MAX)?.facts(agent);
            Ok((Timestamp(row.get(1)?), reported))
        };
        let mut is_covered = false;
        self.each(query, [agent.as_str()], read, |(first, reported)| {
            let mut labels = enrolled.clone();
            labels.extend(reported.labels.clone());
            if labels != reported.labels {
                all.push(Facts { labels, ..reported.clone() });
            }
            all.push(reported);
            is_covered = first <= since;
            Ok(!is_covered)
        })?;
        if is_covered {
            return Ok(all);
        }
        all.push(Facts { id: agent.to_string(), labels: enrolled, ..Facts::default() });
        Ok(all)
    }
}

/// Notes what a sample reports, where it differs from the last report.
pub(super) fn learn(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let agent = sample.agent.as_str();
    let body = wire::encode(&Reported {
        host: sample.host.clone(),
        os: sample.os.clone(),
        arch: sample.arch.clone(),
        version: sample.version.clone(),
        labels: sample.labels.clone(),
    })?;
    if body.len() > FACTS_BYTES_MAX {
        return Ok(0);
    }
    let last = tx
        .prepare_cached(
            "SELECT first, body = ?2 FROM facts WHERE agent = ?1 ORDER BY first DESC LIMIT 1",
        )?
        .query_row(params![agent, body], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)))
        .optional()?;
    let first = match last {
        Some((_, true)) => return Ok(0),
        // The clock may have been set back: the order of the reports counts.
        Some((last, false)) => now.0.max(last.saturating_add(1)),
        None => now.0,
    };
    tx.prepare_cached("INSERT INTO facts VALUES (?1, ?2, ?3)")?
        .execute(params![agent, first, body])?;
    tx.prepare_cached(
        "DELETE FROM facts WHERE agent = ?1 AND first <=
         (SELECT first FROM facts WHERE agent = ?1 ORDER BY first DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![agent, signed(FACTS_PER_AGENT_MAX)])
    .map_err(StoreError::from)
}

#[cfg(test)]
mod tests {
    use muster_protocol::ids::JournalId;

    use super::*;
    use crate::store::{Audit, DataDir, NewAgent, Write, Writer};

    fn agent() -> AgentId {
        AgentId::new("a-1").unwrap()
    }

    fn sample(role: &str) -> Telemetry {
        let json = serde_json::json!({
            "agent": agent(), "at": Timestamp(0), "journal": JournalId::from_bytes([1; 16]),
            "os": "linux", "labels": {"role": role},
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn facts_hold_from_their_report_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let writer = Writer::start(&place).unwrap();
            let labels = r#"{"site":"fra"}"#.into();
            let new = NewAgent { id: agent(), name: "a".into(), labels };
            writer.write(Write::Agents(vec![new], Audit::default())).await.unwrap();
        });
        let connection = place.connect().unwrap();
        for (at, role) in [(10, "web"), (20, "web"), (30, "db"), (40, "web")] {
            learn(&connection, &sample(role), Timestamp(at)).unwrap();
        }
        let reader = place.reader().unwrap();
        let roles = |since| {
            let facts = reader.facts_since(&agent(), Timestamp(since)).unwrap();
            let role = |facts: &Facts| facts.labels.get("role").cloned().unwrap_or_default();
            facts.iter().filter(|f| f.labels.contains_key("site")).map(role).collect::<Vec<_>>()
        };
        assert_eq!(roles(45), ["web"]);
        assert_eq!(roles(35), ["web", "db"]);
        assert_eq!(roles(10), ["web", "db", "web"]);
        assert_eq!(roles(5), ["web", "db", "web", ""]);
        let stranger = AgentId::new("b-1").unwrap();
        assert!(reader.facts_since(&stranger, Timestamp(0)).unwrap().is_empty());
        for at in 100..200 {
            learn(&connection, &sample(&at.to_string()), Timestamp(at)).unwrap();
        }
        let kept: i64 =
            connection.query_row("SELECT count(*) FROM facts", [], |row| row.get(0)).unwrap();
        assert_eq!(kept.unsigned_abs(), FACTS_PER_AGENT_MAX);
    }
}
