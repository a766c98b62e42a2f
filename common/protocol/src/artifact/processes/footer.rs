//! What was done, in figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artifact::Figures;
use crate::artifact::footer::{sealed, total};
use crate::result::bounds::{Bounded, cut_counts};
use crate::result::{ArtifactFooter, Counters};
use crate::wire::WireError;

/// What `processes` saw. Every process is counted once: hashed, cached, listed or failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessesFooter {
    /// Processes met.
    pub seen: u64,
    /// Processes whose file was read and its digests computed; of several that run one file each counts.
    pub hashed: u64,
    /// Processes whose file was known.
    pub cached: u64,
    /// Of these two: those that run a file in the hunt's list.
    pub matched: u64,
    /// Of these two: those that run none, and are no rows.
    pub unmatched: u64,
    /// Processes without digests: threads of the kernel, and all where no digest is asked for.
    pub listed: u64,
    /// Processes that could not be read whole, by status: `denied`, `denied_by_policy`, `vanished`, `io_error`,
    /// `skipped_fs`.
    pub failed: BTreeMap<String, u64>,
    /// Different files behind the digests.
    pub files: u64,
    /// Bytes behind the digests, each file once.
    pub bytes_hashed: u64,
    /// Bytes really read.
    pub bytes_read: u64,
}

impl ProcessesFooter {
    /// Returns the sum of all that a process can become.
    pub fn accounted(&self) -> u64 {
        let without_errors = [self.hashed, self.cached, self.listed];
        without_errors.into_iter().fold(total(&self.failed), u64::saturating_add)
    }

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

impl Bounded for ProcessesFooter {
    fn cut(&mut self) -> bool {
        cut_counts(&mut self.failed)
    }
}

impl From<ProcessesFooter> for Figures {
    fn from(footer: ProcessesFooter) -> Self {
        Self {
            seen: footer.seen,
            hashed: footer.hashed,
            cached: footer.cached,
            matched: footer.matched,
            unmatched: footer.unmatched,
            listed: footer.listed,
            failed: footer.failed,
            bytes_hashed: footer.bytes_hashed,
            bytes_read: footer.bytes_read,
            ..Self::default()
        }
    }
}
