//! Digests of files that were hashed before, on disk: one SQLite file that is worth nothing but time.
//!
//! Whatever is wrong with it is said once, and from then on it is as if nothing were known. It holds one state of each
//! inode. When it is full, entries are evicted in CLOCK order over inode numbers. Evicting the oldest would evict exactly
//! what the next scan of the same tree needs; CLOCK keeps part of a tree that is too big. One process at a time has it.

mod file;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::{Digest, Digests};
use muster_protocol::limits;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};
use tracing::warn;

use self::file::CacheError;
use crate::session::FileId;
use crate::session::cache::{Cache, Hashed};

const ADD: &str = "INSERT OR IGNORE INTO files (dev, ino, size, mtime_ns, ctime_ns, md5, sha1, sha256, sha512, blake3)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const REPLACE: &str = "INSERT OR REPLACE INTO files (dev, ino, size, mtime_ns, ctime_ns, md5, sha1, sha256, sha512, blake3)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const CLOCK_HAND: &str = "SELECT hand_ino, hand_dev FROM meta";
/// The inode so many entries after the hand.
const NEXT_HAND: &str =
    "SELECT ino, dev FROM files WHERE (ino, dev) > (?1, ?2) ORDER BY ino, dev LIMIT 1 OFFSET ?3";
const EVICT: &str = "DELETE FROM files WHERE (ino, dev) > (?1, ?2) AND (ino, dev) <= (?3, ?4)";
const ADVANCE: &str = "UPDATE meta SET hand_ino = ?1, hand_dev = ?2";
/// Rows that are evicted at a time; more than are added at a time.
const EVICTED_ROWS: i64 = 4_096;
/// Columns of a [`Lookup`] before the digests.
const DIGESTS_AT: usize = 3;

/// The cache of one agent. Its file is open while a collection runs.
#[derive(Debug)]
pub struct HashCache {
    folder: PathBuf,
    machine_id: String,
    bytes_max: u64,
    db: Mutex<Db>,
    has_complained: AtomicBool,
}

#[derive(Debug)]
enum Db {
    Closed,
    Open(Connection),
    /// Until the collection ends.
    Unusable,
}

impl HashCache {
    /// Names the cache of this machine in `folder`; one of another machine (a copied disk) will be begun again.
    pub fn new(folder: PathBuf, machine_id: String) -> Self {
        let bytes_max = limits::HASH_CACHE_BYTES_MAX;
        let (db, has_complained) = (Mutex::new(Db::Closed), AtomicBool::new(false));
        Self { folder, machine_id, bytes_max, db, has_complained }
    }

    /// Closes the file: an agent that has nothing to do holds no memory for it.
    pub fn rest(&self) {
        *self.lock() = Db::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, Db> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something on the file; `None` when there is no file, or it failed.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
        let mut db = self.lock();
        if matches!(*db, Db::Closed) {
            *db = self.open();
        }
        let Db::Open(connection) = &mut *db else { return None };
        match work(connection) {
            Ok(value) => Some(value),
            Err(problem) => {
                let problem = CacheError::from(problem);
                if !problem.may_pass() {
                    *db = Db::Unusable;
                    self.abandon(&problem);
                }
                drop(db);
                self.complain(&problem);
                None
            }
        }
    }

    fn open(&self) -> Db {
        match file::open(&self.folder, &self.machine_id) {
            Ok(connection) => Db::Open(connection),
            Err(problem) => {
                self.complain(&problem);
                Db::Unusable
            }
        }
    }

    /// Puts a file that turned out to be broken out of the way of the next collection.
    fn abandon(&self, problem: &CacheError) {
        if problem.is_broken()
            && let Err(error) = file::set_aside(&self.folder)
        {
            let folder = self.folder.display();
            warn!(%folder, %error, "a broken hash cache cannot be renamed: remove it");
        }
    }

    fn complain(&self, problem: &CacheError) {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            warn!(%folder, error = %problem, "no hash cache: files are read that it might have spared");
        }
    }
}

impl Cache for HashCache {
    fn is_empty(&self) -> bool {
        let first = |db: &mut Connection| {
            db.query_row("SELECT 1 FROM files LIMIT 1", [], |_| Ok(())).optional()
        };
        self.with(first).flatten().is_none()
    }

    fn find(&self, kinds: &[HashKind], files: &[FileId]) -> Vec<Option<Digests>> {
        let find = |db: &mut Connection| {
            let tx = db.transaction()?;
            let mut lookup = Lookup::new(&tx, kinds)?;
            let mut found = Vec::with_capacity(files.len());
            for file in files {
                let known = lookup.find(file)?;
                found.push(known.filter(|known| known.len() == kinds.len()));
            }
            drop(lookup);
            tx.commit()?;
            Ok(found)
        };
        self.with(find).unwrap_or_else(|| vec![None; files.len()])
    }

