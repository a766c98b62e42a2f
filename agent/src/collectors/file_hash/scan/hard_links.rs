//! Files with several names (hard links): read once, with a row for each name.
//!
//! The worker that meets the first name reads. One that meets another name meanwhile leaves it here, and it becomes a row
//! when the reading ends; one that is met later becomes a row at once. The names are told by what the kernel says of the inode:
//! when that has changed, it is read again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::{FileStatus, Row};
use muster_protocol::artifact::{Digest, Digests};
use muster_protocol::limits;

use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::{Found, Place};
use crate::collectors::file_hash::scan::open::Open;
use crate::session::FileId;

/// Inodes of which more names may come.
const INODES_MAX: usize = if cfg!(test) { 8 } else { limits::HARD_LINKED_FILES_MAX };

/// What is known of files with several names.
#[derive(Debug)]
pub(crate) struct HardLinks {
    kinds: Vec<HashKind>,
    known: Mutex<HashMap<FileId, Inode>>,
}

#[derive(Debug)]
struct Inode {
    /// Names that were not met yet.
    left: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Its first name is being read; these wait for it.
    Reading(Vec<Name>),
    /// It was read. The digests lie one behind the other: there may be many of them.
    Read { status: FileStatus, digests: Box<[u8]> },
}

/// A further name of a file that is being read.
#[derive(Debug)]
struct Name {
    place: Place,
    found: Box<Found>,
}

/// What is to be done with a file that is open.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is to be read, and [`HardLinks::finish`] wants to hear of it.
    ReadFirst(Open),
    /// It is to be read.
    Read(Open),
    /// It is a row already.
    Known(Box<Found>),
    /// It becomes a row when the reading of another name ends.
    Waits,
}

impl HardLinks {
    pub(crate) fn new(kinds: &[HashKind]) -> Self {
        Self { kinds: kinds.to_vec(), known: Mutex::default() }
    }

    /// Decides what to do with a file that is open.
    pub(crate) fn claim(&self, place: Place, open: Open) -> Claim {
        let row = &open.found.row;
        if row.nlink < 2 {
            return Claim::Read(open);
        }
        let id = meta::file_id_of(row);
        let mut known = self.lock();
        let Some(inode) = known.get_mut(&id) else {
            if known.len() >= INODES_MAX {
                return Claim::Read(open);
            }
            let left = row.nlink - 1;
            known.insert(id, Inode { left, state: State::Reading(Vec::new()) });
            return Claim::ReadFirst(open);
        };
        inode.left = inode.left.saturating_sub(1);
        let is_last = inode.left == 0;
        let Open { mut found, .. } = open;
        match &mut inode.state {
            State::Reading(waiting) => {
                waiting.push(Name { place, found });
                return Claim::Waits;
            }
            State::Read { status, digests } => {
                found.row.status = *status;
                found.row.digests = unpack(&self.kinds, digests);
            }
        }
        if is_last {
            known.remove(&id);
        }
        Claim::Known(found)
    }

    /// Notes what became of a file whose first name was read, and returns the rows of the names that waited for it.
    pub(crate) fn finish(&self, id: FileId, first: &Row) -> Vec<(Place, Box<Found>)> {
        let mut known = self.lock();
        let Some(Inode { left, state: State::Reading(waiting) }) = known.remove(&id) else {
            return Vec::new();
        };
        let is_sure = matches!(first.status, FileStatus::Ok | FileStatus::CacheMismatch);
        if left > 0 && is_sure && first.size == id.size {
            let digests = first.digests.iter().flat_map(|(_, digest)| digest).copied().collect();
            let state = State::Read { status: first.status, digests };
            known.insert(id, Inode { left, state });
        }
        drop(known);
        waiting.into_iter().map(|name| (name.place, name.like(first))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Inode>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Name {
    /// Makes its row: what happened to the file happened under all its names.
    fn like(mut self, first: &Row) -> Box<Found> {
        let row = &mut self.found.row;
        (row.size, row.status, row.errno) = (first.size, first.status, first.errno);
        row.digests.clone_from(&first.digests);
        self.found
    }
}

fn unpack(kinds: &[HashKind], mut digests: &[u8]) -> Digests {
    let mut unpacked = Digests::with_capacity(kinds.len());
    for kind in kinds {
        let Some((digest, rest)) = digests.split_at_checked(kind.bytes()) else { break };
        unpacked.push((*kind, Digest::from_slice(digest)));
        digests = rest;
    }
    unpacked
}
