//! `processes`: what runs on this machine, and from which file.
//!
//! * [`proc`]: one process, read from its folder of `/proc`, which stays the same process however long that takes.
//! * [`exe`]: the file that it runs: opened through that folder, held against the policy, compared with its path.
//! * [`hash`]: the digests of such files, each file once.
//!
//! A list of processes cannot be gone on with: its rows become durable with the final status, and a run that the agent
//! died on begins again.

mod exe;
mod hash;
mod proc;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use muster_protocol::artifact;
use muster_protocol::artifact::ioc::{self, IocList};
use muster_protocol::artifact::processes::{
    Process, ProcessStatus, Processes, ProcessesFooter, Running as Artifact,
};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::result::ArtifactFooter;
use muster_protocol::wire::{self, WireError};

use self::exe::Views;
use self::hash::Hasher;
use super::{CollectError, Collected, Collector, Machine, Opens, lists};
use crate::session::batch::Batch;
use crate::session::{Checkpoint, Progress, Session, Stop};

/// Processes of one collection: some 30 MB of rows. One user can start tens of thousands.
const PROCESSES_MAX: u64 = 100_000;

/// The collector of `processes`.
#[derive(Debug)]
pub struct Running;

impl Collector for Running {
    fn artifact(&self) -> &'static dyn artifact::Artifact {
        &Artifact
    }

    fn opens(&self, args: &[u8]) -> Result<Opens, WireError> {
        decode(args)?;
        Ok(Opens { anywhere: true, ..Opens::default() })
    }

    fn so_far(&self, _cursor: Option<&[u8]>) -> Result<ArtifactFooter, WireError> {
        ProcessesFooter::default().sealed()
    }

    fn collect(
        &self,
        args: &[u8],
        machine: &Machine,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        let args = decode(args).map_err(|error| {
            CollectError::failed(CollectError::BAD_ARGUMENTS, error.to_string())
        })?;
        let footer = collect(&args, machine, session)?;
        Ok(Collected { footer: Some(footer.sealed()?), failure: None })
    }
}

fn decode(args: &[u8]) -> Result<Processes, WireError> {
    wire::decode(args, REQUEST_BYTES_MAX)
}

/// Looks at every process; what was found counts, also when the session says stop.
fn collect(
    args: &Processes,
    machine: &Machine,
    session: &dyn Session,
) -> Result<ProcessesFooter, CollectError> {
    let _thread = session.enter_thread();
    let ioc = lists(&args.ioc, &args.list, &args.hashes, session)?;
    let pids = proc::pids().map_err(|error| {
        CollectError::failed(CollectError::SYSTEM, format!("/proc cannot be listed: {error}"))
    })?;
    let mut list = List {
        views: Views::new(&machine.folders),
        shows_cmdline: machine.shows_cmdline,
        hasher: Hasher::new(args, session),
        system: proc::System::now(),
        ioc: &ioc,
        rows: Vec::new(),
        rows_max: session.rows_left(),
        footer: ProcessesFooter::default(),
    };
    let looked = pids.into_iter().try_for_each(|pid| list.look(pid, session));
    let List { mut rows, mut footer, hasher, .. } = list;
    hasher.count(&mut footer);
    if let Err(stop) = &looked
        && stop.is_resumed()
    {
        return Err(stop.clone().into());
    }
    let emitted = session.last_rows(Batch::of(rows.iter_mut()), Arc::new(Upto(footer.clone())));
    looked.and(emitted)?;
    if footer.accounted() != footer.seen {
        let reason = format!("the figures do not add up: {footer:?}");
        return Err(CollectError::failed(CollectError::BUG, reason));
    }
    Ok(footer)
}

/// The list as it grows.
struct List<'a> {
    views: Views,
    shows_cmdline: bool,
    hasher: Hasher<'a>,
    system: proc::System,
    ioc: &'a [IocList],
    rows: Vec<Process>,
    rows_max: usize,
    footer: ProcessesFooter,
}

