//! Quantiles by nearest rank: always a value that there is.

/// Returns the place of a quantile among `count` values in order.
pub fn rank(count: usize, share: f64) -> Option<usize> {
    let count = u32::try_from(count).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the count"
    )]
    let rank = (f64::from(count) * share).ceil() as usize;
    (count > 0).then(|| rank.max(1) - 1)
}

/// Returns a quantile of values in any order.
pub fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    rank(values.len(), share).and_then(|rank| values.get(rank).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_there_is() {
        let values: Vec<_> = (1..=100).rev().map(f64::from).collect();
        let of = |share| quantile(values.clone(), share);
        assert_eq!([of(0.5), of(0.95), of(1.0)], [Some(50.0), Some(95.0), Some(100.0)]);
        assert_eq!(quantile(vec![], 0.5), None);
        assert_eq!([rank(1, 0.5), rank(1, 1.0), rank(2, 0.5)], [Some(0), Some(0), Some(0)]);
        assert_eq!(rank(3, 0.5), Some(1), "the one in the middle");
    }
}
