//! What passes from the walker to the workers, and from them to the window.

pub(crate) mod cursor;
pub(crate) mod meta;
pub(crate) mod path;
pub(crate) mod skip;

use std::sync::Arc;

use muster_protocol::artifact::file_hash::{FileKind, Row};
use rustix::fd::OwnedFd;

use crate::collectors::file_hash::entry::cursor::put_done_with;
use crate::collectors::file_hash::entry::path::EntryPath;

/// Leaves of one batch; few in tests, so that small trees are interrupted within.
const LEAVES_MAX: usize = if cfg!(test) { 3 } else { 64 };
/// Entries of one batch, counted ones included.
const ENTRIES_MAX: usize = if cfg!(test) { 5 } else { 512 };
/// Folders whose descriptors one batch holds open.
const FOLDERS_MAX: usize = 16;

/// An entry that a worker is to look at.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// Which of the batch's folders holds it.
    pub(crate) folder: usize,
    pub(crate) named: EntryPath,
    /// What the folder said it is.
    pub(crate) hint: FileKind,
    /// The file system that it must be on.
    pub(crate) dev: Option<u64>,
}

/// What became of an entry; each entry has one.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is a row.
    Row(Box<Found>),
    /// The operator's own filter left it out, for this reason.
    Filtered(&'static str),
    /// It is on another file system than its root, and the operator asked not to go there. Which one, for people.
    OtherFileSystem(String),
    /// It is a folder that was entered and is no row.
    Folder,
}

/// Where the outcome of an entry belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) batch: u64,
    pub(crate) index: usize,
}

/// What the hunt's list of hashes says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Verdict {
    /// There is no list, or the file could not be judged.
    #[default]
    None,
    /// It is in the list.
    Matched,
    /// It is not: it is counted and its row does not leave.
    Unmatched,
}

/// A row and what it cost.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) row: Row,
    /// Bytes that went through the digests.
    pub(crate) bytes: u64,
    pub(crate) elapsed_ms: u64,
    /// The mount that was not entered, for people.
    pub(crate) mount: Option<String>,
    /// The cursor behind it, where it is not simply done with: a folder whose entries follow.
    pub(crate) after: Option<Vec<u8>>,
    pub(crate) verdict: Verdict,
}

impl Found {
    /// Makes a row that cost nothing to speak of.
    pub(crate) fn free(row: Row) -> Self {
        Self { row, bytes: 0, elapsed_ms: 0, mount: None, after: None, verdict: Verdict::None }
    }
}

impl Outcome {
    /// Makes a row that cost nothing to speak of.
    pub(crate) fn row(row: Row) -> Self {
        Self::Row(Box::new(Found::free(row)))
    }

    /// Returns whether it is a row.
    pub(crate) fn is_row(&self) -> bool {
        matches!(self, Self::Row(_))
    }

    /// Makes a row of a file that was to be read, judged by the hunt's list.
    pub(crate) fn judged(
        judge: impl FnOnce(&Row) -> Verdict,
        mut found: Box<Found>,
        elapsed_ms: u64,
    ) -> Self {
        found.bytes = if found.row.status.has_digests() { found.row.size } else { 0 };
        found.verdict = judge(&found.row);
        found.elapsed_ms = elapsed_ms;
        Self::Row(found)
    }
}

/// One entry of a batch.
#[derive(Debug)]
pub(crate) enum Item {
    Leaf(Leaf),
    Done(Outcome),
}

/// Some entries in walk order, all below one root.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Position among the batches, from 0.
    pub(crate) number: u64,
    pub(crate) root: u32,
    pub(crate) items: Vec<Item>,
    /// The folders that hold its leaves. They stay open as long as the batch.
    pub(crate) folders: Vec<Arc<OwnedFd>>,
    /// The last entry, as a cursor has it.
    pub(crate) after: Vec<u8>,
    leaves: usize,
    folders_max: usize,
}

impl Batch {
    pub(crate) fn new(number: u64) -> Self {
        let items = Vec::with_capacity(LEAVES_MAX);
        Self { number, items, folders_max: FOLDERS_MAX, ..Self::default() }
    }

    /// Holds as few descriptors open as it can.
    pub(crate) fn spare_descriptors(&mut self) {
        self.folders_max = 2;
    }

    /// Adds an entry that is accounted for already; `after` is the cursor behind it.
    pub(crate) fn push_done(&mut self, outcome: Outcome, after: &[u8]) {
        self.items.push(Item::Done(outcome));
        self.after.clear();
        self.after.extend_from_slice(after);
    }

    /// Adds an entry for a worker to look at.
    pub(crate) fn push_leaf(
        &mut self,
        folder: &Arc<OwnedFd>,
        named: EntryPath,
        hint: FileKind,
        dev: Option<u64>,
    ) {
        if !self.folders.last().is_some_and(|last| Arc::ptr_eq(last, folder)) {
            self.folders.push(Arc::clone(folder));
        }
        put_done_with(named.path(), &mut self.after);
        let folder = self.folders.len().saturating_sub(1);
        self.items.push(Item::Leaf(Leaf { folder, named, hint, dev }));
        self.leaves += 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        let is_wide = self.folders.len() >= self.folders_max;
        self.leaves >= LEAVES_MAX || self.items.len() >= ENTRIES_MAX || is_wide
    }
}
