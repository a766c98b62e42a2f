//! Holds what was *opened* against the folders of the machine's policy.
//!
//! A request is judged by its paths when it arrives; until a root is opened, a link or a rename may have given the path
//! another meaning. So every folder is asked for its real path (`/proc/self/fd`) once it is open, and that path is
//! compared, together with its place in its file system (a bind mount has another path) and its inode (a renamed
//! folder, a hard link to a file that a rule names). The rules are resolved again meanwhile, for they may name links.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_protocol::limits;
use rustix::fs::{self, CWD, Statx};
use rustix::io::{Errno, retry_on_intr};

use crate::files::mounts::Mounts;
use crate::files::paths::{below, join};
use crate::files::resolve::Ways;
use crate::files::statx;

/// Which folders may be collected from, as the policy file has them: absolute paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// Only these; `None`: all.
    pub allow: Option<Vec<PathBuf>>,
    /// Not these, whatever `allow` contains.
    pub deny: Vec<PathBuf>,
}

impl Folders {
    /// Returns whether there is no rule.
    pub fn is_open(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }
}

/// The policy does not let this be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// The rules of one collection; all threads share them.
#[derive(Debug, Default)]
pub(crate) struct Access {
    folders: Folders,
    resolved: Mutex<Option<Resolved>>,
}

/// What the rules mean at a moment.
#[derive(Debug)]
struct Resolved {
    at: Instant,
    mounts: Mounts,
    /// Each rule as it is written and without links.
    allow: Option<Vec<Vec<u8>>>,
    deny: Vec<Vec<u8>>,
    /// The denied folders by device and by path within their file system.
    places: Vec<(u64, Vec<u8>)>,
    /// Device and inode of what the rules deny. A folder that was renamed since keeps its inode.
    inodes: BTreeSet<(u64, u64)>,
}

impl Access {
    pub(crate) fn new(folders: Folders) -> Self {
        Self { folders, resolved: Mutex::new(None) }
    }

    /// Returns whether there is no rule: nothing need be asked.
    pub(crate) fn is_open(&self) -> bool {
        self.folders.is_open()
    }

    /// Checks a folder that is open.
    pub(crate) fn folder(&self, folder: impl AsFd, stat: &Statx) -> Result<(), Refused> {
        self.check(|rules| rules.inode(stat).and_then(|()| rules.path(&real_path(folder)?)))
    }

    /// Checks the folder that an earlier check let pass: it may have been renamed.
    pub(crate) fn folder_again(&self, folder: impl AsFd) -> Result<(), Refused> {
        self.check(|rules| rules.path(&real_path(folder)?))
    }

    /// Checks what has `name` in an open folder, before it is touched.
    pub(crate) fn entry(&self, folder: impl AsFd, name: &[u8]) -> Result<(), Refused> {
        self.check(|rules| {
            let mut path = real_path(folder)?;
            if name != b"." {
                join(&mut path, name);
            }
            rules.path(&path)
        })
    }

    /// Checks a file by its inode: its folder was checked, but a rule may name a file, and this be another name of it.
    pub(crate) fn inode(&self, stat: &Statx) -> Result<(), Refused> {
        if self.folders.deny.is_empty() {
            return Ok(());
        }
        self.check(|rules| rules.inode(stat))
    }

    /// Checks what a walk met, by its path without links.
    pub(crate) fn path(&self, path: &[u8]) -> Result<(), Refused> {
        self.check(|rules| rules.path(path))
    }

    /// Checks a file that was opened by its whole path.
    pub(crate) fn file(&self, file: impl AsFd, stat: &Statx) -> Result<(), Refused> {
        self.folder(file, stat)
    }

    fn check(&self, ask: impl FnOnce(&Resolved) -> Result<(), Refused>) -> Result<(), Refused> {
        if self.is_open() {
            return Ok(());
        }
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        let age_max = Duration::from_millis(limits::POLICY_RESOLVED_MS_MAX);
        if resolved.as_ref().is_none_or(|rules| rules.at.elapsed() >= age_max) {
            let known = resolved.take().map(|rules| rules.inodes).unwrap_or_default();
            *resolved = Resolved::now(&self.folders, known);
        }
        // Without the table of mounts nothing can be compared, and then nothing is allowed.
        resolved.as_ref().ok_or(Refused).and_then(ask)
    }
}

impl Resolved {
    fn now(folders: &Folders, mut inodes: BTreeSet<(u64, u64)>) -> Option<Self> {
        let mounts = Mounts::read().ok()?;
        let ways = Ways { mounts: &mounts, enter_all: false };
        if inodes.len() > limits::POLICY_INODES_MAX {
            inodes.clear();
        }
        let mut deny = Vec::new();
        for rule in &folders.deny {
            let written = bytes(&lexical(rule));
            let nearest = ways.nearest(&written);
            deny.push(written);
            let Some(nearest) = nearest else { continue };
            let stat = nearest.found.and_then(|(folder, name)| statx::of_name(&folder, &name).ok());
            inodes.extend(stat.as_ref().map(identity));
            deny.push(nearest.real);
        }
        let allow = folders.allow.as_ref().map(|rules| {
            let both = |rule: &PathBuf| {
                let written = bytes(&lexical(rule));
                let real = ways.nearest(&written).map(|nearest| nearest.real);
                std::iter::once(written).chain(real)
            };
            rules.iter().flat_map(both).collect()
        });
        let places = deny.iter().filter_map(|path| mounts.place(path)).collect();
        Some(Self { at: Instant::now(), allow, deny, places, inodes, mounts })
    }

    fn inode(&self, stat: &Statx) -> Result<(), Refused> {
        if self.inodes.contains(&identity(stat)) { Err(Refused) } else { Ok(()) }
    }

    fn path(&self, path: &[u8]) -> Result<(), Refused> {
        let covers = |rule: &Vec<u8>| below(rule, path).is_some();
        if self.deny.iter().any(covers) {
            return Err(Refused);
        }
        let place = self.mounts.place(path);
        let is_denied_place = place.is_some_and(|(dev, path)| {
            self.places.iter().any(|(of, rule)| *of == dev && below(rule, &path).is_some())
        });
        let is_allowed = self.allow.as_ref().is_none_or(|rules| rules.iter().any(covers));
        if is_denied_place || !is_allowed { Err(Refused) } else { Ok(()) }
    }
}

/// Returns a path without `.` and `..`, by its text alone.
pub fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    out
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// Returns the path of what is open, as the kernel has it now.
fn real_path(open: impl AsFd) -> Result<Vec<u8>, Refused> {
    let link = format!("/proc/self/fd/{}", open.as_fd().as_raw_fd());
    let read: Result<CString, Errno> = retry_on_intr(|| fs::readlinkat(CWD, &link, Vec::new()));
    // What lies beyond this process's root has no path that a rule could name.
    read.ok().map(CString::into_bytes).filter(|path| path.starts_with(b"/")).ok_or(Refused)
}

fn identity(stat: &Statx) -> (u64, u64) {
    (statx::dev(stat), stat.stx_ino)
}
