//! `rows` messages: rows of an artifact, packed.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use crate::artifact::{self, Rows};
use crate::ids::{AgentId, Attempt, RequestId};
use crate::wire::WireError;

/// One chunk of rows; routing key `rows.<agent>.<request>`, AMQP type `rows.chunk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChunk {
    /// The sender.
    pub agent: AgentId,
    /// On behalf of which request.
    pub request: RequestId,
    /// Of which run.
    pub attempt: Attempt,
    /// Position in the attempt, counted from 0 across rows and blobs.
    pub seq: u64,
    /// Which artifact the rows are of.
    #[serde(default = "first_artifact")]
    pub artifact: String,
    /// The version of its schema that they are written in.
    #[serde(default = "first_version")]
    pub schema: u32,
    /// How many rows.
    pub rows: u32,
    /// SHA-256 of `body`, 32 bytes.
    pub sha256: ByteBuf,
    /// Rows after [`Rows::pack`]: zstd of named MessagePack columns.
    pub body: ByteBuf,
}

/// Before there was another one, no chunk named its artifact.
fn first_artifact() -> String {
    artifact::file_hash::FILE_HASH.to_owned()
}

fn first_version() -> u32 {
    1
}

/// Why the rows of a chunk cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The artifact, or the version of its schema, is not known here: a newer coordinator may read it.
    #[error("rows of {artifact} in version {schema} need a newer coordinator")]
    Newer {
        /// The artifact.
        artifact: String,
        /// The version of its schema.
        schema: u32,
    },
    /// They are not what they should be.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl RowChunk {
    /// Unpacks the rows.
    pub fn unpack(&self) -> Result<Rows, RowsError> {
        let known = artifact::find(&self.artifact).map(artifact::Artifact::schema);
        let Some(schema) = known.filter(|schema| self.schema <= schema.version) else {
            let (artifact, schema) = (self.artifact.clone(), self.schema);
            return Err(RowsError::Newer { artifact, schema });
        };
        Ok(Rows::unpack(schema, &self.body, self.rows)?)
    }
}

/// Returns the SHA-256 that chunks carry of their payload.
pub fn sha256(bytes: &[u8]) -> ByteBuf {
    ByteBuf::from(Sha256::digest(bytes).as_slice())
}
