//! The file that a process runs, opened through its folder of `/proc`.
//!
//! Its path is that in the view of the process, which may be a container's. What lies there now need not be the file: it
//! may be deleted, or replaced by an update.

use std::collections::HashMap;
use std::ffi::CString;

use muster_protocol::artifact::processes::ExeState;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::{Errno, retry_on_intr};

use super::proc::Folder;
use crate::files::access::Access;
use crate::files::mounts::{Mount, Mounts};
use crate::files::{Folders, atime, statx};

/// What the kernel adds to the path of a file that is not there any more.
const DELETED: &[u8] = b" (deleted)";

/// The file of a process.
#[derive(Debug)]
pub(super) struct Exe {
    /// Its path.
    pub(super) path: Vec<u8>,
    /// How it stands to that path.
    pub(super) state: ExeState,
    /// It lies on a file system that may not answer, and was not touched.
    pub(super) is_skipped: bool,
    /// What the kernel says of it.
    pub(super) stat: Statx,
    /// The file, not opened for reading.
    handle: OwnedFd,
}

/// Why nothing is known of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// The machine's policy does not let it be looked at.
    Refused,
    /// The kernel says no.
    Failed(Errno),
}

impl From<Errno> for Unseen {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// What is compared with the files of processes.
#[derive(Debug)]
pub(super) struct Views {
    access: Access,
    /// This process's view of the file systems.
    own: Option<Vec<u8>>,
    /// The mounts of each view that was met.
    mounts: HashMap<Vec<u8>, Mounts>,
}

impl Views {
    pub(super) fn new(folders: &Folders) -> Self {
        let own = fs::readlinkat(CWD, "/proc/self/ns/mnt", Vec::new());
        let own = own.ok().map(CString::into_bytes);
        Self { access: Access::new(folders.clone()), own, mounts: HashMap::new() }
    }

    /// Looks at the file that a process runs, without opening it for reading.
    pub(super) fn look(&mut self, folder: &Folder) -> Result<Exe, Unseen> {
        let handle = folder.file("exe", OFlags::PATH)?;
        let stat = local_stat(&handle)?;
        let view = folder.link("ns/mnt")?;
        if !self.access.is_open() {
            // Rules name paths of this view of the file systems: of another one nothing can be held against them.
            let is_ours = Some(&view) == self.own.as_ref();
            if !is_ours || self.access.file(&handle, &stat).is_err() {
                return Err(Unseen::Refused);
            }
        }
        let link = folder.link("exe")?;
        let is_skipped = self.is_skipped(view, folder, &stat);
        let (path, state) =
            if is_skipped { (link, ExeState::Unknown) } else { compared(folder, &stat, link) };
        Ok(Exe { path, state, is_skipped, stat, handle })
    }

    /// Returns whether a file lies on a file system that may not answer, by the mounts in the view of its process.
    fn is_skipped(&mut self, view: Vec<u8>, folder: &Folder, stat: &Statx) -> bool {
        let table = || Mounts::parse(&folder.mounts().unwrap_or_default());
        let mounts = self.mounts.entry(view).or_insert_with(table);
        mounts.of_device(statx::dev(stat)).is_some_and(Mount::is_skipped)
    }
}

impl Exe {
    /// Opens the very file for reading, whatever lies at its path.
    pub(super) fn open(&self) -> Result<OwnedFd, Errno> {
        let path = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        atime::kept(flags, |flags| fs::open(&path, flags, Mode::empty()))
    }
}

/// Returns what this machine knows of a file, without asking a server.
fn local_stat(file: impl AsFd) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    retry_on_intr(|| fs::statx(&file, c"", flags, StatxFlags::BASIC_STATS))
}

/// Compares a file with what lies at its path now; returns the path and what came of that.
fn compared(folder: &Folder, stat: &Statx, link: Vec<u8>) -> (Vec<u8>, ExeState) {
    let is_it =
        |there: &Statx| (statx::dev(there), there.stx_ino) == (statx::dev(stat), stat.stx_ino);
    let there = at(folder, &link);
    match (there, link.strip_suffix(DELETED)) {
        // Also a file whose name merely ends so.
        (Ok(there), _) if is_it(&there) => (link, ExeState::Present),
        (Ok(_), None) => (link, ExeState::Replaced),
        (Err(Errno::NOENT | Errno::NOTDIR), None) => (link, ExeState::Deleted),
        (Err(_), None) => (link, ExeState::Unknown),
        (_, Some(path)) => {
            let state = match at(folder, path) {
                Ok(there) if is_it(&there) => ExeState::Present,
                Ok(_) => ExeState::Replaced,
                Err(Errno::NOENT | Errno::NOTDIR) => ExeState::Deleted,
                Err(_) => ExeState::Unknown,
            };
            (path.to_vec(), state)
        }
    }
}

/// Looks at what lies at a path in the view of a process.
fn at(folder: &Folder, path: &[u8]) -> Result<Statx, Errno> {
    let top = folder.file("root", OFlags::PATH | OFlags::DIRECTORY)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let there = retry_on_intr(|| fs::openat2(&top, path, flags, Mode::empty(), resolve))?;
    local_stat(there)
}
