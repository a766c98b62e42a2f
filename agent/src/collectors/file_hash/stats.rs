//! The figures: every entry is counted once, under what became of it.

use std::collections::BTreeMap;

use muster_protocol::artifact::file_hash::{self, FileStatus};
use muster_protocol::limits::{RESULT_ENTRIES_MAX, RESULT_NAME_BYTES_MAX};
use muster_protocol::result::bounds::{MORE, cut_path, cut_text};
use serde_bytes::ByteBuf;

use crate::collectors::file_hash::entry::{Found, Outcome, Verdict, skip};
use crate::collectors::file_hash::spec::Plan;

/// Roots that a reason names.
const ROOTS_NAMED_MAX: usize = 3;

/// What the figures depend on besides the entries.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Those that cannot be looked at are noted by name.
    pub(crate) roots: Vec<Vec<u8>>,
    /// A row without a birth time could not be judged.
    pub(crate) asks_for_birth: bool,
}

impl Rules {
    /// Returns what the figures of a collection depend on.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self { roots: plan.roots.clone(), asks_for_birth: plan.select.asks_for_birth() }
    }
}

/// Adds one entry.
pub(crate) fn add(footer: &mut file_hash::Footer, outcome: &Outcome, rules: &Rules) {
    footer.seen += 1;
    match outcome {
        Outcome::Filtered(reason) => count(&mut footer.filtered, reason),
        Outcome::OtherFileSystem(mount) => {
            count(&mut footer.filtered, skip::FILE_SYSTEM);
            count_mount(footer, mount);
        }
        Outcome::Folder => footer.listed += 1,
        Outcome::Row(found) => add_row(footer, found, rules),
    }
}

/// Returns the roots below which nothing was looked at, and why; `None` when there is no such root.
pub(crate) fn no_root(footer: &file_hash::Footer) -> Option<String> {
    let why = |status: &str| match status {
        "vanished" => "does not exist",
        "denied_by_policy" => "is against this machine's policy",
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

fn add_row(footer: &mut file_hash::Footer, found: &Found, rules: &Rules) {
    let status = found.row.status;
    let is_judged = matches!(
        status,
        FileStatus::Ok | FileStatus::Cached | FileStatus::Changed | FileStatus::CacheMismatch
    );
    if !is_judged && rules.roots.contains(&found.row.path) {
        let mut name = String::from_utf8_lossy(&found.row.path).into_owned();
        cut_text(&mut name, RESULT_NAME_BYTES_MAX);
        footer.roots_failed.insert(name, status.as_str().to_owned());
    }
    match status {
        FileStatus::Ok | FileStatus::Cached | FileStatus::Changed | FileStatus::CacheMismatch => {
            if found.row.digests.is_empty() {
                footer.listed += 1;
            } else if status == FileStatus::Cached {
                footer.cached += 1;
            } else {
                footer.hashed += 1;
            }
        }
        FileStatus::SkippedKind | FileStatus::SkippedFs => {
            count(&mut footer.skipped, status.as_str());
        }
        FileStatus::Denied
        | FileStatus::DeniedByPolicy
        | FileStatus::Vanished
        | FileStatus::IoError => {
            count(&mut footer.failed, status.as_str());
        }
    }
    match found.verdict {
        Verdict::None => {}
        Verdict::Matched => footer.matched += 1,
        Verdict::Unmatched => footer.unmatched += 1,
    }
    let is_failed = matches!(
        status,
        FileStatus::Denied
            | FileStatus::DeniedByPolicy
            | FileStatus::Vanished
            | FileStatus::IoError
            | FileStatus::SkippedFs
    );
    if rules.asks_for_birth && !is_failed && found.row.btime_ns.is_none() {
        count(&mut footer.unjudged, skip::BTIME);
    }
    footer.bytes_hashed = footer.bytes_hashed.saturating_add(found.bytes);
    if let Some(mount) = &found.mount {
        count_mount(footer, mount);
    }
    if found.elapsed_ms > footer.slowest_ms {
        footer.slowest_ms = found.elapsed_ms;
        footer.slowest_path = ByteBuf::from(found.row.path.clone());
        cut_path(&mut footer.slowest_path);
    }
}

fn count_mount(footer: &mut file_hash::Footer, mount: &str) {
    let mut name = mount.to_owned();
    cut_text(&mut name, RESULT_NAME_BYTES_MAX);
    let mounts = &mut footer.mounts_skipped;
    let is_named = mounts.len() < RESULT_ENTRIES_MAX || mounts.contains_key(&name);
    count(mounts, if is_named { &name } else { MORE });
}

fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count += 1;
    } else {
        counts.insert(key.to_owned(), 1);
    }
}
