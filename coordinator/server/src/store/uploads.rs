//! What one agent has sent: the files and profiles that were put together, of all requests.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::read::{Reader, attempt, request_id};
use super::results::blob as stored_blob;
use super::unreadable::{Query, Reads, Table};
use super::{StoreError, StoredBlob};

/// The index. The table itself is ordered by request.
pub(super) const TABLES: &str = "
CREATE INDEX blob_by_agent ON blob (agent, request, origin, journal, blob);
";

/// An index that stores of the same version may lack: a page of a hunt's files, and its kinds of profiles, are read from it.
pub(super) const BY_KIND: &str = "
CREATE INDEX IF NOT EXISTS blob_by_kind ON blob (request, kind, agent, sha256, origin, journal, blob);
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

/// A blob of the attempt that counts.
#[derive(Debug, Clone)]
pub struct CountedBlob {
    /// The blob.
    pub blob: StoredBlob,
    /// The machine that the attempt ran on; empty where no status named one.
    pub host: String,
}

/// Which blob of one kind of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobKey {
    /// Of which agent.
    agent: AgentId,
    /// SHA-256 of the content.
    sha256: Vec<u8>,
}

impl CountedBlob {
    /// Returns its key.
    pub fn key(&self) -> BlobKey {
        BlobKey { agent: self.blob.agent.clone(), sha256: self.blob.sha256.clone() }
    }
}

/// Blobs of one kind of a request, of the attempts that count.
macro_rules! counted {
    ($columns:literal, $and:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM blob b INDEXED BY blob_by_kind
             CROSS JOIN collection c ON c.request = b.request AND c.agent = b.agent AND c.origin = b.origin AND c.journal = b.journal
             WHERE b.request = ?1 AND b.kind = ?2 ",
            $and
        )
    };
}

impl Reader {
    /// Returns the blobs of a kind that the counting attempts of a request have sent, after one of them, each content once of each
    /// agent: by agent and digest, at most so many.
    pub fn counted_blobs(
        &self,
        request: &RequestId,
        kind: &str,
        after: Option<&BlobKey>,
        most: usize,
    ) -> Result<Vec<CountedBlob>, StoreError> {
        let sql = counted!(
            "b.agent, b.origin, b.journal, b.blob, b.kind, b.sha256, b.bytes, c.host",
            "AND (b.agent, b.sha256) > (?3, ?4) ORDER BY b.agent, b.sha256"
        );
        let query =
            Query { table: Table::Blob, reads: Reads::All, of: request.as_bytes(), keys: 4, sql };
        let (agent, sha256) =
            after.map_or(("", &[][..]), |after| (after.agent.as_str(), after.sha256.as_slice()));
        let read = |row: &Row<'_>| Ok(CountedBlob { blob: stored_blob(row)?, host: row.get(7)? });
        let mut found: Vec<CountedBlob> = Vec::new();
        // Not by LIMIT: one that cannot be read must not count as the end of the list.
        self.each(query, params![request.as_bytes(), kind, agent, sha256], read, |blob| {
            // Sent again after a kill, a content is two blobs.
            if found.last().is_none_or(|last| last.key() != blob.key()) {
                if found.len() == most {
                    return Ok(false);
                }
                found.push(blob);
            }
            Ok(true)
        })?;
        Ok(found)
    }

    /// Counts what [`Self::counted_blobs`] lists.
    pub fn count_blobs(&self, request: &RequestId, kind: &str) -> Result<u64, StoreError> {
        let sql =
            concat!("SELECT count(*) FROM (", counted!("DISTINCT b.agent, b.sha256", ""), ")");
        let mut select = self.connection.prepare_cached(sql)?;
        let count: i64 = select.query_row(params![request.as_bytes(), kind], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Returns whether a counting attempt of a request has sent this content.
    pub fn has_counted_blob(
        &self,
        request: &RequestId,
        kind: &str,
        sha256: &[u8],
    ) -> Result<bool, StoreError> {
        let sql = counted!("1", "AND b.sha256 = ?3 LIMIT 1");
        let mut select = self.connection.prepare_cached(sql)?;
        Ok(select.exists(params![request.as_bytes(), kind, sha256])?)
    }

    /// Returns whether anything was sent for a request beside rows.
    pub fn has_blobs(&self, request: &RequestId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM blob WHERE request = ?1";
        Ok(self.connection.prepare_cached(sql)?.exists([request.as_bytes()])?)
    }

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
