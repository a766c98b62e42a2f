//! What is known of a file before it is read, and what is kept of it afterwards: the way to the session's cache.

use std::time::{SystemTime, UNIX_EPOCH};

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use muster_protocol::artifact::{Digests, HashKind};
use muster_protocol::limits;
use rustix::fd::AsFd;
use rustix::fs::fstatfs;

use crate::session::cache::{Cache, Hashed};
use crate::session::{FileId, Session};

/// What the cache says of a file.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing.
    Unknown,
    /// These are its digests.
    Known(Digests),
    /// These should be its digests: it is read all the same.
    Check(Digests),
}

/// The cache as one worker sees it.
#[derive(Debug)]
pub(crate) struct CacheLookup<'a> {
    hashes: &'a [HashKind],
    cache: Option<&'a dyn Cache>,
    /// Whether the cache may be believed, by device number.
    trusted: BTreeMap<u64, bool>,
    kept: Vec<Hashed>,
    kept_bytes: u64,
    random: RandomState,
    drawn: u64,
}

impl<'a> CacheLookup<'a> {
    pub(crate) fn new(hashes: &'a [HashKind], session: &'a dyn Session) -> Self {
        Self {
            hashes,
            cache: session.cache(),
            trusted: BTreeMap::new(),
            kept: Vec::new(),
            kept_bytes: 0,
            random: RandomState::new(),
            drawn: 0,
        }
    }

    /// Returns whether there is a cache: whether it matters when a file was read.
    pub(crate) fn is_on(&self) -> bool {
        self.cache.is_some()
    }

    /// Asks for several files at once.
    pub(crate) fn find(&mut self, files: &[FileId]) -> Vec<Answer> {
        let Some(cache) = self.cache else {
            return files.iter().map(|_| Answer::Unknown).collect();
        };
        let mut found = cache.find(self.hashes, files).into_iter();
        let mut answers = Vec::with_capacity(files.len());
        for _ in files {
            answers.push(match found.next().flatten() {
                None => Answer::Unknown,
                Some(digests) if self.is_drawn(cache.recheck_one_in()) => Answer::Check(digests),
                Some(digests) => Answer::Known(digests),
            });
        }
        answers
    }

    /// Draws one in so many; a program that writes files cannot tell which.
    fn is_drawn(&mut self, one_in: u64) -> bool {
        self.drawn = self.drawn.wrapping_add(1);
        self.random.hash_one(self.drawn).is_multiple_of(one_in)
    }

    /// Returns whether what comes of an open file, on the file system of this number, may be kept.
    pub(crate) fn is_cacheable(&mut self, dev: u64, file: impl AsFd) -> bool {
        let Some(cache) = self.cache else { return false };
        *self.trusted.entry(dev).or_insert_with(|| {
            let kind = fstatfs(&file).ok().and_then(|stat| u64::try_from(stat.f_type).ok());
            kind.is_some_and(|kind| cache.trusts(kind))
        })
    }

    /// Keeps what came of a file; at once where the cache was wrong about it.
    pub(crate) fn store(&mut self, hashed: Hashed, is_mismatch: bool) {
        self.kept_bytes = self.kept_bytes.saturating_add(hashed.id.size);
        self.kept.push(hashed);
        let is_due = self.kept.len() >= limits::HASH_CACHE_BATCH_ROWS_MAX
            || self.kept_bytes >= limits::HASH_CACHE_BATCH_BYTES_MAX;
        if is_due || is_mismatch {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if let Some(cache) = self.cache.filter(|_| !self.kept.is_empty()) {
            cache.store(&self.kept);
        }
        self.kept.clear();
        self.kept_bytes = 0;
    }
}

/// However a worker ends, what it read was read.
impl Drop for CacheLookup<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.hand_over();
        }
    }
}

/// Returns the clock's nanoseconds since 1970: when reading a file began, as the cache notes it.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
