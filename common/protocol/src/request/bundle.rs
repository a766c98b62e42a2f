//! The files of `muster hunt seal`: a sealed request, or a hunt with the list that is too long for it.

use std::io::{BufReader, Read};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Sealed;
use crate::limits;
use crate::wire::{self, WireError};

/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 65_536;

/// A hunt with the list that is too long for one record: what `hunt seal` writes then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The `hunt.start`, which names the parts.
    pub start: Sealed,
    /// The `list.part` records, which travel before it.
    pub parts: Vec<Sealed>,
    /// The whole digests of the list, for the coordinator: [`crate::artifact::ioc::IocList`]s.
    pub whole: Vec<ByteBuf>,
}

impl Bundle {
    /// Reads a file of `hunt seal`, whole: a bundle, or a sealed request alone.
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        match wire::decode(bytes, limits::SEALED_BYTES_MAX) {
            Ok(start) => Ok(Self { start, parts: Vec::new(), whole: Vec::new() }),
            // What is no bundle either is complained about as what it most probably was meant to be.
            Err(error) => wire::decode(bytes, limits::BUNDLE_BYTES_MAX).map_err(|_| error),
        }
    }

    /// Reads the same for an agent, which has no use for the whole digests: they are passed over, and neither they nor
    /// the file are ever held. Returns the parts and the hunt, in the order in which they travel.
    pub fn records(file: impl Read) -> Result<Vec<Sealed>, WireError> {
        let file = BufReader::with_capacity(READ_BYTES, file);
        let fields: Fields = wire::decode_from(file, limits::BUNDLE_BYTES_MAX)?;
        fields.records()
    }

    /// Returns the bytes of the file: of a hunt that needs no parts, those of the sealed request.
    pub fn bytes(&self) -> Result<Vec<u8>, WireError> {
        if self.parts.is_empty() { wire::encode(&self.start) } else { wire::encode(self) }
    }
}

/// The fields of either file of `hunt seal`. Which it is shows only once they are read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    kind: Option<String>,
    id: Option<String>,
    body: Option<ByteBuf>,
    sig: Option<ByteBuf>,
    cert: Option<ByteBuf>,
    start: Option<Sealed>,
    parts: Option<Vec<Sealed>>,
    whole: Option<serde::de::IgnoredAny>,
}

impl Fields {
    fn records(self) -> Result<Vec<Sealed>, WireError> {
        let bundle = (self.start, self.parts, self.whole);
        match (self.kind, self.id, self.body, self.sig, self.cert, bundle) {
            (Some(kind), Some(id), Some(body), Some(sig), Some(cert), (None, None, None)) => {
                let bytes = kind.len() + id.len() + body.len() + sig.len() + cert.len();
                let cap = limits::SEALED_BYTES_MAX;
                if bytes > cap {
                    return Err(WireError::TooBig { bytes, cap });
                }
                Ok(vec![Sealed { kind, id, body, sig, cert }])
            }
            (None, None, None, None, None, (Some(start), Some(mut parts), Some(_))) => {
                parts.push(start);
                Ok(parts)
            }
            _ => Err(WireError::Malformed("a field is missing, or one too many".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
