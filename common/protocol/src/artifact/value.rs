//! One value of a row.

/// One value, as it is found in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// There is none.
    Nothing,
    /// Bytes that mostly are text.
    Bytes(&'a [u8]),
    /// A word of a closed list.
    Word(&'static str),
    /// A number that may be below 0.
    Signed(i64),
    /// A number.
    Unsigned(u64),
    /// Yes or no.
    Bool(bool),
    /// Nanoseconds since 1970.
    Time(i128),
    /// A digest.
    Digest(&'a [u8]),
}
