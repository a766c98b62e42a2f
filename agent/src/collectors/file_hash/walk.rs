//! The one sorted walk: iterative, through folder descriptors, links never followed.
//!
//! Order: roots as the plan sorts them; a folder before what is in it; names byte by byte within a folder.
//! Only the innermost [`OPEN_FRAMES`] folders (and the root) keep a descriptor, so that the depth of a tree
//! is bounded by [`limits::TREE_PATH_BYTES_MAX`] alone; on the way back a folder is opened again from
//! above, and its identity checked.

use std::sync::Arc;

use common::limits;
use common::result::{FileKind, FileStatus, Row};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, Mode, OFlags, Statx};
use rustix::io::Errno;

use super::batch::{Batch, Found, Item, Leaf, Outcome};
use super::mounts::{Children, is_skipped_type};
use super::names::Names;
use super::plan::{Plan, below, components, join};
use super::root::{self, Place};
use super::{meta, tally};
use crate::collectors::CollectError;
use crate::session::{Cursor, Session, Stop};

/// Folders that keep their descriptor.
const OPEN_FRAMES: usize = 32;

/// Walks all roots.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    plan: &'a Plan,
    next_root: usize,
    /// The root that is walked.
    root: usize,
    /// Its path without links.
    real_root: Vec<u8>,
    root_dev: Option<u64>,
    frames: Vec<Frame<'a>>,
    /// Path of the innermost folder.
    path: Vec<u8>,
    /// Where an earlier run stopped: index of the root, path below it.
    resume: Option<(usize, Vec<u8>)>,
    batches: u64,
    walked: u64,
}

#[derive(Debug)]
struct Frame<'a> {
    folder: Option<Arc<OwnedFd>>,
    /// Device and inode.
    identity: (u64, u64),
    path_len: usize,
    names: Names,
    mounts: Option<&'a Children>,
    /// The folder lies on the way to where an earlier run stopped: the name that leads there.
    towards: Option<Vec<u8>>,
    /// It cannot be opened again.
    lost: Option<Errno>,
}

/// An entry as its folder names it.
#[derive(Debug)]
struct Entry {
    folder: Arc<OwnedFd>,
    name: Vec<u8>,
    path: Vec<u8>,
    hint: FileKind,
    mount: Option<String>,
    level: usize,
    past: Past,
}

/// What an earlier run did with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// Nothing.
    New,
    /// It is accounted for; what is in it is not, or in part.
    Accounted,
}

impl<'a> Walker<'a> {
    pub(super) fn new(plan: &'a Plan, cursor: Option<&Cursor>) -> Result<Self, CollectError> {
        let mut walker = Self {
            plan,
            next_root: 0,
            root: 0,
            real_root: Vec::new(),
            root_dev: None,
            frames: Vec::new(),
            path: Vec::new(),
            resume: None,
            batches: 0,
            walked: 0,
        };
        if let Some(cursor) = cursor.filter(|cursor| !cursor.after.is_empty()) {
            let index = usize::try_from(cursor.root).unwrap_or(usize::MAX);
            let relative = plan.roots.get(index).and_then(|root| below(root, &cursor.after));
            let Some(relative) = relative else {
                let reason = "the cursor does not lie below its root";
                return Err(CollectError::failed(CollectError::BUG, reason));
            };
            walker.next_root = index;
            walker.resume = Some((index, relative.to_vec()));
        }
        Ok(walker)
    }

    /// Returns how many entries this walk met, those of an earlier run not counted.
    pub(super) fn walked(&self) -> u64 {
        self.walked
    }

    /// Returns the next entries, `None` at the end.
    pub(super) fn next_batch(&mut self, session: &dyn Session) -> Result<Option<Batch>, Stop> {
        let mut batch = Batch::new(self.batches);
        while !batch.is_full() {
            session.check()?;
            if self.frames.is_empty() {
                if !batch.items.is_empty() {
                    break;
                }
                if !self.begin_root(&mut batch, session)? {
                    return Ok(None);
                }
                continue;
            }
            self.step(&mut batch, session)?;
        }
        self.batches += 1;
        batch.root = u32::try_from(self.root).unwrap_or(u32::MAX);
        Ok(Some(batch.seal()))
    }

    fn begin_root(&mut self, batch: &mut Batch, session: &dyn Session) -> Result<bool, Stop> {
        let Some(path) = self.plan.roots.get(self.next_root) else { return Ok(false) };
        self.root = self.next_root;
        self.next_root += 1;
        self.root_dev = None;
        self.path.clear();
        let is_resumed = self.resume.as_ref().is_some_and(|(root, _)| *root == self.root);
        let past = if is_resumed { Past::Accounted } else { Past::New };
        match root::find(path, &self.plan.mounts, self.plan.all_file_systems) {
            Place::Found { parent, name, real } => {
                self.real_root = real;
                let folder = Arc::new(parent);
                let path = path.clone();
                let hint = FileKind::Unknown;
                let entry = Entry { folder, name, path, hint, mount: None, level: 0, past };
                self.look_at_unknown(entry, batch, session)?;
            }
            Place::OnSkipped { point, kind } => self.add_skipped(path, &point, &kind, past, batch),
            Place::Failed(errno) => {
                let row = meta::failed(path.clone(), FileKind::Unknown, None, errno);
                self.add(Outcome::row(row), path, past, batch);
            }
        }
        Ok(true)
    }

