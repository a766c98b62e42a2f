//! Messages as a hostile agent makes them: MessagePack of any shape, not only what our types can hold.

use muster_protocol::wire;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_bytes::Bytes;

/// A value of a message.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number.
    Number(u64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// One value many times.
    Repeated(usize, Box<Self>),
    /// Names with their values.
    Map(Vec<(String, Self)>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => Bytes::new(bytes).serialize(serializer),
            Self::Repeated(count, value) => {
                let mut list = serializer.serialize_seq(Some(*count))?;
                for _ in 0..*count {
                    list.serialize_element(value)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (name, value) in entries {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl Value {
    /// Makes a map.
    pub fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    /// Makes a map of `count` entries, numbers under long names.
    pub fn wide(count: usize) -> Self {
        let name = |n| format!("{n:032}");
        Self::Map((0..count).map(|n| (name(n), Self::Number(1))).collect())
    }

    /// Makes text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Adds an entry to a map.
    #[must_use]
    pub fn with(self, name: &str, value: Self) -> Self {
        match self {
            Self::Map(mut entries) => {
                entries.push((name.to_owned(), value));
                Self::Map(entries)
            }
            other => other,
        }
    }

    /// Returns the message.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self).expect("a message")
    }
}
