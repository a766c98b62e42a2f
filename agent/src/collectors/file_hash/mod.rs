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
//! What is a row, when digests are asked for: regular files (with digests); links, pipes, sockets and
//! devices (`skipped_kind`, never opened); what cannot be read, folders included (`denied`, `vanished`,
//! `io_error`); mount points that policy does not enter (`skipped_fs`). In a listing (no digests asked for)
//! folders and everything else are rows, too, status `ok`. What the operator's own filter leaves out is
//! only counted. Where the hunt carries a list of hashes, so is a file that was read and is not in it.
//!
//! Roots are sorted and each is taken once; a root below another is walked on its own and left out of the
//! outer one, so no path comes twice. A root that is a link is followed, as `find -H` does, and the rows
//! carry the path as it was asked for; links below a root are rows and are not followed.

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
use muster_protocol::artifact::file_hash::{self, FileHash, FilesFooter};
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

fn decode(args: &[u8]) -> Result<FileHash, WireError> {
    wire::decode(args, REQUEST_BYTES_MAX)
}

/// Walks and hashes what `spec` selects and the machine's `folders` allow. The calling thread is one of the workers.
pub fn collect(
    spec: &FileHash,
    folders: &Folders,
    session: &dyn Session,
) -> Result<FilesFooter, CollectError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    collect_within(spec, folders, session, cores.min(WORKERS_MAX))
}

#[cfg(test)]
fn collect_on(
    spec: &FileHash,
    session: &dyn Session,
    workers: usize,
) -> Result<FilesFooter, CollectError> {
    collect_within(spec, &Folders::default(), session, workers)
}

fn collect_within(
    spec: &FileHash,
    folders: &Folders,
    session: &dyn Session,
    workers: usize,
) -> Result<FilesFooter, CollectError> {
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
