//! The file of the cache: found, judged, begun again where it is of no use.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::private;

/// The version of the tables; a file of another one is set aside.
const SCHEMA_VERSION: i64 = 2;
/// A table that is its own index: what is looked up is found at once, and written once. The inode's number comes first: the
/// device is nearly always the same, and would be compared in vain. `hand_ino` and `hand_dev` are what was evicted last.
const SCHEMA: &str = "
CREATE TABLE meta (machine_id TEXT NOT NULL, hand_ino INTEGER NOT NULL, hand_dev INTEGER NOT NULL);
CREATE TABLE files (dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, md5 BLOB, sha1 BLOB, sha256 BLOB, sha512 BLOB, blake3 BLOB,
  PRIMARY KEY (ino, dev)) WITHOUT ROWID;
";
const NAME: &str = "hashes.sqlite";
/// How long another process is waited for.
const WAIT: Duration = Duration::from_millis(200);

/// A cache that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    /// Others may write to it, and then it could clear whatever they like.
    #[error("others than this user may write to it: chmod go-w, or take another folder")]
    Shared,
    /// Another process has it.
    #[error("another process uses it")]
    Busy,
    /// The folder or the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// SQLite.
    #[error(transparent)]
    Database(rusqlite::Error),
    /// Written by another version of this program.
    #[error("its version is {0}")]
    Version(i64),
}

impl From<rusqlite::Error> for CacheError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Database(error),
        }
    }
}

impl CacheError {
    /// Returns whether the next try may succeed.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Database(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            _ => false,
        }
    }

    /// Returns whether the file is of no use to anybody.
    pub(super) fn is_broken(&self) -> bool {
        match self {
            Self::Version(_) => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
            ),
            _ => false,
        }
    }
}

/// Opens the cache in a folder that belongs to this user alone. A file that is broken is renamed and a new one begun.
pub(super) fn open(folder: &Path, machine_id: &str) -> Result<Connection, CacheError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let stat = fs::metadata(folder)?;
    let is_own = stat.uid() == rustix::process::geteuid().as_raw();
    if !is_own || stat.mode() & 0o022 != 0 {
        return Err(CacheError::Shared);
    }
    let path = folder.join(NAME);
    match connect(&path, machine_id) {
        Err(problem) if problem.is_broken() => {
            set_aside(folder)?;
            connect(&path, machine_id)
        }
        opened => opened,
    }
}

fn connect(path: &Path, machine_id: &str) -> Result<Connection, CacheError> {
    // SQLite would let everybody read what is in files that not everybody may read.
    private::database(path)?;
    let mut db = Connection::open(path)?;
    db.busy_timeout(WAIT)?;
    // A plan does not depend on the values that are bound: else a statement is planned again at each of its uses.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Exclusive before WAL: no shared memory, no lock for each question, and no second process.
    db.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // After a power failure the last rows may be missing; none is wrong.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "cache_size", -1_024)?;
    db.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    db.set_prepared_statement_cache_capacity(12);
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match version {
        0 => {
            tx.execute_batch(SCHEMA)?;
            tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        }
        SCHEMA_VERSION => {}
        other => return Err(CacheError::Version(other)),
    }
    let of: Option<String> =
        tx.query_row("SELECT machine_id FROM meta", [], |row| row.get(0)).optional()?;
    if of.as_deref() != Some(machine_id) {
        tx.execute_batch("DELETE FROM meta; DELETE FROM files;")?;
        tx.execute("INSERT INTO meta VALUES (?1, ?2, ?2)", (machine_id, i64::MIN))?;
    }
    tx.commit()?;
    Ok(db)
}

/// Renames a file that is of no use, in the place of an earlier one; its log goes.
pub(super) fn set_aside(folder: &Path) -> io::Result<()> {
    let path = folder.join(NAME);
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    for end in ["-wal", "-shm"] {
        match fs::remove_file(beside(end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(&path, beside(".broken"))
}
