//! Why a request is not launched.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::NOTES_OF_HUNT_MAX;
use muster_protocol::request::Verb;
use muster_protocol::request::sign::Refusal;

use super::target_suggestions::NoMatch;
use crate::store::StoreError;

/// A request that is not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The bytes are no sealed request.
    #[error("{0}")]
    NotSealed(String),
    /// Its signature, its certificate or its validity.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another call is launching the same request.
    #[error("another call is launching it")]
    InProgress,
    /// The directed queue takes no more; the request is on record and sent later.
    #[error("{0}")]
    QueueFull(String),
    /// A hunt has as many notes as are kept.
    #[error("{NOTES_OF_HUNT_MAX} notes of {0} are on record")]
    TooManyNotes(RequestId),
    /// A control is about a request that is not on record.
    #[error("no hunt or profile has the id {0}")]
    NoSuchStart(RequestId),
    /// A control says something that this version does not know.
    #[error("newer than this coordinator: it knows no control {0:?}")]
    UnknownVerb(String),
    /// A pause, drain or resume of a profile.
    #[error("a profile is a window of time: nothing is left of one that stands still")]
    OfProfile(Verb),
    /// A control is about a hunt that has ended.
    #[error("{how}")]
    Ended {
        /// The hunt.
        about: RequestId,
        /// How it ended, and when.
        how: String,
    },
    /// A pause, drain or resume of what was cancelled: that is final.
    #[error("it was cancelled by {operator} at {at}, and a cancel is final")]
    Cancelled {
        /// The hunt.
        about: RequestId,
        /// Who.
        operator: String,
        /// When.
        at: Timestamp,
    },
    /// A revision that nobody could go beyond.
    #[error("revision {revision} is more than a day ahead of this coordinator's clock ({now})")]
    RevisionAhead {
        /// The start.
        about: RequestId,
        /// The revision.
        revision: u64,
        /// The clock, in milliseconds since 1970.
        now: i64,
    },
    /// The target's expression cannot be evaluated.
    #[error("{0}")]
    Target(String),
    /// No agent matches the target.
    #[error(transparent)]
    NoMatch(#[from] NoMatch),
    /// Parts or whole digests of the hunt's list are missing.
    #[error("{0}")]
    IncompleteList(String),
    /// A later revision is on record.
    #[error("revision {revision} is not above those that {about} has")]
    Superseded {
        /// The start.
        about: RequestId,
        /// The revision that came too late.
        revision: u64,
    },
    /// The store refuses writes for now.
    #[error("{0}")]
    Unwritable(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A piece of a list's whole digests that is not kept.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It is no piece of a list.
    #[error("{0}")]
    Malformed(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
