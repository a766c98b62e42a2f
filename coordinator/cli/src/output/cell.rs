//! What stands in one cell of a list: for people in units and escaped, for CSV as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use muster_api::Time;
use muster_protocol::clock::Timestamp;
use serde_json::Number;

use super::{csv, escape, units};

/// How people see a column. CSV always has the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// As it is, escaped.
    Text,
    /// The same, to the right.
    Right,
    /// With commas.
    Count,
    /// As a size.
    Bytes,
    /// With one decimal and `%`.
    Percent,
    /// With a sign and one decimal: percentage points.
    Points,
    /// A moment, from milliseconds since 1970.
    Time,
    /// A length of time, from milliseconds.
    Duration,
    /// `k=v` pairs, or the items of a list.
    Pairs,
}

impl Show {
    /// Returns whether the column is laid out to the left.
    pub(super) const fn is_left(self) -> bool {
        matches!(self, Self::Text | Self::Time | Self::Pairs)
    }
}

/// A value of one of the types that lists have.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// There is no value: a dash for people, nothing in CSV.
    Nothing,
    /// Text, raw.
    Text(Cow<'a, str>),
    /// A count, a size in bytes, milliseconds.
    Count(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A number with decimals.
    Decimal(f64),
    /// Yes or no.
    Flag(bool),
    /// An amount in a unit of pprof; the unit is for people only.
    Amount(i64, &'a str),
    /// Names and values.
    Pairs(&'a BTreeMap<String, String>),
    /// A list of texts.
    Items(&'a [String]),
    /// A JSON document: for CSV, where one cell has to hold it.
    Json(String),
}

impl Cell<'_> {
    /// Holds a JSON document.
    pub fn json(document: &serde_json::Value) -> Self {
        Self::Json(document.to_string())
    }

    /// Writes the cell for people.
    pub(super) fn shown(&self, show: Show) -> String {
        match (self, show) {
            (Self::Nothing, _) | (Self::Signed(0), Show::Time) => "-".to_owned(),
            (Self::Count(value), Show::Count) => units::count(*value),
            (Self::Count(value), Show::Bytes) => units::bytes(*value),
            (Self::Count(value), Show::Duration) => units::duration_ms(*value),
            (Self::Signed(ms), Show::Time) => Timestamp(*ms).to_string(),
            (Self::Decimal(value), Show::Percent) => format!("{value:.1} %"),
            (Self::Decimal(value), Show::Points) => format!("{value:+.1}"),
            (Self::Pairs(pairs), _) => joined(pairs.iter().map(|(name, value)| pair(name, value))),
            (Self::Items(items), _) => {
                joined(items.iter().map(|item| escape::text(item).into_owned()))
            }
            (Self::Amount(value, unit), _) => {
                escape::text(&units::amount(*value, unit)).into_owned()
            }
            (Self::Flag(true), _) => "yes".to_owned(),
            (Self::Flag(false), _) => "no".to_owned(),
            (Self::Text(text), _) => escape::text(text).into_owned(),
            (Self::Count(_) | Self::Signed(_) | Self::Decimal(_) | Self::Json(_), _) => {
                escape::text(&self.csv()).into_owned()
            }
        }
    }

    /// Writes the cell for CSV: text is neutralised, what is nested is JSON.
    pub(super) fn csv(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => csv::text(text),
            Self::Count(value) => value.to_string(),
            Self::Signed(value) | Self::Amount(value, _) => value.to_string(),
            // As JSON writes it; what is no number is nothing.
            Self::Decimal(value) => {
                Number::from_f64(*value).map_or(String::new(), |n| n.to_string())
            }
            Self::Flag(value) => value.to_string(),
            Self::Pairs(pairs) => csv::quoted(&json_text(pairs)),
            Self::Items(items) => csv::quoted(&json_text(items)),
            Self::Json(text) => csv::quoted(text),
        }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }
}

fn pair(name: &str, value: &str) -> String {
    let (name, value) = (escape::text(name), escape::text(value));
    if value.is_empty() { name.into_owned() } else { format!("{name}={value}") }
}

/// Writes texts as JSON, which cannot fail.
fn json_text(texts: &impl serde::Serialize) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Time> for Cell<'_> {
    fn from(at: Time) -> Self {
        at.to_string().into()
    }
}

impl From<u64> for Cell<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<u32> for Cell<'_> {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<usize> for Cell<'_> {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Decimal(number)
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a BTreeMap<String, String>> for Cell<'a> {
    fn from(pairs: &'a BTreeMap<String, String>) -> Self {
        Self::Pairs(pairs)
    }
}

impl<'a> From<&'a Vec<String>> for Cell<'a> {
    fn from(items: &'a Vec<String>) -> Self {
        Self::Items(items)
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_units_and_csv_the_value() {
        let labels = BTreeMap::from([("role".to_owned(), "db".to_owned())]);
        for (cell, show, people, csv) in [
            (Cell::from(1_234_u64), Show::Count, "1,234", "1234"),
            (Cell::from(12_000_000_u64), Show::Bytes, "12.0 MB", "12000000"),
            (Cell::from(2_000_u64), Show::Duration, "2.0 s", "2000"),
            (Cell::from(1_234_u64), Show::Text, "1234", "1234"),
            (Cell::from(7.25), Show::Percent, "7.2 %", "7.25"),
            (Cell::from(7.0), Show::Points, "+7.0", "7.0"),
            (Cell::from(-5_i64), Show::Text, "-5", "-5"),
            (Cell::from(1_i64), Show::Time, "1970-01-01T00:00:00.001Z", "1"),
            (Cell::from(0_i64), Show::Time, "-", "0"),
            (Cell::Amount(2_000_000, "nanoseconds"), Show::Text, "2.0 ms", "2000000"),
            (Cell::from(true), Show::Text, "yes", "true"),
            (Cell::from(None::<u64>), Show::Count, "-", ""),
            (Cell::from("=a\u{1b}"), Show::Text, "=a\\u{1b}", "'=a\u{1b}"),
            (Cell::from(&labels), Show::Pairs, "role=db", "\"{\"\"role\"\":\"\"db\"\"}\""),
        ] {
            assert_eq!((cell.shown(show).as_str(), cell.csv().as_str()), (people, csv), "{cell:?}");
        }
        let none = Vec::new();
        assert_eq!(Cell::from(&none).shown(Show::Pairs), "-");
        assert_eq!(Cell::from(f64::NAN).csv(), "");
    }
}
