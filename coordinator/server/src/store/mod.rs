//! The one commit point of the coordinator: everything that must be exactly once, in one SQLite file.
//!
//! * [`mod@write`]: the one writer, which groups what came together into one durable transaction.
//! * [`read`]: readers on connections of their own.
//! * [`requests`], [`listed`], [`lists`], [`results`], [`row_chunks`], [`attempts`], [`pieces`], [`spent`], [`roster`], [`policies`], [`instances`], [`facts`], [`curves`], [`fleet_curve`], [`uploads`],
//!   [`ledger`], [`dead`], [`quarantine`], [`notes`]: a group of tables each, what is written to it and read from it.
//! * [`collections`], [`summaries`]: read models, kept in the transaction of what they are made of. [`news`]: what a commit changed.
//! * [`fleet`]: every agent with its latest sample, in memory as it is stored.
//! * [`unreadable`]: records that cannot be read, which no list may fail of.
//! * `schema`: the tables.
//!
//! Nothing outside this module speaks SQL. Blobs lie beside the database, in `blobs/` by their SHA-256, written
//! whole and verified before they are listed ([`files`]); so do the long lists of hashes, in `lists/`.

pub mod attempts;
pub mod collections;
pub mod curves;
pub mod dead;
pub mod facts;
pub mod files;
#[cfg(test)]
pub(crate) mod filled;
pub mod fleet;
pub mod fleet_curve;
pub mod instances;
pub mod ledger;
pub mod listed;
pub mod lists;
pub mod news;
pub mod notes;
pub mod pieces;
pub mod policies;
pub mod quarantine;
pub mod read;
pub mod requests;
pub mod results;
pub mod roster;
pub mod row_chunks;
mod schema;
mod signed;
pub mod spent;
pub mod summaries;
pub mod unreadable;
pub mod uploads;
pub mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_runtime::lock::LockError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

pub use attempts::AttemptKey;
pub use collections::StoredCollection;
pub use dead::DeadCount;
pub use ledger::{Audit, AuditFilter, StoredAudit};
pub use listed::List;
pub use news::News;
pub use pieces::Piece;
pub use quarantine::Quarantine;
pub use read::Reader;
pub use requests::{Found, Request, StoredControl, StoredRequest};
pub use results::{Chunk, StoredBlob, Volume};
pub use roster::{NewAgent, StoredAgent};
pub use summaries::{Summary, Tally};
pub use unreadable::{Table, Unreadable};
pub use uploads::{BlobKey, CountedBlob, Upload, UploadKey};
pub use write::{Write, WriteOutcome, Writer};

/// What the store cannot do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database says no.
    #[error("store: {0}")]
    Database(#[from] rusqlite::Error),
    /// The folder or a blob cannot be read or written.
    #[error("store: {path}: {source}")]
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was made by another version.
    #[error("store: tables of version {found}, this version needs {wanted}")]
    Version {
        /// What the file has.
        found: i64,
        /// What is needed.
        wanted: i64,
    },
    /// Another coordinator works here, or the folder cannot be locked: two writers would each ack what the other may
    /// not have.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Something that was stored by us does not decode: our bug or a broken disk.
    #[error("store: {0}")]
    Broken(String),
    /// Something that is stored means nothing to this version.
    #[error("store: {0}, which only a newer coordinator knows")]
    Newer(String),
    /// This one write can never succeed; others do.
    #[error("store: the write was refused: {0}")]
    Refused(&'static str),
    /// The writer has ended.
    #[error("store: the writer has ended")]
    Ended,
}

impl From<muster_protocol::wire::WireError> for StoreError {
    fn from(error: muster_protocol::wire::WireError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<muster_protocol::result::RowsError> for StoreError {
    fn from(error: muster_protocol::result::RowsError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Where the store lies.
#[derive(Debug, Clone)]
pub struct DataDir {
    folder: PathBuf,
    lists: Arc<Mutex<()>>,
    unreadable: Arc<Unreadable>,
}

impl DataDir {
    /// Makes the folder and the tables where they are missing.
    pub fn prepare(folder: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::DirBuilderExt;
        for name in ["blobs", "lists"] {
            let path = folder.join(name);
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|source| StoreError::File { path, source })?;
        }
        let blobs = folder.join("blobs");
        files::sweep(&blobs).map_err(|source| StoreError::File { path: blobs, source })?;
        let place = Self::at(folder);
        schema::prepare(&mut place.connect()?)?;
        Ok(place)
    }

    /// Returns the store of a folder where there is one; makes and changes nothing.
    pub fn existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join("muster.sqlite");
        let is_there = path.try_exists().map_err(|source| StoreError::File { path, source })?;
        Ok(is_there.then(|| Self::at(folder)))
    }

    fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), lists: Arc::default(), unreadable: Arc::default() }
    }

    /// Changes what is stored behind the coordinator's back; returns how many records.
    #[cfg(test)]
    pub(crate) fn spoil(&self, sql: &str) -> usize {
        self.connect().unwrap().execute(sql, []).unwrap()
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let connection = Connection::open(self.folder.join("muster.sqlite"))?;
        connection.busy_timeout(Duration::from_secs(10))?;
        // A plan does not depend on the values that are bound: else a statement is planned again at each of its uses.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(connection)
    }

    /// Opens a reader.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.folder.join("muster.sqlite"), flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Reader::new(connection, Arc::clone(&self.unreadable)))
    }

    /// Returns the file of a blob.
    pub fn blob(&self, sha256: &[u8]) -> PathBuf {
        self.folder.join("blobs").join(muster_protocol::hex::encode(sha256))
    }

    /// Returns whether the file of a blob is there, whole: it was verified and durable before it had its name.
    pub fn has_blob(&self, sha256: &[u8], bytes: u64) -> Result<bool, StoreError> {
        let path = self.blob(sha256);
        match std::fs::metadata(&path) {
            Ok(of) => Ok(of.is_file() && of.len() == bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::File { path, source }),
        }
    }

    /// Returns the file of a piece of a list of hashes.
    pub fn list(&self, sha256: &[u8]) -> PathBuf {
        self.lists().join(muster_protocol::hex::encode(sha256))
    }

    /// Returns the folder of the pieces of lists.
    pub fn lists(&self) -> PathBuf {
        self.folder.join("lists")
    }

    /// Holds everybody else off the pieces of lists: one must not go while it is said that it is here. Clones share it.
    pub fn hold_lists(&self) -> MutexGuard<'_, ()> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the folder of symbol files that were added.
    pub fn symbols(&self) -> PathBuf {
        self.folder.join("symbols")
    }
}

#[cfg(test)]
mod tests;
