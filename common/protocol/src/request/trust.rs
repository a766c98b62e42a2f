//! Who may command: the fleet root, the certificates that it signs, and the keys that it took back.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::clock::Timestamp;
use crate::ids::{FleetId, KeyId};

/// What a key may be granted, and a machine's policy may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Begin hunts, and send the lists of hashes that they name.
    Hunt,
    /// Take profiles.
    Profile,
    /// End what runs or waits before its time.
    Stop,
    /// Set labels of agents.
    Label,
    /// Take trust from keys: the fleet root's alone, whatever a grant says.
    Revoke,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 5] = [Self::Hunt, Self::Profile, Self::Stop, Self::Label, Self::Revoke];

    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hunt => "hunt",
            Self::Profile => "profile",
            Self::Stop => "stop",
            Self::Label => "label",
            Self::Revoke => "revoke",
        }
    }

    /// Reads a word, or the kind of request that stood for it once; `None` for one that is not known.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "hunt.start" => Some(Self::Hunt),
            "profile.start" => Some(Self::Profile),
            "hunt.cancel" | "profile.cancel" => Some(Self::Stop),
            "trust.revoke" => Some(Self::Revoke),
            word => Self::ALL.into_iter().find(|capability| capability.as_str() == word),
        }
    }

    /// Returns whether one of the words means it.
    pub fn is_in(self, words: &[String]) -> bool {
        words.iter().any(|word| Self::parse(word) == Some(self))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
    /// What the key may do: words, of which one that is not known grants nothing and breaks nothing. Certificates that
    /// listed kinds of request are in use.
    #[serde(alias = "kinds")]
    pub capabilities: Vec<String>,
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
