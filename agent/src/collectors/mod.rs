//! The collectors: synchronous code that sees its arguments and a [`crate::session::Session`].
//!
//! A collector knows neither the broker nor the journal. It ends in one of three ways: its figures, a
//! [`Stop`] that the session demanded, or a failure with a word of a closed list.
//!
//! One artifact, one [`Collector`], one line in [`ALL`]: everything else asks the collector.

pub mod file_hash;
pub mod processes;
pub mod profile;

use std::fmt;

use muster_protocol::artifact::file_hash::Upload;
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::artifact::{Artifact, HashKind};
use muster_protocol::result::ArtifactFooter;
use muster_protocol::wire::WireError;
use serde_bytes::ByteBuf;

use crate::files::Folders;
use crate::session::{Session, Stop};

/// Every collector of an artifact.
pub const ALL: [&dyn Collector; 2] = [&file_hash::Files, &processes::Running];

/// Returns the collector of an artifact.
pub fn find(artifact: &str) -> Option<&'static dyn Collector> {
    ALL.into_iter().find(|collector| collector.artifact().schema().artifact == artifact)
}

/// Collects one artifact.
pub trait Collector: Sync + fmt::Debug {
    /// Returns what it collects.
    fn artifact(&self) -> &'static dyn Artifact;

    /// Returns what a request has it open, for the machine's policy.
    fn opens(&self, args: &[u8]) -> Result<Opens, WireError>;

    /// Returns the footer of a collection that has come as far as a cursor, or has not begun.
    fn so_far(&self, cursor: Option<&[u8]>) -> Result<ArtifactFooter, WireError>;

    /// Collects until the end or until the session says stop.
    fn collect(
        &self,
        args: &[u8],
        machine: &Machine,
        session: &dyn Session,
    ) -> Result<Collected, CollectError>;
}

/// What a request has a collector open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opens {
    /// The folders that it walks.
    pub roots: Vec<ByteBuf>,
    /// It enters network and pseudo file systems, too.
    pub all_file_systems: bool,
    /// It may open files outside any folder that the request names.
    pub anywhere: bool,
    /// It sends the content of files.
    pub upload: Option<Upload>,
}

/// What the machine's owner lets a collector see.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Folders that what it opens is held against.
    pub folders: Folders,
    /// Command lines of processes.
    pub shows_cmdline: bool,
}

/// How a collection has ended by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// What was done, in figures; none of a profile.
    pub footer: Option<ArtifactFooter>,
    /// Why it has failed all the same: a word of a closed list, and the same for people.
    pub failure: Option<(&'static str, String)>,
}

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

/// Returns the list of hashes of a hunt that computes `hashes`: carried, or named and come before it.
fn lists(
    carried: &[IocList],
    named: &SplitIocList,
    hashes: &[HashKind],
    session: &dyn Session,
) -> Result<Vec<IocList>, CollectError> {
    if named.is_none() {
        return Ok(carried.to_vec());
    }
    let damaged = |why: String| CollectError::failed(CollectError::LIST_DAMAGED, why);
    let lists = session.list(named).map_err(damaged)?;
    match lists.iter().find(|list| !hashes.contains(&list.kind)) {
        Some(list) => {
            Err(damaged(format!("a list of {}, which is not computed", list.kind.as_str())))
        }
        None => Ok(lists),
    }
}

/// What was collected cannot be encoded: our bug.
impl From<WireError> for CollectError {
    fn from(error: WireError) -> Self {
        Self::failed(Self::BUG, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_artifact_has_its_collector() {
        for artifact in muster_protocol::artifact::ALL {
            let name = artifact.schema().artifact;
            assert_eq!(find(name).unwrap().artifact().schema(), artifact.schema());
        }
    }
}
