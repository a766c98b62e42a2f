//! What is known of a file before it is read, and what is kept of it afterwards: the way to the session's cache.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use muster_protocol::artifact::Digests;
use muster_protocol::artifact::file_hash::{FileStatus, Row};
use muster_protocol::limits;
use rustix::fs::{Statx, fstatfs};

use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::spec::Plan;
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
    plan: &'a Plan,
    cache: Option<&'a dyn Cache>,
    /// Whether the cache may be believed, by device number.
    trusted: BTreeMap<u64, bool>,
    kept: Vec<Hashed>,
    kept_bytes: u64,
    random: RandomState,
    drawn: u64,
}

/// Returns the cache that answers for a hunt, if any does.
pub(crate) fn answering<'a>(plan: &Plan, session: &'a dyn Session) -> Option<&'a dyn Cache> {
    let is_asked = !plan.is_listing() && !plan.fresh;
    session.cache().filter(|cache| is_asked && !cache.is_empty())
}

impl<'a> CacheLookup<'a> {
    pub(crate) fn new(plan: &'a Plan, session: &'a dyn Session) -> Self {
        Self {
            plan,
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
        let mut found = cache.find(&self.plan.hashes, files).into_iter();
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

    /// Draws one in so many; nobody who writes files can tell which.
    fn is_drawn(&mut self, one_in: u64) -> bool {
        self.drawn = self.drawn.wrapping_add(1);
        self.random.hash_one(self.drawn).is_multiple_of(one_in)
    }

    /// Returns whether what comes of a file may be kept.
    pub(crate) fn takes(&mut self, open: &Open) -> bool {
        let Some(cache) = self.cache else { return false };
        *self.trusted.entry(open.found.row.dev).or_insert_with(|| {
            let kind = fstatfs(&open.file).ok().and_then(|stat| u64::try_from(stat.f_type).ok());
            kind.is_some_and(|kind| cache.trusts(kind))
        })
    }

    /// Keeps what came of a file, if that is certain.
    pub(crate) fn keep(&mut self, id: FileId, began_ns: i64, row: &Row) {
        let is_mismatch = row.status == FileStatus::CacheMismatch;
        let is_sure = is_mismatch || row.status == FileStatus::Ok;
        if !is_sure || row.size != id.size {
            return;
        }
        self.kept.push(Hashed { id, began_ns, digests: row.digests.clone() });
        self.kept_bytes = self.kept_bytes.saturating_add(id.size);
        let is_due = self.kept.len() >= limits::HASH_CACHE_BATCH_ROWS_MAX
            || self.kept_bytes >= limits::HASH_CACHE_BATCH_BYTES_MAX;
        if is_due || is_mismatch {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if let Some(cache) = self.cache.filter(|_| !self.kept.is_empty()) {
            cache.keep(&self.kept);
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

/// Compares what was read with what the cache `expected`, and says in the row where it was wrong. Returns whether the
/// cache is to hear of it: to write down what it knows would cost a commit, and nothing is gained.
pub(crate) fn compare(row: &mut Row, expected: Option<&Digests>) -> bool {
    if row.status == FileStatus::Ok
        && let Some(known) = expected
    {
        if *known == row.digests {
            return false;
        }
        row.status = FileStatus::CacheMismatch;
    }
    true
}

/// Makes the row of a file that is not read.
pub(crate) fn row(path: Vec<u8>, stat: &Statx, digests: Digests) -> Row {
    Row { digests, ..meta::row(path, stat, FileStatus::Cached) }
}
