//! `file_hash`: walks file trees in a sorted order and yields a row for every selected entry.
//!
//! The way of a file, one folder after another:
//!
//! * [`spec`]: the arguments, made ready: roots, patterns, conditions, and the policy's folders at opening.
//! * [`walk`]: one sorted walk through folder descriptors, in batches of [`entry`].
//! * [`scan`]: workers open each entry and read each file once; files with several names are read once, files that the
//!   cache knows not at all.
//! * [`reorder`]: rows leave in walk order with their cursor. [`stats`]: what the footer counts. [`upload`]: files that
//!   match, before their rows.
//! * [`descriptors`]: what happens when there are none left.
//!
//! The states of an entry, in order, and what holds it. Each entry skips some of them.
//!
//! 1. Listed: the walk, in the [`walk::dir_listing::DirListing`] of the innermost folder.
//! 2. In a batch: [`entry::Batch`], which keeps the folder open. Its place in the order is open
//!    ([`reorder::state::State`]). What the walk decided itself (left out by a filter, refused, not
//!    readable, a folder) has its outcome already: 11.
//! 3. Looked at: the worker that took the batch ([`scan::open::Looked`]). Only in a listing, with
//!    conditions or a cache, or where the folder did not say that it is a regular file. In a
//!    listing, left out by a condition, or no regular file: 11.
//! 4. Looked up in the hash cache: the worker, together with the others of its batch. Known: 11.
//! 5. Open: the worker ([`scan::open::Open`]). The descriptor is held until 9 ends or 10 begins. What
//!    cannot be opened, or is no regular file: 11.
//! 6. Waits for another name of the same file: [`scan::hard_links::HardLinks`], without the
//!    descriptor. When that name has been read: 11.
//! 7. Waits for a free worker, from 8 MiB on: [`scan::big_files::BigFiles`]. Then: 9.
//! 8. Waits for the disk, where it is not in memory, or for its turn, from 64 KiB on: the worker
//!    ([`scan::read_ahead::Prefetch`]). Then: 9.
//! 9. Being read: a worker ([`scan::stream::Stream`]). Of a file that is alone and big an idle
//!    worker may read the bytes for it ([`scan::pipelined::PipelinedRead`]). Then: 11.
//! 10. Read whole, not hashed yet: the worker ([`scan::small::BufferedFile`]), until there are as
//!     many as the digest has lanes, or the batch ends.
//! 11. Finished: its worker's [`reorder::parcel::Parcel`], until the worker delivers it or the clock
//!     collects it.
//! 12. In its place: [`reorder::state::State`], until all entries before it are finished.
//! 13. Ready: the thread that emits ([`reorder::state::Ready`]). It is counted in the footer and the
//!     cursor moves behind it. What is not a row, or is not in the hunt's list, ends here.
//! 14. Sent: a file that matches is uploaded, then the session takes the row with the cursor.
//!
//! Where the process has no descriptor left, an entry stays in 1 (the walk) or before 5 (a worker)
//! until there is one. When the collection must stop, rows in 12 that wait for an unfinished entry
//! are sent without moving the cursor; not at a shutdown or a pause, for the resumed run finds them again.
//! Unfinished entries are then neither counted nor sent.
//!
//! What is a row, when digests are asked for: regular files (with digests); links, pipes, sockets and
//! devices (`skipped_kind`, never opened); what cannot be read, folders included (`denied`, `vanished`,
//! `io_error`); mount points that policy does not enter (`skipped_fs`). In a listing (no digests asked for)
//! folders and everything else are rows, too, status `ok`. What the operator's own filter leaves out is
//! only counted. Where the hunt carries a list of hashes, so is a file that was read and is not in it.
//!
//! Roots are sorted and each is taken once; a root below another is walked on its own and left out of the
//! outer one, so no path comes twice. A root that is a link is followed, as `find -H` does, and the rows
//! carry the path as it was asked for; links below a root are rows, and are followed only where
//! the request asks for it.

mod cursor;
mod descriptors;
mod entry;
mod reorder;
mod scan;
mod spec;
mod stats;
#[cfg(test)]
mod tests;
mod upload;
mod walk;

use std::sync::{Arc, Mutex, PoisonError};

use muster_protocol::artifact::Artifact;
use muster_protocol::artifact::file_hash;
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::result::ArtifactFooter;
use muster_protocol::wire::{self, WireError};

use self::cursor::Cursor;
use self::descriptors::Descriptors;
use self::reorder::{ReorderBuffer, keep_time};
use self::scan::big_files::BigFiles;
use self::scan::hard_links::HardLinks;
use self::scan::worker::{Shared, work};
use self::spec::Plan;
use self::upload::Uploads;
use self::walk::Walker;
use super::{CollectError, Collected, Collector, Machine, Opens};
use crate::files::Folders;
use crate::session::{Checkpoint, Session};

