//! Percentiles of a set of durations.

use std::fmt;

/// Milliseconds, unordered as they came.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<i64>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, ms: i64) {
        self.0.push(ms);
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the value below or at which `percent` of all lie (nearest rank), `None` when there is none.
    pub fn percentile(&self, percent: usize) -> Option<i64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

/// `p50 / p99 / max` in milliseconds.
impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |percent| self.percentile(percent).map_or("-".to_owned(), |ms| ms.to_string());
        write!(f, "{:>8} {:>8} {:>8}", show(50), show(99), show(100))
    }
}

#[cfg(test)]
mod tests {
    use super::Latencies;

    #[test]
    fn nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        (1..=200).rev().for_each(|ms| latencies.add(ms));
        assert_eq!(latencies.percentile(50), Some(100));
        assert_eq!(latencies.percentile(99), Some(198));
        assert_eq!(latencies.percentile(100), Some(200));
    }
}
