//! Files that are in the hunt's list come back themselves, where the hunt asks for it.
//!
//! Whoever emits rows sends the files of these rows first: what the cursor has passed was sent, and after a kill the one
//! that was on its way is sent again. Each content is sent once, under whatever names it lies.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::Upload;
use muster_protocol::artifact::file_hash::{self, FileStatus, Row};
use muster_protocol::limits::BLOBS_MAX;
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags, Statx};
use rustix::io::{self, Errno};

use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::meta;
use crate::files::access::Access;
use crate::files::atime;
use crate::files::statx;
use crate::session::upload::{Content, Sent};
use crate::session::{Session, Stop, Wait, blocking};

/// Contents that are remembered as sent; what is met again beyond it is sent again.
const REMEMBERED_MAX: usize = 10_000;

/// Tries to open a file while there is no descriptor, and the pause between two of them.
const DESCRIPTOR_TRIES: u32 = 20;
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(100);
/// The collection had to stop before the file was sent.
const ENDED: &str = "ended";

/// Files that one collection sends. Those that change while they are sent, or are sent again after a kill, are blobs as
/// well.
const FILES_MAX: u64 = BLOBS_MAX as u64 / 2;

/// What was sent, and what may be.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    asked: Option<Upload>,
    access: Arc<Access>,
    sent: BTreeSet<Vec<u8>>,
}

impl Uploads {
    pub(crate) fn new(asked: Option<Upload>, access: Arc<Access>) -> Self {
        Self { asked, access, sent: BTreeSet::new() }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Sends the file of a row that matches, and counts what became of it.
    pub(crate) fn send(
        &mut self,
        row: &Row,
        footer: &mut file_hash::Footer,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let Some(asked) = self.asked else { return Ok(()) };
        match self.one(row, asked, footer, session)? {
            None => footer.uploaded = footer.uploaded.saturating_add(1),
            Some(why) => *footer.not_uploaded.entry(why.to_owned()).or_default() += 1,
        }
        Ok(())
    }

    /// Returns why a file was not sent, if it was not.
    fn one(
        &mut self,
        row: &Row,
        asked: Upload,
        footer: &mut file_hash::Footer,
        session: &dyn Session,
    ) -> Result<Option<&'static str>, Stop> {
        let digest = row.digests.iter().find(|(kind, _)| *kind == HashKind::Sha256);
        let Some((_, sha256)) = digest else { return Ok(Some("changed")) };
        if self.sent.contains(sha256.as_slice()) {
            return Ok(None);
        }
        if row.size == 0 {
            return Ok(Some("empty"));
        }
        if row.size > asked.max_file_bytes {
            return Ok(Some("file_too_big"));
        }
        if footer.upload_bytes.saturating_add(row.size) > asked.max_bytes
            || footer.uploaded >= FILES_MAX
        {
            return Ok(Some("no_room"));
        }
        session.set_current_path(&row.path);
        let (file, stat) = match reopen_when_possible(row, session)? {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Some("changed")),
            Err(errno) if is_starved(errno) => return Ok(Some("no_descriptors")),
            Err(errno) => return Ok(Some(meta::status_of(errno).as_str())),
        };
        if self.access.file(&file, &stat).is_err() {
            return Ok(Some(FileStatus::DeniedByPolicy.as_str()));
        }
        let mut read = |buffer: &mut [u8]| Ok(io::read(&file, buffer)?);
        match session.upload(&Content { total: row.size, sha256 }, &mut read)? {
            Sent::Differs => return Ok(Some("changed")),
            Sent::Unreadable => return Ok(Some("io_error")),
            Sent::Whole => {}
        }
        footer.upload_bytes = footer.upload_bytes.saturating_add(row.size);
        if self.sent.len() < REMEMBERED_MAX {
            self.sent.insert(sha256.to_vec());
        }
        Ok(None)
    }
}

/// Counts a file whose sending the end of the collection cut short.
pub(crate) fn give_up(footer: &mut file_hash::Footer) {
    *footer.not_uploaded.entry(ENDED.to_owned()).or_default() += 1;
}

/// Opens the file of a row again; tries for a while where there is no descriptor.
fn reopen_when_possible(
    row: &Row,
    session: &dyn Session,
) -> Result<Result<Option<(OwnedFd, Statx)>, Errno>, Stop> {
    for _ in 0..DESCRIPTOR_TRIES {
        match reopen(row) {
            Err(errno) if is_starved(errno) => session.check()?,
            opened => return Ok(opened),
        }
        blocking(session, Wait::Open, || std::thread::park_timeout(DESCRIPTOR_PAUSE));
    }
    Ok(reopen(row))
}

/// Opens the file of a row again; nothing when another one, or another state of it, lies there now.
fn reopen(row: &Row) -> Result<Option<(OwnedFd, Statx)>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let path = Path::new(std::ffi::OsStr::from_bytes(&row.path));
    let file = atime::kept(flags, |flags| fs::open(path, flags, Mode::empty()))?;
    let now = statx::of_open(&file)?;
    let is_same = (statx::dev(&now), now.stx_ino) == (row.dev, row.ino)
        && statx::nanoseconds(&now.stx_mtime) == row.mtime_ns
        && statx::nanoseconds(&now.stx_ctime) == row.ctime_ns;
    Ok(is_same.then_some((file, now)))
}
