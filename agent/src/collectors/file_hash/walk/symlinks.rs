//! Symbolic links below a root, followed where the request asks for it: as `find -L` does, but never into a file system that is not entered.
//!
//! What a link leads to comes under the link's own path. The walk keeps no record of what it has been to (a resumed one
//! would not have it): what two links lead to comes twice, under two paths. Only a folder that the walk is in already
//! is not entered again: that link is a row with `ELOOP`. A link that leads nowhere is the row of the link.

use std::ffi::CString;
use std::sync::Arc;

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::limits;
use rustix::fs::{self, Statx};
use rustix::io::{Errno, retry_on_intr};

use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::path::EntryPath;
use crate::collectors::file_hash::entry::skip;
use crate::collectors::file_hash::entry::{Batch, Outcome};
use crate::collectors::file_hash::walk::Entry;
use crate::collectors::file_hash::walk::Starved;
use crate::collectors::file_hash::walk::Walker;
use crate::files::resolve::Place;
use crate::files::statx;
use crate::session::{Session, Stop};

impl Walker<'_> {
    /// Takes a link for what it leads to.
    pub(crate) fn follow(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let Some(base) = self.frames.base() else { return Ok(()) };
        let target =
            retry_on_intr(|| fs::readlinkat(&entry.folder, entry.named.name(), Vec::new()));
        let Ok(target) = target.map(CString::into_bytes) else {
            // Whatever it is by now.
            self.add_leaf(Entry { hint: FileKind::Unknown, ..entry }, batch);
            return Ok(());
        };
        let folder = entry.named.path().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let folder = base.real(entry.named.path().get(..folder.max(1)).unwrap_or_default());
        match self.ways().follow(&entry.folder, &folder, &target) {
            Place::Found { parent, name, real } => {
                let mount = self.plan.mounts.over(&real);
                if self.is_elsewhere(mount) {
                    let kind = mount.map_or("", |mount| mount.kind.as_str()).to_owned();
                    self.add_elsewhere(entry.named.path(), &real, &kind, batch);
                    return Ok(());
                }
                if self.plan.access.entry(&parent, &name).is_err() {
                    self.add_refused(entry.named.path(), FileKind::Symlink, batch);
                    return Ok(());
                }
                match statx::of_name(&parent, &name) {
                    Ok(stat) => {
                        let named = EntryPath::shown_as(entry.named.path().to_vec(), name);
                        let place = Entry { folder: Arc::new(parent), named, ..entry.clone() };
                        let found =
                            Entry { hint: statx::kind_of(&stat), real: Some(real), ..place };
                        self.take(found, &entry, &stat, batch, session)?;
                    }
                    Err(errno) => self.add_unreached(entry, errno, batch),
                }
            }
            Place::OnSkipped { point, kind } => {
                let status = FileStatus::SkippedFs;
                let row = Row::bare(entry.named.into_path(), FileKind::Symlink, status, 0);
                self.add_skipped(row, &point, &kind, batch);
            }
            Place::Failed(errno) if is_starved(errno) => {
                self.starved = Some(Starved::Link(entry));
            }
            Place::Failed(errno) => self.add_unreached(entry, errno, batch),
        }
        Ok(())
    }

    /// Goes on with what `link` led to.
    fn take(
        &mut self,
        found: Entry,
        link: &Entry,
        stat: &Statx,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        if found.hint != FileKind::Directory {
            self.add_leaf(found, batch);
            return Ok(());
        }
        if self.is_excluded(found.named.path(), true) {
            self.add(Outcome::Filtered(skip::EXCLUDE), found.named.path(), batch);
            return Ok(());
        }
        let is_too_far = self.frames.links() >= limits::LINKS_ON_THE_WAY_MAX;
        if is_too_far || self.frames.holds(stat) {
            match statx::of_name(&link.folder, link.named.name()) {
                Ok(own) => self.add_loop(link, &own, batch),
                Err(errno) => self.add_unreached(link.clone(), errno, batch),
            }
            return Ok(());
        }
        self.enter(found, batch, session)
    }

    /// Accounts for a link or folder that leads back to where the walk is.
    pub(crate) fn add_loop(&mut self, entry: &Entry, stat: &Statx, batch: &mut Batch) {
        let kind = statx::kind_of(stat);
        let read = || fs::readlinkat(&entry.folder, entry.named.name(), Vec::new());
        let target = (kind == FileKind::Symlink).then(|| retry_on_intr(read).ok()).flatten();
        let outcome = if !self.is_included(entry.named.path(), kind == FileKind::Directory) {
            Outcome::Filtered(skip::INCLUDE)
        } else if let Some(reason) = self.plan.select.refuses(stat) {
            Outcome::Filtered(reason)
        } else {
            let row = meta::row(entry.named.path().to_vec(), stat, FileStatus::SkippedKind);
            let link_target = target.map(std::ffi::CString::into_bytes);
            Outcome::row(Row { errno: Errno::LOOP.raw_os_error(), link_target, ..row })
        };
        self.add(outcome, entry.named.path(), batch);
    }

    /// Accounts for a link whose target is not there (it is the row of the link) or cannot be reached.
    fn add_unreached(&mut self, entry: Entry, errno: Errno, batch: &mut Batch) {
        if errno == Errno::NOENT {
            return self.add_leaf(entry, batch);
        }
        let stat = statx::of_name(&entry.folder, entry.named.name()).ok();
        if let (Errno::LOOP, Some(stat)) = (errno, &stat) {
            return self.add_loop(&entry, stat, batch);
        }
        self.add_failed(entry.named.path(), FileKind::Symlink, stat.as_ref(), errno, batch);
    }
}
