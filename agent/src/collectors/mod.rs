//! The collectors: synchronous code that sees its arguments and a [`crate::session::Session`].
//!
//! A collector knows neither the broker nor the journal. It ends in one of three ways: its figures, a
//! [`Stop`] that the session demanded, or a failure with a word of a closed list.

pub mod file_hash;
pub mod profile;

use crate::session::Stop;

/// Why a collector ended before its work was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// The session demanded it; what was emitted so far counts.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The collector cannot go on.
    #[error("{code}: {reason}")]
    Failed {
        /// A word of a closed list (`docs/reference/codes.md`).
        code: &'static str,
        /// The same for people.
        reason: String,
    },
}

impl CollectError {
    /// The arguments make no sense.
    pub const BAD_ARGUMENTS: &'static str = "bad_arguments";
    /// The system refused something that the collector cannot work without.
    pub const SYSTEM: &'static str = "system";
    /// Below a root nothing could be looked at; what the other roots hold was collected.
    pub const NO_ROOT: &'static str = "no_root";
    /// The hunt that was to be profiled had ended, or does not begin.
    pub const NO_HUNT: &'static str = "no_hunt";
    /// An owner or group that this machine does not know by that name.
    pub const NO_ACCOUNT: &'static str = "no_account";
    /// The hunt's list of hashes is not what was signed.
    pub const LIST_DAMAGED: &'static str = "list_damaged";
    /// An invariant of the collector is broken.
    pub const BUG: &'static str = "bug";

    /// Makes a failure.
    pub fn failed(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Failed { code, reason: reason.into() }
    }
}
