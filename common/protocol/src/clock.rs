//! Time: milliseconds since 1970 in UTC, and the clock that tells them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns this moment moved by `ms` milliseconds, at the ends of time clamped.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the milliseconds from `earlier` to this moment, negative when it came before.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment before 1970 counts as its beginning.
impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// RFC 3339 in UTC with milliseconds, as every output shows times.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.utc() {
            Some(text) => f.pad(str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => write!(f, "{:.3}", Nanoseconds(i128::from(self.0) * 1_000_000)),
        }
    }
}

/// Reads what is displayed: RFC 3339, or seconds since 1970 where the calendar ends.
impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<jiff::Timestamp>() {
            Ok(at) => Ok(Self(at.as_millisecond())),
            Err(error) => seconds(text).or_else(|| last_day(text)).map(Self).ok_or(error),
        }
    }
}

/// Reads the last day of the year 9999, which is displayed and is beyond what `jiff` takes for a moment.
fn last_day(text: &str) -> Option<i64> {
    let at: jiff::civil::DateTime = text.strip_suffix('Z')?.parse().ok()?;
    let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    i64::try_from(at.duration_since(epoch).as_millis()).ok()
}

/// Reads `-12.345s` as milliseconds.
fn seconds(text: &str) -> Option<i64> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |number| (-1, number));
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let part = format!("{part:0<3}");
    let ms = whole.parse::<u64>().ok()?.checked_mul(1_000)?;
    let ms = ms.checked_add(part.get(..3)?.parse().ok()?)?;
    i64::try_from(i128::from(ms) * sign).ok()
}

impl Timestamp {
    /// Returns a moment of the years 1970 to 9999 as it is displayed, `None` for any other. Rows carry four of them each, so this must be quick: whole days
    /// to a date as in "chrono-compatible low-level date algorithms" by Howard Hinnant.
    pub fn utc(self) -> Option<[u8; 24]> {
        const YEAR_10000_MS: u64 = 253_402_300_800_000;
        let ms = u64::try_from(self.0).ok().filter(|ms| *ms < YEAR_10000_MS)?;
        let (day, in_day) = (ms / 86_400_000, ms % 86_400_000);
        let shifted = day + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + 400 * era + u64::from(month <= 2);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let pairs = [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day_of_month),
            (11, in_day / 3_600_000),
            (14, in_day / 60_000 % 60),
            (17, in_day / 1_000 % 60),
            (20, in_day % 1_000 / 10),
        ];
        for (at, number) in pairs {
            let pair = PAIRS.get(usize::try_from(number).ok()?)?;
            *text.get_mut(at..at + 2)?.as_mut_array()? = *pair;
        }
        *text.get_mut(22)? = digit(in_day % 10);
        Some(text)
    }
}

/// Nanoseconds since 1970 as text: RFC 3339 in UTC; beyond the years that it knows (-9999 to 9999), seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nanoseconds(pub i128);

/// With so many digits of a second as the precision says, else nine.
impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(9);
        if let Ok(at) = jiff::Timestamp::from_nanosecond(self.0) {
            return write!(f, "{at:.digits$}");
        }
        let (sign, ns) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
        if rest == 0 {
            write!(f, "{sign}{seconds}s")
        } else {
            write!(f, "{sign}{seconds}.{rest:09}s")
        }
    }
}

/// The numbers below 100 as text.
const PAIRS: &[[u8; 2]] = b"\
    0001020304050607080910111213141516171819\
    2021222324252627282930313233343536373839\
    4041424344454647484950515253545556575859\
    6061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899"
    .as_chunks()
    .0;

/// Returns a number below 10 as text.
fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number).unwrap_or_default()
}

/// A clock. Clones share one clock; a test may set it wrong.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Returns the system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// Returns the present moment.
    pub fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now()).plus_ms(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Puts the clock `ms` ahead of the system's (behind, when negative).
    pub fn set_offset_ms(&self, ms: i64) {
        self.offset_ms.store(ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_moment_is_shown_as_the_calendar_has_it(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            let calendar = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(Timestamp(ms).to_string(), format!("{calendar:.3}"));
        }
    }

    #[test]
    fn the_ends_of_what_can_be_shown() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(951_782_399_999).to_string(), "2000-02-28T23:59:59.999Z");
        assert_eq!(Timestamp(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Timestamp(253_402_300_799_999).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "9223372036854775.807000000s");
    }
}
