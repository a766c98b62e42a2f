//! What changed from one profile to another: shares of the whole, so that windows of different length and
//! load compare.

use std::collections::BTreeMap;

use muster_protocol::limits::PROFILE_ROWS_MAX;

use super::top::percent;
use crate::profiles::folding::Plumbing;
use crate::profiles::profile::Profile;
use muster_api::By;
use muster_api::views::{Change, Diff, Key, Row};

/// Why two profiles do not compare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("one counts {0}, the other {1}")]
pub struct DiffError(String, String);

impl Profile {
    /// Compares this profile with a later one.
    pub fn diff(&self, after: &Self, plumbing: Plumbing) -> Result<Diff, DiffError> {
        let kind = self.shown_type();
        if kind != after.shown_type() {
            return Err(DiffError(kind.name, after.shown_type().name));
        }
        let totals = (self.total(), after.total());
        let mut costs: BTreeMap<Key, [(i64, i64); 2]> = BTreeMap::new();
        for (side, profile) in [self, after].into_iter().enumerate() {
            for Row { key, flat, cum, .. } in profile.rows(By::Function, plumbing) {
                if let Some(cost) = costs.entry(key).or_default().get_mut(side) {
                    *cost = (flat, cum);
                }
            }
        }
        let mut rows: Vec<Change> =
            costs.into_iter().filter_map(|(key, cost)| change(key, cost, totals)).collect();
        rows.sort_by(|a, b| {
            let size = |row: &Change| (row.flat_delta.abs(), row.cum_delta.abs());
            let order = size(b).partial_cmp(&size(a)).unwrap_or(std::cmp::Ordering::Equal);
            order.then_with(|| (&a.function, &a.file).cmp(&(&b.function, &b.file)))
        });
        rows.truncate(PROFILE_ROWS_MAX);
        let (before_total, after_total) = totals;
        Ok(Diff { kind: kind.name, unit: kind.unit, before_total, after_total, rows })
    }
}

/// Returns nothing when the shares are the same, to the last sample.
fn change(key: Key, cost: [(i64, i64); 2], totals: (i64, i64)) -> Option<Change> {
    let Key::Function { function, file } = key else { return None };
    let [(flat_before, cum_before), (flat_after, cum_after)] = cost;
    let is_same = |before, after| is_same_share(before, after, totals);
    if is_same(flat_before, flat_after) && is_same(cum_before, cum_after) {
        return None;
    }
    let (before, after) = totals;
    let shares = |b, a| (percent(b, before), percent(a, after));
    let (flat_before, flat_after) = shares(flat_before, flat_after);
    let (cum_before, cum_after) = shares(cum_before, cum_after);
    Some(Change {
        function,
        file,
        flat_before,
        flat_after,
        flat_delta: flat_after - flat_before,
        cum_before,
        cum_after,
        cum_delta: cum_after - cum_before,
    })
}

/// Compares shares without rounding; a share of nothing is none.
fn is_same_share(before: i64, after: i64, (before_total, after_total): (i64, i64)) -> bool {
    match (before_total, after_total) {
        (0, 0) => true,
        (0, _) => after == 0,
        (_, 0) => before == 0,
        _ => {
            i128::from(before) * i128::from(after_total)
                == i128::from(after) * i128::from(before_total)
        }
    }
}
