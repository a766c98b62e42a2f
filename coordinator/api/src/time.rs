//! A moment in an answer.

use std::fmt;

use muster_protocol::clock::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
#[cfg(test)]
use utoipa::ToSchema;

/// RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[cfg_attr(test, derive(ToSchema))]
#[cfg_attr(test, schema(value_type = String, format = DateTime))]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_text_and_comes_back() {
        let time = Time(Timestamp(1_700_000_000_123));
        let text = serde_json::to_string(&time).unwrap();
        assert_eq!(text, "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), time);
        // An agent may say anything: a view that holds it must still be read.
        for ms in
            [i64::MIN, -377_705_116_800_001, -1, 253_402_300_799_999, 253_402_300_800_123, i64::MAX]
        {
            let time = Time(Timestamp(ms));
            let text = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), time, "{text}");
        }
    }
}
