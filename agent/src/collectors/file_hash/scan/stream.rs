//! A file that is read piece by piece.

use std::io::IoSliceMut;
use std::time::Instant;

use muster_protocol::artifact::Digests;
use muster_protocol::artifact::file_hash::{FileStatus, Row};
use rustix::fd::OwnedFd;
use rustix::fs;
use rustix::io::{self, Errno, ReadWriteFlags};

use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::{Found, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::scan::page_cache::Pages;
use crate::files::digests;
use crate::files::known::now_ns;
use crate::files::statx;
use crate::session::{Cost, FileId, Session, Stop, Wait, blocking};
use muster_digests::Hasher;

/// Bytes of one read: at 256 KiB and beyond a copy is five times slower.
pub(crate) const BUFFER_BYTES: usize = 65_536;
/// Bytes between two requests to the session for more.
const SPEND_BYTES: u64 = 1 << 20;
/// From this size on any free worker may take a file.
const BIG_BYTES: u64 = 8 << 20;
/// Where `preadv2` reads on from where it was.
const HERE: u64 = u64::MAX;

/// A file that is open and to be read.
#[derive(Debug)]
pub(crate) struct ToRead {
    pub(crate) place: Place,
    pub(crate) open: Open,
    /// Other names of it may wait.
    pub(crate) is_first: bool,
}

impl ToRead {
    /// Returns whether any free worker may take it.
    pub(crate) fn is_big(&self) -> bool {
        self.open.found.row.size >= BIG_BYTES
    }

    /// Returns what the session is asked for before the first byte is read.
    pub(crate) fn first_cost(&self) -> Cost {
        Cost { files: 1, bytes: self.open.found.row.size.min(SPEND_BYTES) }
    }
}

/// What came of reading a file.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) place: Place,
    pub(crate) found: Box<Found>,
    pub(crate) is_first: bool,
    /// What the cache says its digests are.
    pub(crate) expected: Option<Digests>,
    /// As it was when it was opened.
    pub(crate) id: FileId,
    /// When the reading began, nanoseconds since 1970.
    pub(crate) began_ns: i64,
    pub(crate) elapsed_ms: u64,
}

/// A file that is being read.
#[derive(Debug)]
pub(crate) struct Stream {
    file: ToRead,
    pub(crate) digests: Hasher,
    size: u64,
    got: u64,
    /// The session allows to read up to here.
    allowed: u64,
    began: Option<Instant>,
    /// The same by the clock, nanoseconds since 1970.
    began_ns: i64,
    pages: Pages,
    is_looked_at: bool,
    /// It is worth waiting for.
    pub(crate) may_block: bool,
}

/// What one step with a stream led to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Got(usize),
    /// The next bytes are not in memory.
    Cold,
    End,
    Failed(Errno),
}

impl Stream {
    pub(crate) fn new(file: ToRead, digests: Hasher) -> Self {
        Self {
            size: file.open.found.row.size,
            file,
            digests,
            got: 0,
            allowed: 0,
            began: None,
            began_ns: 0,
            pages: Pages::default(),
            is_looked_at: false,
            may_block: false,
        }
    }

    /// Makes a stream of a file for whose first bytes the session was asked already.
    pub(crate) fn begun(file: ToRead, digests: Hasher) -> Self {
        let mut stream = Self::new(file, digests);
        stream.note_beginning();
        stream
    }

