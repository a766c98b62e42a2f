//! Adds lines to the audit log, each linked to the one before it.

use muster_api::{AuditWords, BEFORE_THE_FIRST};
use muster_protocol::clock::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::Audit;
use crate::store::StoreError;

/// The triggers that keep the log as it is.
pub(in crate::store) const APPEND_ONLY: &str = "
CREATE TRIGGER audit_is_append_only_1 BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_append_only_2 BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
";

/// Lets lines be linked that are there already.
pub(in crate::store) const UNLINKED: &str = "
DROP TRIGGER IF EXISTS audit_is_append_only_1;
DROP TRIGGER IF EXISTS audit_is_append_only_2;
ALTER TABLE audit ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
";

/// Adds a line to the audit log.
pub(in crate::store) fn insert_audit(
    tx: &Connection,
    line: &Audit,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let last = "SELECT hash FROM audit ORDER BY id DESC LIMIT 1";
    let before: Option<Vec<u8>> =
        tx.prepare_cached(last)?.query_row([], |row| row.get(0)).optional()?;
    // Not one more than the last line's: a number is never used again, so that a line that was cut off leaves a gap.
    let used = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";
    let used: Option<i64> = tx.prepare_cached(used)?.query_row([], |row| row.get(0)).optional()?;
    let id = used.unwrap_or(0).saturating_add(1);
    let words = [&line.token, &line.operator, line.action, &line.subject, &line.detail];
    let hash = AuditWords { id, at_ms: now.0, words: words.map(str::as_bytes) };
    let hash = hash.hash(&link(before));
    let sql = "INSERT INTO audit (id, at, token, operator, action, subject, detail, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let [token, operator, action, subject, detail] = words;
    let values = params![id, now.0, token, operator, action, subject, detail, hash];
    Ok(tx.prepare_cached(sql)?.execute(values)?)
}

/// Links the lines of a log from before there was a chain.
pub(in crate::store) fn link_all(tx: &Connection) -> Result<(), StoreError> {
    let mut select = tx.prepare(
        "SELECT id, at, token, operator, action, subject, detail FROM audit ORDER BY id",
    )?;
    let mut update = tx.prepare("UPDATE audit SET hash = ?2 WHERE id = ?1")?;
    let (mut rows, mut before) = (select.query([])?, BEFORE_THE_FIRST);
    while let Some(row) = rows.next()? {
        // What cannot be read as text is reported where it is read; it is linked all the same.
        let word = |n: usize| {
            row.get_ref(n).ok().and_then(|word| word.as_bytes().ok()).unwrap_or_default()
        };
        let line = AuditWords {
            id: row.get(0)?,
            at_ms: row.get(1).unwrap_or_default(),
            words: [word(2), word(3), word(4), word(5), word(6)],
        };
        before = line.hash(&before);
        update.execute(params![line.id, before])?;
    }
    Ok(())
}

/// Returns the hash of the last line; a damaged one breaks the chain visibly.
fn link(hash: Option<Vec<u8>>) -> [u8; 32] {
    hash.and_then(|hash| hash.try_into().ok()).unwrap_or(BEFORE_THE_FIRST)
}

#[cfg(test)]
mod tests;
