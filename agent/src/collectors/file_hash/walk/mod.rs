//! The one sorted walk: iterative, through folder descriptors, links below a root followed only if they are asked to be.
//!
//! The loop is here: roots, then the names of the innermost folder. An entry is decided on before it is opened
//! ([`judge`]); a link is followed ([`symlinks`]), a folder entered ([`folder`]), anything else left to the workers. What
//! no worker looks at is accounted for at once ([`account`]).
//!
//! Order: roots as the plan sorts them; a folder before what is in it; names byte by byte within a folder.

mod account;
pub(crate) mod dir_listing;
pub(crate) mod dir_stack;
mod folder;
mod judge;
pub(crate) mod symlinks;

use std::sync::Arc;

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::limits;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::collectors::CollectError;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::Batch;
use crate::collectors::file_hash::entry::cursor::{Past, Resume};
use crate::collectors::file_hash::entry::path::EntryPath;
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::walk::dir_listing::Buffer;
use crate::collectors::file_hash::walk::dir_stack::{DirStack, Listed, Lost};
use crate::files::mounts::Mount;
use crate::files::resolve::Place;
use crate::session::{Session, Stop};

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
}
