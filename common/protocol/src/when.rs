//! Lengths of time and moments as people type them: the one parser of both, for the command line, the API and the
//! configuration of an agent.
//!
//! Times are read by `jiff`. Lengths are not: its own forms leave out what is typed here (`90`, `1.5d`, `1.5h30m`) and take
//! what is refused on purpose (`1h 30m`, which on a command line is two arguments).

mod config;

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::decimal::scaled;

pub use config::{maybe_seconds, ms};

/// Reads a length of time in milliseconds: `90` (seconds), `90s`, `15m`, `24h`, `7d`, `2w`, `500ms`, `1h30m`.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a length of time like 30s, 15m, 1h30m, 7d or 2w");
    let (mut rest, mut sum, mut last) = (text, 0_u64, u64::MAX);
    loop {
        let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, behind) = rest.split_at(rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()));
        let (unit, behind) = behind.split_at(behind.find(is_of_number).unwrap_or(behind.len()));
        let unit = match unit {
            "ms" => 1,
            // Without a unit it is seconds, and all there is.
            "" if number.len() == text.len() => 1_000,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(bad()),
        };
        if unit >= last {
            return Err(bad());
        }
        last = unit;
        sum = scaled(number, unit).and_then(|ms| sum.checked_add(ms)).ok_or_else(bad)?;
        if behind.is_empty() {
            return Ok(sum);
        }
        rest = behind;
    }
}

/// Reads a length of time in whole seconds, at least one.
pub fn seconds(text: &str) -> Result<u32, String> {
    let ms = duration_ms(text)?;
    let seconds = u32::try_from(ms / 1_000).map_err(|_| format!("{text:?} is too long"))?;
    if seconds == 0 { Err(format!("{text:?} is less than a second")) } else { Ok(seconds) }
}

/// A moment, by the clock of whoever resolves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds ago.
    Ago(u64),
    /// A time.
    At(jiff::Timestamp),
}

impl Moment {
    /// Returns the time that is meant.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ms) => now.plus_ms(i64::try_from(ms).map_or(i64::MIN, i64::saturating_neg)),
            Self::At(at) => Timestamp(at.as_millisecond()),
        }
    }

    /// Returns the same in nanoseconds since 1970.
    pub fn ns(self, now: Timestamp) -> i128 {
        match self {
            Self::Ago(ms) => (i128::from(now.0) - i128::from(ms)) * 1_000_000,
            Self::At(at) => at.as_nanosecond(),
        }
    }

    /// Reads a moment of which the unit must be typed, where it is a length of time: `2026` alone is more likely a year.
    pub fn with_unit(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Self::Ago(_) if text.ends_with(|last: char| last.is_ascii_digit()) => Err(bad(text)),
            moment => Ok(moment),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        time(text)
            .map(Self::At)
            .or_else(|| duration_ms(text).ok().map(Self::Ago))
            .ok_or_else(|| bad(text))
    }
}

/// As it is parsed again.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(ms) => write!(f, "{ms}ms"),
            Self::At(at) => at.fmt(f),
        }
    }
}

fn bad(text: &str) -> String {
    format!(
        "{text:?} is not a time like 7d or 1h30m (ago), 2026-11-25T10:00 (UTC) or 2026-11-25T10:00:00+01:00"
    )
}

/// Reads a time: RFC 3339, or without an offset, or a day alone; these are UTC.
fn time(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at);
    }
    let is_day = text.len() == 10;
    let whole = if is_day { format!("{text}T00:00:00Z") } else { format!("{text}Z") };
    let has_zone = text.len() > 10 && text.get(10..)?.contains(['Z', 'z', '+', '-', '[']);
    if has_zone { None } else { whole.parse().ok() }
}

#[cfg(test)]
mod tests;
