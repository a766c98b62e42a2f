//! The figures: every entry is counted once, under what became of it.

use std::collections::BTreeMap;

use common::result::{FileStatus, FilesFooter};
use serde_bytes::ByteBuf;

use super::batch::{Found, Outcome, Verdict};

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
/// Roots that a reason names.
const ROOTS_NAMED_MAX: usize = 3;
/// What a footer holds of a root's name: all of them fit a status.
const ROOT_CHARS_MAX: usize = 512;
/// Stands for the mounts that are not named.
const MORE_MOUNTS: &str = "more";

/// Adds one entry; one of `roots` that could not be looked at is noted by name.
pub(super) fn add(footer: &mut FilesFooter, outcome: &Outcome, roots: &[Vec<u8>]) {
    footer.seen += 1;
    match outcome {
        Outcome::Filtered(reason) => count(&mut footer.filtered, reason),
        Outcome::Folder => footer.listed += 1,
        Outcome::Row(found) => add_row(footer, found, roots),
    }
}

/// Says below which roots nothing was looked at, and why; `None` when there is no such root.
pub(super) fn no_root(footer: &FilesFooter) -> Option<String> {
    let why = |status: &str| match status {
        "vanished" => "does not exist",
        "denied" => "may not be read by this agent",
        "skipped_kind" => "is a link, pipe, socket or device: name the folder itself",
        "skipped_fs" => "lies on a file system that is not entered without --fs all",
        _ => "cannot be read",
    };
    let said = footer.roots_failed.iter().map(|(root, status)| format!("{root} {}", why(status)));
    let named: Vec<_> = said.take(ROOTS_NAMED_MAX).collect();
    let more = footer.roots_failed.len().saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    (!named.is_empty()).then(|| named.join("; ") + &more)
}

fn add_row(footer: &mut FilesFooter, found: &Found, roots: &[Vec<u8>]) {
    let status = found.row.status;
    let is_judged = matches!(
        status,
        FileStatus::Ok | FileStatus::Cached | FileStatus::Changed | FileStatus::CacheMismatch
    );
    if !is_judged && roots.contains(&found.row.path) {
        let name = String::from_utf8_lossy(&found.row.path);
        let name = name.chars().take(ROOT_CHARS_MAX).collect();
        footer.roots_failed.insert(name, status.as_str().to_owned());
    }
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
    match found.verdict {
        Verdict::None => {}
        Verdict::Matched => footer.matched += 1,
        Verdict::Unmatched => footer.unmatched += 1,
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