    /// Takes one name of the innermost folder.
    fn step(&mut self, batch: &mut Batch, session: &dyn Session) -> Result<(), Stop> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let Some((name, hint)) = frame.names.next() else {
            self.frames.pop();
            let len = self.frames.last().map_or(0, |frame| frame.path_len);
            self.path.truncate(len);
            return Ok(());
        };
        let is_towards = frame.towards.take().is_some_and(|towards| towards == name);
        let past = if is_towards { Past::Accounted } else { Past::New };
        let mount = frame.mounts.and_then(|mounts| mounts.get(&name)).cloned();
        let mut path = self.path.clone();
        join(&mut path, &name);
        if self.plan.filter.is_other_root(&path) {
            return Ok(());
        }
        if path.len() > limits::TREE_PATH_BYTES_MAX {
            let row = meta::failed(path.clone(), hint, None, Errno::NAMETOOLONG);
            self.add(Outcome::row(row), &path, past, batch);
            return Ok(());
        }
        match self.open_innermost() {
            Ok(folder) => {
                let level = self.frames.len();
                let entry = Entry { folder, name, path, hint, mount, level, past };
                self.judge(entry, batch, session)
            }
            Err(errno) => {
                let bare =
                    Row::bare(path.clone(), hint, FileStatus::Vanished, errno.raw_os_error());
                self.add(Outcome::row(bare), &path, past, batch);
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
        let is_folder = entry.hint == FileKind::Directory;
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let relative = below(root, &entry.path).unwrap_or_default();
        if self.plan.filter.is_excluded(relative, is_folder) {
            self.add(Outcome::Filtered(tally::EXCLUDE), &entry.path, entry.past, batch);
            return Ok(());
        }
        if let Some(kind) = entry.mount.as_deref().filter(|kind| is_skipped_type(kind)) {
            if self.plan.one_file_system {
                self.add(Outcome::Filtered(tally::FILE_SYSTEM), &entry.path, entry.past, batch);
                return Ok(());
            }
            if !self.plan.all_file_systems {
                self.add_skipped(&entry.path, &entry.path, kind, entry.past, batch);
                return Ok(());
            }
        }
        match entry.hint {
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
        match meta::of_name(&entry.folder, &entry.name) {
            Ok(stat) if meta::kind_of(&stat) == FileKind::Directory => {
                self.enter(entry, batch, session)
            }
            Ok(stat) => {
                self.add_leaf(Entry { hint: meta::kind_of(&stat), ..entry }, batch);
                Ok(())
            }
            Err(errno) => {
                let row = meta::failed(entry.path.clone(), entry.hint, None, errno);
                self.add(Outcome::row(row), &entry.path, entry.past, batch);
                Ok(())
            }
        }
    }

    fn add_leaf(&mut self, entry: Entry, batch: &mut Batch) {
        let Entry { folder, name, path, hint, past, .. } = entry;
        if past == Past::Accounted {
            return;
        }
        if !self.is_included(&path, &name, false) {
            return self.add(Outcome::Filtered(tally::INCLUDE), &path, past, batch);
        }
        self.walked += 1;
        let dev = if self.plan.one_file_system { self.root_dev } else { None };
        let at = path.clone();
        batch.push(Item::Leaf(Leaf { folder, path, name, hint, dev }), &at);
    }

    /// Opens a folder, reads its names and makes it the innermost.
    fn enter(
        &mut self,
        entry: Entry,
        batch: &mut Batch,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let past = entry.past;
        let opened = open_folder(&entry.folder, &entry.name)
            .and_then(|folder| Ok((meta::of_open(&folder)?, folder)));
        let (stat, folder) = match opened {
            Ok(opened) => opened,
            Err(Errno::NOTDIR | Errno::LOOP) => {
                self.add_leaf(Entry { hint: FileKind::Unknown, ..entry }, batch);
                return Ok(());
            }
            Err(errno) => {
                let stat = meta::of_name(&entry.folder, &entry.name).ok();
                let row =
                    meta::failed(entry.path.clone(), FileKind::Directory, stat.as_ref(), errno);
                if past == Past::New || (errno != Errno::NOENT && !self.plan.is_listing()) {
                    self.add(Outcome::row(row), &entry.path, Past::New, batch);
                }
                return Ok(());
            }
        };
        if entry.level == 0 {
            self.root_dev = Some(meta::dev(&stat));
        } else if self.plan.one_file_system && self.root_dev != Some(meta::dev(&stat)) {
            self.add(Outcome::Filtered(tally::FILE_SYSTEM), &entry.path, past, batch);
            return Ok(());
        }
        let is_deepest = self
            .plan
            .max_depth
            .is_some_and(|max| u32::try_from(entry.level).is_ok_and(|l| l >= max));
        if is_deepest {
            let outcome = self.folder_outcome(&entry, &stat, None);
            self.add(outcome, &entry.path, past, batch);
            return Ok(());
        }
        let (mut names, problem) = Names::read(&folder, session)?;
        let outcome = self.folder_outcome(&entry, &stat, problem);
        self.add(outcome, &entry.path, past, batch);
        let towards = match past {
            Past::New => None,
            Past::Accounted => self
                .resume
                .as_ref()
                .and_then(|(_, at)| components(at).nth(entry.level).map(<[u8]>::to_vec)),
        };
        if let Some(towards) = &towards {
            names.skip_to(towards);
        }
        self.push_frame(&entry, folder, &stat, names, towards);
        Ok(())
    }

    fn push_frame(
        &mut self,
        entry: &Entry,
        folder: OwnedFd,
        stat: &Statx,
        names: Names,
        towards: Option<Vec<u8>>,
    ) {
        self.path.clear();
        self.path.extend_from_slice(&entry.path);
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let mut real = self.real_root.clone();
        match below(root, &entry.path) {
            Some(relative) if !relative.is_empty() => join(&mut real, relative),
            _ => {}
        }
        self.frames.push(Frame {
            folder: Some(Arc::new(folder)),
            identity: (meta::dev(stat), stat.stx_ino),
            path_len: self.path.len(),
            names,
            mounts: self.plan.mounts.within(&real),
            towards,
            lost: None,
        });
        let outer = self.frames.len().checked_sub(OPEN_FRAMES + 1).filter(|index| *index > 0);
        if let Some(frame) = outer.and_then(|index| self.frames.get_mut(index)) {
            frame.folder = None;
        }
    }

    /// Returns the innermost folder, opened again from above if need be.
    fn open_innermost(&mut self) -> Result<Arc<OwnedFd>, Errno> {
        let Some(last) = self.frames.len().checked_sub(1) else { return Err(Errno::NOENT) };
        let nearest = self.frames.iter().rposition(|frame| frame.folder.is_some()).unwrap_or(0);
        for index in nearest + 1..=last {
            let Some([outer, inner]) = self.frames.get_mut(index - 1..=index) else { continue };
            let Some(outer_folder) = &outer.folder else { return Err(Errno::NOENT) };
            let name = self.path.get(outer.path_len..inner.path_len).unwrap_or_default();
            let name = name.strip_prefix(b"/").unwrap_or(name);
            let opened = match inner.lost {
                Some(errno) => Err(errno),
                None => open_same(outer_folder, name, inner.identity),
            };
            match opened {
                Ok(folder) => inner.folder = Some(Arc::new(folder)),
                Err(errno) => {
                    inner.lost = Some(errno);
                    return Err(errno);
                }
            }
            // The way down leaves no more descriptors than the way there.
            if index - 1 > 0
                && index + OPEN_FRAMES <= last
                && let Some(outer) = self.frames.get_mut(index - 1)
            {
                outer.folder = None;
            }
        }
        self.frames.get(last).and_then(|frame| frame.folder.clone()).ok_or(Errno::NOENT)
    }

    fn folder_outcome(&self, entry: &Entry, stat: &Statx, problem: Option<Errno>) -> Outcome {
        if let Some(errno) = problem {
            let row = meta::failed(entry.path.clone(), FileKind::Directory, Some(stat), errno);
            return Outcome::row(row);
        }
        if !self.plan.is_listing() {
            return Outcome::Folder;
        }
        if entry.level > 0 && !self.is_included(&entry.path, &entry.name, true) {
            return Outcome::Filtered(tally::INCLUDE);
        }
        Outcome::row(meta::row(entry.path.clone(), stat, FileStatus::Ok))
    }

    fn is_included(&self, path: &[u8], name: &[u8], is_folder: bool) -> bool {
        let root = self.plan.roots.get(self.root).map_or(&b""[..], Vec::as_slice);
        let relative = below(root, path).filter(|relative| !relative.is_empty()).unwrap_or(name);
        self.plan.filter.is_included(relative, is_folder)
    }

    fn add_skipped(
        &mut self,
        path: &[u8],
        point: &[u8],
        kind: &str,
        past: Past,
        batch: &mut Batch,
    ) {
        let row = Row::bare(path.to_vec(), FileKind::Directory, FileStatus::SkippedFs, 0);
        let mount = Some(format!("{} {kind}", String::from_utf8_lossy(point)));
        let found = Found { row, bytes: 0, elapsed_ms: 0, mount };
        self.add(Outcome::Row(Box::new(found)), path, past, batch);
    }

    fn add(&mut self, outcome: Outcome, path: &[u8], past: Past, batch: &mut Batch) {
        if past == Past::New {
            self.walked += 1;
            batch.push(Item::Done(outcome), path);
        }
    }
}

fn open_folder(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(&parent, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => fs::openat(&parent, name, flags, Mode::empty()),
        opened => opened,
    }
}

fn open_same(parent: &OwnedFd, name: &[u8], identity: (u64, u64)) -> Result<OwnedFd, Errno> {
    let folder = open_folder(parent, name)?;
    let stat = meta::of_open(&folder)?;
    if (meta::dev(&stat), stat.stx_ino) == identity { Ok(folder) } else { Err(Errno::STALE) }
}
