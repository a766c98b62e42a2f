//! One entry: looked at, and opened if it is to be read.

use muster_protocol::artifact::Digests;
use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags, Statx};
use rustix::io::{Errno, retry_on_intr};

use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::skip;
use crate::collectors::file_hash::entry::{Found, Leaf, Outcome};
use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::spec::Plan;
use crate::files::atime;
use crate::files::statx;
use crate::session::{Session, Stop, Wait, blocking};

/// A file that is open and not read yet.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) file: OwnedFd,
    /// Its row, which says what the kernel said before the first byte was read.
    pub(crate) found: Box<Found>,
    /// What the cache says its digests are.
    pub(crate) expected: Option<Digests>,
}

/// What looking at an entry led to.
#[derive(Debug)]
pub(crate) enum Looked {
    Done(Outcome),
    /// It is to be opened.
    Read(Leaf),
    /// The cache may know it.
    Ask(Leaf, Box<Statx>),
}

/// Why an entry was not looked at.
#[derive(Debug)]
pub(crate) enum Unlooked {
    /// It can be looked at when the kernel has memory.
    Starved(Box<Leaf>),
    Stop(Stop),
}

impl From<Stop> for Unlooked {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// What opening a file led to.
#[derive(Debug)]
pub(crate) enum Opened {
    Done(Outcome),
    /// It is to be read.
    Open(Open),
    /// It can be opened when there is a descriptor.
    Starved(Leaf),
}

/// Looks at entries; one for each worker.
#[derive(Debug)]
pub(crate) struct Examiner<'a> {
    plan: &'a Plan,
    /// There is a cache that answers.
    can_ask: bool,
}

impl<'a> Examiner<'a> {
    pub(crate) fn new(plan: &'a Plan, can_ask: bool) -> Self {
        Self { plan, can_ask }
    }

    /// Looks at an entry by its name, where that can spare opening it.
    pub(crate) fn look(
        &self,
        folder: &OwnedFd,
        leaf: Leaf,
        session: &dyn Session,
    ) -> Result<Looked, Unlooked> {
        let is_looked_at_first = self.plan.is_listing()
            || self.can_ask
            || !self.plan.select.is_open()
            || leaf.hint != FileKind::Regular;
        if !is_looked_at_first {
            return Ok(Looked::Read(leaf));
        }
        session.check()?;
        session.set_current_path(leaf.named.path());
        let looked = blocking(session, Wait::Open, || statx::of_name(folder, leaf.named.name()));
        let stat = match looked {
            Err(errno) if is_starved(errno) => return Err(Unlooked::Starved(Box::new(leaf))),
            Err(errno) => {
                let row = meta::failed(leaf.named.into_path(), leaf.hint, None, errno);
                return Ok(Looked::Done(Outcome::row(row)));
            }
            Ok(stat) => stat,
        };
        if self.plan.access.inode(&stat).is_err() {
            return Ok(Looked::Done(refused(leaf)));
        }
        if let Some(reason) = self.filtered(&leaf, &stat) {
            return Ok(Looked::Done(Outcome::Filtered(reason)));
        }
        if self.plan.is_listing() || statx::kind_of(&stat) != FileKind::Regular {
            return Ok(Looked::Done(Outcome::row(self.unread(folder, leaf, &stat))));
        }
        Ok(if self.can_ask { Looked::Ask(leaf, Box::new(stat)) } else { Looked::Read(leaf) })
    }

    /// Opens a file that is to be read. It takes the time since the delivery's last lap.
    pub(crate) fn open(
        &self,
        folder: &OwnedFd,
        leaf: Leaf,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Opened {
        session.set_current_path(leaf.named.path());
        let opened = open_file(folder, leaf.named.name());
        let opened = opened.and_then(|file| Ok((statx::of_open(&file)?, file)));
        delivery.lap.ends(session, Wait::Open);
        let (before, file) = match opened {
            Ok(opened) => opened,
            Err(errno) if is_starved(errno) => return Opened::Starved(leaf),
            Err(errno) => {
                let stat = statx::of_name(folder, leaf.named.name()).ok();
                return match stat {
                    Some(stat)
                        if matches!(errno, Errno::LOOP | Errno::NXIO)
                            && statx::kind_of(&stat) != FileKind::Regular =>
                    {
                        done(self.unread(folder, leaf, &stat))
                    }
                    stat => {
                        done(meta::failed(leaf.named.into_path(), leaf.hint, stat.as_ref(), errno))
                    }
                };
            }
        };
        if self.plan.access.inode(&before).is_err() {
            return Opened::Done(refused(leaf));
        }
        if let Some(reason) = self.filtered(&leaf, &before) {
            return Opened::Done(Outcome::Filtered(reason));
        }
        if statx::kind_of(&before) != FileKind::Regular {
            return done(self.unread(folder, leaf, &before));
        }
        let row = meta::row(leaf.named.into_path(), &before, FileStatus::Ok);
        Opened::Open(Open { file, found: Box::new(Found::free(row)), expected: None })
    }

    fn filtered(&self, leaf: &Leaf, stat: &Statx) -> Option<&'static str> {
        if leaf.dev.is_some_and(|dev| dev != statx::dev(stat)) {
            return Some(skip::FILE_SYSTEM);
        }
        self.plan.select.refuses(stat)
    }

    /// Makes the row of an entry that is not read.
    fn unread(&self, folder: &OwnedFd, leaf: Leaf, stat: &Statx) -> Row {
        let kind = statx::kind_of(stat);
        let named = leaf.named;
        if kind == FileKind::Directory && !self.plan.is_listing() {
            return meta::failed(named.into_path(), kind, Some(stat), Errno::ISDIR);
        }
        let status = if self.plan.is_listing() { FileStatus::Ok } else { FileStatus::SkippedKind };
        if kind != FileKind::Symlink {
            return meta::row(named.into_path(), stat, status);
        }
        match retry_on_intr(|| fs::readlinkat(folder, named.name(), Vec::new())) {
            Ok(target) => {
                let link_target = Some(target.into_bytes());
                Row { link_target, ..meta::row(named.into_path(), stat, status) }
            }
            Err(errno) => meta::failed(named.into_path(), kind, Some(stat), errno),
        }
    }
}

/// Makes the row of an entry that the policy does not let be looked at: nothing but its name.
fn refused(leaf: Leaf) -> Outcome {
    let status = FileStatus::DeniedByPolicy;
    Outcome::row(Row::bare(leaf.named.into_path(), leaf.hint, status, 0))
}

fn done(row: Row) -> Opened {
    Opened::Done(Outcome::row(row))
}

fn open_file(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    // A profile of where threads wait interrupts them, and a file system behind the network may say so.
    let open = |flags| retry_on_intr(|| fs::openat(folder, name, flags, Mode::empty()));
    atime::kept(flags, open)
}
