//! Hunts, profiles and their collections as people see them: derived from what is stored, each time.
//!
//! * [`RequestSnapshot`]: everything that is stored about one request, read once.
//! * `hunt`, `profile`: what is shown of it. [`rows`]: where its rows come from. `identity`: on which machine it ran.

mod hunt;
pub(in crate::hunts) mod identity;
mod profile;
pub mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::request::lifecycle::Controls;
use muster_protocol::request::{Body, sign};
use muster_protocol::result::{CollectionSample, Footer};
use serde::de::DeserializeOwned;

use crate::instances::Faults;
use crate::live::broker_health::Blockage;
use crate::roster;
use crate::state::{self, Collection, Collections, Event, Phase};
use crate::store::collections::derive::{CONFLICT, Sources};
use crate::store::fleet::{Known, Roster};
use crate::store::notes::Noted;
use crate::store::{Reader, StoreError, StoredBlob, StoredRequest, Volume};
use muster_api::{ControlView, Route, States};

/// Everything that is stored about one request, read once.
#[derive(Debug)]
pub struct RequestSnapshot {
    request: StoredRequest,
    body: Body,
    collections: Collections,
    agents: BTreeMap<AgentId, Arc<Known>>,
    volume: BTreeMap<(AgentId, Attempt), Volume>,
    blobs: BTreeMap<(AgentId, Attempt), Vec<StoredBlob>>,
    faults: Faults,
    controls: Controls,
    controls_shown: Vec<ControlView>,
    noted: Noted,
    blockage: Option<Blockage>,
    /// How many agents are in each state, where not all parts were read.
    states: Option<States>,
    now: Timestamp,
}

impl RequestSnapshot {
    /// Reads it. Of agents only those that it is about are looked up.
    pub fn read(
        reader: &Reader,
        roster: &Roster,
        request: StoredRequest,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let body = sign::body_of(&request.sealed)
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        let mut collections = reader.collections(&request.id)?;
        let mut agents = BTreeMap::new();
        let parts: Vec<AgentId> = collections.parts.keys().cloned().collect();
        for known in parts.iter().filter_map(|agent| roster.get(agent)) {
            if known.agent.revoked.is_some() {
                collections.apply(&Event::Revoked(known.agent.id.clone()));
            }
            take_sample(&mut collections, &known, &request);
            agents.insert(known.agent.id.clone(), known);
        }
        let volume = reader.volume(&request.id)?;
        let volume = volume.into_iter().map(|(agent, run, stored)| ((agent, run), stored));
        let mut blobs = BTreeMap::<_, Vec<_>>::new();
        for blob in reader.blobs(&request.id)? {
            blobs.entry((blob.agent.clone(), blob.attempt)).or_default().push(blob);
        }
        let controls = reader.folded_controls(&request.id)?;
        let controls_shown = super::controls::shown(reader, &request.id)?;
        let noted = reader.noted(&request.id)?;
        Ok(Self {
            volume: volume.collect(),
            blobs,
            faults: reader.faults()?,
            request,
            body,
            collections,
            agents,
            controls,
            controls_shown,
            noted,
            blockage: None,
            states: None,
            now,
        })
    }

    /// Reads what is stored of some of its parts, and nothing of the others.
    pub fn read_of(
        reader: &Reader,
        roster: &Roster,
        request: StoredRequest,
        of: &[AgentId],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let body = sign::body_of(&request.sealed)
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        let is_broadcast = request.route == Route::Broadcast;
        let mut collections = Collections::default();
        let (mut agents, mut volume) = (BTreeMap::new(), BTreeMap::new());
        let mut blobs = BTreeMap::<_, Vec<_>>::new();
        for agent in of {
            let Sources { part, counted } = reader.sources(&request.id, is_broadcast, agent)?;
            collections.parts.insert(agent.clone(), part);
            volume.extend(counted.into_iter().map(|(run, stored)| ((agent.clone(), run), stored)));
            for blob in reader.blobs_of(&request.id, agent)? {
                blobs.entry((blob.agent.clone(), blob.attempt)).or_default().push(blob);
            }
            if let Some(known) = roster.get(agent) {
                take_sample(&mut collections, &known, &request);
                agents.insert(agent.clone(), known);
            }
        }
        let controls = reader.folded_controls(&request.id)?;
        let controls_shown = super::controls::shown(reader, &request.id)?;
        let noted = reader.noted(&request.id)?;
        let faults = reader.faults()?;
        let blockage = None;
        Ok(Self {
            request,
            body,
            collections,
            agents,
            volume,
            blobs,
            faults,
            controls,
            controls_shown,
            noted,
            blockage,
            states: None,
            now,
        })
    }

    /// Adds how many agents are in each state: not all parts were read.
    #[must_use]
    pub fn counting_as(self, states: States) -> Self {
        Self { states: Some(states), ..self }
    }

