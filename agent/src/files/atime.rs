//! Opening files so that their access times stay as they are.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens with `O_NOATIME`; without it where the kernel keeps that for the owner.
pub(crate) fn kept(
    flags: OFlags,
    open: impl Fn(OFlags) -> Result<OwnedFd, Errno>,
) -> Result<OwnedFd, Errno> {
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        opened => opened,
    }
}
