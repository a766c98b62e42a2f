//! Digests of files.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A digest that a collector can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashKind {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
    /// 32 bytes, as SHA-256.
    Blake3,
}

impl HashKind {
    /// Every digest, in the order of the output columns.
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512, Self::Blake3];

    /// Returns the field name in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// Returns the bytes of one digest.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// One digest; up to 32 bytes of it need no memory of their own.
pub type Digest = SmallVec<[u8; 32]>;

/// The digests of one file; a single one needs no memory of its own.
pub type Digests = SmallVec<[(HashKind, Digest); 1]>;
