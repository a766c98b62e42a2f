//! Enters a folder: opens it, decides on it by what was opened, reads its names, and makes it the innermost.

use std::sync::Arc;

use muster_protocol::artifact::file_hash::{FileKind, FileStatus};
use rustix::fd::OwnedFd;
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::cursor::Past;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::skip;
use crate::collectors::file_hash::entry::{Batch, Outcome};
use crate::collectors::file_hash::walk::dir_listing::DirListing;
use crate::collectors::file_hash::walk::dir_stack::{
    Opened, RealPathPrefix, open_folder, open_unmounted,
};
use crate::collectors::file_hash::walk::{Entry, Starved, Walker};
use crate::files::mounts::Mounts;
use crate::files::statx;
use crate::session::{Session, Stop, Wait, blocking};

impl Walker<'_> {
    /// Opens a folder, and makes it the innermost unless what was opened is not to be entered.
    pub(crate) fn enter(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let is_unmounted = entry.level > 0 && entry.mount.is_none() && entry.real.is_none();
        session.set_current_path(entry.named.path());
        let opened = blocking(session, Wait::Open, || {
            let opened = if is_unmounted {
                open_unmounted(&entry.folder, entry.named.name())
            } else {
                open_folder(&entry.folder, entry.named.name())
            };
            opened.and_then(|folder| Ok((statx::of_open(&folder)?, folder)))
        });
        let (stat, folder) = match opened {
            Ok(opened) => opened,
            Err(Errno::XDEV) if is_unmounted => {
                return self.judge_mounted(entry, batch, session);
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                self.add_leaf(Entry { hint: FileKind::Unknown, ..entry }, batch);
                return Ok(());
            }
            Err(errno) if is_starved(errno) => {
                self.starved = Some(Starved::Folder(entry));
                return Ok(());
            }
            Err(errno) => {
                // Also when an earlier run was in it: what it did not come to is lost, and must not be in silence.
                let stat = statx::of_name(&entry.folder, entry.named.name()).ok();
                let path = entry.named.path();
                self.add_failed(path, FileKind::Directory, stat.as_ref(), errno, batch);
                return Ok(());
            }
        };
        if self.settle(&entry, &folder, &stat, batch) {
            return Ok(());
        }
        self.list(entry, folder, stat, batch, session)
    }

    /// Accounts for a folder that was opened and is not to be entered; returns whether it is one.
    fn settle(&mut self, entry: &Entry, folder: &OwnedFd, stat: &Statx, batch: &mut Batch) -> bool {
        if self.plan.access.folder(folder, stat).is_err() {
            self.add_refused(entry.named.path(), FileKind::Directory, batch);
            return true;
        }
        if entry.level == 0 {
            self.root_dev = Some(statx::dev(stat));
        } else if self.plan.one_file_system && self.root_dev != Some(statx::dev(stat)) {
            let kind = entry.mount.as_ref().map_or("subvolume", |mount| mount.kind.as_str());
            self.add_elsewhere(entry.named.path(), entry.named.path(), kind, batch);
            return true;
        }
        if self.frames.links() > 0 && self.frames.holds(stat) {
            self.add_loop(entry, stat, batch);
            return true;
        }
        let is_deepest = self
            .plan
            .max_depth
            .is_some_and(|max| u32::try_from(entry.level).is_ok_and(|l| l >= max));
        if is_deepest {
            let outcome = self.folder_outcome(entry, stat, None);
            self.add(outcome, entry.named.path(), batch);
            return true;
        }
        false
    }

    /// Reads the names of a folder and makes it the innermost.
    fn list(
        &mut self,
        entry: Entry,
        folder: OwnedFd,
        stat: Statx,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let (mut names, problem) = DirListing::read(&folder, &mut self.buffer, session)?;
        let resume = self.resume.as_ref().filter(|_| entry.past == Past::Entered);
        let towards =
            resume.and_then(|resume| resume.resume_child(entry.level)).map(<[u8]>::to_vec);
        if let Some(towards) = &towards {
            names.skip_to(towards);
        }
        match resume.map(|resume| resume.after.clone()) {
            None => {
                let outcome = self.folder_outcome(&entry, &stat, problem);
                self.add_entered(outcome, entry.named.path(), batch);
            }
            // Rather said twice than not at all: names may be missing that were there before.
            Some(after) if problem.is_some() => {
                let outcome = self.folder_outcome(&entry, &stat, problem);
                self.add_entered(outcome, &after, batch);
            }
            Some(_) => {}
        }
        let is_linked = entry.level > 0 && entry.real.is_some();
        let base = match (entry.real, self.frames.base()) {
            (None, Some(base)) => base,
            (real, _) => Arc::new(RealPathPrefix {
                path_len: entry.named.path().len(),
                real: real.unwrap_or_default(),
            }),
        };
        let mounts = self.plan.mounts.within(&base.real(entry.named.path()));
        let opened = Opened { folder, base, is_linked, stat, names, mounts, towards };
        self.frames.push(entry.named.path(), opened);
        Ok(())
    }

    /// Decides on a folder that something has been mounted on since the table was read.
    fn judge_mounted(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let real = self.frames.base().map(|base| base.real(entry.named.path())).unwrap_or_default();
        if let Ok(Some(mount)) = Mounts::read().map(|mounts| mounts.at(&real).cloned()) {
            return self.judge(Entry { mount: Some(mount), ..entry }, batch, session);
        }
        // It is away again, or hidden.
        self.add_failed(entry.named.path(), FileKind::Directory, None, Errno::XDEV, batch);
        Ok(())
    }

    fn folder_outcome(&self, entry: &Entry, stat: &Statx, problem: Option<Errno>) -> Outcome {
        if let Some(errno) = problem {
            let row =
                meta::failed(entry.named.path().to_vec(), FileKind::Directory, Some(stat), errno);
            return Outcome::row(row);
        }
        if !self.plan.is_listing() {
            return Outcome::Folder;
        }
        if entry.level > 0 && !self.is_included(entry.named.path(), true) {
            return Outcome::Filtered(skip::INCLUDE);
        }
        if let Some(reason) = self.plan.select.refuses(stat) {
            return Outcome::Filtered(reason);
        }
        Outcome::row(meta::row(entry.named.path().to_vec(), stat, FileStatus::Ok))
    }
}
