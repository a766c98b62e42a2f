//! What a hunt cost: how each figure is spread over its parts.

use std::collections::BTreeMap;

use muster_protocol::limits::{COST_BUCKETS_MAX, COST_WORST_MAX};

use super::Moment;
use crate::store::StoredCollection;
use muster_api::quantile::rank;
use muster_api::{Bucket, Distribution, HuntCosts, WorstAgent};

/// Shows what parts cost. `waits_ms`: what their threads waited for, all together.
pub fn costs(
    moment: &Moment<'_>,
    parts: &[StoredCollection],
    waits_ms: BTreeMap<String, u64>,
) -> HuntCosts {
    let spread = |figure: &dyn Fn(&StoredCollection) -> Option<u64>| {
        let answered = parts.iter().filter(|part| part.attempts > 0);
        let figures = answered.filter_map(|part| Some((figure(part)?, part)));
        distribution(moment, figures.collect())
    };
    let done = |part: &StoredCollection| part.done(moment.sample(part));
    HuntCosts {
        hunt: moment.request.to_string(),
        cpu_ms: spread(&|part| Some(done(part).cpu_ms)),
        bytes_read: spread(&|part| Some(done(part).bytes)),
        duration_ms: spread(&|part| {
            let is_known = part.started.0 != 0 && part.ended.0 != 0;
            is_known.then(|| u64::try_from(part.ended.since_ms(part.started)).unwrap_or(0))
        }),
        rows: spread(&|part| Some(part.rows)),
        throttled_ms: spread(&|part| Some(done(part).throttled_ms)),
        waits_ms,
        as_of: moment.now.into(),
    }
}

fn distribution(moment: &Moment<'_>, mut figures: Vec<(u64, &StoredCollection)>) -> Distribution {
    figures.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| other.agent.cmp(&one.agent)));
    let values: Vec<_> = figures.iter().map(|(value, _)| *value).collect();
    let quantile = |share| {
        let place = rank(values.len(), share);
        place.and_then(|place| values.get(place)).copied().unwrap_or(0)
    };
    let worst = figures.iter().rev().take(COST_WORST_MAX);
    let worst = worst.map(|(value, part)| WorstAgent {
        agent: part.agent.to_string(),
        host: moment.host(part).to_owned(),
        value: *value,
    });
    Distribution {
        count: values.len() as u64,
        sum: values.iter().fold(0, |sum, value| sum.saturating_add(*value)),
        p50: quantile(0.5),
        p95: quantile(0.95),
        p99: quantile(0.99),
        max: values.last().copied().unwrap_or(0),
        buckets: buckets(&values),
        worst: worst.collect(),
    }
}

/// Counts figures by the power of two that they are at most; what is far below the greatest is in the first bucket.
fn buckets(values: &[u64]) -> Vec<Bucket> {
    let power = |value: u64| 64 - value.saturating_sub(1).leading_zeros();
    let Some(most) = values.iter().map(|value| power(*value)).max() else { return Vec::new() };
    let least = values.iter().map(|value| power(*value)).min().unwrap_or(most);
    let least = least.max(most.saturating_sub(COST_BUCKETS_MAX - 1));
    let mut counts: BTreeMap<u32, u64> = (least..=most).map(|power| (power, 0)).collect();
    for value in values {
        *counts.entry(power(*value).max(least)).or_default() += 1;
    }
    let at_most = |power: u32| 1_u64.checked_shl(power).unwrap_or(u64::MAX);
    counts.into_iter().map(|(power, count)| Bucket { at_most: at_most(power), count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_powers_of_two_and_add_up() {
        let of = |values: &[u64]| -> Vec<(u64, u64)> {
            buckets(values).into_iter().map(|one| (one.at_most, one.count)).collect()
        };
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[0, 1, 2, 3, 4, 5]), [(1, 2), (2, 1), (4, 2), (8, 1)]);
        assert_eq!(of(&[0, 0]), [(1, 2)]);
        let wide = of(&[0, 7, u64::MAX]);
        assert_eq!(wide.len(), 24);
        assert_eq!(wide.last(), Some(&(u64::MAX, 1)));
        assert_eq!((wide[0].1, wide.iter().map(|(_, count)| count).sum::<u64>()), (2, 3));
    }
}
