//! The one door to MessagePack and zstd: named fields, a cap on every size, nothing left over.
//!
//! Positional encoding loses a message when a field is added, so it is never used. The strictness that
//! requests need beyond this (`deny_unknown_fields`) stands on their types.

use std::io::{self, Read};
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

use crate::limits::WIRE_DEPTH_MAX;

/// Bytes from outside that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than the cap.
    #[error("{bytes} bytes, more than the {cap} allowed")]
    TooBig {
        /// What came.
        bytes: usize,
        /// What is allowed.
        cap: usize,
    },
    /// Not MessagePack of this type.
    #[error("not a valid message: {0}")]
    Malformed(String),
    /// A whole message, and then something more.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
    /// A value of ours that cannot be encoded: our bug.
    #[error("cannot encode: {0}")]
    Encode(String),
}

/// Encodes with named fields.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    #[expect(clippy::disallowed_methods, reason = "the one door")]
    rmp_serde::to_vec_named(value).map_err(|error| WireError::Encode(error.to_string()))
}

/// Decodes exactly one value from at most `cap` bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], cap: usize) -> Result<T, WireError> {
    decode_with(PhantomData::<T>, bytes, cap)
}

/// Decodes exactly one value from at most `cap` bytes, by what `seed` knows of it.
pub fn decode_with<'de, S: DeserializeSeed<'de>>(
    seed: S,
    bytes: &[u8],
    cap: usize,
) -> Result<S::Value, WireError> {
    if bytes.len() > cap {
        return Err(WireError::TooBig { bytes: bytes.len(), cap });
    }
    let mut rest = bytes;
    let mut decoder = rmp_serde::Deserializer::new(&mut rest);
    decoder.set_max_depth(WIRE_DEPTH_MAX);
    let value = seed.deserialize(&mut decoder).map_err(malformed)?;
    drop(decoder);
    if rest.is_empty() { Ok(value) } else { Err(WireError::Trailing(rest.len())) }
}

/// Decodes exactly one value from what is read while it is decoded: what the type has no use for is never held.
pub fn decode_from<T: DeserializeOwned>(source: impl Read, cap: usize) -> Result<T, WireError> {
    let room = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let mut rest = source.take(room);
    let mut decoder = rmp_serde::Deserializer::new(&mut rest);
    decoder.set_max_depth(WIRE_DEPTH_MAX);
    let value = T::deserialize(&mut decoder).map_err(malformed);
    drop(decoder);
    let behind = io::copy(&mut rest, &mut io::sink()).map_err(malformed)?;
    if rest.limit() == 0 {
        return Err(WireError::TooBig { bytes: cap.saturating_add(1), cap });
    }
    match usize::try_from(behind).unwrap_or(usize::MAX) {
        0 => value,
        behind => value.and(Err(WireError::Trailing(behind))),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn malformed(error: impl ToString) -> WireError {
    WireError::Malformed(error.to_string().chars().take(200).collect())
}

/// Compresses with zstd at level 1.
pub fn compress(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    zstd::bulk::compress(bytes, 1).map_err(|error| WireError::Encode(error.to_string()))
}

/// Decompresses into at most `cap` bytes; what would be longer is refused without being unpacked.
pub fn decompress(bytes: &[u8], cap: usize) -> Result<Vec<u8>, WireError> {
    let bad = |error: std::io::Error| WireError::Malformed(format!("zstd: {error}"));
    let decoder = zstd::stream::read::Decoder::new(bytes).map_err(bad)?;
    let mut out = Vec::new();
    let room = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(room).read_to_end(&mut out).map_err(bad)?;
    if out.len() > cap { Err(WireError::TooBig { bytes: out.len(), cap }) } else { Ok(out) }
}

#[cfg(test)]
mod tests;