    /// Adds what is known of the broker: it may be why agents are silent.
    #[must_use]
    pub fn during(self, blockage: Option<Blockage>) -> Self {
        Self { blockage, ..self }
    }

    fn parts(&self) -> impl Iterator<Item = (&AgentId, &Collection)> {
        self.collections.counted()
    }

    /// Returns the state of an agent's part. One whose chunks are all stored is still `finishing` until the profiles and
    /// files that it sent are put together from them.
    fn phase(&self, agent: &AgentId, part: &Collection) -> Phase {
        let last = part.counting().and_then(|(id, run)| Some((id, run.last.as_ref()?)));
        let footer = last.and_then(|(run, last)| Some((run, last.footer.as_ref()?)));
        let is_whole = footer.is_none_or(|(run, said)| self.has_blobs(agent, run, said));
        part.standing(is_whole).phase(self.now, self.request.not_after, part.shown())
    }

    /// Returns whether all that a run says it has sent is put together.
    fn has_blobs(&self, agent: &AgentId, run: &Attempt, said: &Footer) -> bool {
        let blobs = self.blobs_of(agent, run).iter();
        let blobs: Vec<_> =
            blobs.map(|blob| (blob.kind.as_str(), blob.sha256.as_slice())).collect();
        state::is_whole(said, &blobs)
    }

    /// Returns what a run has sent, in the order in which it did.
    fn blobs_of(&self, agent: &AgentId, run: &Attempt) -> &[StoredBlob] {
        self.blobs.get(&(agent.clone(), *run)).map_or(&[], Vec::as_slice)
    }

    /// Returns the runs whose rows count, one an agent.
    pub fn counting(&self) -> Vec<(AgentId, String, Attempt)> {
        let runs = self.parts().filter_map(|(agent, part)| Some((agent, part.counting()?)));
        runs.map(|(agent, (id, run))| (agent.clone(), self.host(agent, Some(run)), *id)).collect()
    }

    fn states(&self) -> States {
        let count = || state::count(self.parts().map(|(agent, part)| self.phase(agent, part)));
        self.states.unwrap_or_else(count)
    }

    fn args<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        Ok(muster_protocol::wire::decode(
            &self.body.args,
            muster_protocol::limits::REQUEST_BYTES_MAX,
        )?)
    }

    fn route(&self) -> Route {
        self.request.route
    }

    /// Returns what an agent last said of its collection, when it still holds it.
    fn sample(&self, agent: &AgentId) -> Option<&CollectionSample> {
        self.agents.get(agent)?.sample(&self.request.id)
    }

    /// Returns the code and the reason of a part's state.
    fn why(&self, agent: &AgentId, part: &Collection) -> (String, String) {
        let run = part.counting().map(|(_, run)| run);
        let words = |code: &str, reason: &str| (code.to_owned(), reason.to_owned());
        if run.is_some_and(|run| run.has_conflict) {
            return words(CONFLICT.0, CONFLICT.1);
        }
        if let Some(fault) = run.and_then(|run| run.fault.as_ref()) {
            return words(&fault.code, &fault.reason);
        }
        if part.is_revoked && matches!(self.phase(agent, part), Phase::Expired | Phase::Incomplete)
        {
            return words("revoked", "the agent was revoked before it was done");
        }
        if part.standing(true).is_unmatched(self.now, part.shown()) {
            let reason = "the agent has read the request, and its target does not match the agent";
            return words("not_matched", reason);
        }
        let is_silent = self.phase(agent, part) == Phase::Silent;
        let known = self.agents.get(agent);
        let blockage = self.blockage.as_ref();
        if is_silent
            && known.is_some_and(|known| roster::is_blocked(&known.agent, blockage, self.now))
        {
            let reason = blockage.map(Blockage::sentence).unwrap_or_default();
            return words("broker_blocked", &reason);
        }
        let said = run.and_then(|run| run.last.as_ref().or(run.latest.as_ref()));
        said.map(|said| (said.code.clone(), said.reason.clone())).unwrap_or_default()
    }
}

/// Takes what the agent of a part last reported of it.
fn take_sample(collections: &mut Collections, known: &Known, request: &StoredRequest) {
    if let (Some(at), Some(sample)) = (known.heard(), known.sample(&request.id)) {
        let (agent, is_running) = (known.agent.id.clone(), sample.state == "running");
        collections.apply(&Event::Sampled { agent, at, is_running });
    }
}

/// 0 when every targeted agent finished, else 2; a hunt that nobody is meant by cannot be launched.
pub(in crate::hunts) fn exit_code(states: &States) -> u8 {
    if states.finished == states.sum() { 0 } else { 2 }
}

#[cfg(test)]
mod tests;
