//! Who may command: the fleet root, the certificates that it signs, and the keys that it took back.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Kind;
use crate::clock::Timestamp;
use crate::ids::{FleetId, KeyId};

/// What the root says of an operator's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The fleet.
    pub fleet: FleetId,
    /// The operator's Ed25519 public key, 32 bytes.
    pub key: ByteBuf,
    /// The operator's name, for the audit log.
    pub name: String,
    /// What the key may ask for.
    pub kinds: Vec<Kind>,
    /// When it was signed.
    pub issued: Timestamp,
    /// Until when the key counts.
    pub not_after: Timestamp,
}

/// A grant and the root's signature over it: what travels in the `cert` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Named MessagePack of the [`Grant`], exactly as signed.
    pub grant: ByteBuf,
    /// Ed25519 by the root over `"muster certificate v1\0" + grant`.
    pub sig: ByteBuf,
}

/// The arguments of `trust.revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Keys that are never trusted again.
    pub keys: Vec<KeyId>,
}
