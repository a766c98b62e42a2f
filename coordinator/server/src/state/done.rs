//! What one part has done so far, from what its agent reported.

use std::collections::BTreeMap;

use muster_protocol::result::{ArtifactFooter, CollectionSample, Footer};

/// The figures of one part. An agent reports them in statuses and in telemetry, and no figure of a run ever goes back: of each
/// the greater is the newer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Entries met.
    pub seen: u64,
    /// Files hashed.
    pub hashed: u64,
    /// Files whose digest comes from the agent's cache.
    pub cached: u64,
    /// Files with a digest in the hunt's list of hashes.
    pub matched: u64,
    /// Entries that could not be evaluated.
    pub errors: u64,
    /// File bytes read.
    pub bytes: u64,
    /// CPU time.
    pub cpu_ms: u64,
    /// Time that was waited for limits or the outbox.
    pub throttled_ms: u64,
}

impl Done {
    /// Reads the figures of a footer.
    pub fn of(footer: &Footer) -> Self {
        let artifact = footer.artifact.as_ref();
        let counters = artifact.map(|footer| footer.counters).unwrap_or_default();
        let figures = artifact.map(ArtifactFooter::figures).unwrap_or_default();
        Self {
            seen: figures.seen.max(counters.entries),
            hashed: figures.hashed.max(counters.hashed.saturating_sub(figures.cached)),
            cached: figures.cached,
            matched: figures.matched,
            errors: total(&figures.failed).max(counters.errors),
            bytes: figures.bytes_read.max(counters.bytes),
            cpu_ms: footer.cpu_user_ms.saturating_add(footer.cpu_system_ms),
            throttled_ms: footer.throttled_ms,
        }
    }

    /// Adds what telemetry knows beyond it.
    #[must_use]
    pub fn with(mut self, sample: Option<&CollectionSample>) -> Self {
        if let Some(sample) = sample {
            self.seen = self.seen.max(sample.seen);
            self.hashed = self.hashed.max(sample.hashed);
            self.bytes = self.bytes.max(sample.bytes);
            self.cpu_ms = self.cpu_ms.max(sample.cpu_ms);
            self.throttled_ms = self.throttled_ms.max(sample.throttled_ms);
        }
        self
    }
}

/// Returns the sum of counts by reason.
pub fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().fold(0, |sum, count| sum.saturating_add(*count))
}
