//! Finds what a path leads to without touching a file system that must not be touched.
//!
//! The kernel would follow links on the way into any mount; here every step is held against the mount
//! table first. Symbolic links on the way to a root are followed, and so is a root that is a link itself: whoever asks for
//! `/var/run` or `/bin` means what is there, not the link. Below a root links are followed only if they are asked to
//! be, and then from here, too.

use std::collections::VecDeque;

use muster_protocol::artifact::file_hash::FileKind;
use rustix::fd::OwnedFd;
use rustix::fs::{self, CWD, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::files::mounts::Mounts;
use crate::files::paths::{components, join};
use crate::files::statx;

/// Symbolic links followed on one way, as the kernel bounds them.
const LINKS_MAX: u32 = 40;

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Place {
    /// It may be looked at.
    Found {
        /// The folder that holds it.
        parent: OwnedFd,
        /// Its name there; `.` for a folder that has no name on this way.
        name: Vec<u8>,
        /// Its path without links.
        real: Vec<u8>,
    },
    /// On the way lies a mount that is not entered.
    OnSkipped {
        /// The mount point.
        point: Vec<u8>,
        /// The type of its file system.
        kind: String,
    },
    /// It cannot be reached.
    Failed(Errno),
}

/// What decides where a way may lead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways<'a> {
    pub(crate) mounts: &'a Mounts,
    /// Network and pseudo file systems are entered, too.
    pub(crate) enter_all: bool,
}

/// A folder on the way, and what is left of it.
struct Step {
    folder: OwnedFd,
    /// Its path without links.
    real: Vec<u8>,
    pending: VecDeque<Vec<u8>>,
}

/// What a path leads to, for rules about folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Real {
    /// A path without links, as far as it exists.
    Path(Vec<u8>),
    /// It lies on a file system that is not touched.
    Untouched,
}

/// What is nearest to a path, for rules about what may not exist yet.
#[derive(Debug)]
pub(crate) struct Nearest {
    /// The path without links, as far as it exists.
    pub(crate) real: Vec<u8>,
    /// The folder that holds it and its name there, where it exists.
    pub(crate) found: Option<(OwnedFd, Vec<u8>)>,
}

/// Resolves an absolute path, in which there may be `.` and `..`, without touching a file system that may not answer.
pub fn real(path: &[u8]) -> Real {
    let Ok(mounts) = Mounts::read() else { return Real::Untouched };
    let ways = Ways { mounts: &mounts, enter_all: false };
    ways.nearest(path).map_or(Real::Untouched, |nearest| Real::Path(nearest.real))
}

/// Returns whether there is anything at an absolute path; `None` where that would touch a file system that may not answer.
pub fn exists(path: &[u8]) -> Option<bool> {
    let mounts = Mounts::read().ok()?;
    let ways = Ways { mounts: &mounts, enter_all: false };
    let Some((folder, name)) = ways.nearest(path)?.found else { return Some(false) };
    Some(statx::of_name(&folder, &name).is_ok())
}

