//! The figures: every entry is counted once, under what became of it.

use std::collections::BTreeMap;

use common::result::{FileStatus, FilesFooter};
use serde_bytes::ByteBuf;

use super::batch::{Found, Outcome};

/// Left out by the operator's `exclude`.
pub(super) const EXCLUDE: &str = "exclude";
/// Left out by the operator's `include`.
pub(super) const INCLUDE: &str = "include";
/// Left out by the operator's size bounds.
pub(super) const SIZE: &str = "size";
/// Left out by the operator's `one_file_system`.
pub(super) const FILE_SYSTEM: &str = "file_system";

/// Mounts that a footer names; the rest are summed under [`MORE_MOUNTS`].
const MOUNTS_NAMED_MAX: usize = 64;
/// Stands for the mounts that are not named.
const MORE_MOUNTS: &str = "more";

/// Adds one entry.
pub(super) fn add(footer: &mut FilesFooter, outcome: &Outcome) {
    footer.seen += 1;
    match outcome {
        Outcome::Filtered(reason) => count(&mut footer.filtered, reason),
        Outcome::Folder => footer.listed += 1,
        Outcome::Row(found) => add_row(footer, found),
    }
}

fn add_row(footer: &mut FilesFooter, found: &Found) {
    let status = found.row.status;
    match status {
        FileStatus::Ok | FileStatus::Cached | FileStatus::Changed | FileStatus::CacheMismatch => {
            if found.row.digests.is_empty() {
                footer.listed += 1;
            } else {
                footer.hashed += 1;
            }
        }
        FileStatus::SkippedKind
        | FileStatus::SkippedFs
        | FileStatus::SkippedSize
        | FileStatus::SkippedLimit => count(&mut footer.skipped, status.as_str()),
        FileStatus::Denied | FileStatus::Vanished | FileStatus::IoError => {
            count(&mut footer.failed, status.as_str());
        }
    }
    footer.bytes_hashed = footer.bytes_hashed.saturating_add(found.bytes);
    if let Some(mount) = &found.mount {
        let is_named = footer.mounts_skipped.len() < MOUNTS_NAMED_MAX
            || footer.mounts_skipped.contains_key(mount);
        count(&mut footer.mounts_skipped, if is_named { mount } else { MORE_MOUNTS });
    }
    if found.elapsed_ms > footer.slowest_ms {
        footer.slowest_ms = found.elapsed_ms;
        footer.slowest_path = ByteBuf::from(found.row.path.clone());
    }
}

fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count += 1;
    } else {
        counts.insert(key.to_owned(), 1);
    }
}
