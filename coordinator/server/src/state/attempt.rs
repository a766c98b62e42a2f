//! One attempt of an agent at a request: what it reported, and which of its chunks are stored.
//!
//! Of two statuses of one attempt the agent's clock says which is later: they may arrive in any order, and an agent that lies
//! hides only its own. Everything else goes by when the coordinator received them.

use std::cmp::Ordering;
use std::ops::Deref;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::MachineId;
use muster_protocol::limits;
use muster_protocol::result::{FILE_BLOB, Footer, State as Said, Status};

use super::{Chunks, Class, Standing};

/// A status, and when it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What the agent said.
    pub status: Status,
    /// When, by the coordinator's clock.
    pub received: Timestamp,
}

impl Deref for Heard {
    type Target = Status;
    fn deref(&self) -> &Status {
        &self.status
    }
}

/// Why a run has failed by the coordinator's decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// A word: `quota`, `rejected`.
    pub code: String,
    /// The same for people.
    pub reason: String,
}

/// One attempt of an agent at a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttemptState {
    /// The latest status that is not final.
    pub latest: Option<Heard>,
    /// The final status.
    pub last: Option<Heard>,
    /// Which chunks are stored.
    pub stored: Chunks,
    /// Two different chunks claimed one position.
    pub has_conflict: bool,
    /// The coordinator has failed it.
    pub fault: Option<Fault>,
}

impl AttemptState {
    /// Returns how many chunks the run has in all, once that is known.
    pub fn chunks(&self) -> Option<u64> {
        self.last.as_ref().map(|status| status.chunks.unwrap_or(0))
    }

    /// Returns whether the run has ended and each of its chunks is stored.
    pub fn is_complete(&self) -> bool {
        self.chunks().is_some_and(|chunks| {
            // Chunks are distinct and counted from 0, so a count of those below the end is enough.
            self.stored.count_below(chunks) == chunks
        })
    }

    /// Returns whether its results are not what the agent sent.
    pub fn is_spoilt(&self) -> bool {
        self.has_conflict || self.fault.is_some()
    }

    /// Returns when the last status came.
    pub fn received(&self) -> Option<Timestamp> {
        let received = |heard: &Option<Heard>| heard.as_ref().map(|heard| heard.received);
        received(&self.last).max(received(&self.latest))
    }

    /// Returns the highest revision of the controls that its agent had applied.
    pub fn revision(&self) -> u64 {
        let revision = |heard: &Option<Heard>| heard.as_ref().map_or(0, |heard| heard.revision);
        revision(&self.last).max(revision(&self.latest))
    }

    /// Returns the best figures that are known.
    pub fn footer(&self) -> Option<&Footer> {
        let status = self.last.as_ref().or(self.latest.as_ref())?;
        status.footer.as_ref()
    }

    /// Returns the name of the machine that reported, the final status first.
    pub fn host(&self) -> Option<&str> {
        let statuses = [&self.last, &self.latest].into_iter().flatten();
        statuses.map(|status| status.host.as_str()).find(|host| !host.is_empty())
    }

    /// Returns the machine that reported, the final status first.
    pub fn machine(&self) -> Option<MachineId> {
        [&self.last, &self.latest].into_iter().flatten().find_map(|status| status.machine)
    }

    /// Returns how far it is, and until when what is missing is waited for. `is_whole`: whether the blobs that its footer names
    /// are put together.
    pub(super) fn class(&self, is_whole: bool) -> (Class, Option<Timestamp>) {
        let class = self.class_of_chunks();
        let until = self.last.as_ref().map(|last| last.received.plus_ms(limits::FINISHING_MS_MAX));
        match (class, until) {
            (Class::Awaiting, until) => (class, until),
            (Class::Finished | Class::Failed | Class::Cancelled, Some(_)) if !is_whole => {
                (Class::Assembling, until)
            }
            _ => (class, None),
        }
    }

    /// Returns how far it is by itself, whatever other attempts there are. `is_whole` is as for [`super::Collection::standing`].
    pub fn standing(&self, is_whole: bool, is_revoked: bool) -> Standing {
        let (class, until) = self.class(is_whole);
        Standing { is_seen: true, passed: None, is_revoked, class, until }
    }

    fn class_of_chunks(&self) -> Class {
        if self.is_spoilt() {
            return Class::Failed;
        }
        let Some(last) = &self.last else {
            return match self.latest.as_ref().map(|status| status.state) {
                Some(Said::Paused) => Class::Paused,
                Some(Said::Queued) if self.stored.is_empty() => Class::Queued,
                _ => Class::Running,
            };
        };
        if !self.is_complete() {
            return Class::Awaiting;
        }
        match last.state {
            Said::Declined => Class::Declined,
            Said::Failed => Class::Failed,
            Said::Cancelled => Class::Cancelled,
            Said::Finished | Said::Queued | Said::Started | Said::Progress | Said::Paused => {
                Class::Finished
            }
        }
    }

    pub(super) fn apply(&mut self, status: &Status, received: Timestamp) {
        let slot = if status.state.is_final() { &mut self.last } else { &mut self.latest };
        // The later one counts; of two at one moment the one that is further on. An agent says one final status a
        // run, so for that slot the rule only makes a liar's order irrelevant.
        match slot {
            Some(held) if held.status == *status => held.received = held.received.min(received),
            Some(held) if !replaces(status, held) => {}
            _ => *slot = Some(Heard { status: status.clone(), received }),
        }
    }

    pub(super) fn fail(&mut self, fault: &Fault) {
        if self.fault.as_ref().is_none_or(|held| fault < held) {
            self.fault = Some(fault.clone());
        }
    }
}

/// Returns whether all blobs that a footer names are put together; of those that are: kind and SHA-256.
pub fn is_whole(said: &Footer, blobs: &[(&str, &[u8])]) -> bool {
    let files = blobs.iter().filter(|(kind, _)| *kind == FILE_BLOB).count() as u64;
    let mut profiles = said.profiles.iter().filter(|kind| !kind.blob_sha256.is_empty());
    files >= said.artifact.as_ref().map_or(0, |said| said.figures().uploaded)
        && profiles
            .all(|kind| blobs.iter().any(|(_, sha256)| *sha256 == kind.blob_sha256.as_slice()))
}

/// Returns which of two statuses of one run stays, whichever came first.
pub fn replaces(new: &Status, held: &Status) -> bool {
    // Controls are ordered by their revisions, whatever an agent's clock says.
    let order = |status: &Status| (status.revision, status.at, status.state, status.chunks);
    match order(new).cmp(&order(held)) {
        Ordering::Equal => {
            // Two that say different things of one moment: a liar's, and its order must not matter either.
            let bytes = |status: &Status| muster_protocol::wire::encode(status).unwrap_or_default();
            bytes(new) > bytes(held)
        }
        order => order == Ordering::Greater,
    }
}