impl Ways<'_> {
    /// Resolves a path of which the end may not exist; `None` where it lies on a file system that is not touched.
    pub(crate) fn nearest(self, path: &[u8]) -> Option<Nearest> {
        let mut asked = path;
        let mut missing: Vec<&[u8]> = Vec::new();
        loop {
            match self.find(asked) {
                Place::Found { parent, name, mut real } => {
                    let found = missing.is_empty().then_some((parent, name));
                    missing.iter().rev().for_each(|name| join(&mut real, name));
                    return Some(Nearest { real, found });
                }
                Place::OnSkipped { .. } => return None,
                // Of what does not exist yet, the nearest folder that does is resolved.
                Place::Failed(_) => {
                    let slash = asked.iter().rposition(|byte| *byte == b'/');
                    let Some((folder, name)) = slash.and_then(|at| asked.split_at_checked(at))
                    else {
                        return Some(Nearest { real: path.to_vec(), found: None });
                    };
                    missing.push(name.strip_prefix(b"/").unwrap_or(name));
                    asked = folder;
                }
            }
        }
    }

    /// Finds a root, an absolute path without `.` and `..`.
    pub(crate) fn find(self, root: &[u8]) -> Place {
        self.walk(None, root)
    }

    /// Finds what the target of a link in `folder`, whose path without links is `real`, leads to.
    pub(crate) fn follow(self, folder: &OwnedFd, real: &[u8], target: &[u8]) -> Place {
        self.walk(Some((folder, real)), target)
    }

    fn walk(self, from: Option<(&OwnedFd, &[u8])>, path: &[u8]) -> Place {
        match self.step_through(from, path) {
            Ok(place) => place,
            Err(errno) => Place::Failed(errno),
        }
    }

    fn step_through(self, from: Option<(&OwnedFd, &[u8])>, path: &[u8]) -> Result<Place, Errno> {
        let mut step = match from {
            Some((folder, real)) if !path.starts_with(b"/") => Step {
                folder: open_step(folder, b".")?,
                real: real.to_vec(),
                pending: VecDeque::new(),
            },
            _ => match self.skipped(b"/") {
                Some(place) => return Ok(place),
                None => Step::top()?,
            },
        };
        step.pending.extend(components(path).map(<[u8]>::to_vec));
        let mut links = 0;
        loop {
            let Some(name) = step.pending.pop_front() else {
                let Step { folder, real, .. } = step;
                return Ok(Place::Found { parent: folder, name: b".".to_vec(), real });
            };
            if name == b"." {
                continue;
            }
            if name == b".." {
                step.up()?;
                continue;
            }
            let mut candidate = step.real.clone();
            join(&mut candidate, &name);
            if let Some(place) = self.skipped(&candidate) {
                return Ok(place);
            }
            if step.pending.is_empty() && !is_link(&step.folder, &name) {
                return Ok(Place::Found { parent: step.folder, name, real: candidate });
            }
            let next = open_step(&step.folder, &name)?;
            match FileType::from_raw_mode(fs::fstat(&next)?.st_mode) {
                FileType::Directory => {
                    step.folder = next;
                    step.real = candidate;
                }
                FileType::Symlink => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Errno::LOOP);
                    }
                    step.turn(&name)?;
                }
                _ => return Err(Errno::NOTDIR),
            }
        }
    }

    fn skipped(self, path: &[u8]) -> Option<Place> {
        let mount = self.mounts.at(path).filter(|mount| !self.enter_all && mount.is_skipped())?;
        Some(Place::OnSkipped { point: path.to_vec(), kind: mount.kind.clone() })
    }
}

impl Step {
    fn top() -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = retry_on_intr(|| fs::openat(CWD, c"/", flags, Mode::empty()))?;
        Ok(Self { folder, real: b"/".to_vec(), pending: VecDeque::new() })
    }

    fn up(&mut self) -> Result<(), Errno> {
        self.folder = open_step(&self.folder, b"..")?;
        let up = self.real.iter().rposition(|byte| *byte == b'/').unwrap_or(0).max(1);
        self.real.truncate(up);
        Ok(())
    }

    /// Goes on where a link points.
    fn turn(&mut self, link: &[u8]) -> Result<(), Errno> {
        let target = retry_on_intr(|| fs::readlinkat(&self.folder, link, Vec::new()))?.into_bytes();
        if target.starts_with(b"/") {
            let top = Self::top()?;
            (self.folder, self.real) = (top.folder, top.real);
        }
        for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
            self.pending.push_front(component.to_vec());
        }
        Ok(())
    }
}

/// Returns whether a name is known to be a link; what cannot be looked at is left to whoever looks next.
fn is_link(folder: &OwnedFd, name: &[u8]) -> bool {
    statx::of_name(folder, name).is_ok_and(|stat| statx::kind_of(&stat) == FileKind::Symlink)
}

fn open_step(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    retry_on_intr(|| fs::openat(folder, name, flags, Mode::empty()))
}
