//! A start that was accepted: its signed part and its arguments, decoded again from the journal.

use muster_protocol::artifact::ioc::IocPartRef;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::profile::ProfileStart;
use muster_protocol::request::{Args, Body, Kind, Sealed};
use muster_protocol::wire::{self, WireError};
use sha2::{Digest, Sha256};

use crate::admission::Lane;

/// What to run.
#[derive(Debug, Clone)]
pub struct Task {
    /// The signed part.
    pub body: Body,
    /// A `hunt.start` or a `profile.start`.
    pub work: Work,
    /// The parts of its list of hashes that came before it, or should have.
    parts: Vec<IocPartRef>,
}

/// What a collection does.
#[derive(Debug, Clone)]
pub enum Work {
    /// An artifact.
    Hunt(HuntStart),
    /// A profile.
    Profile(ProfileStart),
}

impl Task {
    /// Makes a task of an opened request; `None` when it is no start.
    pub fn new(body: Body, args: Args) -> Option<Self> {
        let work = match args {
            Args::HuntStart(hunt) => Work::Hunt(hunt),
            Args::ProfileStart(profile) => Work::Profile(profile),
            Args::ListPart(_) | Args::Control(_) | Args::TrustRevoke(_) => return None,
        };
        Self::of(body, work).ok()
    }

    fn of(body: Body, work: Work) -> Result<Self, WireError> {
        let parts = match &work {
            Work::Hunt(hunt) => hunt.asked()?.list.parts,
            Work::Profile(_) => Vec::new(),
        };
        Ok(Self { body, work, parts })
    }

    /// Makes a task of a profile that this agent takes on behalf of another request.
    pub fn profile(body: Body, args: ProfileStart) -> Self {
        Self { body, work: Work::Profile(args), parts: Vec::new() }
    }

    /// Decodes what this agent has verified before it journalled it.
    pub fn of_journal(sealed: &Sealed) -> Result<Self, WireError> {
        let body: Body = wire::decode(&sealed.body, REQUEST_BYTES_MAX)?;
        let work = match body.kind {
            Kind::HuntStart => Work::Hunt(wire::decode(&body.args, REQUEST_BYTES_MAX)?),
            Kind::ProfileStart => Work::Profile(wire::decode(&body.args, REQUEST_BYTES_MAX)?),
            other => return Err(WireError::Malformed(format!("{other} is no start"))),
        };
        Self::of(body, work)
    }

    /// Returns the arguments as they were signed.
    pub fn args(&self) -> Args {
        match &self.work {
            Work::Hunt(hunt) => Args::HuntStart(hunt.clone()),
            Work::Profile(profile) => Args::ProfileStart(profile.clone()),
        }
    }

    /// Returns the parts of its list of hashes that came before it, or should have.
    pub fn parts(&self) -> &[IocPartRef] {
        &self.parts
    }

    /// Returns which slots it takes.
    pub fn lane(&self) -> Lane {
        match self.work {
            Work::Hunt(_) => Lane::Hunt,
            Work::Profile(_) => Lane::Profile,
        }
    }

    /// Returns the moment from which this agent may begin: the same after a restart, another one on each agent.
    pub fn not_before(&self, agent: &AgentId) -> Timestamp {
        let Work::Hunt(hunt) = &self.work else { return self.body.issued };
        let spread_ms = u64::from(hunt.spread_s) * 1_000;
        if spread_ms == 0 {
            return self.body.issued;
        }
        let at = place(self.body.id, agent) % spread_ms;
        self.body.issued.plus_ms(i64::try_from(at).unwrap_or_default())
    }

    /// Returns the seconds between progress statuses; 0 for none.
    pub fn progress_s(&self) -> u32 {
        match &self.work {
            Work::Hunt(hunt) => hunt.progress_s,
            Work::Profile(_) => 0,
        }
    }
}

fn place(request: RequestId, agent: &AgentId) -> u64 {
    let digest = Sha256::new().chain_update(request.as_bytes()).chain_update(agent.as_str());
    let digest: [u8; 32] = digest.finalize().into();
    u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
}
