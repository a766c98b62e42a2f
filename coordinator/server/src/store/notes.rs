//! Notes of hunts and profiles: signed records that nobody but the coordinator keeps. Of each text the last one that was given holds.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::NOTES_OF_HUNT_MAX;
use muster_protocol::request::Sealed;
use muster_protocol::request::note::Note;
use muster_protocol::wire;
use rusqlite::{Connection, params};

use super::ledger::chain::insert_audit;
use super::read::Reader;
use super::{Audit, StoreError, WriteOutcome};

/// The table.
pub(super) const TABLES: &str = "
-- Notes in the order in which they came; what is NULL stays as it was.
CREATE TABLE IF NOT EXISTS note (
    id BLOB PRIMARY KEY, about BLOB NOT NULL, operator TEXT NOT NULL, issued INTEGER NOT NULL,
    name TEXT, note TEXT, \"case\" TEXT, sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS note_by_about ON note (about);
";

/// Why a note is refused: there are too many of one hunt.
const TOO_MANY_NOTES: &str = "too_many_notes";

/// A note that is about to be recorded.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// What it says.
    pub note: Note,
    /// Who signed.
    pub operator: String,
    /// The exact signed bytes.
    pub sealed: Sealed,
}

/// What the notes of a hunt or profile come to; what was not noted is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// What it is called.
    pub name: String,
    /// Why it was made, or what came of it.
    pub note: String,
    /// The case that it belongs to.
    pub case: String,
}

impl Reader {
    /// Returns what the notes of a request come to.
    pub fn noted(&self, about: &RequestId) -> Result<Noted, StoreError> {
        noted(&self.connection, about)
    }
}

/// Returns what the notes of a request come to.
pub(super) fn noted(tx: &Connection, about: &RequestId) -> Result<Noted, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT name, note, \"case\" FROM note INDEXED BY note_by_about WHERE about = ?1 ORDER BY rowid",
    )?;
    let mut rows = select.query([about.as_bytes()])?;
    let mut noted = Noted::default();
    while let Some(row) = rows.next()? {
        let Noted { name, note, case } = &mut noted;
        for (column, text) in [name, note, case].into_iter().enumerate() {
            // A text that cannot be read is one that was not given.
            if let Ok(Some(given)) = row.get::<_, Option<String>>(column) {
                *text = given;
            }
        }
    }
    Ok(noted)
}

/// Records a note and who asked.
pub(super) fn insert(
    tx: &Connection,
    new: &NewNote,
    audit: &Audit,
    now: Timestamp,
) -> Result<WriteOutcome, StoreError> {
    let Note { id, about, issued, name, note, case, .. } = &new.note;
    let known = tx.prepare_cached("SELECT 1 FROM note WHERE id = ?1")?.exists([id.as_bytes()])?;
    if known {
        return Ok(WriteOutcome::Duplicate);
    }
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM note WHERE about = ?1")?
        .query_row([about.as_bytes()], |row| row.get(0))?;
    if usize::try_from(count).is_ok_and(|count| count >= NOTES_OF_HUNT_MAX) {
        return Ok(WriteOutcome::Refused(TOO_MANY_NOTES));
    }
    tx.prepare_cached("INSERT INTO note VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute(
        params![
            id.as_bytes(),
            about.as_bytes(),
            new.operator,
            issued.0,
            name,
            note,
            case,
            wire::encode(&new.sealed)?,
        ],
    )?;
    insert_audit(tx, audit, now)?;
    Ok(WriteOutcome::Inserted)
}
