//! What was done, in figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::artifact::Figures;
use crate::artifact::footer::{sealed, total};
use crate::result::bounds::{Bounded, cut_counts, cut_path, cut_words};
use crate::result::{ArtifactFooter, Counters};
use crate::wire::WireError;

/// What `file_hash` saw. Every entry is counted once: [`Footer::accounted`] equals `seen`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Footer {
    /// Entries met: each root, and each name found in a folder that was entered. What lies in a folder that
    /// was not entered is not met; a root below another root is met once, as a root.
    pub seen: u64,
    /// Regular files that were read and whose digests were computed (`ok`, `changed`, `cache_mismatch`); a further name of
    /// a file counts again. Each is a row, but for those that are `unmatched`.
    pub hashed: u64,
    /// Regular files whose digests come from the cache (`cached`). Each is a row, but for those that are `unmatched`.
    pub cached: u64,
    /// Of `hashed` and `cached`: those of which a digest is in the hunt's list.
    pub matched: u64,
    /// Of `hashed` and `cached`: those that were judged by the hunt's list, are not in it, and are no rows.
    pub unmatched: u64,
    /// Folders that were entered (or would have been, but for `max_depth`) and, in a listing, every row of
    /// status `ok`.
    pub listed: u64,
    /// Entries that the operator's own filter left out, by reason: `include`, `exclude`, `kind`, `size`, `mtime`,
    /// `ctime`, `btime`, `owner`, `group`, `mode`, `file_system`. They are no rows.
    pub filtered: BTreeMap<String, u64>,
    /// Rows of what policy left out, by status: `skipped_kind` (links, pipes, sockets, devices), `skipped_fs`.
    pub skipped: BTreeMap<String, u64>,
    /// Rows of what could not be read, by status: `denied`, `denied_by_policy`, `vanished`, `io_error`.
    pub failed: BTreeMap<String, u64>,
    /// Roots below which nothing was looked at, lossily, each with the status of its row: it does not exist, cannot
    /// be read, is a link, lies on a file system that is not entered.
    pub roots_failed: BTreeMap<String, String>,
    /// Rows that a condition could not be held against, by the condition: `btime` where the file system knows no
    /// birth. They count above as well.
    pub unjudged: BTreeMap<String, u64>,
    /// File systems that were not entered, by policy or for `one_file_system`: mount point, a blank, type. At most 64,
    /// the others under `more` ([`crate::result::bounds`]).
    pub mounts_skipped: BTreeMap<String, u64>,
    /// Files that matched and whose content was sent, or had been sent for another name of it.
    pub uploaded: u64,
    /// Bytes that were sent of them.
    pub upload_bytes: u64,
    /// Files that matched, were to be sent and were not, by reason: `file_too_big`, `no_room` (the bytes of the
    /// collection are used up), `empty`, `changed`, `denied`, `denied_by_policy`, `vanished`, `io_error`.
    pub not_uploaded: BTreeMap<String, u64>,
    /// File bytes behind the digests of the rows; a further name of a file counts again.
    pub bytes_hashed: u64,
    /// File bytes really read, repeats after a restart included.
    pub bytes_read: u64,
    /// The path that took longest.
    pub slowest_path: ByteBuf,
    /// How long it took.
    pub slowest_ms: u64,
}

impl Footer {
    /// Returns the sum of all that an entry can become: hashed, cached, listed, filtered, skipped, failed.
    pub fn accounted(&self) -> u64 {
        self.hashed
            .saturating_add(self.cached)
            .saturating_add(self.listed)
            .saturating_add(total(&self.filtered))
            .saturating_add(total(&self.skipped))
            .saturating_add(total(&self.failed))
    }
}

impl Bounded for Footer {
    fn cut(&mut self) -> bool {
        let mut is_cut = cut_words(&mut self.roots_failed);
        for counts in [
            &mut self.filtered,
            &mut self.skipped,
            &mut self.failed,
            &mut self.unjudged,
            &mut self.mounts_skipped,
            &mut self.not_uploaded,
        ] {
            is_cut |= cut_counts(counts);
        }
        is_cut | cut_path(&mut self.slowest_path)
    }
}

impl Footer {
    /// Returns it as statuses carry it.
    pub fn sealed(&self) -> Result<ArtifactFooter, WireError> {
        let counters = Counters {
            entries: self.seen,
            hashed: self.hashed.saturating_add(self.cached),
            errors: total(&self.failed),
            bytes: self.bytes_read,
        };
        sealed(&super::row::SCHEMA, counters, self)
    }
}

impl From<Footer> for Figures {
    fn from(footer: Footer) -> Self {
        Self {
            seen: footer.seen,
            hashed: footer.hashed,
            cached: footer.cached,
            matched: footer.matched,
            unmatched: footer.unmatched,
            listed: footer.listed,
            filtered: footer.filtered,
            skipped: footer.skipped,
            failed: footer.failed,
            unjudged: footer.unjudged,
            mounts_skipped: footer.mounts_skipped,
            uploaded: footer.uploaded,
            upload_bytes: footer.upload_bytes,
            not_uploaded: footer.not_uploaded,
            bytes_hashed: footer.bytes_hashed,
            bytes_read: footer.bytes_read,
            slowest_path: footer.slowest_path.into_vec(),
        }
    }
}
