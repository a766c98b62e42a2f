//! Which chunks of an attempt are stored: positions, kept as ranges. An attempt of ten million rows is one range.

use std::collections::BTreeMap;

/// A set of positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunks {
    /// The first position of each range, and the one behind its last. No two ranges touch.
    ranges: BTreeMap<u64, u64>,
}

impl Chunks {
    /// Returns the positions from 0 until before `end`.
    pub fn until(end: u64) -> Self {
        let range = (end > 0).then_some((0, end));
        Self { ranges: range.into_iter().collect() }
    }

    /// Adds a position; one that is there stays.
    pub fn insert(&mut self, seq: u64) {
        let Some(mut end) = seq.checked_add(1) else { return };
        let mut start = seq;
        if let Some((&from, &until)) = self.ranges.range(..=seq).next_back() {
            if until > seq {
                return;
            }
            if until == seq {
                start = from;
            }
        }
        if let Some(until) = self.ranges.remove(&end) {
            end = until;
        }
        self.ranges.insert(start, end);
    }

    /// Returns how many there are.
    pub fn len(&self) -> u64 {
        self.count_below(u64::MAX)
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns how many lie before `end`.
    pub fn count_below(&self, end: u64) -> u64 {
        let ranges = self.ranges.range(..end);
        ranges.fold(0, |sum, (from, until)| sum.saturating_add((*until).min(end) - from))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_hold_what_a_set_holds(seqs in prop::collection::vec(0..40_u64, 0..60), end in 0..45_u64) {
            let (mut chunks, mut set) = (Chunks::default(), BTreeSet::new());
            for seq in seqs {
                chunks.insert(seq);
                set.insert(seq);
            }
            prop_assert_eq!(chunks.len(), set.len() as u64);
            prop_assert_eq!(chunks.is_empty(), set.is_empty());
            prop_assert_eq!(chunks.count_below(end), set.range(..end).count() as u64);
            let gaps = set.iter().filter(|seq| !set.contains(&(**seq + 1))).count();
            prop_assert_eq!(chunks.ranges.len(), gaps, "ranges that touch are one");
        }
    }

    #[test]
    fn the_first_so_many_are_one_range() {
        let mut one_by_one = Chunks::default();
        (0..9).for_each(|seq| one_by_one.insert(seq));
        assert_eq!(Chunks::until(9), one_by_one);
        assert_eq!(Chunks::until(0), Chunks::default());
        let mut last = Chunks::default();
        last.insert(u64::MAX);
        assert!(last.is_empty(), "no attempt has such a position");
    }
}
