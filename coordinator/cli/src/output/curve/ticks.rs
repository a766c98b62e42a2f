//! Round numbers and times for the axes.

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const TIMES: [i64; 24] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    84 * DAY,
];

/// Returns round times from `since` to `until` with a label each, at most `many` of them.
pub(super) fn times(since: i64, until: i64, many: usize) -> Vec<(i64, String)> {
    let many = i64::try_from(many.max(1)).unwrap_or(1);
    let span = until.saturating_sub(since);
    let step = TIMES.into_iter().find(|step| span / step < many).unwrap_or(i64::MAX / 4);
    let format = match step {
        ..MINUTE => "%H:%M:%S",
        MINUTE..DAY if span <= DAY => "%H:%M",
        MINUTE..DAY => "%d %b %H:%M",
        _ => "%d %b",
    };
    let first = since.saturating_add((step - since.rem_euclid(step)) % step);
    let mut ticks = Vec::new();
    let mut at = first;
    while at <= until {
        ticks.push((at, clock(at, format)));
        at = at.saturating_add(step);
    }
    ticks
}

/// Writes a time in UTC.
pub(super) fn clock(at: i64, format: &str) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| "-".to_owned(), |at| at.strftime(format).to_string())
}

/// Returns round values from 0 to at least `top`, about `many` steps apart.
pub(super) fn values(top: f64, many: u32) -> Vec<f64> {
    let rough = top / f64::from(many.max(1));
    let unit = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|f| f * unit).into_iter().find(|s| *s >= rough);
    let step = step.unwrap_or(rough).max(f64::MIN_POSITIVE);
    let mut values = vec![0.0];
    while let Some(last) = values.last().copied()
        && last < top
        && values.len() < 20
    {
        values.push(last + step);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_round_and_few() {
        let labels = |since: i64, until: i64, many| -> Vec<String> {
            times(since, until, many).into_iter().map(|(_, label)| label).collect()
        };
        let ten = 1_704_103_200_000;
        assert_eq!(labels(ten, ten + HOUR, 5), ["10:00", "10:15", "10:30", "10:45", "11:00"]);
        assert_eq!(labels(ten + 1, ten + 30_000, 4), ["10:00:10", "10:00:20", "10:00:30"]);
        assert_eq!(labels(ten, ten + 3 * DAY, 4), ["02 Jan", "03 Jan", "04 Jan"]);
        for span in [1, 17 * SECOND, 3 * HOUR, 40 * DAY, 4_000 * DAY] {
            assert!(times(ten, ten + span, 6).len() <= 7, "{span}");
        }
    }

    #[test]
    fn values_are_round_and_reach_the_top() {
        assert_eq!(values(100.0, 4), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(values(103.0, 3), [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(values(14.2e6, 3), [0.0, 5e6, 10e6, 15e6]);
        for top in [1e-9, 0.3, 7.0, 1e15] {
            let all = values(top, 3);
            assert!(all.last().is_some_and(|last| *last >= top) && all.len() <= 7, "{all:?}");
        }
    }
}
