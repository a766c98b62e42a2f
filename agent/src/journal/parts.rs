//! Parts of lists that came before the hunts that name them.
//!
//! A part stays while a hunt that names it is owed, and until its own validity is over where none came yet.

use muster_protocol::artifact::ioc::IocPartRef;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits;
use muster_protocol::result::rows::sha256;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Journal, JournalError, to_sql};

pub(super) const TABLES: &str = "
CREATE TABLE parts (n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, sha256 BLOB NOT NULL, body BLOB NOT NULL,
  not_after INTEGER NOT NULL);
CREATE TABLE part_uses (request BLOB NOT NULL, part BLOB NOT NULL, PRIMARY KEY (request, part)) WITHOUT ROWID;
CREATE INDEX part_uses_by_part ON part_uses (part);
";

const UNNAMED: &str = "NOT EXISTS (SELECT 1 FROM part_uses WHERE part = parts.id)";

impl Journal {
    /// Counts the parts that are named and not here.
    pub fn missing_parts(&self, named: &[IocPartRef]) -> Result<usize, JournalError> {
        self.read(|db| {
            let mut select =
                db.prepare_cached("SELECT 1 FROM parts WHERE id = ?1 AND sha256 = ?2")?;
            let mut missing = 0;
            for part in named {
                let is_here = select.exists(params![part.id.as_bytes(), part.sha256.as_slice()])?;
                missing += usize::from(!is_here);
            }
            Ok(missing)
        })
    }

    /// Returns the bytes of a part.
    pub fn part(&self, id: RequestId) -> Result<Option<Vec<u8>>, JournalError> {
        self.read(|db| {
            db.prepare_cached("SELECT body FROM parts WHERE id = ?1")?
                .query_row(params![id.as_bytes()], |row| row.get(0))
                .optional()
        })
    }
}

/// Keeps a part; where there is no room for it, the oldest ones that no hunt names go.
pub(super) fn keep(
    tx: &Transaction<'_>,
    id: RequestId,
    body: &[u8],
    not_after: Timestamp,
) -> rusqlite::Result<()> {
    let digest = sha256(body);
    tx.execute(
        "INSERT OR IGNORE INTO parts (id, sha256, body, not_after) VALUES (?1, ?2, ?3, ?4)",
        params![id.as_bytes(), digest.as_slice(), body, not_after.0],
    )?;
    while bytes(tx)? > to_sql(limits::LIST_PARTS_BYTES_MAX) {
        let oldest = format!(
            "DELETE FROM parts WHERE n = (SELECT n FROM parts WHERE {UNNAMED} ORDER BY n LIMIT 1)"
        );
        if tx.execute(&oldest, [])? == 0 {
            // All are named: then it is this one for which there is no room, and its hunt will say so.
            tx.execute("DELETE FROM parts WHERE id = ?1", params![id.as_bytes()])?;
            return Ok(());
        }
    }
    Ok(())
}

fn bytes(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT coalesce(sum(length(body)), 0) FROM parts")?
        .query_row([], |row| row.get(0))
}

/// Notes which parts a hunt names.
pub(super) fn name(
    tx: &Transaction<'_>,
    request: RequestId,
    named: &[IocPartRef],
) -> rusqlite::Result<()> {
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO part_uses (request, part) VALUES (?1, ?2)")?;
    for part in named {
        insert.execute(params![request.as_bytes(), part.id.as_bytes()])?;
    }
    Ok(())
}

/// Forgets the parts of a hunt that is over.
pub(super) fn release(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<()> {
    let named = "SELECT part FROM part_uses WHERE request = ?1";
    tx.execute(
        &format!(
            "DELETE FROM parts WHERE id IN ({named}) AND NOT EXISTS
             (SELECT 1 FROM part_uses WHERE part = parts.id AND request <> ?1)"
        ),
        params![request.as_bytes()],
    )?;
    tx.execute("DELETE FROM part_uses WHERE request = ?1", params![request.as_bytes()])?;
    Ok(())
}

/// Forgets parts that no hunt names and none may name any more.
pub(super) fn expire(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let over = now.plus_ms(-limits::CLOCK_SKEW_MS_MAX);
    tx.execute(&format!("DELETE FROM parts WHERE not_after < ?1 AND {UNNAMED}"), params![over.0])?;
    Ok(())
}
