//! What one agent has sent: the files and profiles that were put together, of all requests.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::read::{Reader, attempt, request_id};
use super::unreadable::{Query, Reads, Table};

/// The index. The table itself is ordered by request.
pub(super) const TABLES: &str = "
CREATE INDEX blob_by_agent ON blob (agent, request, origin, journal, blob);
";

/// Which of an agent's uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UploadKey {
    /// Of which request.
    pub request: RequestId,
    /// The request that began the attempt.
    pub origin: RequestId,
    /// The journal of the attempt.
    pub journal: JournalId,
    /// Which blob of the attempt.
    pub blob: i64,
}

impl UploadKey {
    /// Returns the attempt that sent it.
    pub fn attempt(&self) -> Attempt {
        Attempt { origin: self.origin, journal: self.journal }
    }
}

/// A file or profile that an agent has sent whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Which.
    pub key: UploadKey,
    /// `file`, or `profile.` and its kind.
    pub kind: String,
    /// SHA-256 of the content.
    pub sha256: Vec<u8>,
    /// Size of the content.
    pub bytes: u64,
}

impl Reader {
    /// Returns an agent's uploads after one of them, those of the newest request first: at most so many.
    pub fn uploads_of(
        &self,
        agent: &AgentId,
        after: Option<&UploadKey>,
        most: usize,
    ) -> Result<Vec<Upload>, StoreError> {
        // Above every key.
        let all = UploadKey {
            request: RequestId::from_bytes([0xff; 16]),
            origin: RequestId::from_bytes([0xff; 16]),
            journal: JournalId::from_bytes([0xff; 16]),
            blob: i64::MAX,
        };
        let after = after.unwrap_or(&all);
        let sql = "SELECT agent, request, origin, journal, blob, kind, sha256, bytes
             FROM blob INDEXED BY blob_by_agent
             WHERE agent = ?1 AND (request, origin, journal, blob) < (?2, ?3, ?4, ?5)
             ORDER BY request DESC, origin DESC, journal DESC, blob DESC";
        let query = Query { table: Table::Blob, reads: Reads::Some, of: &[], keys: 5, sql };
        let key = params![
            agent.as_str(),
            after.request.as_bytes(),
            after.origin.as_bytes(),
            after.journal.as_bytes(),
            after.blob,
        ];
        let read = |row: &Row<'_>| {
            let Attempt { origin, journal } = attempt(row, 2)?;
            Ok(Upload {
                key: UploadKey { request: request_id(row, 1)?, origin, journal, blob: row.get(4)? },
                kind: row.get(5)?,
                sha256: row.get(6)?,
                bytes: row.get::<_, i64>(7)?.unsigned_abs(),
            })
        };
        let mut uploads = Vec::new();
        if most == 0 {
            return Ok(uploads);
        }
        // Not by LIMIT: one that cannot be read must not count as the end of the list.
        self.each(query, key, read, |upload| {
            uploads.push(upload);
            Ok(uploads.len() < most)
        })?;
        Ok(uploads)
    }

    /// Counts an agent's uploads.
    pub fn count_uploads(&self, agent: &AgentId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM blob INDEXED BY blob_by_agent WHERE agent = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        let count: i64 = select.query_row([agent.as_str()], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Returns when the first piece of each blob of an attempt was stored.
    pub fn blobs_received(
        &self,
        request: &RequestId,
        agent: &AgentId,
        run: &Attempt,
    ) -> Result<BTreeMap<i64, Timestamp>, StoreError> {
        let sql = "SELECT blob, min(received) FROM chunk
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND blob IS NOT NULL
             GROUP BY blob";
        let key = params![
            request.as_bytes(),
            agent.as_str(),
            run.origin.as_bytes(),
            run.journal.as_bytes(),
        ];
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select.query_map(key, |row| Ok((row.get(0)?, Timestamp(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
