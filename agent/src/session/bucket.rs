//! Token buckets that lend: what is spent is spent, and the debt is slept off. Time comes from outside.

use std::time::Duration;

use muster_protocol::request::Limits;

use super::Cost;

/// The rates that a collection keeps to.
#[derive(Debug)]
pub(super) struct Buckets {
    bytes: Option<Bucket>,
    files: Option<Bucket>,
    cpu_ns: Option<Bucket>,
}

/// Allows `rate` units a second with a burst of `burst` units.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    at: Duration,
}

impl Buckets {
    /// Makes full buckets; `None` where no rate is limited.
    pub(super) fn new(limits: &Limits) -> Option<Self> {
        let per_s = |n: u32, unit: f64| {
            let rate = f64::from(n.max(1)) * unit;
            Bucket::new(rate, rate / 10.0)
        };
        let bytes = limits.max_mbps.map(|n| per_s(n, 1e6));
        let files = limits.max_files_per_s.map(|n| per_s(n, 1.0));
        let cpu_ns = limits.max_cpu_percent.map(|n| per_s(n, 1e7));
        let is_any = bytes.is_some() || files.is_some() || cpu_ns.is_some();
        is_any.then_some(Self { bytes, files, cpu_ns })
    }

    /// Takes a cost at `now` and returns how long the taker must wait for the slowest of the rates.
    pub(super) fn take(&mut self, cost: Cost, cpu_ns: u64, now: Duration) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a cost is far below 2^53")]
        let (bytes, cpu_ns) = (cost.bytes as f64, cpu_ns as f64);
        let costs = [bytes, f64::from(cost.files), cpu_ns];
        let buckets = [&mut self.bytes, &mut self.files, &mut self.cpu_ns];
        let waits = buckets.into_iter().zip(costs);
        waits
            .filter_map(|(bucket, cost)| bucket.as_mut().map(|bucket| bucket.take(cost, now)))
            .max()
            .unwrap_or_default()
    }
}

impl Bucket {
    /// Makes a full bucket.
    pub fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, level: burst, at: Duration::ZERO }
    }

    /// Takes `units` at `now` (any clock that only goes on) and returns how long the taker must wait.
    pub fn take(&mut self, units: f64, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = passed.mul_add(self.rate, self.level).min(self.burst) - units;
        if self.level >= 0.0 {
            return Duration::ZERO;
        }
        // A day is as good as no limit, and safe to add to any moment.
        Duration::from_secs_f64((-self.level / self.rate).min(86_400.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_rules() {
        let mut bucket = Bucket::new(100.0, 10.0);
        assert_eq!(bucket.take(10.0, Duration::ZERO), Duration::ZERO);
        assert_eq!(bucket.take(50.0, Duration::ZERO), Duration::from_millis(500));
        assert_eq!(bucket.take(0.0, Duration::from_millis(500)), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn over_any_stretch_no_more_than_rate_and_burst(costs in prop::collection::vec(0.0..50.0_f64, 1..100)) {
            let mut bucket = Bucket::new(100.0, 20.0);
            let (mut now, mut spent) = (Duration::ZERO, 0.0);
            for cost in costs {
                now += bucket.take(cost, now);
                spent += cost;
                prop_assert!(spent <= 100.0 * now.as_secs_f64() + 20.0 + 1e-3);
            }
        }
    }
}
