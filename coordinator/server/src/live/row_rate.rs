//! How many rows were stored a second, over the last minute.

use muster_protocol::clock::Timestamp;

/// Seconds that are averaged over.
const SECONDS: usize = 60;

/// Rows by the second in which they were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRate {
    seconds: [(i64, u64); SECONDS],
}

impl Default for RowRate {
    fn default() -> Self {
        Self { seconds: [(i64::MIN, 0); SECONDS] }
    }
}

impl RowRate {
    /// Counts rows that are stored now.
    pub fn add(&mut self, rows: u64, now: Timestamp) {
        let second = now.0.div_euclid(1_000);
        let at = usize::try_from(second.rem_euclid(60)).unwrap_or(0);
        let Some(slot) = self.seconds.get_mut(at) else { return };
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 = slot.1.saturating_add(rows);
    }

    /// Returns the rows a second of the last minute.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn per_s(&self, now: Timestamp) -> f64 {
        let second = now.0.div_euclid(1_000);
        let is_young = |of: i64| of <= second && second.saturating_sub(of) < 60;
        let young = self.seconds.iter().filter(|(of, _)| is_young(*of));
        let rows = young.fold(0, |sum: u64, (_, rows)| sum.saturating_add(*rows));
        rows as f64 / SECONDS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_minute_counts() {
        let mut rate = RowRate::default();
        let at = |second: i64| Timestamp(1_800_000_000_000 + second * 1_000);
        assert!(rate.per_s(at(0)) < f64::EPSILON);
        rate.add(500, at(0));
        rate.add(100, at(0));
        rate.add(600, at(59));
        let is = |second: i64, wanted: f64| (rate.per_s(at(second)) - wanted).abs() < 1e-9;
        assert!(is(59, 20.0) && is(60, 10.0) && is(119, 0.0));
        assert!(is(-1, 0.0), "a clock that was set back");
    }
}
