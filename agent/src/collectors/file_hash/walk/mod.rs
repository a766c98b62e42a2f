//! The one sorted walk: iterative, through folder descriptors, links below a root followed only if they are asked to be.
//!
//! Order: roots as the plan sorts them; a folder before what is in it; names byte by byte within a folder.

pub(crate) mod dir_listing;
pub(crate) mod dir_stack;
pub(crate) mod symlinks;

use std::sync::Arc;

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::limits;
use rustix::fd::OwnedFd;
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::collectors::CollectError;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::cursor::{Past, Resume, done_with};
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::path::EntryPath;
use crate::collectors::file_hash::entry::skip;
use crate::collectors::file_hash::entry::{Batch, Found, Outcome};
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::walk::dir_listing::{Buffer, DirListing};
use crate::collectors::file_hash::walk::dir_stack::{
    DirStack, Listed, Lost, Opened, RealPathPrefix, open_folder, open_unmounted,
};
use crate::files::mounts::{Mount, Mounts};
use crate::files::paths::{below, components};
use crate::files::resolve::{Place, Ways};
use crate::files::statx;
use crate::session::{Session, Stop, Wait, blocking};

/// Walks all roots.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    plan: &'a Plan,
    next_root: usize,
    /// The root that is walked.
    root: usize,
    root_dev: Option<u64>,
    /// Device number of the mount that the root lies on.
    root_mount: Option<u64>,
    frames: DirStack<'a>,
    buffer: Buffer,
    /// Where an earlier run stopped.
    resume: Option<Resume>,
    batches: u64,
    walked: u64,
    /// What could not be opened for want of descriptors, and is tried again.
    starved: Option<Starved>,
    is_sparing: bool,
}

/// What the walk came to.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// The next entries.
    Batch(Batch),
    /// It needs a descriptor to go on.
    Starved,
    /// The end.
    End,
}

/// Where the walk waits for a descriptor.
#[derive(Debug)]
enum Starved {
    /// At the root that is next.
    Root,
    /// At the next name of the innermost folder.
    Name,
    /// At a folder.
    Folder(Entry),
    /// At a link that is to be followed.
    Link(Entry),
}