impl List<'_> {
    fn look(&mut self, pid: u32, session: &dyn Session) -> Result<(), Stop> {
        session.check()?;
        if self.footer.seen >= PROCESSES_MAX {
            return Err(Stop::Limit("processes"));
        }
        let mut row = match proc::Folder::open(pid) {
            Ok(folder) => {
                let mut row = folder.row(&self.system, self.shows_cmdline);
                self.exe(&folder, &mut row, session)?;
                row
            }
            Err(errno) => proc::failed(Process::bare(pid, ProcessStatus::Ok, 0), errno),
        };
        let is_row = self.count(&row);
        if is_row && self.rows.len() >= self.rows_max {
            session.end(Stop::Limit("rows"));
            return Err(Stop::Limit("rows"));
        }
        let path = row.exe.clone().unwrap_or_default();
        if is_row {
            row.comm.shrink_to_fit();
            self.rows.push(row);
        }
        let hashed = self.footer.hashed + self.footer.cached;
        let bytes = self.hasher.bytes_read();
        session.progress(Progress { seen: self.footer.seen, hashed, bytes, path });
        Ok(())
    }

    /// Looks at the file that a process runs.
    fn exe(
        &mut self,
        folder: &proc::Folder,
        row: &mut Process,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        if row.status != ProcessStatus::Ok {
            return Ok(());
        }
        match self.views.look(folder) {
            Ok(exe) => {
                row.exe = Some(exe.path.clone());
                row.exe_state = exe.state;
                if exe.is_skipped {
                    row.status = ProcessStatus::SkippedFs;
                } else {
                    self.hasher.hash(&exe, row, session)?;
                }
            }
            // Nothing of the file leaves, not even where it lies.
            Err(exe::Unseen::Refused) => row.status = ProcessStatus::DeniedByPolicy,
            Err(exe::Unseen::Failed(errno)) => {
                *row = proc::failed(
                    std::mem::replace(row, Process::bare(0, ProcessStatus::Ok, 0)),
                    errno,
                );
            }
        }
        Ok(())
    }

    /// Counts a process; returns whether it is a row: where there is a list, only what is in it and what could not be
    /// judged.
    fn count(&mut self, row: &Process) -> bool {
        let footer = &mut self.footer;
        footer.seen += 1;
        let has_digests = !row.digests.is_empty();
        match row.status {
            ProcessStatus::Cached => footer.cached += 1,
            ProcessStatus::Ok | ProcessStatus::Changed if has_digests => footer.hashed += 1,
            ProcessStatus::Ok | ProcessStatus::Changed | ProcessStatus::Kernel => {
                footer.listed += 1;
            }
            ProcessStatus::Denied
            | ProcessStatus::Vanished
            | ProcessStatus::IoError
            | ProcessStatus::SkippedFs
            | ProcessStatus::DeniedByPolicy => {
                *footer.failed.entry(row.status.as_str().to_owned()).or_default() += 1;
            }
        }
        if self.ioc.is_empty() {
            return true;
        }
        if !has_digests {
            // A thread of the kernel runs no file that could be in a list.
            return row.status != ProcessStatus::Kernel;
        }
        let digests = row.digests.iter().map(|(kind, digest)| (*kind, digest.as_slice()));
        if ioc::matches(self.ioc, digests).next().is_some() {
            footer.matched += 1;
            return true;
        }
        // A file that changed while it was read is never cleared by a list.
        let is_cleared = row.status != ProcessStatus::Changed;
        footer.unmatched += u64::from(is_cleared);
        !is_cleared
    }
}

/// The figures at the end; no run goes on from there.
#[derive(Debug)]
struct Upto(ProcessesFooter);

impl Checkpoint for Upto {
    fn cursor(&self) -> Result<Vec<u8>, WireError> {
        Ok(Vec::new())
    }

    fn footer(&self) -> Result<ArtifactFooter, WireError> {
        self.0.sealed()
    }
}
