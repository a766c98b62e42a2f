//! Times as JSON.

use std::io::{self, Write};

use super::null;
use crate::artifact::RowRef;
use crate::artifact::times;
use crate::clock::{Nanoseconds, Timestamp};
use crate::decimal;

const NS_PER_S: u64 = 1_000_000_000;
/// More than 64 bits of nanoseconds have.
const NO_SECOND: u64 = u64::MAX;

/// Writes the times of one row. Some of them mostly are the same, or of the same second.
#[derive(Debug)]
pub(super) struct Times<'a> {
    row: &'a RowRef<'a>,
    /// The time that `text` shows, or none.
    ns: Option<u64>,
    /// The second that its beginning shows, or [`NO_SECOND`].
    second: u64,
    /// In quotes: copied in one piece of a length that the compiler knows.
    text: [u8; 32],
}

impl<'a> Times<'a> {
    pub(super) const fn new(row: &'a RowRef<'a>) -> Self {
        Self { row, ns: None, second: NO_SECOND, text: *b"\"0000-00-00T00:00:00.000000000Z\"" }
    }

    /// Writes the time that the column at a place has as `ns`.
    pub(super) fn append(
        &mut self,
        place: usize,
        ns: Option<i64>,
        line: &mut Vec<u8>,
    ) -> io::Result<()> {
        let Some(ns) = ns else {
            null(line);
            return Ok(());
        };
        match u64::try_from(ns) {
            Ok(ns) if self.row.rows.far.is_empty() && self.is_shown(ns) => {
                line.extend_from_slice(&self.text);
                Ok(())
            }
            _ => self.append_far(place, ns, line),
        }
    }

    /// Makes the text show a time; returns whether it can.
    fn is_shown(&mut self, ns: u64) -> bool {
        if self.ns == Some(ns) {
            return true;
        }
        let second = ns / NS_PER_S;
        if second != self.second && !self.begin_second(second) {
            return false;
        }
        self.text[21..30].copy_from_slice(&decimal::nine(ns % NS_PER_S));
        self.ns = Some(ns);
        true
    }

    #[inline(never)]
    fn begin_second(&mut self, second: u64) -> bool {
        let ms = second.checked_mul(1_000).and_then(|ms| i64::try_from(ms).ok());
        let Some(text) = ms.and_then(|ms| Timestamp(ms).utc()) else { return false };
        self.text[1..21].copy_from_slice(&text[..20]);
        self.second = second;
        true
    }

    /// Writes a time before 1970, or among some that do not fit 64 bits.
    #[cold]
    fn append_far(&self, place: usize, ns: i64, line: &mut Vec<u8>) -> io::Result<()> {
        let seconds = self.row.rows.far.seconds(self.row.at, self.row.schema(), place);
        let ns = i128::from(ns) + i128::from(seconds.unwrap_or(0)) * times::NS_PER_S;
        write!(line, "\"{}\"", Nanoseconds(ns))
    }
}
