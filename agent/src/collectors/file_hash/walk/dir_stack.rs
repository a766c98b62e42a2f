//! The folders between a root and where the walk is.
//!
//! Only the innermost [`OPEN_FRAMES`] (and the root) keep a descriptor, so that the depth of a tree is bounded
//! by [`muster_protocol::limits::TREE_PATH_BYTES_MAX`] alone; on the way back a folder is opened again from above, and its
//! identity checked.

use std::sync::Arc;

use muster_protocol::artifact::file_hash::FileKind;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, Mode, OFlags, ResolveFlags, Statx};
use rustix::io::{Errno, retry_on_intr};

use crate::collectors::file_hash::descriptors::is_starved;
use crate::collectors::file_hash::entry::path::EntryPath;
use crate::collectors::file_hash::walk::dir_listing::DirListing;
use crate::files::access::{Access, Refused};
use crate::files::atime;
use crate::files::mounts::{Children, Mount};
use crate::files::paths::join;
use crate::files::statx;

/// Folders that keep their descriptor.
const OPEN_FRAMES: usize = 32;

/// The way from the root to the innermost folder.
#[derive(Debug, Default)]
pub(crate) struct DirStack<'a> {
    stack: Vec<OpenDir<'a>>,
    /// Path of the innermost folder.
    path: Vec<u8>,
    /// Only the root and the innermost keep their descriptors.
    is_sparing: bool,
}

/// A folder that is walked.
#[derive(Debug)]
struct OpenDir<'a> {
    folder: Option<Arc<OwnedFd>>,
    /// Device and inode.
    identity: (u64, u64),
    base: Arc<RealPathPrefix>,
    /// A link leads to it: its path does not, so it keeps its descriptor.
    is_linked: bool,
    path_len: usize,
    names: DirListing,
    mounts: Option<&'a Children>,
    /// The folder lies on the way to where an earlier run stopped: the name that leads there.
    towards: Option<Vec<u8>>,
    /// It cannot be opened again, or may not be read any more.
    lost: Option<Lost>,
}

/// Why a folder on the way is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It cannot be opened again.
    Failed(Errno),
    /// It lies where the policy allows nothing.
    Refused,
}

impl Lost {
    /// Returns whether there was no descriptor for it.
    pub(crate) fn is_starved(self) -> bool {
        matches!(self, Self::Failed(errno) if is_starved(errno))
    }
}

impl From<Errno> for Lost {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

impl From<Refused> for Lost {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

/// Where a path without links begins: the root, or what a followed link led to.
#[derive(Debug)]
pub(crate) struct RealPathPrefix {
    /// Length of its path as rows have it.
    pub(crate) path_len: usize,
    /// Its path without links.
    pub(crate) real: Vec<u8>,
}

impl RealPathPrefix {
    /// Returns the path without links of what has `path` in rows.
    pub(crate) fn real(&self, path: &[u8]) -> Vec<u8> {
        let mut real = self.real.clone();
        let below = path.get(self.path_len..).unwrap_or_default();
        let below = below.strip_prefix(b"/").unwrap_or(below);
        if !below.is_empty() {
            join(&mut real, below);
        }
        real
    }
}

/// A folder that has just been opened.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    pub(crate) folder: OwnedFd,
    pub(crate) base: Arc<RealPathPrefix>,
    pub(crate) is_linked: bool,
    pub(crate) stat: Statx,
    pub(crate) names: DirListing,
    pub(crate) mounts: Option<&'a Children>,
    pub(crate) towards: Option<Vec<u8>>,
}

/// What the innermost folder says of one of its entries.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) named: EntryPath,
    pub(crate) hint: FileKind,
    /// What is mounted there.
    pub(crate) mount: Option<Mount>,
    /// An earlier run came to it.
    pub(crate) is_on_the_way: bool,
}

impl<'a> DirStack<'a> {
    /// Returns how many levels below the root the next name is; 0 when no root is walked.
    pub(crate) fn level(&self) -> usize {
        self.stack.len()
    }

    /// Holds as few descriptors open as it can.
    pub(crate) fn spare_descriptors(&mut self) {
        if std::mem::replace(&mut self.is_sparing, true) {
            return;
        }
        let between = self.stack.len().saturating_sub(1);
        self.stack.iter_mut().take(between).skip(1).for_each(OpenDir::close);
    }

    /// Returns how many folders keep their descriptors.
    fn open_max(&self) -> usize {
        if self.is_sparing { 1 } else { OPEN_FRAMES }
    }

    /// Gives back the name that was taken last.
    pub(crate) fn give_back(&mut self, listed: &Listed) {
        let Some(frame) = self.stack.last_mut() else { return };
        frame.names.step_back();
        if listed.is_on_the_way {
            frame.towards = Some(listed.named.name().to_vec());
        }
    }

    /// Takes one name of the innermost folder; at its end leaves the folder.
    pub(crate) fn next(&mut self) -> Option<Listed> {
        let frame = self.stack.last_mut()?;
        let Some((name, hint)) = frame.names.next() else {
            self.stack.pop();
            let len = self.stack.last().map_or(0, |frame| frame.path_len);
            self.path.truncate(len);
            return None;
        };
        let is_on_the_way = frame.towards.take().is_some_and(|towards| towards == name);
        let mount = frame.mounts.and_then(|mounts| mounts.get(name)).cloned();
        let named = EntryPath::within(&self.path, name);
        Some(Listed { named, hint, mount, is_on_the_way })
    }

