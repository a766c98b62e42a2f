//! A cache in memory, for tests of collectors: it believes everything, and counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_protocol::artifact::Digests;
use muster_protocol::artifact::HashKind;

use super::FileId;
use super::cache::{Cache, Hashed};

/// A cache that remembers.
#[derive(Debug)]
pub struct FakeCache {
    known: Mutex<HashMap<FileId, Digests>>,
    recheck_one_in: u64,
    asked: AtomicU64,
    kept: AtomicU64,
}

impl FakeCache {
    /// Makes an empty one of which nothing is read again.
    pub fn new() -> Self {
        let (asked, kept) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { known: Mutex::default(), recheck_one_in: u64::MAX, asked, kept }
    }

    /// Has one in so many of the known files read again.
    #[must_use]
    pub fn rechecking_one_in(self, recheck_one_in: u64) -> Self {
        Self { recheck_one_in, ..self }
    }

    /// Makes every digest that is known wrong.
    pub fn corrupt(&self) {
        for (_, digest) in self.lock().values_mut().flatten() {
            for byte in digest {
                *byte = !*byte;
            }
        }
    }

    /// Returns how many files are known.
    pub fn known(&self) -> usize {
        self.lock().len()
    }

    /// Returns how many files were asked for.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns how many files were handed over.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Digests>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeCache {
    fn default() -> Self {
        Self::new()
    }
}

impl Cache for FakeCache {
    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn find(&self, kinds: &[HashKind], files: &[FileId]) -> Vec<Option<Digests>> {
        self.asked.fetch_add(files.len() as u64, Ordering::Relaxed);
        let known = self.lock();
        let find = |file: &FileId| {
            let known = known.get(file)?;
            let of = |kind: &HashKind| known.iter().find(|(known, _)| known == kind).cloned();
            kinds.iter().map(of).collect()
        };
        files.iter().map(find).collect()
    }

    fn store(&self, files: &[Hashed]) {
        self.kept.fetch_add(files.len() as u64, Ordering::Relaxed);
        let mut known = self.lock();
        for file in files {
            let digests = known.entry(file.id).or_default();
            digests.retain(|(kind, _)| file.digests.iter().all(|(new, _)| new != kind));
            digests.extend(file.digests.iter().cloned());
        }
    }

    fn trusts(&self, _file_system: u64) -> bool {
        true
    }

    fn recheck_one_in(&self) -> u64 {
        self.recheck_one_in
    }
}
