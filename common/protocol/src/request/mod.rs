//! What an operator asks: signed records, decoded strictly.
//!
//! On the wire a request is the AMQP properties `type` (the kind) and `message_id` (the id), the headers
//! `sig` and `cert`, and a body: one named MessagePack [`Body`]. A field that is not known is a refusal:
//! an unknown limit must not become "no limit".

mod bundle;
mod check;
pub mod control;
pub mod hunt;
pub mod lifecycle;
pub mod note;
pub mod profile;
pub mod sign;
pub mod target;
pub mod trust;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::artifact::ioc::IocList;
use crate::clock::Timestamp;
use crate::ids::{FleetId, KeyId, RequestId};
pub use bundle::Bundle;
pub use control::{Control, Verb};
pub use target::Target;
pub use trust::Capability;

/// What a request asks for. The closed list of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// Begin a hunt.
    #[serde(rename = "hunt.start")]
    HuntStart,
    /// Some of the hashes of a list that a later hunt names. Whoever may begin a hunt may send it.
    #[serde(rename = "list.part")]
    ListPart,
    /// Begin a profile.
    #[serde(rename = "profile.start")]
    ProfileStart,
    /// Something about an earlier request. Cancels were kinds of their own once, and are on record.
    #[serde(rename = "control", alias = "hunt.cancel", alias = "profile.cancel")]
    Control,
    /// Never trust these keys again. Signed by the fleet root itself.
    #[serde(rename = "trust.revoke")]
    TrustRevoke,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::HuntStart, Self::ListPart, Self::ProfileStart, Self::Control, Self::TrustRevoke];

    /// Returns the word that travels in the `type` property.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HuntStart => "hunt.start",
            Self::ListPart => "list.part",
            Self::ProfileStart => "profile.start",
            Self::Control => "control",
            Self::TrustRevoke => "trust.revoke",
        }
    }

    /// Reads the word; `None` for a kind that this version does not know.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "hunt.cancel" | "profile.cancel" => Some(Self::Control),
            word => Self::ALL.into_iter().find(|kind| kind.as_str() == word),
        }
    }

    /// Returns what a key must be granted to ask for it.
    pub const fn needs(self) -> Capability {
        match self {
            Self::HuntStart | Self::ListPart => Capability::Hunt,
            Self::ProfileStart => Capability::Profile,
            Self::Control => Capability::Stop,
            Self::TrustRevoke => Capability::Revoke,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bounds that the operator puts on each collection of a request. `None` is the agent's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// CPU of the collection's own threads, percent of one core.
    pub max_cpu_percent: Option<u32>,
    /// File bytes read, in 1,000,000 bytes a second.
    pub max_mbps: Option<u32>,
    /// Files opened a second.
    pub max_files_per_s: Option<u32>,
    /// Wall time of the run, in seconds.
    pub timeout_s: Option<u32>,
    /// Rows that come back.
    pub max_rows: Option<u64>,
    /// File bytes read in all.
    pub max_bytes: Option<u64>,
    /// Memory that the agent may take beyond what it had when the run began, in 1,000,000 bytes. Not said when it is
    /// not asked for: agents from before it refuse what they do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_mb: Option<u32>,
}

/// The signed part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What is asked; equals the `type` property.
    pub kind: Kind,
    /// The request's own id; equals the `message_id` property.
    pub id: RequestId,
    /// The key that signed.
    pub key: KeyId,
    /// The fleet that it is for.
    pub fleet: FleetId,
    /// When it was signed.
    pub issued: Timestamp,
    /// Until when work on it may begin.
    pub not_after: Timestamp,
    /// Which agents it is for.
    pub target: Target,
    /// Bounds on each collection.
    pub limits: Limits,
    /// Named MessagePack of the kind's own arguments, decoded only after the signature held.
    pub args: ByteBuf,
}

/// The arguments of a request, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Args {
    /// `hunt.start`
    HuntStart(hunt::HuntStart),
    /// `list.part`
    ListPart(IocList),
    /// `profile.start`
    ProfileStart(profile::ProfileStart),
    /// `control`
    Control(Control),
    /// `trust.revoke`
    TrustRevoke(trust::Revoke),
}

/// A request as it travels and as `hunt seal` writes it: the signed bytes, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The `type` property. Text, for a kind may be newer than this version.
    pub kind: String,
    /// The `message_id` property.
    pub id: String,
    /// The exact bytes that were signed.
    pub body: ByteBuf,
    /// Ed25519 over [`sign::signed_bytes`].
    pub sig: ByteBuf,
    /// The root's certificate for the key ([`trust::Certificate`]); empty when the root itself signed.
    pub cert: ByteBuf,
}
