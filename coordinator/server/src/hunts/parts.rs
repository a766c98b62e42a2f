//! The parts of one hunt or profile as they are at one moment: what is stored of each, and what time, telemetry, the roster and the
//! broker make of it.
//!
//! * [`Moment`]: that moment. [`list`]: parts in a list, filtered and sorted.
//! * [`costs`], [`timeline`]: what they cost, and how they went.

pub mod costs;
pub mod list;
pub mod timeline;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::result::CollectionSample;

use crate::live::broker_health::Blockage;
use crate::state::Phase;
use crate::store::collections::is_running;
use crate::store::fleet::{Fleet, Known};
use crate::store::{StoredCollection, Summary};
use muster_api::{CollectionBrief, Time};

/// One request at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Which.
    pub request: RequestId,
    /// Until when work may begin.
    pub not_after: Timestamp,
    /// The moment.
    pub now: Timestamp,
    /// The revision of its newest pause, drain or resume; 0 where there is none that still matters.
    pub revision: u64,
    /// What agents last reported.
    pub fleet: &'a Fleet,
    /// Why the broker takes no messages, or did not until just now.
    pub blockage: Option<&'a Blockage>,
}

impl<'a> Moment<'a> {
    /// Takes the request of a summary.
    pub fn of(
        summary: &Summary,
        now: Timestamp,
        fleet: &'a Fleet,
        blockage: Option<&'a Blockage>,
    ) -> Self {
        let (request, not_after) = (summary.id, summary.not_after);
        let revision = summary.applying().unwrap_or(0);
        Self { request, not_after, now, revision, fleet, blockage }
    }

    fn known(&self, agent: &AgentId) -> Option<&'a Known> {
        self.fleet.get(agent).map(|known| &**known)
    }

    fn heard(&self, agent: &AgentId) -> Option<Timestamp> {
        self.known(agent)?.heard()
    }

    /// Returns what the agent of a part last reported of it.
    pub fn sample(&self, part: &StoredCollection) -> Option<&'a CollectionSample> {
        self.known(&part.agent)?.sample(&self.request)
    }

    /// Returns the state of a part.
    pub fn phase(&self, part: &StoredCollection) -> Phase {
        part.phase(self.now, self.not_after, self.sample(part))
    }

    /// Returns the name of the machine that a part ran on; where no status named one, the agent's present one.
    pub fn host<'p>(&self, part: &'p StoredCollection) -> &'p str
    where
        'a: 'p,
    {
        if part.host.is_empty() {
            return self.known(&part.agent).map_or("", |known| known.facts.host.as_str());
        }
        &part.host
    }

    /// Returns the code and the reason of a part's state.
    pub fn why(&self, part: &StoredCollection, phase: Phase) -> (String, String) {
        let words = |code: &str, reason: &str| (code.to_owned(), reason.to_owned());
        let is_revoked = part.standing.is_revoked;
        if !part.is_spoilt {
            if is_revoked && matches!(phase, Phase::Expired | Phase::Incomplete) {
                return words("revoked", "the agent was revoked before it was done");
            }
            if part.standing.is_unmatched(self.now, is_running(self.sample(part))) {
                let reason =
                    "the agent has read the request, and its target does not match the agent";
                return words("not_matched", reason);
            }
            let heard = self.heard(&part.agent);
            let blockage = self.blockage.filter(|blockage| {
                phase == Phase::Silent
                    && heard.is_some_and(|heard| blockage.explains(heard, self.now))
            });
            if let Some(blockage) = blockage {
                return words("broker_blocked", &blockage.sentence());
            }
        }
        (part.code.clone(), part.reason.clone())
    }

    /// Shows a part in one line.
    pub fn brief(&self, part: &StoredCollection) -> CollectionBrief {
        let phase = self.phase(part);
        let (code, reason) = self.why(part, phase);
        let sample = self.sample(part).filter(|_| !part.has_ended);
        let done = part.done(sample);
        let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
        let took = (part.started.0 != 0 && part.ended.0 != 0)
            .then(|| u64::try_from(part.ended.since_ms(part.started)).unwrap_or(0));
        let silent = self.heard(&part.agent).filter(|_| !phase.has_ended());
        let silent_s = silent.map(|heard| self.now.since_ms(heard).max(0) / 1_000);
        let path = sample.map_or(part.path.as_slice(), |sample| &sample.path);
        CollectionBrief {
            agent: part.agent.to_string(),
            host: self.host(part).to_owned(),
            state: phase.as_str().to_owned(),
            code,
            reason,
            rows: part.rows,
            matched: done.matched,
            errors: done.errors,
            seen: done.seen,
            cpu_ms: done.cpu_ms,
            bytes_read: done.bytes,
            throttled_ms: done.throttled_ms,
            started: time(part.started),
            ended: time(part.ended),
            age_ms: took.or(sample.map(|sample| sample.age_ms)).unwrap_or(0),
            silent_s: silent_s.map(i64::unsigned_abs),
            path: String::from_utf8_lossy(path).into_owned(),
            attempts: part.attempts,
        }
    }
}