    fn store(&self, files: &[Hashed]) {
        let mut settled = files.iter().filter(|file| !is_racy(file)).peekable();
        if settled.peek().is_none() {
            return;
        }
        self.with(|db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for file in settled {
                store(&tx, file)?;
            }
            if bytes(&tx)? > self.bytes_max {
                evict(&tx)?;
            }
            tx.commit()
        });
    }
}

/// Returns whether a file had changed so shortly before it was read that it may have changed again without its times
/// showing it: some file systems count in steps of two seconds.
fn is_racy(file: &Hashed) -> bool {
    i128::from(file.began_ns) - file.id.ctime_ns < limits::HASH_CACHE_AGE_NS_MIN.into()
}

/// Finds files and their digests of some kinds; no others are read from the row.
struct Lookup<'tx, 'kinds> {
    select: CachedStatement<'tx>,
    kinds: &'kinds [HashKind],
}

impl<'tx, 'kinds> Lookup<'tx, 'kinds> {
    fn new(tx: &'tx Transaction<'_>, kinds: &'kinds [HashKind]) -> rusqlite::Result<Self> {
        let columns = ["size", "mtime_ns", "ctime_ns"].into_iter();
        let columns: Vec<_> = columns.chain(kinds.iter().map(|kind| kind.as_str())).collect();
        let columns = columns.join(", ");
        let sql = format!("SELECT {columns} FROM files WHERE ino = ?1 AND dev = ?2");
        Ok(Self { select: tx.prepare_cached(&sql)?, kinds })
    }

    /// Returns those of the digests that are known of a file as it is.
    fn find(&mut self, file: &FileId) -> rusqlite::Result<Option<Digests>> {
        let mut rows = self.select.query((file.ino.cast_signed(), file.dev.cast_signed()))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (size, mtime_ns, ctime_ns): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let known = (size.cast_unsigned(), i128::from(mtime_ns), i128::from(ctime_ns));
        let is_same = known == (file.size, file.mtime_ns, file.ctime_ns);
        if is_same { digests(row, self.kinds).map(Some) } else { Ok(None) }
    }
}

fn digests(row: &Row<'_>, kinds: &[HashKind]) -> rusqlite::Result<Digests> {
    let mut digests = Digests::new();
    for (column, kind) in (DIGESTS_AT..).zip(kinds.iter().copied()) {
        if let Some(digest) = row.get_ref(column)?.as_blob_or_null()?
            && digest.len() == kind.bytes()
        {
            digests.push((kind, Digest::from_slice(digest)));
        }
    }
    Ok(digests)
}

fn store(tx: &Transaction<'_>, file: &Hashed) -> rusqlite::Result<()> {
    if add(tx, ADD, file)? > 0 {
        return Ok(());
    }
    let known = Lookup::new(tx, &HashKind::ALL)?.find(&file.id)?.unwrap_or_default();
    let is_new = |kind: HashKind| file.digests.iter().any(|(new, _)| *new == kind);
    let others = known.into_iter().filter(|(kind, _)| !is_new(*kind));
    let digests = file.digests.iter().cloned().chain(others).collect();
    add(tx, REPLACE, &Hashed { digests, ..file.clone() }).map(drop)
}

fn add(tx: &Transaction<'_>, sql: &str, file: &Hashed) -> rusqlite::Result<usize> {
    let of = |wanted: HashKind| {
        file.digests.iter().find(|(kind, _)| *kind == wanted).map(|(_, digest)| digest.as_slice())
    };
    let FileId { dev, ino, size, mtime_ns, ctime_ns } = file.id;
    // A time that does not fit is never clamped: two states of a file would look the same.
    let (Ok(mtime_ns), Ok(ctime_ns)) = (i64::try_from(mtime_ns), i64::try_from(ctime_ns)) else {
        return Ok(0);
    };
    tx.prepare_cached(sql)?.execute(params![
        dev.cast_signed(),
        ino.cast_signed(),
        size.cast_signed(),
        mtime_ns,
        ctime_ns,
        of(HashKind::Md5),
        of(HashKind::Sha1),
        of(HashKind::Sha256),
        of(HashKind::Sha512),
        of(HashKind::Blake3),
    ])
}

/// Evicts some of the files: those after the clock's hand.
fn evict(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (ino, dev): (i64, i64) = tx.prepare_cached(CLOCK_HAND)?.query_row([], key)?;
    let mut next = tx.prepare_cached(NEXT_HAND)?;
    let reached = next.query_row((ino, dev, EVICTED_ROWS - 1), key).optional()?;
    let (to_ino, to_dev) = reached.unwrap_or((i64::MAX, i64::MAX));
    tx.prepare_cached(EVICT)?.execute((ino, dev, to_ino, to_dev))?;
    // The hand begins again at the end.
    let hand = reached.unwrap_or((i64::MIN, i64::MIN));
    tx.prepare_cached(ADVANCE)?.execute(hand).map(drop)
}

/// Returns what the rows take on disk.
fn bytes(tx: &Transaction<'_>) -> rusqlite::Result<u64> {
    let pragma = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(pages.saturating_mul(pragma("page_size")?).cast_unsigned())
}

#[cfg(test)]
mod tests;
