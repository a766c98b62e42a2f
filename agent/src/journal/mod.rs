//! What the agent owes, on disk: one SQLite file, WAL, `synchronous=FULL`.
//!
//! Nothing is acked before it stands here, nothing is published that does not stand here, and what stands
//! here is deleted only after the broker has confirmed it. Everything that belongs together is one
//! transaction: offset, seen id and request; chunk, cursor and next seq; last chunk and final status.

mod collections;
mod controls;
mod intake;
mod look;
mod origin;
mod outbox;
mod parts;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::JournalId;
use muster_runtime::lock::{Lock, LockError};
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use tokio::sync::watch;

use crate::private;

pub use collections::{Collection, Figures, Step};
pub use controls::Controlled;
pub use intake::{Intake, StreamPlace};
pub use look::{Seen, look};
use origin::Origin;
pub use outbox::Outgoing;

/// The version of the tables; another one is refused rather than guessed at.
const SCHEMA_VERSION: i64 = 4;

const SCHEMA: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE revoked (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE seen (id BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE refused (id BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE directed (n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE);
CREATE TABLE collections (n INTEGER PRIMARY KEY AUTOINCREMENT, request BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, body BLOB NOT NULL,
  directed INTEGER NOT NULL, running INTEGER NOT NULL DEFAULT 0, started INTEGER NOT NULL DEFAULT 0, next_seq INTEGER NOT NULL DEFAULT 0,
  next_blob INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0, cursor BLOB, figures BLOB);
CREATE TABLE outbox (key INTEGER PRIMARY KEY AUTOINCREMENT, class INTEGER NOT NULL, routing_key TEXT NOT NULL, kind TEXT NOT NULL,
  body BLOB NOT NULL);
";

/// A journal that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// No room, or the disk fails: worth trying again.
    #[error("the journal cannot be written: {0}")]
    Full(String),
    /// Anything else.
    #[error("the journal is broken: {0}")]
    Broken(String),
    /// The file is no journal, or damaged.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// Tables of another version.
    #[error("the journal has version {0}, this agent knows {SCHEMA_VERSION}")]
    Version(i64),
    /// The folder cannot be locked: another agent works in it, or it has no locks.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl JournalError {
    /// Returns what to do about it, for the journal in a folder.
    pub fn hint(&self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::Full(_) => format!(
                "check the disk of {folder}: is it full, read-only, or not writable for this user?"
            ),
            Self::Damaged(_) => format!(
                "check the disk; then move journal.sqlite* out of {folder}: the agent begins a new journal, and what waited in the old one is lost"
            ),
            Self::Version(_) => {
                "run the version of muster-agent that wrote it, or a newer one".to_owned()
            }
            Self::Lock(LockError::Taken { holder, .. }) => {
                let kill =
                    holder.pid.map_or_else(|| "it".to_owned(), |pid| format!("process {pid}"));
                format!(
                    "stop {kill} first (systemctl stop muster-agent); another machine needs a bundle of its own: muster agents enrol"
                )
            }
            Self::Lock(LockError::Unsupported { .. }) => {
                "set state_dir in agent.toml to a folder on a local disk".to_owned()
            }
            Self::Lock(LockError::File { .. }) => {
                format!("make {folder} writable for this user, or set state_dir in agent.toml")
            }
            Self::Broken(_) => "report this with the agent's log".to_owned(),
        }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        let again = [
            ErrorCode::DiskFull,
            ErrorCode::SystemIoFailure,
            ErrorCode::CannotOpen,
            ErrorCode::ReadOnly,
            ErrorCode::DatabaseBusy,
            ErrorCode::DatabaseLocked,
        ];
        match error.sqlite_error_code() {
            Some(code) if again.contains(&code) => Self::Full(error.to_string()),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// The journal of one agent. All threads share it; one connection, so one writer.
#[derive(Debug)]
pub struct Journal {
    db: Mutex<Connection>,
    id: JournalId,
    moved: Option<&'static str>,
    is_full: AtomicBool,
    outbox_messages: AtomicU64,
    outbox_bytes: AtomicU64,
    changed: watch::Sender<u64>,
    /// Keeps other processes out until the last thread has let go of the journal; none in memory.
    _lock: Option<Lock>,
}

impl Journal {
    /// Opens the journal of this machine in `folder`, or begins one, and keeps other processes out of the folder. A copy
    /// of a journal goes on under a new id.
    pub fn open(
        folder: &Path,
        machine_id: &str,
        firmware_id: Option<&str>,
    ) -> Result<Self, JournalError> {
        let lock = Lock::take(folder)?;
        let file = path(folder);
        private::database(&file).map_err(|error| JournalError::Full(error.to_string()))?;
        let db = Connection::open(&file)?;
        Self::new(db, &Origin::of(&file, machine_id, firmware_id), Some(lock))
    }

    /// Makes a journal that lives and dies with the process.
    pub fn in_memory() -> Result<Self, JournalError> {
        Self::new(Connection::open_in_memory()?, &Origin::memory(), None)
    }

    fn new(
        mut db: Connection,
        origin: &Origin<'_>,
        lock: Option<Lock>,
    ) -> Result<Self, JournalError> {
        db.busy_timeout(Duration::from_secs(2))?;
        // A plan does not depend on the values that are bound: else a statement is planned again at each of its uses.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Before the first table: it cannot be switched on later.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", -512)?;
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let by_class =
            [controls::RENAME, controls::TABLE, controls::FROM_CLASSES, controls::COLUMNS];
        let by_revision =
            [controls::RENAME, controls::TABLE, controls::FROM_REVISIONS, controls::COLUMNS];
        let steps = match version {
            0 => [SCHEMA, parts::TABLES, controls::TABLE, controls::COLUMNS].concat(),
            1 => [parts::TABLES, &by_class.concat()].concat(),
            2 => by_class.concat(),
            3 => by_revision.concat(),
            SCHEMA_VERSION => String::new(),
            other => return Err(JournalError::Version(other)),
        };
        tx.execute_batch(&steps)?;
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        let (id, moved) = origin::own_id(&tx, origin)?;
        let (messages, bytes): (i64, i64) = tx.query_row(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM outbox",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        tx.commit()?;
        Ok(Self {
            db: Mutex::new(db),
            id,
            moved,
            is_full: AtomicBool::new(false),
            outbox_messages: AtomicU64::new(messages.unsigned_abs()),
            outbox_bytes: AtomicU64::new(bytes.unsigned_abs()),
            changed: watch::Sender::new(0),
            _lock: lock,
        })
    }

    /// Returns the id of this life of the journal.
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// Returns why this life began, where the journal belonged elsewhere before.
    pub fn moved(&self) -> Option<&'static str> {
        self.moved
    }

    /// Returns whether the last write failed for want of room.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Returns a signal that changes whenever something was put into the outbox.
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Forgets ids that are older than any valid request, and gives free pages back.
    pub fn prune(&self, now: Timestamp) -> Result<(), JournalError> {
        let before = now.plus_ms(-muster_protocol::limits::SEEN_MS_MAX).0;
        self.write(|tx| {
            for table in ["seen", "refused"] {
                tx.execute(&format!("DELETE FROM {table} WHERE at < ?1"), params![before])?;
            }
            // What is paused may be older than any request.
            tx.execute(
                "DELETE FROM controls WHERE at < ?1 AND request NOT IN (SELECT request FROM collections)",
                params![before],
            )?;
            parts::expire(tx, now)
        })?;
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        db.execute_batch("PRAGMA incremental_vacuum(256)").map_err(JournalError::from)
    }

    /// Runs one durable transaction and keeps `is_full` true to what happened.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let done: rusqlite::Result<T> = (|| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            tx.commit()?;
            Ok(value)
        })();
        drop(db);
        let done = done.map_err(JournalError::from);
        self.is_full.store(matches!(done, Err(JournalError::Full(_))), Ordering::Relaxed);
        done
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        work(&db).map_err(JournalError::from)
    }

    /// Caps the file: for tests of a full disk. `None` takes the cap away.
    #[cfg(test)]
    fn cap_pages(&self, extra: Option<i64>) {
        let db = self.db.lock().unwrap();
        let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let cap = extra.map_or(1 << 30, |extra| pages + extra);
        db.pragma_update_and_check(None, "max_page_count", cap, |_| Ok(())).unwrap();
    }
}

/// Returns the file of the journal in a folder.
fn path(folder: &Path) -> PathBuf {
    folder.join("journal.sqlite")
}

fn get_meta(db: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn set_meta(db: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", params![name, value])?;
    Ok(())
}

/// SQLite counts with signs.
fn to_sql(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
