//! What passes from the walker to the workers, and from them to the window.

use std::sync::Arc;

use common::result::{FileKind, Row};
use rustix::fd::OwnedFd;

use super::plan::Plan;

/// Leaves of one batch; few in tests, so that small trees are interrupted within.
const LEAVES_MAX: usize = if cfg!(test) { 3 } else { 64 };
/// Entries of one batch, counted ones included.
const ENTRIES_MAX: usize = if cfg!(test) { 5 } else { 512 };
/// Folders whose descriptors one batch holds open.
const FOLDERS_MAX: usize = 16;

/// An entry that a worker is to look at.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The folder that holds it.
    pub(super) folder: Arc<OwnedFd>,
    pub(super) path: Vec<u8>,
    pub(super) name: Vec<u8>,
    /// What the folder said it is.
    pub(super) hint: FileKind,
    /// The file system that it must be on.
    pub(super) dev: Option<u64>,
}

/// What became of an entry; each entry has one.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is a row.
    Row(Box<Found>),
    /// The operator's own filter left it out, for this reason.
    Filtered(&'static str),
    /// It is on another file system than its root, and the operator asked not to go there. Which one, for people.
    OtherFileSystem(String),
    /// It is a folder that was entered and is no row.
    Folder,
}

/// What the hunt's list of hashes says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Verdict {
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
pub(super) struct Found {
    pub(super) row: Row,
    /// Bytes that went through the digests.
    pub(super) bytes: u64,
    pub(super) elapsed_ms: u64,
    /// The mount that was not entered, for people.
    pub(super) mount: Option<String>,
    /// The cursor behind it, where it is not simply done with: a folder whose entries follow.
    pub(super) after: Option<Vec<u8>>,
    pub(super) verdict: Verdict,
}

impl Found {
    /// Makes a row that cost nothing to speak of.
    pub(super) fn free(row: Row) -> Self {
        Self { row, bytes: 0, elapsed_ms: 0, mount: None, after: None, verdict: Verdict::None }
    }
}

impl Found {
    /// Makes a row of a file that was to be read, judged by the hunt's list.
    pub(super) fn judged(plan: &Plan, row: Row, elapsed_ms: u64) -> Self {
        let bytes = if row.status.has_digests() { row.size } else { 0 };
        let verdict = plan.judge(&row);
        Self { bytes, elapsed_ms, verdict, ..Self::free(row) }
    }
}

impl Outcome {
    /// Makes a row that cost nothing to speak of.
    pub(super) fn row(row: Row) -> Self {
        Self::Row(Box::new(Found::free(row)))
    }
}

/// One entry of a batch.
#[derive(Debug)]
pub(super) enum Item {
    Leaf(Leaf),
    Done(Outcome),
}

/// Some entries in walk order, all below one root.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Position among the batches, from 0.
    pub(super) number: u64,
    pub(super) root: u32,
    pub(super) items: Vec<Item>,
    /// The last entry, as a cursor has it.
    pub(super) after: Vec<u8>,
    leaves: usize,
    folders: usize,
    folder: Option<Arc<OwnedFd>>,
}

impl Batch {
    pub(super) fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Adds an entry; `after` is the cursor behind it.
    pub(super) fn push(&mut self, item: Item, after: Vec<u8>) {
        if let Item::Leaf(leaf) = &item {
            self.leaves += 1;
            if !self.folder.as_ref().is_some_and(|last| Arc::ptr_eq(last, &leaf.folder)) {
                self.folders += 1;
                self.folder = Some(Arc::clone(&leaf.folder));
            }
        }
        self.items.push(item);
        self.after = after;
    }

    pub(super) fn is_full(&self) -> bool {
        self.leaves >= LEAVES_MAX || self.items.len() >= ENTRIES_MAX || self.folders >= FOLDERS_MAX
    }

    /// Lets go of what was only needed while it was filled.
    pub(super) fn seal(mut self) -> Self {
        self.folder = None;
        self
    }
}
