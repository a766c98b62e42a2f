//! What a hunt can collect. An artifact is a type: arguments, rows and a footer of its own, and one [`Schema`].
//!
//! Everything between a collector and a reader of its rows (session, journal, ingest, store) carries the three as bytes,
//! beside figures that every artifact has. Code that must look into them asks the [`Artifact`]: no other code knows its types.
//!
//! * [`file_hash`]: files below some folders, with digests. [`processes`]: what runs, and from which file.
//! * [`schema`], [`rows`], [`json`]: rows as columns, on the wire, and for people.
//! * [`ioc`]: the list of hashes that a hunt of any artifact may carry.

mod code;
mod digest;
pub mod file_hash;
mod footer;
pub mod ioc;
pub mod json;
mod pack;
pub mod processes;
pub mod rows;
pub mod schema;
mod times;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde_bytes::ByteBuf;

pub use self::digest::{Digest, Digests, HashKind};
use self::ioc::{IocList, SplitIocList};
pub use self::rows::{Record, RowRef, RowWriter, Rows};
pub use self::schema::{Column, ColumnType, Schema, Words};
pub use self::value::Value;
use crate::wire::WireError;

/// Every artifact of this version.
pub const ALL: [&dyn Artifact; 2] = [&file_hash::Files, &processes::Running];

/// Returns an artifact by its name.
pub fn find(name: &str) -> Option<&'static dyn Artifact> {
    ALL.into_iter().find(|artifact| artifact.schema().artifact == name)
}

/// What must be known of an artifact where its bytes are only passed on.
pub trait Artifact: Sync + fmt::Debug {
    /// Returns its name, version and columns.
    fn schema(&self) -> &'static Schema;

    /// Checks the bounds of arguments that hold for every agent, whatever its policy says.
    fn check(&self, args: &[u8]) -> Result<(), String>;

    /// Returns what others than the collector ask of the arguments.
    fn asked(&self, args: &[u8]) -> Result<Asked, WireError>;

    /// Names the list of hashes that travels before the hunt.
    fn with_list(&self, args: &[u8], list: SplitIocList) -> Result<Vec<u8>, WireError>;

    /// Returns the figures of a footer.
    fn figures(&self, footer: &[u8]) -> Result<Figures, WireError>;

    /// Returns a footer as JSON, with all that the artifact has in it.
    fn footer_json(&self, footer: &[u8]) -> Result<serde_json::Value, WireError>;

    /// Cuts what is over its bound in a footer; returns the footer where something was.
    fn cut(&self, footer: &[u8]) -> Result<Option<Vec<u8>>, WireError>;
}

/// What others than the collector ask of a hunt's arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The folders that it walks; none where it walks none.
    pub roots: Vec<ByteBuf>,
    /// The digests that it computes.
    pub hashes: Vec<HashKind>,
    /// The list of hashes that it carries.
    pub ioc: Vec<IocList>,
    /// The list of hashes that travels before it.
    pub list: SplitIocList,
    /// Size of the largest file whose content may be sent; `None` where none may.
    pub max_upload_bytes: Option<u64>,
}

/// The figures of a footer, as they are shown. Every entry is counted once: hashed, cached, listed, filtered, skipped or
/// failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Entries met: files and folders, or processes.
    pub seen: u64,
    /// Files that were read and whose digests were computed.
    pub hashed: u64,
    /// Files whose digests come from the cache.
    pub cached: u64,
    /// Of these two: those that are in the hunt's list.
    pub matched: u64,
    /// Of these two: those that are not, and are no rows.
    pub unmatched: u64,
    /// Entries without digests.
    pub listed: u64,
    /// Entries that the operator's own filter left out, by reason.
    pub filtered: BTreeMap<String, u64>,
    /// Entries that policy left out, by status.
    pub skipped: BTreeMap<String, u64>,
    /// Entries that could not be read, by status.
    pub failed: BTreeMap<String, u64>,
    /// Rows that a condition could not be held against, by the condition.
    pub unjudged: BTreeMap<String, u64>,
    /// File systems that were not entered.
    pub mounts_skipped: BTreeMap<String, u64>,
    /// Files whose content was sent.
    pub uploaded: u64,
    /// Bytes that were sent of them.
    pub upload_bytes: u64,
    /// Files that were to be sent and were not, by reason.
    pub not_uploaded: BTreeMap<String, u64>,
    /// File bytes behind the digests of the rows.
    pub bytes_hashed: u64,
    /// File bytes really read.
    pub bytes_read: u64,
    /// The path that took longest.
    pub slowest_path: Vec<u8>,
}
