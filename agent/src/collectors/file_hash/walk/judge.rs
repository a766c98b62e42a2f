//! Decides on an entry before it is opened: by its path, its mount and its kind.

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};

use crate::collectors::file_hash::entry::skip;
use crate::collectors::file_hash::entry::{Batch, Outcome};
use crate::collectors::file_hash::walk::{Entry, Walker};
use crate::files::mounts::Mount;
use crate::files::paths::{below, components};
use crate::files::resolve::Ways;
use crate::files::statx;
use crate::session::{Session, Stop};

impl<'a> Walker<'a> {
    /// Decides on an entry below a root by its path alone, before it is touched.
    pub(crate) fn judge(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        // Elsewhere the path of an entry follows from its folder's, which was checked.
        if entry.mount.is_some() && self.is_refused(&entry) {
            self.add_refused(entry.named.path(), entry.hint, batch);
            return Ok(());
        }
        let is_folder = entry.hint == FileKind::Directory;
        if self.is_excluded(entry.named.path(), is_folder) {
            self.add(Outcome::Filtered(skip::EXCLUDE), entry.named.path(), batch);
            return Ok(());
        }
        if let Some(mount) = &entry.mount {
            if self.is_elsewhere(Some(mount)) {
                self.add_elsewhere(entry.named.path(), entry.named.path(), &mount.kind, batch);
                return Ok(());
            }
            if mount.is_skipped() && !self.plan.all_file_systems {
                // A folder is covered by a folder, anything else by anything but a folder.
                let is_folder = entry.hint == FileKind::Directory;
                let what = if is_folder { FileKind::Directory } else { FileKind::Unknown };
                let row = Row::bare(entry.named.path().to_vec(), what, FileStatus::SkippedFs, 0);
                self.add_skipped(row, entry.named.path(), &mount.kind, batch);
                return Ok(());
            }
        }
        match entry.hint {
            FileKind::Symlink if self.plan.follow => self.follow(entry, batch, session),
            FileKind::Directory => self.enter(entry, batch, session),
            FileKind::Unknown => self.look_at_unknown(entry, batch, session),
            _ => {
                self.add_leaf(entry, batch);
                Ok(())
            }
        }
    }

    /// Asks the kernel what an entry is when its folder did not say.
    pub(crate) fn look_at_unknown(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        match statx::of_name(&entry.folder, entry.named.name()) {
            Ok(stat) if statx::kind_of(&stat) == FileKind::Directory => {
                self.enter(entry, batch, session)
            }
            Ok(stat)
                if statx::kind_of(&stat) == FileKind::Symlink
                    && self.plan.follow
                    && entry.level > 0 =>
            {
                self.follow(entry, batch, session)
            }
            Ok(stat) => {
                self.add_leaf(Entry { hint: statx::kind_of(&stat), ..entry }, batch);
                Ok(())
            }
            Err(errno) => {
                self.add_failed(entry.named.path(), entry.hint, None, errno, batch);
                Ok(())
            }
        }
    }

    /// Leaves an entry to the workers.
    pub(crate) fn add_leaf(&mut self, entry: Entry, batch: &mut Batch) {
        if entry.real.is_none() && self.is_denied_by_name(entry.named.path()) {
            return self.add_refused(entry.named.path(), entry.hint, batch);
        }
        let Entry { folder, named, hint, mount, .. } = entry;
        if !self.is_included(named.path(), false) {
            return self.add(Outcome::Filtered(skip::INCLUDE), named.path(), batch);
        }
        self.walked += 1;
        // A file is on the file system of its folder, unless it is a mount point itself. (Its own `st_dev` does not
        // tell: an overlay reports that of a layer.)
        let is_asked = self.plan.one_file_system && mount.is_some();
        let dev = if is_asked { self.root_dev } else { None };
        batch.push_leaf(&folder, named, hint, dev);
    }

    pub(crate) fn is_included(&self, path: &[u8], is_folder: bool) -> bool {
        if self.plan.filter.is_open() {
            return true;
        }
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let relative = below(root, path).filter(|relative| !relative.is_empty());
        let relative = relative.or_else(|| components(path).last()).unwrap_or_default();
        self.plan.filter.is_included(path, relative, is_folder)
    }

    pub(crate) fn is_excluded(&self, path: &[u8], is_folder: bool) -> bool {
        if self.plan.filter.is_open() {
            return false;
        }
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let relative = below(root, path).unwrap_or_default();
        self.plan.filter.is_excluded(path, relative, is_folder)
    }

    /// Returns whether the policy allows nothing where an entry is about to be opened.
    pub(crate) fn is_refused(&self, entry: &Entry) -> bool {
        self.plan.access.entry(&entry.folder, entry.named.name()).is_err()
    }

    /// Returns whether a rule names a file in the innermost folder, which was checked itself.
    fn is_denied_by_name(&self, path: &[u8]) -> bool {
        let base = if self.plan.access.is_open() { None } else { self.frames.base() };
        base.is_some_and(|base| self.plan.access.path(&base.real(path)).is_err())
    }

    pub(crate) fn ways(&self) -> Ways<'a> {
        Ways { mounts: &self.plan.mounts, enter_all: self.plan.all_file_systems }
    }

    /// Returns whether a mount is certainly another file system than the root's, and none is to be entered. What has the
    /// same device number (another mount of the same, a subvolume) is told apart by `st_dev`.
    pub(crate) fn is_elsewhere(&self, mount: Option<&Mount>) -> bool {
        let is_other = |mount: &Mount| self.root_mount.is_some_and(|root| root != mount.dev);
        self.plan.one_file_system && mount.is_some_and(is_other)
    }
}
