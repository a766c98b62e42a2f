//! What a hunt makes of the cache: which files it asks for, and what of them is certain enough to be kept.

use muster_protocol::artifact::Digests;
use muster_protocol::artifact::file_hash::{FileStatus, Row};
use rustix::fs::Statx;

use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::spec::Plan;
use crate::files::known::CacheLookup;
use crate::session::cache::{Cache, Hashed};
use crate::session::{FileId, Session};

/// Returns the cache that answers for a hunt, if any does.
pub(crate) fn answering<'a>(plan: &Plan, session: &'a dyn Session) -> Option<&'a dyn Cache> {
    let is_asked = !plan.is_listing() && !plan.fresh;
    session.cache().filter(|cache| is_asked && !cache.is_empty())
}

/// Returns whether what comes of a file may be kept.
pub(crate) fn is_cacheable(known: &mut CacheLookup<'_>, open: &Open) -> bool {
    known.is_cacheable(open.found.row.dev, &open.file)
}

/// Keeps what came of a file, if that is certain.
pub(crate) fn store(known: &mut CacheLookup<'_>, id: FileId, began_ns: i64, row: &Row) {
    let is_mismatch = row.status == FileStatus::CacheMismatch;
    let is_sure = is_mismatch || row.status == FileStatus::Ok;
    if is_sure && row.size == id.size {
        known.store(Hashed { id, began_ns, digests: row.digests.clone() }, is_mismatch);
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
