//! Controls of requests: what was asked for, and what it makes of a collection.
//!
//! The table of controls is the truth; a collection's `held_since` only says since when they hold it. Both change in one
//! transaction, together with the status that tells of it.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::request::lifecycle::{Controls, Hold};
use muster_protocol::request::{Kind, Verb};
use muster_protocol::result::{State, Status};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::outbox::Entry;
use super::{Journal, JournalError, to_sql};

/// Every control that was accepted, with its verb.
pub(super) const TABLE: &str = "
CREATE TABLE controls (request BLOB NOT NULL, revision INTEGER NOT NULL, verb TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (request, revision, verb)) WITHOUT ROWID;
";

/// Since when a collection is held, and whether a status has said so.
pub(super) const COLUMNS: &str = "
ALTER TABLE collections ADD COLUMN held_since INTEGER;
ALTER TABLE collections ADD COLUMN held_told INTEGER NOT NULL DEFAULT 0;
";

/// Makes room for the table of controls of this version.
pub(super) const RENAME: &str = "ALTER TABLE controls RENAME TO controls_before;";

/// Gives the controls of versions 1 and 2, all of which were cancels, their verb.
pub(super) const FROM_CLASSES: &str = "
INSERT OR IGNORE INTO controls SELECT request, revision, 'cancel', at FROM controls_before;
DROP TABLE controls_before;
";

/// Takes over the controls of version 3, which kept one of each revision.
pub(super) const FROM_REVISIONS: &str = "
INSERT INTO controls (request, revision, verb, at) SELECT request, revision, verb, at FROM controls_before;
DROP TABLE controls_before;
";

/// A control, and a status of the request that it is about, whose state is filled in by what it meets.
#[derive(Debug, Clone)]
pub struct Controlled {
    /// About which request.
    pub about: RequestId,
    /// What is to become of it.
    pub verb: Verb,
    /// Orders it among the others.
    pub revision: u64,
    /// Tells the coordinator what it has changed.
    pub status: Status,
}

impl Journal {
    /// Returns the controls of a request, folded.
    pub fn controls(&self, request: RequestId) -> Result<Controls, JournalError> {
        self.read(|db| folded(db, request))
    }

    /// Tells that a collection is held, unless it is not held any more or was told before.
    pub fn tell_held(&self, status: &Status) -> Result<(), JournalError> {
        let entries = self.write(|tx| {
            let entry = if is_told(tx, status.request)? { None } else { held(tx, status)? };
            Ok(entry.into_iter().collect::<Vec<_>>())
        })?;
        self.counted(&entries);
        Ok(())
    }
}

/// Returns the controls of a request, folded.
pub(super) fn folded(db: &Connection, request: RequestId) -> rusqlite::Result<Controls> {
    let mut select = db.prepare_cached("SELECT verb, revision FROM controls WHERE request = ?1")?;
    let rows = select.query_map([request.as_bytes()], |row| {
        Ok((Verb::parse(row.get_ref(0)?.as_str()?), row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    // Only verbs that are known were written.
    rows.filter_map(|row| row.map(|(verb, revision)| Some((verb?, revision))).transpose()).collect()
}

/// Returns what the controls of a collection want of it: a profile, which is a window of time, knows cancels alone.
pub(super) fn hold(db: &Connection, request: RequestId, kind: &str) -> rusqlite::Result<Hold> {
    let hold = folded(db, request)?.hold();
    let is_profile = kind == Kind::ProfileStart.as_str();
    Ok(if is_profile && hold != Hold::Cancel { Hold::None } else { hold })
}

/// A collection as controls see it.
struct Met {
    hold: Hold,
    has_begun: bool,
}

fn meet(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<Option<Met>> {
    let found: Option<(String, bool)> = tx
        .prepare_cached("SELECT kind, running FROM collections WHERE request = ?1")?
        .query_row([request.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((kind, has_begun)) = found else { return Ok(None) };
    Ok(Some(Met { hold: hold(tx, request, &kind)?, has_begun }))
}

/// Journals a control; returns what is to be said of it at once. What runs and is paused says so itself, when it stands
/// still; what is cancelled, at its end.
pub(super) fn apply(
    tx: &Transaction<'_>,
    control: &Controlled,
    now: Timestamp,
) -> rusqlite::Result<Option<Entry>> {
    let Controlled { about, verb, revision, status } = control;
    tx.execute(
        "INSERT OR IGNORE INTO controls (request, revision, verb, at) VALUES (?1, ?2, ?3, ?4)",
        params![about.as_bytes(), to_sql(*revision), verb.as_str(), now.0],
    )?;
    let Some(met) = meet(tx, *about)? else { return Ok(None) };
    if met.hold == Hold::Cancel {
        return Ok(None);
    }
    if met.hold.stops(met.has_begun) {
        return hold_from(tx, status, met.has_begun, now);
    }
    release(tx, *about)?;
    let state = if met.has_begun { State::Started } else { State::Queued };
    Entry::status(tx, &Status { state, ..status.clone() }).map(Some)
}

/// Holds a start that has just come, where controls that came before it say so.
pub(super) fn take_in(
    tx: &Transaction<'_>,
    status: &Status,
    now: Timestamp,
) -> rusqlite::Result<Option<Entry>> {
    match meet(tx, status.request)? {
        Some(met) if met.hold.stops(met.has_begun) => hold_from(tx, status, met.has_begun, now),
        Some(_) | None => Ok(None),
    }
}

/// Notes since when a collection is held; says so at once where it has not begun.
fn hold_from(
    tx: &Transaction<'_>,
    status: &Status,
    has_begun: bool,
    now: Timestamp,
) -> rusqlite::Result<Option<Entry>> {
    tx.execute(
        "UPDATE collections SET held_since = coalesce(held_since, ?2), held_told = 0 WHERE request = ?1",
        params![status.request.as_bytes(), now.0],
    )?;
    if has_begun { Ok(None) } else { held(tx, status) }
}

fn release(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE collections SET held_since = NULL, held_told = 0 WHERE request = ?1",
        [request.as_bytes()],
    )?;
    Ok(())
}

fn is_told(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM collections WHERE request = ?1 AND held_told = 1")?
        .exists([request.as_bytes()])
}

/// Says that a collection is held, where it is: it may have been let go since this was to be said.
pub(super) fn held(tx: &Transaction<'_>, status: &Status) -> rusqlite::Result<Option<Entry>> {
    let request = status.request;
    if !is_held(tx, request)? {
        return Ok(None);
    }
    tx.execute(
        "UPDATE collections SET held_told = 1, held_since = coalesce(held_since, ?2) WHERE request = ?1",
        params![request.as_bytes(), status.at.0],
    )?;
    Entry::status(tx, &Status { state: State::Paused, ..status.clone() }).map(Some)
}

/// Returns whether a collection may not run now, for a hold or a cancel.
pub(super) fn may_not_run(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<bool> {
    let met = meet(tx, request)?;
    Ok(met.is_some_and(|met| met.hold == Hold::Cancel || met.hold.stops(met.has_begun)))
}

/// Returns whether a collection is held.
pub(super) fn is_held(tx: &Transaction<'_>, request: RequestId) -> rusqlite::Result<bool> {
    Ok(meet(tx, request)?.is_some_and(|met| met.hold.stops(met.has_begun)))
}