/// Threads of one collection.
const WORKERS_MAX: usize = 8;

/// The collector of `file_hash`.
#[derive(Debug)]
pub struct Files;

impl Collector for Files {
    fn artifact(&self) -> &'static dyn Artifact {
        &file_hash::Files
    }

    fn opens(&self, args: &[u8]) -> Result<Opens, WireError> {
        let spec = decode(args)?;
        Ok(Opens {
            roots: spec.roots,
            all_file_systems: spec.all_file_systems,
            anywhere: false,
            upload: spec.upload.map(|upload| *upload),
        })
    }

    fn so_far(&self, cursor: Option<&[u8]>) -> Result<ArtifactFooter, WireError> {
        cursor.map_or_else(|| Ok(Cursor::default()), Cursor::read)?.footer()
    }

    fn collect(
        &self,
        args: &[u8],
        machine: &Machine,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        let spec = decode(args).map_err(|error| {
            CollectError::failed(CollectError::BAD_ARGUMENTS, error.to_string())
        })?;
        let footer = collect(&spec, &machine.folders, session)?;
        // An operator who mistyped a root must not read "finished, nothing found".
        let failure = stats::no_root(&footer).map(|reason| (CollectError::NO_ROOT, reason));
        Ok(Collected { footer: Some(footer.sealed()?), failure })
    }
}

fn decode(args: &[u8]) -> Result<file_hash::Args, WireError> {
    wire::decode(args, REQUEST_BYTES_MAX)
}

/// Walks and hashes what `spec` selects and the machine's `folders` allow. The calling thread is one of the workers.
pub fn collect(
    spec: &file_hash::Args,
    folders: &Folders,
    session: &dyn Session,
) -> Result<file_hash::Footer, CollectError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    collect_within(spec, folders, session, cores.min(WORKERS_MAX))
}

#[cfg(test)]
fn collect_on(
    spec: &file_hash::Args,
    session: &dyn Session,
    workers: usize,
) -> Result<file_hash::Footer, CollectError> {
    collect_within(spec, &Folders::default(), session, workers)
}

fn collect_within(
    spec: &file_hash::Args,
    folders: &Folders,
    session: &dyn Session,
    workers: usize,
) -> Result<file_hash::Footer, CollectError> {
    let plan = Plan::new(spec, session)?.within(folders);
    let cursor = session.resume().map(|cursor| Cursor::read(&cursor)).transpose()?;
    let walker = Mutex::new(Walker::new(&plan, cursor.as_ref())?);
    let seen_before = cursor.as_ref().map_or(0, |cursor| cursor.footer.seen);
    let uploads = Uploads::new(spec.upload.as_deref().copied(), Arc::clone(&plan.access));
    let reorder = ReorderBuffer::new(cursor.unwrap_or_default(), stats::Rules::of(&plan), uploads);
    let links = HardLinks::new(&plan.hashes);
    let descriptors = Descriptors::new(workers);
    let (window, big_files) = (&reorder, BigFiles::new(&reorder));
    let shared = Shared { plan: &plan, walker, window, big_files, links, workers, descriptors };
    let worked = std::thread::scope(|scope| -> Result<(), CollectError> {
        let ended = Ended(window);
        let clock = std::thread::Builder::new().name("file_hash-clock".to_owned());
        // Without it rows may merely take longer.
        drop(clock.spawn_scoped(scope, || keep_time(window, session)));
        let mut threads = Vec::new();
        for number in 1..workers {
            let thread = std::thread::Builder::new()
                .name(format!("file_hash-{number}"))
                .spawn_scoped(scope, || work(&shared, session));
            // With fewer threads it merely takes longer.
            let Ok(thread) = thread else { break };
            threads.push(thread);
        }
        work(&shared, session);
        let mut has_panicked = false;
        for thread in threads {
            has_panicked |= thread.join().is_err();
        }
        drop(ended);
        if has_panicked {
            return Err(CollectError::failed(CollectError::BUG, "a worker panicked"));
        }
        Ok(())
    });
    window.hand_on(session);
    worked?;
    let walked = shared.walker.into_inner().unwrap_or_else(PoisonError::into_inner).walked();
    let footer = reorder.finish()?;
    let is_complete = footer.seen == seen_before.saturating_add(walked);
    if !is_complete || footer.accounted() != footer.seen {
        let reason = format!("the figures do not add up: walked {walked}, {footer:?}");
        return Err(CollectError::failed(CollectError::BUG, reason));
    }
    Ok(footer)
}

/// Notifies the clock that the workers have come back, also when the calling thread panics.
struct Ended<'a>(&'a ReorderBuffer);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.workers_ended();
    }
}
