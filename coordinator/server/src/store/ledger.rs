//! What must never be forgotten: the audit log, the keys that were taken back.

use std::collections::BTreeSet;

use muster_protocol::clock::Timestamp;
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

/// A line of the audit log, as stored.
#[derive(Debug, Clone)]
pub struct StoredAudit {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Token, operator, action, subject, detail.
    pub words: [String; 5],
}

impl Reader {
    /// Returns the keys that are never trusted again. One that cannot be read is an error: left out, it would be trusted.
    pub fn revoked_keys(&self) -> Result<BTreeSet<KeyId>, StoreError> {
        let mut select = self.connection.prepare_cached("SELECT id FROM revoked_key")?;
        let keys: Vec<String> =
            select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        keys.iter().map(|key| key.parse().map_err(broken)).collect()
    }

    /// Returns the numbers of lines of the audit log after one of them, the newest first: at most so many.
    pub fn audit_numbers(&self, after: Option<i64>, most: usize) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT id FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
        let mut select = self.connection.prepare_cached(sql)?;
        let key = params![after.unwrap_or(i64::MAX), i64::try_from(most).unwrap_or(i64::MAX)];
        Ok(select.query_map(key, |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Counts the lines of the audit log.
    pub fn count_audit(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM audit";
        let count: i64 = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Returns the lines of the audit log from one number to another, the newest first.
    pub fn audit(&self, first: i64, last: i64) -> Result<Vec<StoredAudit>, StoreError> {
        let sql = "SELECT id, at, token, operator, action, subject, detail FROM audit
             WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC";
        let query = Query { table: Table::Audit, reads: Reads::All, of: &[], keys: 1, sql };
        self.all(query, [first, last], |row| {
            Ok(StoredAudit {
                id: row.get(0)?,
                at: Timestamp(row.get(1)?),
                words: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
            })
        })
    }
}

/// Adds a line to the audit log.
pub(super) fn insert_audit(
    tx: &Connection,
    line: &Audit,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let sql = "INSERT INTO audit (at, token, operator, action, subject, detail)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    Ok(tx.prepare_cached(sql)?.execute(params![
        now.0,
        line.token,
        line.operator,
        line.action,
        line.subject,
        line.detail,
    ])?)
}

/// Revokes keys, for good.
pub(super) fn insert_revoked_keys(tx: &Connection, keys: &[KeyId]) -> Result<usize, StoreError> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO revoked_key VALUES (?1)")?;
    for key in keys {
        insert.execute([key.to_string()])?;
    }
    Ok(keys.len())
}
