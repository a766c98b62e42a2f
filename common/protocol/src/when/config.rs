//! Lengths of time in configuration files: a number in the unit of the key's name, or text with units of its own.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

use super::{duration_ms, seconds};

/// Reads milliseconds: `10000` or `"10s"`.
pub fn ms<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(Length { unit: "milliseconds", read: duration_ms })
}

/// Reads seconds where the key is given: `7200` or `"2h"`.
pub fn maybe_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let read = |text: &str| seconds(text).map(u64::from);
    let seconds = from.deserialize_any(Length { unit: "seconds", read })?;
    u32::try_from(seconds).map(Some).map_err(|_| D::Error::custom("too many seconds"))
}

struct Length<F> {
    unit: &'static str,
    read: F,
}

impl<F: Fn(&str) -> Result<u64, String>> Visitor<'_> for Length<F> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of {}, or a length of time like \"30s\" or \"1h30m\"", self.unit)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::custom(format!("{number} is less than nothing")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        (self.read)(text).map_err(E::custom)
    }
}
