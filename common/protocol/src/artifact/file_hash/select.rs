//! Which entries a hunt selects by what the kernel says of them. Every condition that is given must hold.

use serde::{Deserialize, Serialize};

use crate::artifact::file_hash::FileKind;
use crate::limits;

mod far;
mod mode;

pub use self::mode::ModeTest;

/// Bits of a mode that can be asked for: permissions, set-uid, set-gid, sticky.
pub const MODE_BITS: u32 = 0o7777;

/// The conditions; the default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Select {
    /// One of these kinds; none given: any.
    pub kinds: Vec<FileKind>,
    /// When the content changed.
    pub mtime: Window,
    /// When the inode changed.
    pub ctime: Window,
    /// When it was made. What a file system does not know is selected and counted as not judged.
    pub btime: Window,
    /// One of these owners, by number or by a name of the agent's own machine; none given: any.
    pub owners: Vec<String>,
    /// One of these groups, in the same way.
    pub groups: Vec<String>,
    /// Bits of the mode. Symbolic links have no mode of their own: a condition leaves them out.
    pub mode: ModeBits,
}

/// A span of time in nanoseconds since 1970: from `from_ns` on, and before `until_ns`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// Not before.
    #[serde(with = "far")]
    pub from_ns: Option<i128>,
    /// Before.
    #[serde(with = "far")]
    pub until_ns: Option<i128>,
}

/// Conditions on the bits of a mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModeBits {
    /// At least one of these is set; 0: no condition.
    pub any: u32,
    /// All of these are set.
    pub all: u32,
    /// The mode is exactly this.
    pub exactly: Option<u32>,
}

impl Select {
    /// Returns whether it selects everything.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the bounds; the error names what is out of them.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, window) in [("mtime", self.mtime), ("ctime", self.ctime), ("btime", self.btime)]
        {
            if window.from_ns.zip(window.until_ns).is_some_and(|(from, until)| from >= until) {
                return Err(format!("no {name} lies in its window"));
            }
        }
        let accounts = self.owners.len() + self.groups.len();
        if accounts > limits::ACCOUNTS_MAX {
            return Err(format!("{accounts} owners and groups, {} allowed", limits::ACCOUNTS_MAX));
        }
        let is_bad = |name: &&String| {
            name.is_empty()
                || name.len() > limits::ACCOUNT_BYTES_MAX
                || name.contains(|c: char| c == ':' || c.is_control())
        };
        if let Some(bad) = self.owners.iter().chain(&self.groups).find(is_bad) {
            return Err(format!("{bad:?} is not the name of an account"));
        }
        if self.kinds.len() > FileKind::ALL.len() || self.kinds.contains(&FileKind::Unknown) {
            return Err("a kind of file that cannot be asked for".to_owned());
        }
        let mode = self.mode;
        if (mode.any | mode.all | mode.exactly.unwrap_or(0)) & !MODE_BITS != 0 {
            return Err("a mode has bits beyond 7777".to_owned());
        }
        Ok(())
    }
}

impl Window {
    /// Returns whether it holds every time.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a time lies in it.
    pub fn contains(&self, ns: i128) -> bool {
        self.from_ns.is_none_or(|from| ns >= from) && self.until_ns.is_none_or(|until| ns < until)
    }
}

impl ModeBits {
    /// Returns whether there is no condition.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a mode fulfils every condition.
    pub fn is_match(&self, mode: u32) -> bool {
        let mode = mode & MODE_BITS;
        (self.any == 0 || mode & self.any != 0)
            && mode & self.all == self.all
            && self.exactly.is_none_or(|wanted| mode == wanted)
    }
}
