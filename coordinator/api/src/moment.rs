//! A moment as people type it: how long ago, or a time.

use std::fmt;
use std::str::FromStr;

use muster_protocol::clock::Timestamp;

use crate::duration::duration_ms;

/// A moment, by the clock of whoever resolves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds ago.
    Ago(i64),
    /// A time.
    At(Timestamp),
}

impl Moment {
    /// Returns the time that is meant.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ms) => now.plus_ms(ms.saturating_neg()),
            Self::At(at) => at,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(at) = time(text) {
            return Ok(Self::At(Timestamp(at.as_millisecond())));
        }
        let ago = duration_ms(text).ok().and_then(|ms| i64::try_from(ms).ok());
        ago.map(Self::Ago).ok_or_else(|| {
            format!("{text:?} is neither a length of time like 15m or 2h nor a time like 2026-01-31T10:00:00Z")
        })
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

/// Reads a time: RFC 3339, or without an offset, or a day alone; these are UTC.
pub fn time(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at);
    }
    let is_day = text.len() == 10;
    let whole = if is_day { format!("{text}T00:00:00Z") } else { format!("{text}Z") };
    let has_zone = text.len() > 10 && text.get(10..)?.contains(['Z', 'z', '+', '-', '[']);
    if has_zone { None } else { whole.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_ago_and_a_time_is_itself() {
        let now = Timestamp(1_700_000_000_000);
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.resolve(now).0);
        assert_eq!(read("15m"), Ok(1_699_999_100_000));
        assert_eq!(read("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert_eq!(read("2023-11-15T00:13:20+02:00"), Ok(1_700_000_000_000));
        assert_eq!(
            read("2023-11-14T22:13:20"),
            Ok(1_700_000_000_000),
            "without an offset it is UTC"
        );
        assert_eq!(read("2023-11-14"), Ok(1_699_920_000_000));
        for bad in ["", "yesterday", "-5m", "2023-11-14T", "99999999999999d"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        for text in ["90s", "2023-11-14T22:13:20Z"] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}
