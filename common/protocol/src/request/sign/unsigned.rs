//! A request before it is signed: the exact bytes that a signature will cover.

use super::super::{Args, Body, Kind, check};
use super::{Refusal, decode_args, strict};
use crate::ids::RequestId;
use crate::limits;
use crate::wire::{self, WireError};

/// The bytes of a body, encoded once: what is reviewed is what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    kind: Kind,
    id: RequestId,
    bytes: Vec<u8>,
}

impl Unsigned {
    /// Encodes a body.
    pub fn new(body: &Body) -> Result<Self, WireError> {
        Ok(Self { kind: body.kind, id: body.id, bytes: wire::encode(body)? })
    }

    /// Returns what is asked.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// Returns the bytes that a signature will cover.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Decodes the bytes as an agent does once their signature held, and checks the same bounds.
    pub fn decoded(&self) -> Result<(Body, Args), Refusal> {
        let (bytes, most) = (self.bytes.len(), limits::REQUEST_BYTES_MAX);
        if bytes > most {
            return Err(Refusal::TooBig(format!("body of {bytes} bytes, {most} are allowed")));
        }
        let body: Body = strict(&self.bytes, most)?;
        let args = decode_args(body.kind, &body.args)?;
        check::bounds(&body, &args).map_err(Refusal::OutOfBounds)?;
        Ok((body, args))
    }
}
