//! What to compute of each process, and which of them come back.

use serde::{Deserialize, Serialize};

use crate::artifact::HashKind;
use crate::artifact::ioc::{IocList, SplitIocList};

/// The arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// Digests of the file that each process runs. Empty: no file is opened.
    pub hashes: Vec<HashKind>,
    /// Only processes that run a file of which a digest is in one of these come back, and whatever could not be judged;
    /// none given: every process does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ioc: Vec<IocList>,
    /// A list that is too long to be carried and travels before the hunt, in parts; then `ioc` is empty.
    #[serde(default, skip_serializing_if = "SplitIocList::is_none")]
    pub list: Box<SplitIocList>,
    /// Read every file, also those that an agent has hashed before and that have not changed since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}
