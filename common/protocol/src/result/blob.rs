//! `blob` messages: pieces of something large.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::ids::{AgentId, Attempt, RequestId};

/// The kind of a blob that is the content of a file that matched.
pub const FILE_BLOB: &str = "file";

/// One chunk of a blob; routing key `blobs.<agent>.<request>`, AMQP type `blob.chunk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobChunk {
    /// The sender.
    pub agent: AgentId,
    /// On behalf of which request.
    pub request: RequestId,
    /// Of which run.
    pub attempt: Attempt,
    /// Position in the attempt, counted from 0 across rows and blobs.
    pub seq: u64,
    /// Which blob of the attempt, from 0.
    pub blob: u32,
    /// What it is: `profile.cpu`, [`FILE_BLOB`].
    pub kind: String,
    /// Where `data` belongs.
    pub offset: u64,
    /// Size of the whole blob.
    pub total: u64,
    /// SHA-256 of the whole blob, 32 bytes.
    pub blob_sha256: ByteBuf,
    /// SHA-256 of `data`, 32 bytes.
    pub sha256: ByteBuf,
    /// The bytes.
    pub data: ByteBuf,
}