    /// Returns whether what is left is worth the time of another thread.
    pub(crate) fn is_long(&self) -> bool {
        self.size.saturating_sub(self.got) >= BIG_BYTES
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn place(&self) -> Place {
        self.file.place
    }

    pub(crate) fn open(&self) -> &Open {
        &self.file.open
    }

    /// Asks the session for the first bytes.
    pub(crate) fn begin(&mut self, session: &dyn Session) -> Result<(), Stop> {
        if self.began.is_some() {
            return Ok(());
        }
        session.set_current_path(&self.file.open.found.row.path);
        session.spend(self.file.first_cost())?;
        self.note_beginning();
        Ok(())
    }

    /// Returns whether it was begun before that.
    pub(crate) fn is_older(&self, than: Instant) -> bool {
        self.began.is_some_and(|began| began < than)
    }

    /// Asks the disk for what is not in memory of a file, as `pages` have it; from then on it is worth waiting for.
    pub(crate) fn ask(&mut self, pages: Pages) {
        (self.pages, self.is_looked_at, self.may_block) = (pages, true, true);
        self.look();
    }

    fn note_beginning(&mut self) {
        self.allowed = self.size.min(SPEND_BYTES);
        self.began = Some(Instant::now());
        self.began_ns = now_ns();
        if self.size >= BUFFER_BYTES as u64 {
            self.look();
        }
    }

    /// Finds out what is in memory, and asks for what is not.
    fn look(&mut self) {
        let file = &self.file.open.file;
        if !std::mem::replace(&mut self.is_looked_at, true) {
            self.pages = Pages::look(file, self.size);
        }
        self.pages.ask_ahead(file, self.got, self.size);
    }

    /// Reads into `buffer`; waits for the disk only if it may.
    pub(crate) fn pull(&mut self, buffer: &mut [u8], session: &dyn Session) -> Step {
        loop {
            let read = if self.may_block || self.got > 0 {
                let Open { file, found, .. } = &self.file.open;
                if self.may_block {
                    session.set_current_path(&found.row.path);
                }
                blocking(session, Wait::Read, || io::read(file, &mut *buffer))
            } else {
                read_cached(&self.file.open.file, buffer)
            };
            match read {
                Ok(0) => return Step::End,
                Ok(count) => return Step::Got(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !self.may_block => {
                    self.look();
                    return Step::Cold;
                }
                // This file system reads only one way.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if !self.may_block => {
                    self.may_block = true;
                    self.look();
                }
                Err(errno) => return Step::Failed(errno),
            }
        }
    }

    /// Accounts for bytes that went through the digests.
    pub(crate) fn advance(
        &mut self,
        count: usize,
        window: &ReorderBuffer,
        session: &dyn Session,
    ) -> Result<Step, Stop> {
        self.got += count as u64;
        window.count_bytes(count as u64);
        if self.got == self.size && count < BUFFER_BYTES {
            return Ok(Step::End);
        }
        if self.got < self.allowed {
            // Half of a small file is in memory: the rest is waited for with the others.
            let is_cut = count < BUFFER_BYTES && !self.may_block;
            return Ok(if is_cut { self.cut() } else { Step::Got(count) });
        }
        let Open { file, found, .. } = &self.file.open;
        window.pass_time(&found.row.path, session)?;
        if self.size == 0 {
            // It claims to be empty and is not: a file of /proc, or one that has just begun to grow.
            self.size = statx::of_open(file).map_or(0, |now| now.stx_size);
        }
        if self.size > 0 && self.got > self.size.saturating_add(SPEND_BYTES) {
            return Ok(Step::End);
        }
        self.pages.drop_until(file, self.got);
        self.pages.ask_ahead(file, self.got, self.size);
        let more = self.size.saturating_sub(self.got).clamp(BUFFER_BYTES as u64, SPEND_BYTES);
        session.spend(Cost { files: 0, bytes: more })?;
        self.allowed = self.got.saturating_add(more);
        Ok(Step::Got(count))
    }

    fn cut(&mut self) -> Step {
        self.look();
        Step::Cold
    }

    /// Makes the row of a file that was read to its end, or could not be.
    pub(crate) fn end(mut self, problem: Option<Errno>) -> Done {
        let ToRead { place, open, is_first } = self.file;
        let Open { file, mut found, expected } = open;
        self.pages.drop_rest(&file);
        let id = meta::file_id_of(&found.row);
        let row = &mut found.row;
        match problem.map_or_else(|| status_after(row, &file), Err) {
            Err(errno) => meta::fail(row, errno),
            Ok(status) => {
                (row.status, row.digests) = (status, digests::finish(self.digests));
                // Of a file of /proc, or of one that grows, the kernel's size is not that of what was read.
                row.size = self.got;
            }
        }
        let elapsed = self.began.map(|began| began.elapsed()).unwrap_or_default();
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Done { place, found, is_first, expected, id, began_ns: self.began_ns, elapsed_ms }
    }
}

/// Reads what is in memory; `AGAIN` where that is nothing.
pub(crate) fn read_cached(file: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut buffers = [IoSliceMut::new(buffer)];
    io::preadv2(file, &mut buffers, HERE, ReadWriteFlags::NOWAIT)
}

/// Asks the kernel once more when everything is read: `Changed` where the file is not what its row says.
pub(crate) fn status_after(row: &Row, file: &OwnedFd) -> Result<FileStatus, Errno> {
    let after = io::retry_on_intr(|| fs::fstat(file))?;
    let is_same = u64::try_from(after.st_size) == Ok(row.size)
        && statx::since_1970(after.st_mtime, after.st_mtime_nsec) == row.mtime_ns
        && statx::since_1970(after.st_ctime, after.st_ctime_nsec) == row.ctime_ns;
    Ok(if is_same { FileStatus::Ok } else { FileStatus::Changed })
}
