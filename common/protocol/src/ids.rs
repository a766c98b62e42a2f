//! The names of things: agents, requests, fleets, keys, journals and attempts.
//!
//! Every id is checked once, where it enters; past that point its shape is certain.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::limits::AGENT_ID_BYTES_MAX;

/// An id that does not have the shape it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `[a-z0-9-]{1,40}`.
    #[error("agent id {0:?} is not 1 to 40 of a-z, 0-9 and `-`")]
    Agent(String),
    /// Not a UUID in its usual text form.
    #[error("{0:?} is not a UUID")]
    Uuid(String),
    /// Not 32 hexadecimal digits.
    #[error("key id {0:?} is not 32 hexadecimal digits")]
    Key(String),
}

/// One agent: `[a-z0-9-]{1,40}`, minted at enrolment and never used again.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId(Arc<str>);

impl AgentId {
    /// The id under which the coordinator profiles itself and sends its own telemetry.
    pub const COORDINATOR: &'static str = "coordinator";

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > AGENT_ID_BYTES_MAX || !text.bytes().all(legal) {
            return Err(IdError::Agent(text.chars().take(60).collect()));
        }
        Ok(Self(Arc::from(text)))
    }

    /// Returns the id of the coordinator itself.
    pub fn coordinator() -> Self {
        Self(Arc::from(Self::COORDINATOR))
    }

    /// Returns the text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AgentId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(&text)
    }
}

impl From<AgentId> for String {
    fn from(id: AgentId) -> Self {
        id.0.to_string()
    }
}

impl FromStr for AgentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes a UUID newtype: 16 bytes on the wire, text for people.
macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Returns the 16 bytes of the id.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Takes 16 bytes as they are.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let parsed = Uuid::try_parse(text);
                parsed.map(Self).map_err(|_| IdError::Uuid(text.chars().take(60).collect()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// Makes such a type whose ids are minted.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $new:expr) => {
        uuid_type!($(#[$doc])* $name);

        impl $name {
            /// Mints a new id.
            #[expect(clippy::new_without_default, reason = "two calls give two ids")]
            pub fn new() -> Self {
                Self($new)
            }
        }
    };
}

uuid_id!(
    /// One request (a hunt, a profile, a control): UUIDv7, so ids sort by time of issue.
    RequestId,
    Uuid::now_v7()
);
uuid_id!(
    /// One fleet: what `muster init` made.
    FleetId,
    Uuid::new_v4()
);
uuid_id!(
    /// One life of an agent's journal. A wiped journal has a new one.
    JournalId,
    Uuid::new_v4()
);
uuid_id!(
    /// One start of an agent's process: 16 random bytes.
    InstanceId,
    Uuid::new_v4()
);
uuid_type!(
    /// One machine, as its agent may name it outside: see [`MachineId::of`].
    MachineId
);

impl MachineId {
    /// Makes the id of a machine from what only the machine may know (`/etc/machine-id`, the firmware's id): a hash that
    /// depends on the fleet, so that it leads neither back to them nor to the same machine in another fleet.
    pub fn of(fleet: &FleetId, secrets: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"muster machine v1\0");
        hash.update(fleet.as_bytes());
        for secret in secrets {
            hash.update(secret.as_bytes());
            hash.update(b"\0");
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
        Self::from_bytes(id)
    }
}

/// One key: the first 16 bytes of the SHA-256 of its public half.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// Returns the id of an Ed25519 public key.
    pub fn of(public: &[u8; 32]) -> Self {
        let digest: [u8; 32] = Sha256::digest(public).into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
        Self(id)
    }
}

impl TryFrom<String> for KeyId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl FromStr for KeyId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::Key(text.chars().take(60).collect());
        let bytes = crate::hex::decode(text).ok_or_else(bad)?;
        Ok(Self(bytes.try_into().map_err(|_| bad())?))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One run of one request on one agent: the request that asked for it and the journal that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// The `hunt.start`, `hunt.retry` or `profile.start` that asked for the run.
    pub origin: RequestId,
    /// The journal that holds the run.
    pub journal: JournalId,
}
