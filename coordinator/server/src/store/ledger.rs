//! What must never be forgotten: the audit log ([`chain`] adds its lines), the keys that were taken back.

pub(super) mod chain;

use std::collections::BTreeSet;

use muster_api::AuditView;
use muster_protocol::clock::Timestamp;
use muster_protocol::hex;
use muster_protocol::ids::KeyId;
use rusqlite::{Connection, params};

use super::StoreError;
use super::read::{Reader, broken};
use super::unreadable::{Query, Reads, Table};

/// A line of the audit log.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// Whose token.
    pub token: String,
    /// Who signed.
    pub operator: String,
    /// What was done.
    pub action: &'static str,
    /// To what.
    pub subject: String,
    /// More.
    pub detail: String,
}

/// Which lines of the audit log; everything holds that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// With this token.
    pub token: Option<String>,
    /// Signed by this operator.
    pub operator: Option<String>,
    /// This was done.
    pub action: Option<String>,
    /// To what begins so: the beginning of an id.
    pub subject: Option<String>,
    /// One of the words has this text in it, in lower case (letters of ASCII).
    pub text: Option<String>,
}

/// The conditions of an [`AuditFilter`], with the numbers of their values.
const LEAVES: &str = "(?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at < ?2)
    AND (?3 IS NULL OR token = ?3) AND (?4 IS NULL OR operator = ?4) AND (?5 IS NULL OR action = ?5)
    AND (?6 IS NULL OR substr(subject, 1, length(?6)) = ?6)
    AND (?7 IS NULL OR instr(lower(token || char(0) || operator || char(0) || action || char(0) || subject
        || char(0) || detail), ?7))";

/// A line of the audit log, as stored.
#[derive(Debug, Clone)]
pub struct StoredAudit {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Token, operator, action, subject, detail.
    pub words: [String; 5],
    /// The chain up to it.
    pub hash: Vec<u8>,
}

impl From<StoredAudit> for AuditView {
    fn from(line: StoredAudit) -> Self {
        let [token, operator, action, subject, detail] = line.words;
        let (at, hash) = (line.at.into(), hex::encode(&line.hash));
        Self { id: line.id, at, token, operator, action, subject, detail, hash }
    }
}

impl Reader {
    /// Returns the keys that are never trusted again. One that cannot be read is an error: left out, it would be trusted.
    pub fn revoked_keys(&self) -> Result<BTreeSet<KeyId>, StoreError> {
        let mut select = self.connection.prepare_cached("SELECT id FROM revoked_key")?;
        let keys: Vec<String> =
            select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        keys.iter().map(|key| key.parse().map_err(broken)).collect()
    }

    /// Returns the numbers of lines of the audit log after one of them that a filter leaves, the newest first: at most so many.
    pub fn audit_numbers(
        &self,
        filter: &AuditFilter,
        after: Option<i64>,
        most: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let sql =
            format!("SELECT id FROM audit WHERE id < ?8 AND {LEAVES} ORDER BY id DESC LIMIT ?9");
        let mut select = self.connection.prepare_cached(&sql)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let [since, until] = filter.span();
        let [token, operator, action, subject, text] = filter.words();
        let key = params![
            since,
            until,
            token,
            operator,
            action,
            subject,
            text,
            after.unwrap_or(i64::MAX),
            most
        ];
        Ok(select.query_map(key, |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Counts the lines of the audit log that a filter leaves.
    pub fn count_audit(&self, filter: &AuditFilter) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM audit WHERE {LEAVES}");
        let [since, until] = filter.span();
        let [token, operator, action, subject, text] = filter.words();
        let key = params![since, until, token, operator, action, subject, text];
        let count: i64 = self.connection.prepare_cached(&sql)?.query_row(key, |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Returns lines of the audit log by their numbers, in the order of these.
    pub fn audit(&self, numbers: &[i64]) -> Result<Vec<StoredAudit>, StoreError> {
        let sql = "SELECT id, at, token, operator, action, subject, detail, hash FROM audit WHERE id = ?1";
        let query = Query { table: Table::Audit, reads: Reads::All, of: &[], keys: 1, sql };
        let mut lines = Vec::with_capacity(numbers.len());
        for number in numbers {
            lines.extend(self.all(query, [number], |row| {
                Ok(StoredAudit {
                    id: row.get(0)?,
                    at: Timestamp(row.get(1)?),
                    words: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
                    hash: row.get(7)?,
                })
            })?);
        }
        Ok(lines)
    }
}

impl AuditFilter {
    fn span(&self) -> [Option<i64>; 2] {
        [self.since.map(|at| at.0), self.until.map(|at| at.0)]
    }

    fn words(&self) -> [Option<&str>; 5] {
        [&self.token, &self.operator, &self.action, &self.subject, &self.text]
            .map(|word| word.as_deref())
    }
}

/// Revokes keys, for good.
pub(super) fn insert_revoked_keys(tx: &Connection, keys: &[KeyId]) -> Result<usize, StoreError> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO revoked_key VALUES (?1)")?;
    for key in keys {
        insert.execute([key.to_string()])?;
    }
    Ok(keys.len())
}
