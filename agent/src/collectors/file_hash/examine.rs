//! One entry: looked at, opened, read once through all digests.

use std::time::Instant;

use common::result::{FileKind, FileStatus, Row};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags, Statx};
use rustix::io::{self, Errno};

use super::batch::{Found, Leaf, Outcome};
use super::digests::Digests;
use super::plan::Plan;
use super::window::Window;
use super::{meta, tally};
use crate::session::{Cost, Session, Stop};

/// Bytes of one read: at 256 KiB and beyond a copy is five times slower.
const BUFFER_BYTES: usize = 65_536;
/// Bytes between two requests to the session for more.
const SPEND_BYTES: u64 = 1 << 20;
/// From this size on any free worker may take a file.
const BIG_BYTES: u64 = 8 << 20;

/// A file that is open and not read yet.
#[derive(Debug)]
pub(super) struct Open {
    file: OwnedFd,
    path: Vec<u8>,
    before: Statx,
}

/// What looking at an entry led to.
#[derive(Debug)]
pub(super) enum Examined {
    Done(Outcome),
    /// It is big: whoever is free may read it.
    Big(Box<Open>),
}

/// Looks at entries; one for each worker.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    plan: &'a Plan,
    window: &'a Window,
    buffer: Vec<u8>,
    blank: Digests,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(plan: &'a Plan, window: &'a Window) -> Self {
        let blank = Digests::new(&plan.hashes);
        Self { plan, window, buffer: vec![0; BUFFER_BYTES], blank }
    }

    pub(super) fn examine(&mut self, leaf: Leaf, session: &dyn Session) -> Result<Examined, Stop> {
        let is_looked_at_first =
            self.plan.is_listing() || self.plan.has_size_filter() || leaf.hint != FileKind::Regular;
        if is_looked_at_first {
            session.check()?;
            match meta::of_name(&leaf.folder, &leaf.name) {
                Err(errno) => return Ok(done(meta::failed(leaf.path, leaf.hint, None, errno))),
                Ok(stat) => {
                    if let Some(reason) = self.filtered(&leaf, &stat) {
                        return Ok(Examined::Done(Outcome::Filtered(reason)));
                    }
                    if self.plan.is_listing() {
                        session.spend(Cost { files: 1, bytes: 0 })?;
                    }
                    if self.plan.is_listing() || meta::kind_of(&stat) != FileKind::Regular {
                        return Ok(done(self.unread(leaf, &stat)));
                    }
                }
            }
        }
        self.open(leaf, session)
    }

    fn open(&mut self, leaf: Leaf, session: &dyn Session) -> Result<Examined, Stop> {
        let opened =
            open_file(&leaf.folder, &leaf.name).and_then(|file| Ok((meta::of_open(&file)?, file)));
        let (before, file) = match opened {
            Ok(opened) => opened,
            Err(errno) => {
                let stat = meta::of_name(&leaf.folder, &leaf.name).ok();
                return Ok(match stat {
                    Some(stat)
                        if matches!(errno, Errno::LOOP | Errno::NXIO)
                            && meta::kind_of(&stat) != FileKind::Regular =>
                    {
                        done(self.unread(leaf, &stat))
                    }
                    stat => done(meta::failed(leaf.path, leaf.hint, stat.as_ref(), errno)),
                });
            }
        };
        if let Some(reason) = self.filtered(&leaf, &before) {
            return Ok(Examined::Done(Outcome::Filtered(reason)));
        }
        if meta::kind_of(&before) != FileKind::Regular {
            return Ok(done(self.unread(leaf, &before)));
        }
        let open = Open { file, path: leaf.path, before };
        if open.before.stx_size >= BIG_BYTES {
            return Ok(Examined::Big(Box::new(open)));
        }
        Ok(Examined::Done(self.read(open, session)?))
    }

    fn filtered(&self, leaf: &Leaf, stat: &Statx) -> Option<&'static str> {
        if leaf.dev.is_some_and(|dev| dev != meta::dev(stat)) {
            return Some(tally::FILE_SYSTEM);
        }
        let is_regular = meta::kind_of(stat) == FileKind::Regular;
        (is_regular && !self.plan.is_size_selected(stat.stx_size)).then_some(tally::SIZE)
    }

    /// Makes the row of an entry that is not read.
    fn unread(&self, leaf: Leaf, stat: &Statx) -> Row {
        let kind = meta::kind_of(stat);
        if kind == FileKind::Directory && !self.plan.is_listing() {
            return meta::failed(leaf.path, kind, Some(stat), Errno::ISDIR);
        }
        let status = if self.plan.is_listing() { FileStatus::Ok } else { FileStatus::SkippedKind };
        if kind != FileKind::Symlink {
            return meta::row(leaf.path, stat, status);
        }
        match fs::readlinkat(&leaf.folder, leaf.name.as_slice(), Vec::new()) {
            Ok(target) => {
                Row { link_target: Some(target.into_bytes()), ..meta::row(leaf.path, stat, status) }
            }
            Err(errno) => meta::failed(leaf.path, kind, Some(stat), errno),
        }
    }

    /// Reads a file to its end.
    pub(super) fn read(&mut self, open: Open, session: &dyn Session) -> Result<Outcome, Stop> {
        let began = Instant::now();
        let Open { file, path, before } = open;
        let mut digests = self.blank.clone();
        let mut size = before.stx_size;
        let mut allowed = size.min(SPEND_BYTES);
        session.spend(Cost { files: 1, bytes: allowed })?;
        let mut got: u64 = 0;
        let problem = loop {
            session.check()?;
            let read = match io::read(&file, &mut self.buffer) {
                Ok(0) => break None,
                Ok(read) => read,
                Err(Errno::INTR) => continue,
                Err(errno) => break Some(errno),
            };
            digests.update(self.buffer.get(..read).unwrap_or_default());
            got += read as u64;
            self.window.count_bytes(read as u64);
            if got == size && read < self.buffer.len() {
                break None;
            }
            if got >= allowed {
                self.window.pass_time(&path, session)?;
                if size == 0 {
                    // It claims to be empty and is not: a file of /proc, or one that has just begun to grow.
                    size = meta::of_open(&file).map_or(0, |now| now.stx_size);
                }
                if size > 0 && got > size.saturating_add(SPEND_BYTES) {
                    break None;
                }
                let more = size.saturating_sub(got).clamp(BUFFER_BYTES as u64, SPEND_BYTES);
                session.spend(Cost { files: 0, bytes: more })?;
                allowed = got.saturating_add(more);
            }
        };
        let row = match problem.map_or_else(|| meta::of_open(&file), Err) {
            Err(errno) => meta::failed(path, FileKind::Regular, Some(&before), errno),
            Ok(after) => {
                let status = if meta::is_changed(&before, &after) {
                    FileStatus::Changed
                } else {
                    FileStatus::Ok
                };
                // Of a file of /proc, or of one that grows, the kernel's size is not that of what was read.
                let row = meta::row(path, &before, status);
                Row { digests: digests.finish(), size: got, ..row }
            }
        };
        let bytes = if row.status.has_digests() { got } else { 0 };
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Outcome::Row(Box::new(Found { bytes, elapsed_ms, ..Found::free(row) })))
    }
}

fn done(row: Row) -> Examined {
    Examined::Done(Outcome::row(row))
}

fn open_file(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    match fs::openat(folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => fs::openat(folder, name, flags, Mode::empty()),
        opened => opened,
    }
}