    /// Makes a folder the innermost.
    pub(crate) fn push(&mut self, path: &[u8], opened: Opened<'a>) {
        self.path.clear();
        self.path.extend_from_slice(path);
        self.stack.push(OpenDir {
            folder: Some(Arc::new(opened.folder)),
            identity: identity(&opened.stat),
            base: opened.base,
            is_linked: opened.is_linked,
            path_len: self.path.len(),
            names: opened.names,
            mounts: opened.mounts,
            towards: opened.towards,
            lost: None,
        });
        let outer = self.stack.len().checked_sub(self.open_max() + 1).filter(|index| *index > 0);
        if let Some(frame) = outer.and_then(|index| self.stack.get_mut(index)) {
            frame.close();
        }
    }

    /// Returns what the innermost folder's path without links begins with.
    pub(crate) fn base(&self) -> Option<Arc<RealPathPrefix>> {
        self.stack.last().map(|frame| Arc::clone(&frame.base))
    }

    /// Returns how many of the folders on the way a link leads to.
    pub(crate) fn links(&self) -> usize {
        self.stack.iter().filter(|frame| frame.is_linked).count()
    }

    /// Returns whether a folder is on the way.
    pub(crate) fn holds(&self, folder: &Statx) -> bool {
        let identity = identity(folder);
        self.stack.iter().any(|frame| frame.identity == identity)
    }

    /// Holds the innermost folder against the policy again: it may have been renamed since it was opened.
    pub(crate) fn check_innermost(&mut self, access: &Access) {
        let Some(last) = self.stack.last_mut() else { return };
        if let Some(folder) = &last.folder
            && access.folder_again(folder).is_err()
        {
            last.folder = None;
            last.lost = Some(Lost::Refused);
        }
    }

    /// Returns the innermost folder, opened again from above if need be.
    pub(crate) fn innermost(&mut self, access: &Access) -> Result<Arc<OwnedFd>, Lost> {
        let Some(last) = self.stack.len().checked_sub(1) else { return Err(Errno::NOENT.into()) };
        let open_max = self.open_max();
        let nearest = self.stack.iter().rposition(|frame| frame.folder.is_some()).unwrap_or(0);
        for index in nearest + 1..=last {
            let Some([outer, inner]) = self.stack.get_mut(index - 1..=index) else { continue };
            let Some(outer_folder) = &outer.folder else { return Err(Errno::NOENT.into()) };
            let name = self.path.get(outer.path_len..inner.path_len).unwrap_or_default();
            let name = name.strip_prefix(b"/").unwrap_or(name);
            let opened = match inner.lost {
                Some(lost) => Err(lost),
                None => open_same(outer_folder, name, inner.identity, access),
            };
            match opened {
                Ok(folder) => inner.folder = Some(Arc::new(folder)),
                Err(lost) => {
                    // Without descriptors it may be opened later.
                    inner.lost = (!lost.is_starved()).then_some(lost);
                    return Err(lost);
                }
            }
            // The way down leaves no more descriptors than the way there.
            if index - 1 > 0
                && index + open_max <= last
                && let Some(outer) = self.stack.get_mut(index - 1)
            {
                outer.close();
            }
        }
        let last = self.stack.get(last).ok_or(Errno::NOENT)?;
        last.folder.clone().ok_or(last.lost.unwrap_or(Lost::Failed(Errno::NOENT)))
    }
}

impl OpenDir<'_> {
    /// Lets go of the descriptor, if the path leads to the folder again.
    fn close(&mut self) {
        if !self.is_linked {
            self.folder = None;
        }
    }
}

/// Flags to read a folder's names; a link is not followed.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Opens a folder to read its names.
pub(crate) fn open_folder(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let open = |flags| retry_on_intr(|| fs::openat(&parent, name, flags, Mode::empty()));
    atime::kept(FOLDER, open)
}

/// The same where nothing is known to be mounted: what has been since is `EXDEV`, and is not touched.
pub(crate) fn open_unmounted(parent: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let rules = ResolveFlags::NO_XDEV;
    let open = |flags| retry_on_intr(|| fs::openat2(parent, name, flags, Mode::empty(), rules));
    match atime::kept(FOLDER, open) {
        // Before Linux 5.6, or where it is filtered.
        Err(Errno::NOSYS | Errno::PERM) => open_folder(parent, name),
        opened => opened,
    }
}

fn open_same(
    parent: &OwnedFd,
    name: &[u8],
    wanted: (u64, u64),
    access: &Access,
) -> Result<OwnedFd, Lost> {
    let folder = open_folder(parent, name)?;
    let stat = statx::of_open(&folder)?;
    if identity(&stat) != wanted {
        return Err(Errno::STALE.into());
    }
    access.folder(&folder, &stat)?;
    Ok(folder)
}

fn identity(stat: &Statx) -> (u64, u64) {
    (statx::dev(stat), stat.stx_ino)
}
