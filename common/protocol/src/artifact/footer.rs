//! What the footers of all artifacts have in common.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use super::Schema;
use crate::limits::FOOTER_BYTES_MAX;
use crate::result::{ArtifactFooter, Bounded, Counters};
use crate::wire::{self, WireError};

/// Returns the sum of counts by reason.
pub(super) fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().fold(0, |sum, count| sum.saturating_add(*count))
}

/// Returns a footer as statuses carry it.
pub(super) fn sealed(
    schema: &Schema,
    counters: Counters,
    footer: &impl Serialize,
) -> Result<ArtifactFooter, WireError> {
    Ok(ArtifactFooter {
        artifact: schema.artifact.to_owned(),
        schema: schema.version,
        counters,
        body: ByteBuf::from(wire::encode(footer)?),
    })
}

/// Decodes a footer.
pub(super) fn opened<F: DeserializeOwned>(footer: &[u8]) -> Result<F, WireError> {
    wire::decode(footer, FOOTER_BYTES_MAX)
}

/// Returns a footer as JSON.
pub(super) fn json(footer: &impl Serialize) -> Result<serde_json::Value, WireError> {
    serde_json::to_value(footer).map_err(|error| WireError::Encode(error.to_string()))
}

/// Cuts what is over its bound in a footer; returns the footer where something was.
pub(super) fn cut<F: Bounded + DeserializeOwned + Serialize>(
    footer: &[u8],
) -> Result<Option<Vec<u8>>, WireError> {
    let mut footer: F = opened(footer)?;
    if footer.cut() { wire::encode(&footer).map(Some) } else { Ok(None) }
}
