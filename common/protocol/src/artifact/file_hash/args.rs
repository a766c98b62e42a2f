//! What to walk, what to select, what to compute.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::select::Select;
use crate::artifact::HashKind;
use crate::artifact::ioc::{IocList, SplitIocList};

/// How much of the files that match may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Size of one file; what is bigger is not sent.
    pub max_file_bytes: u64,
    /// Bytes of one collection; what does not fit any more is not sent.
    pub max_bytes: u64,
}

/// What to walk, what to select, what to compute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own to the operator")]
pub struct Args {
    /// Absolute paths, as bytes: a name need not be UTF-8.
    pub roots: Vec<ByteBuf>,
    /// Patterns of which one must match (none given: all match); see [`super::pattern`].
    pub include: Vec<String>,
    /// Patterns of which none may match; a folder that matches is not entered.
    pub exclude: Vec<String>,
    /// Levels below a root; 0 is the root itself.
    pub max_depth: Option<u32>,
    /// Smallest file, in bytes.
    pub min_size: Option<u64>,
    /// Largest file, in bytes.
    pub max_size: Option<u64>,
    /// Digests to compute, in one read. Empty: a listing.
    pub hashes: Vec<HashKind>,
    /// Stay on the file system of each root (`st_dev`).
    pub one_file_system: bool,
    /// Enter network and pseudo file systems, too.
    pub all_file_systems: bool,
    /// Only files of which a digest is in one of these come back, and whatever could not be judged; none given: every
    /// file does. Absent on the wire where there is none, so that older agents take the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ioc: Vec<IocList>,
    /// A list that is too long to be carried and travels before the hunt, in parts; then `ioc` is empty.
    #[serde(default, skip_serializing_if = "SplitIocList::is_none")]
    pub list: Box<SplitIocList>,
    /// Have the files that are in the list sent as well, within these bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Box<Upload>>,
    /// Conditions on kind, times, owner, group and mode. Not on the wire where there are none, so that agents of
    /// before they existed take such a hunt.
    #[serde(default, skip_serializing_if = "Select::is_open")]
    pub select: Box<Select>,
    /// Follow symbolic links below a root, too.
    #[serde(default, skip_serializing_if = "is_off")]
    pub follow: bool,
    /// Read every file, also those that an agent has hashed before and that have not changed since.
    #[serde(default, skip_serializing_if = "is_off")]
    pub fresh: bool,
    /// Patterns match ASCII letters of either case. Absent on the wire where it is off, as all that joined later.
    #[serde(default, skip_serializing_if = "is_off")]
    pub ignore_case: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_off(flag: &bool) -> bool {
    !flag
}
