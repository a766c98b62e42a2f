//! What a collector may ask of the files that were hashed before, and what it may add.
//!
//! Whatever goes wrong with a cache is its own business: a collector reads the files that it gets no answer about.

use std::fmt::Debug;

use muster_protocol::artifact::Digests;
use muster_protocol::artifact::HashKind;
use muster_protocol::limits;

use super::FileId;

/// A file that was read to its end and did not change meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// The file as it was when it was opened.
    pub id: FileId,
    /// When the reading began, nanoseconds since 1970.
    pub began_ns: i64,
    /// What came of it.
    pub digests: Digests,
}

/// Digests of files that were hashed before. Shared by all threads of all collections.
pub trait Cache: Debug + Sync {
    /// Returns whether asking is a waste of time: nothing is known, or it cannot be read.
    fn is_empty(&self) -> bool;

    /// Returns for each file its digests of these kinds, in this order; `None` unless all of them are known.
    fn find(&self, kinds: &[HashKind], files: &[FileId]) -> Vec<Option<Digests>>;

    /// Takes what was hashed; what it holds of the same files gives way.
    fn store(&self, files: &[Hashed]);

    /// Returns whether on a file system, named as `statfs` does, [`FileId`] says what it must: content never changes
    /// without it, and a user cannot set it back.
    fn trusts(&self, file_system: u64) -> bool {
        keeps_change_times(file_system)
    }

    /// One in so many of the files that are known is read all the same and compared.
    fn recheck_one_in(&self) -> u64 {
        limits::HASH_CACHE_RECHECK_ONE_IN
    }
}

/// Returns whether a file system is one that a cache may trust.
pub fn keeps_change_times(file_system: u64) -> bool {
    TRUSTED.contains(&file_system)
}

/// Local file systems on which the kernel keeps a change time of its own for every inode. Not among them are `vfat` and
/// `exfat` (the change time is the time of the content, which anybody can set), images that are made elsewhere
/// (`squashfs`, `iso9660`), and whatever a server or another process answers for.
const TRUSTED: [u64; 11] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x3153_464a, // jfs
    0x5265_4973, // reiserfs
    0x3434,      // nilfs2
    0x0102_1994, // tmpfs
    0x794c_7630, // overlay
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_with_a_change_time_of_their_own_are_trusted() {
        for (magic, is_trusted) in [
            (libc::EXT4_SUPER_MAGIC, true),
            (libc::TMPFS_MAGIC, true),
            (libc::BTRFS_SUPER_MAGIC, true),
            (libc::OVERLAYFS_SUPER_MAGIC, true),
            (libc::PROC_SUPER_MAGIC, false),
            (libc::NFS_SUPER_MAGIC, false),
            (libc::MSDOS_SUPER_MAGIC, false),
            (libc::FUSE_SUPER_MAGIC, false),
        ] {
            let magic = u64::try_from(magic).unwrap();
            assert_eq!(keeps_change_times(magic), is_trusted, "{magic:#x}");
        }
    }
}