/// An entry as its folder names it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    folder: Arc<OwnedFd>,
    named: EntryPath,
    hint: FileKind,
    mount: Option<Mount>,
    level: usize,
    past: Past,
    /// Its path without links, where that does not follow from its folder's: a root, or what a link led to.
    real: Option<Vec<u8>>,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(plan: &'a Plan, cursor: Option<&Cursor>) -> Result<Self, CollectError> {
        let resume = match cursor.filter(|cursor| !cursor.after.is_empty()) {
            None => None,
            Some(cursor) => Some(Resume::new(&plan.roots, cursor).ok_or_else(|| {
                let reason = "the cursor does not lie below its root";
                CollectError::failed(CollectError::BUG, reason)
            })?),
        };
        Ok(Self {
            plan,
            next_root: resume.as_ref().map_or(0, |resume| resume.root),
            root: 0,
            root_dev: None,
            root_mount: None,
            frames: DirStack::default(),
            buffer: Buffer::default(),
            resume,
            batches: 0,
            walked: 0,
            starved: None,
            is_sparing: false,
        })
    }

    /// Holds as few descriptors open as it can, from now on.
    pub(crate) fn spare_descriptors(&mut self) {
        self.is_sparing = true;
        self.frames.spare_descriptors();
    }

    /// Returns how many entries this walk met, those of an earlier run not counted.
    pub(crate) fn walked(&self) -> u64 {
        self.walked
    }

    /// Returns the next entries.
    pub(crate) fn next_batch(&mut self, session: &dyn Session) -> Result<Pulled, Stop> {
        let mut batch = Batch::new(self.batches);
        if self.is_sparing {
            batch.spare_descriptors();
        }
        self.frames.check_innermost(&self.plan.access);
        match self.starved.take() {
            Some(Starved::Folder(entry)) => self.enter(entry, &mut batch, session)?,
            Some(Starved::Link(entry)) => self.follow(entry, &mut batch, session)?,
            Some(Starved::Root | Starved::Name) | None => {}
        }
        while !batch.is_full() && self.starved.is_none() {
            session.check()?;
            if self.frames.level() == 0 {
                if !batch.items.is_empty() {
                    break;
                }
                if !self.begin_root(&mut batch, session)? {
                    return Ok(Pulled::End);
                }
                continue;
            }
            self.step(&mut batch, session)?;
        }
        if self.starved.is_some() && batch.items.is_empty() {
            return Ok(Pulled::Starved);
        }
        self.batches += 1;
        batch.root = u32::try_from(self.root).unwrap_or(u32::MAX);
        Ok(Pulled::Batch(batch))
    }

    fn begin_root(&mut self, batch: &mut Batch, session: &dyn Session) -> Result<bool, Stop> {
        let Some(path) = self.plan.roots.get(self.next_root) else { return Ok(false) };
        self.root = self.next_root;
        self.next_root += 1;
        self.root_dev = None;
        let resumed = self.resume.as_ref().filter(|resume| resume.root == self.root);
        let past = resumed.map_or(Past::New, |resume| resume.past(0));
        if past == Past::Done {
            return Ok(true);
        }
        match self.ways().find(path) {
            Place::Found { parent, name, real } => {
                self.root_mount = self.plan.mounts.over(&real).map(|mount| mount.dev);
                let folder = Arc::new(parent);
                let named = EntryPath::shown_as(path.clone(), name);
                let hint = FileKind::Unknown;
                let real = Some(real);
                let entry = Entry { folder, named, hint, mount: None, level: 0, past, real };
                if self.is_refused(&entry) {
                    self.add_refused(path, hint, batch);
                    return Ok(true);
                }
                self.look_at_unknown(entry, batch, session)?;
            }
            Place::OnSkipped { point, kind } => {
                let row = Row::bare(path.clone(), FileKind::Unknown, FileStatus::SkippedFs, 0);
                self.add_skipped(row, &point, &kind, batch);
            }
            Place::Failed(errno) if is_starved(errno) => {
                self.next_root = self.root;
                self.starved = Some(Starved::Root);
            }
            Place::Failed(errno) => {
                self.add_failed(path, FileKind::Unknown, None, errno, batch);
            }
        }
        Ok(true)
    }

    /// Takes one name of the innermost folder.
    fn step(&mut self, batch: &mut Batch, session: &dyn Session) -> Result<(), Stop> {
        let level = self.frames.level();
        let Some(listed) = self.frames.next() else { return Ok(()) };
        let folder = self.frames.innermost(&self.plan.access);
        if folder.as_ref().is_err_and(|lost| lost.is_starved()) {
            self.frames.give_back(&listed);
            self.starved = Some(Starved::Name);
            return Ok(());
        }
        let Listed { named, hint, mount, is_on_the_way } = listed;
        let past = match &self.resume {
            Some(resume) if is_on_the_way => resume.past(level),
            _ => Past::New,
        };
        if past == Past::Done || self.plan.filter.is_other_root(named.path()) {
            return Ok(());
        }
        if named.path().len() > limits::TREE_PATH_BYTES_MAX {
            self.add_failed(named.path(), hint, None, Errno::NAMETOOLONG, batch);
            return Ok(());
        }
        match folder {
            Ok(folder) => {
                let entry = Entry { folder, named, hint, mount, level, past, real: None };
                self.judge(entry, batch, session)
            }
            Err(Lost::Failed(errno)) => {
                self.add_failed(named.path(), hint, None, errno, batch);
                Ok(())
            }
            Err(Lost::Refused) => {
                self.add_refused(named.path(), hint, batch);
                Ok(())
            }
        }
    }

    /// Decides on an entry below a root by its path alone, before it is touched.
    fn judge(
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
    fn look_at_unknown(
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
    fn add_leaf(&mut self, entry: Entry, batch: &mut Batch) {
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

    /// Opens a folder, reads its names and makes it the innermost.
    fn enter(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let is_unmounted = entry.level > 0 && entry.mount.is_none() && entry.real.is_none();
        session.take_in_hand(entry.named.path());
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
        if self.plan.access.folder(&folder, &stat).is_err() {
            self.add_refused(entry.named.path(), FileKind::Directory, batch);
            return Ok(());
        }
        if entry.level == 0 {
            self.root_dev = Some(statx::dev(&stat));
        } else if self.plan.one_file_system && self.root_dev != Some(statx::dev(&stat)) {
            let kind = entry.mount.as_ref().map_or("subvolume", |mount| mount.kind.as_str());
            self.add_elsewhere(entry.named.path(), entry.named.path(), kind, batch);
            return Ok(());
        }
        if self.frames.links() > 0 && self.frames.holds(&stat) {
            self.add_loop(&entry, &stat, batch);
            return Ok(());
        }
        let is_deepest = self
            .plan
            .max_depth
            .is_some_and(|max| u32::try_from(entry.level).is_ok_and(|l| l >= max));
        if is_deepest {
            let outcome = self.folder_outcome(&entry, &stat, None);
            self.add(outcome, entry.named.path(), batch);
            return Ok(());
        }
        let (mut names, problem) = DirListing::read(&folder, &mut self.buffer, session)?;
        let resume = self.resume.as_ref().filter(|_| entry.past == Past::Entered);
        let towards = resume.and_then(|resume| resume.towards(entry.level)).map(<[u8]>::to_vec);
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

    fn is_included(&self, path: &[u8], is_folder: bool) -> bool {
        if self.plan.filter.is_open() {
            return true;
        }
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let relative = below(root, path).filter(|relative| !relative.is_empty());
        let relative = relative.or_else(|| components(path).last()).unwrap_or_default();
        self.plan.filter.is_included(path, relative, is_folder)
    }

    fn is_excluded(&self, path: &[u8], is_folder: bool) -> bool {
        if self.plan.filter.is_open() {
            return false;
        }
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let relative = below(root, path).unwrap_or_default();
        self.plan.filter.is_excluded(path, relative, is_folder)
    }

    /// Returns whether the policy allows nothing where an entry is about to be opened.
    fn is_refused(&self, entry: &Entry) -> bool {
        self.plan.access.entry(&entry.folder, entry.named.name()).is_err()
    }

    /// Returns whether a rule names a file in the innermost folder, which was checked itself.
    fn is_denied_by_name(&self, path: &[u8]) -> bool {
        let base = if self.plan.access.is_open() { None } else { self.frames.base() };
        base.is_some_and(|base| self.plan.access.path(&base.real(path)).is_err())
    }

    fn ways(&self) -> Ways<'a> {
        Ways { mounts: &self.plan.mounts, enter_all: self.plan.all_file_systems }
    }

    /// Returns whether a mount is certainly another file system than the root's, and none is to be entered. What has the
    /// same device number (another mount of the same, a subvolume) is told apart by `st_dev`.
    fn is_elsewhere(&self, mount: Option<&Mount>) -> bool {
        let is_other = |mount: &Mount| self.root_mount.is_some_and(|root| root != mount.dev);
        self.plan.one_file_system && mount.is_some_and(is_other)
    }

    fn add_elsewhere(&mut self, path: &[u8], point: &[u8], kind: &str, batch: &mut Batch) {
        let mount = format!("{} {kind}", String::from_utf8_lossy(point));
        self.add(Outcome::OtherFileSystem(mount), path, batch);
    }

    fn add_skipped(&mut self, row: Row, point: &[u8], kind: &str, batch: &mut Batch) {
        let path = row.path.clone();
        let mount = Some(format!("{} {kind}", String::from_utf8_lossy(point)));
        let found = Found { mount, ..Found::free(row) };
        self.add(Outcome::Row(Box::new(found)), &path, batch);
    }

    fn add_failed(
        &mut self,
        path: &[u8],
        kind: FileKind,
        stat: Option<&Statx>,
        errno: Errno,
        batch: &mut Batch,
    ) {
        self.add(Outcome::row(meta::failed(path.to_vec(), kind, stat, errno)), path, batch);
    }

    /// Accounts for an entry that the policy does not let be looked at.
    fn add_refused(&mut self, path: &[u8], kind: FileKind, batch: &mut Batch) {
        let row = Row::bare(path.to_vec(), kind, FileStatus::DeniedByPolicy, 0);
        self.add(Outcome::row(row), path, batch);
    }

    /// Accounts for an entry below which nothing follows.
    fn add(&mut self, outcome: Outcome, path: &[u8], batch: &mut Batch) {
        self.walked += 1;
        batch.push_done(outcome, &done_with(path));
    }

    /// Accounts for a folder whose entries follow after this cursor.
    fn add_entered(&mut self, mut outcome: Outcome, after: &[u8], batch: &mut Batch) {
        self.walked += 1;
        if let Outcome::Row(found) = &mut outcome {
            found.after = Some(after.to_vec());
        }
        batch.push_done(outcome, after);
    }
}
