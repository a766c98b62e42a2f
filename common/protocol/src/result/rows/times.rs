//! Times of files that do not fit 64 bits of nanoseconds (before 1677, after 2262), on the wire.
//!
//! They are rare: each is an entry of its own beside the columns, and the columns of ordinary rows stay as they were.

use serde::{Deserialize, Serialize};

use super::Row;

const NS_PER_S: i128 = 1_000_000_000;

/// One time: its column has the nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FarTime(
    /// The row.
    u32,
    /// The column, a [`TimeColumn`].
    u8,
    /// Whole seconds since 1970, rounded down.
    i64,
);

/// A column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeColumn {
    Mtime = 0,
    Ctime = 1,
    Btime = 2,
    Atime = 3,
}

/// Returns what the column of a time has, and notes the seconds of one that does not fit there.
pub(super) fn put(ns: i128, row: u32, column: TimeColumn, far: &mut Vec<FarTime>) -> i64 {
    if let Ok(ns) = i64::try_from(ns) {
        return ns;
    }
    let seconds = ns.div_euclid(NS_PER_S);
    let clamped = if seconds < 0 { i64::MIN } else { i64::MAX };
    far.push(FarTime(row, column as u8, i64::try_from(seconds).unwrap_or(clamped)));
    i64::try_from(ns.rem_euclid(NS_PER_S)).unwrap_or_default()
}

/// Puts the far times of a chunk into its rows. Fails with what is wrong with them.
pub(super) fn restore(far: &[FarTime], rows: &mut [Row]) -> Result<(), String> {
    let mut last = None;
    for FarTime(at, column, seconds) in far.iter().copied() {
        if last.is_some_and(|last| last >= (at, column)) {
            return Err("far times are out of order".to_owned());
        }
        last = Some((at, column));
        let row = usize::try_from(at).ok().and_then(|at| rows.get_mut(at));
        let row = row.ok_or("a far time is of no row")?;
        let time = match column {
            0 => Some(&mut row.mtime_ns),
            1 => Some(&mut row.ctime_ns),
            2 => row.btime_ns.as_mut(),
            3 => Some(&mut row.atime_ns),
            _ => None,
        };
        let time = time.ok_or("a far time is of no column")?;
        if !(0..NS_PER_S).contains(time) {
            return Err("a far time has more than a second of nanoseconds".to_owned());
        }
        *time += i128::from(seconds) * NS_PER_S;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::rows::{pack, unpack};
    use crate::result::{FileKind, FileStatus};

    fn row(ns: [i128; 4]) -> Row {
        let bare = Row::bare(b"/x".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        let [mtime_ns, ctime_ns, btime_ns, atime_ns] = ns;
        Row { mtime_ns, ctime_ns, btime_ns: Some(btime_ns), atime_ns, ..bare }
    }

    #[test]
    fn a_time_that_a_file_system_knows_comes_back_as_it_is() {
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        let rows = [
            row([-11_644_473_600 * NS_PER_S, 10_413_792_000 * NS_PER_S + 5, 0, -1]),
            row([min, max, min - 1, max + 1]),
            row([min * NS_PER_S, max * NS_PER_S + 999_999_999, 1, 2]),
        ];
        assert_eq!(unpack(&pack(&rows).unwrap(), 3).unwrap(), rows);
    }

    #[test]
    fn far_times_that_contradict_their_rows_are_refused() {
        let mut rows = [row([0; 4]), Row { btime_ns: None, ..row([0, 0, 0, NS_PER_S]) }];
        for bad in [
            &[FarTime(2, 0, 1)][..],
            &[FarTime(0, 4, 1)],
            &[FarTime(1, 2, 1)],
            &[FarTime(1, 3, 1)],
            &[FarTime(0, 1, 1), FarTime(0, 1, 1)],
            &[FarTime(0, 1, 1), FarTime(0, 0, 1)],
        ] {
            restore(bad, &mut rows).unwrap_err();
        }
    }
}
