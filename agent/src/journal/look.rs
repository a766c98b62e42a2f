//! A look at a journal that changes nothing in it: what would keep an agent from opening it, and what it holds.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::origin::{self, Origin};
use super::{JournalError, SCHEMA_VERSION, path};

/// What a journal holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Messages that wait for the broker.
    pub outbox: u64,
    /// Requests that are not ended.
    pub owed: u64,
    /// Why the agent will go on under a new journal id, if it will.
    pub moved: Option<&'static str>,
}

/// Checks the journal in a folder by the steps of [`super::Journal::open`]; `None` where there is none yet.
pub fn look(
    folder: &Path,
    machine_id: &str,
    firmware_id: Option<&str>,
) -> Result<Option<Seen>, JournalError> {
    let file = path(folder);
    let size = match std::fs::metadata(&file) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalError::Full(format!("{}: {error}", file.display()))),
    };
    if size == 0 {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&file, flags)?;
    db.busy_timeout(Duration::from_secs(2))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found: String = db.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found != "ok" {
        return Err(JournalError::Damaged(found));
    }
    if version == 0 {
        return Ok(None);
    }
    if !(1..=SCHEMA_VERSION).contains(&version) {
        return Err(JournalError::Version(version));
    }
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    let origin = Origin::of(&file, machine_id, firmware_id);
    Ok(Some(Seen {
        outbox: count("outbox")?,
        owed: count("collections")?,
        moved: origin::moved(&db, &origin)?,
    }))
}
