//! Where a collection goes on, as the journal keeps it.

use muster_protocol::artifact::file_hash;
use muster_protocol::limits::CURSOR_BYTES_MAX;
use muster_protocol::result::ArtifactFooter;
use muster_protocol::wire::{self, WireError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::session::Checkpoint;

/// Everything up to and with `after`, in walk order, is accounted for in `footer` and in the rows that were emitted before
/// it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Index of the root.
    pub(crate) root: u32,
    /// The last path that is done, whole, byte for byte.
    pub(crate) after: Vec<u8>,
    /// The figures up to there.
    pub(crate) footer: file_hash::Footer,
}

/// How a cursor is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    root: u32,
    after: ByteBuf,
    footer: file_hash::Footer,
}

impl Cursor {
    /// Reads a cursor.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let Stored { root, after, footer } = wire::decode(bytes, CURSOR_BYTES_MAX)?;
        Ok(Self { root, after: after.into_vec(), footer })
    }
}

impl Checkpoint for Cursor {
    fn cursor(&self) -> Result<Vec<u8>, WireError> {
        let (root, after) = (self.root, ByteBuf::from(self.after.as_slice()));
        wire::encode(&Stored { root, after, footer: self.footer.clone() })
    }

    fn footer(&self) -> Result<ArtifactFooter, WireError> {
        self.footer.sealed()
    }
}
