//! Finds a root without touching a file system that must not be touched.
//!
//! The kernel would follow links on the way into any mount; here every step is held against the mount
//! table first. Links on the way are followed, and so is a root that is a link itself: whoever asks for
//! `/var/run` or `/bin` means what is there, not the link. Below a root no link is followed.

use std::collections::VecDeque;

use common::result::FileKind;
use rustix::fd::OwnedFd;
use rustix::fs::{self, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::meta;
use super::mounts::{Mounts, is_skipped_type};
use super::plan::{components, join};

/// Links followed on the way to a root, as the kernel bounds them.
const LINKS_MAX: u32 = 40;

/// Where a root lies.
#[derive(Debug)]
pub(super) enum Place {
    /// It may be looked at.
    Found {
        /// The folder that holds it.
        parent: OwnedFd,
        /// Its name there; `.` for the root of all.
        name: Vec<u8>,
        /// Its path without links.
        real: Vec<u8>,
    },
    /// On the way lies a mount that is not entered.
    OnSkipped {
        /// The mount point.
        point: Vec<u8>,
        /// The type of the file system.
        kind: String,
    },
    /// It cannot be reached.
    Failed(Errno),
}

/// Finds `root`, an absolute path without `.` and `..`.
pub(super) fn find(root: &[u8], mounts: &Mounts, enter_all: bool) -> Place {
    match step_through(root, mounts, enter_all) {
        Ok(place) => place,
        Err(errno) => Place::Failed(errno),
    }
}

fn step_through(root: &[u8], mounts: &Mounts, enter_all: bool) -> Result<Place, Errno> {
    let skipped = |path: &[u8]| {
        let kind = mounts.at(path).filter(|kind| !enter_all && is_skipped_type(kind))?;
        Some(Place::OnSkipped { point: path.to_vec(), kind: kind.to_owned() })
    };
    if let Some(place) = skipped(b"/") {
        return Ok(place);
    }
    let mut pending: VecDeque<Vec<u8>> = components(root).map(<[u8]>::to_vec).collect();
    let mut folder = open_top()?;
    let mut real = b"/".to_vec();
    let mut links = 0;
    loop {
        let Some(name) = pending.pop_front() else {
            return Ok(Place::Found { parent: folder, name: b".".to_vec(), real });
        };
        if name == b"." {
            continue;
        }
        if name == b".." {
            folder = open_step(&folder, b"..")?;
            let up = real.iter().rposition(|byte| *byte == b'/').unwrap_or(0).max(1);
            real.truncate(up);
            continue;
        }
        let mut candidate = real.clone();
        join(&mut candidate, &name);
        if let Some(place) = skipped(&candidate) {
            return Ok(place);
        }
        if pending.is_empty() && !is_link(&folder, &name) {
            return Ok(Place::Found { parent: folder, name, real: candidate });
        }
        let next = open_step(&folder, &name)?;
        match FileType::from_raw_mode(fs::fstat(&next)?.st_mode) {
            FileType::Directory => {
                folder = next;
                real = candidate;
            }
            FileType::Symlink => {
                links += 1;
                if links > LINKS_MAX {
                    return Err(Errno::LOOP);
                }
                let target = fs::readlinkat(&folder, name.as_slice(), Vec::new())?.into_bytes();
                if target.starts_with(b"/") {
                    folder = open_top()?;
                    real = b"/".to_vec();
                }
                for component in components(&target).collect::<Vec<_>>().into_iter().rev() {
                    pending.push_front(component.to_vec());
                }
            }
            _ => return Err(Errno::NOTDIR),
        }
    }
}

/// Tells whether a name is known to be a link; what cannot be looked at is left to whoever looks next.
fn is_link(folder: &OwnedFd, name: &[u8]) -> bool {
    meta::of_name(folder, name).is_ok_and(|stat| meta::kind_of(&stat) == FileKind::Symlink)
}

fn open_top() -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(CWD, c"/", flags, Mode::empty())
}

fn open_step(folder: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(folder, name, flags, Mode::empty())
}
