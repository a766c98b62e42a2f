//! Hunts, profiles and their collections as people see them: derived from what is stored, each time.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::ids::{AgentId, Attempt};
use common::request::hunt::HuntStart;
use common::request::profile::ProfileStart;
use common::request::{Body, sign};
use common::result::CollectionSample;
use serde::de::DeserializeOwned;

use super::launch::route;
use super::state::{Collections, Event, Part, Phase, Run};
use crate::api::types::{
    CollectionView, HuntView, ProfileAgentView, ProfileView, Progress, Route, States, Time,
};
use crate::store::{Reader, StoreError};
use crate::store::{StoredAgent, StoredBlob, StoredRequest, Volume};

/// Everything that is stored about one request, read once.
#[derive(Debug)]
pub struct Whole {
    request: StoredRequest,
    body: Body,
    collections: Collections,
    agents: BTreeMap<AgentId, StoredAgent>,
    volume: BTreeMap<(AgentId, Attempt), Volume>,
    blobs: Vec<StoredBlob>,
    is_cancelled: bool,
    now: Timestamp,
}

impl Whole {
    /// Reads it.
    pub fn read(
        reader: &Reader,
        request: StoredRequest,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let body = sign::body_of(&request.sealed)
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        let mut collections = Collections::default();
        for event in reader.events(&request.id)? {
            collections.apply(&event);
        }
        let mut agents = BTreeMap::new();
        for agent in reader.agents()? {
            if !collections.parts.contains_key(&agent.id) {
                continue;
            }
            if let Some(sample) = sample(&agent, &request) {
                let at = agent.heard.as_ref().map_or(now, |(_, said)| said.at);
                let is_running = sample.state == "running";
                collections.apply(&Event::Sampled { agent: agent.id.clone(), at, is_running });
            }
            agents.insert(agent.id.clone(), agent);
        }
        let volume = reader.volume(&request.id)?;
        let volume = volume.into_iter().map(|(agent, run, stored)| ((agent, run), stored));
        let (_, is_cancelled) = reader.controls(&request.id)?;
        Ok(Self {
            volume: volume.collect(),
            blobs: reader.blobs(&request.id)?,
            request,
            body,
            collections,
            agents,
            is_cancelled,
            now,
        })
    }

    fn parts(&self) -> impl Iterator<Item = (&AgentId, &Part)> {
        let counts = |part: &Part| part.is_expected || !part.runs.is_empty();
        self.collections.parts.iter().filter(move |(_, part)| counts(part))
    }

    fn phase(&self, part: &Part) -> Phase {
        part.phase(self.now, self.request.not_after)
    }

    /// Returns the runs whose rows count, one an agent.
    pub fn counting(&self) -> Vec<(AgentId, String, Attempt)> {
        let runs = self.parts().filter_map(|(agent, part)| Some((agent, part.counting()?)));
        runs.map(|(agent, (run, _))| (agent.clone(), self.host(agent), *run)).collect()
    }

    fn host(&self, agent: &AgentId) -> String {
        let said = self.agents.get(agent).and_then(|agent| agent.heard.as_ref());
        said.map(|(_, said)| said.host.clone()).unwrap_or_default()
    }

    fn states(&self) -> States {
        self.collections.states(self.now, self.request.not_after)
    }

    /// Shows the hunt.
    pub fn hunt(&self) -> Result<HuntView, StoreError> {
        let args: HuntStart = self.args()?;
        let states = self.states();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(HuntView {
            id: self.request.id.to_string(),
            artifact: args.artifact,
            operator: self.request.operator.clone(),
            target: self.request.target.clone(),
            roots: args.file_hash.roots.iter().map(|root| text(root)).collect(),
            hashes: args.file_hash.hashes.iter().map(|hash| hash.as_str().to_owned()).collect(),
            issued: self.request.issued.into(),
            expires: self.request.not_after.into(),
            route: self.route(),
            published: self.request.is_published,
            cancelled: self.is_cancelled,
            targeted: states.sum(),
            states,
            progress: self.progress(),
            done: states.ended() == states.sum(),
            exit_code: exit_code(&states),
        })
    }

    fn args<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        Ok(common::wire::decode(&self.body.args, common::limits::REQUEST_BYTES_MAX)?)
    }

    fn route(&self) -> Route {
        route(self.request.route)
    }

    /// Returns what an agent last said of its collection, when it still holds it.
    fn sample(&self, agent: &AgentId) -> Option<&CollectionSample> {
        sample(self.agents.get(agent)?, &self.request)
    }

    fn progress(&self) -> Progress {
        let mut sum = Progress::default();
        for (agent, part) in self.parts() {
            let run = part.counting();
            let footer = run.and_then(|(_, run)| run.last.as_ref()?.footer.as_ref());
            if let Some(footer) = footer {
                let files = footer.files.clone().unwrap_or_default();
                sum.seen += files.seen;
                sum.files += files.hashed;
                sum.bytes += files.bytes_read;
                sum.cpu_ms += footer.cpu_user_ms + footer.cpu_system_ms;
                sum.throttled_ms += footer.throttled_ms;
            } else if let Some(sample) = self.sample(agent) {
                sum.seen += sample.seen;
                sum.files += sample.hashed;
                sum.bytes += sample.bytes;
                sum.cpu_ms += sample.cpu_ms;
                sum.throttled_ms += sample.throttled_ms;
                sum.files_per_s += rate(sample.hashed, sample.age_ms);
                sum.mb_per_s += rate(sample.bytes, sample.age_ms) / 1e6;
            }
            if let Some(stored) = run.and_then(|(id, _)| self.volume.get(&(agent.clone(), *id))) {
                sum.rows += stored.rows;
                sum.stored_bytes += stored.bytes;
            }
        }
        sum
    }

    /// Shows every agent's part.
    pub fn parts_shown(&self) -> Vec<CollectionView> {
        self.parts().map(|(agent, part)| self.part(agent, part)).collect()
    }

    fn part(&self, agent: &AgentId, part: &Part) -> CollectionView {
        let run = part.counting();
        let (code, reason) = why(run.map(|(_, run)| run));
        let footer = run.and_then(|(_, run)| run.footer()).cloned().unwrap_or_default();
        let files = footer.files.clone().unwrap_or_default();
        let is_live = run.is_none_or(|(_, run)| run.last.is_none());
        let sample = self.sample(agent).filter(|_| is_live);
        let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
        let volume = run.and_then(|(id, _)| self.volume.get(&(agent.clone(), *id)));
        let path = sample.map_or(&files.slowest_path, |sample| &sample.path);
        CollectionView {
            hunt: self.request.id.to_string(),
            agent: agent.to_string(),
            host: self.host(agent),
            state: self.phase(part).as_str().to_owned(),
            code,
            reason,
            attempt: run.map(|(id, _)| id.origin.to_string()),
            journal: run.map(|(id, _)| id.journal.to_string()),
            attempts: u64::try_from(part.runs.len()).unwrap_or(u64::MAX),
            chunks: run.and_then(|(_, run)| run.chunks()),
            chunks_stored: run
                .map_or(0, |(_, run)| u64::try_from(run.stored.len()).unwrap_or(u64::MAX)),
            rows: volume.map_or(0, |stored| stored.rows),
            first_row: volume.and_then(|stored| stored.first_row).map(Time::from),
            started: time(footer.started),
            ended: time(footer.ended),
            seen: sample.map_or(files.seen, |sample| sample.seen),
            hashed: sample.map_or(files.hashed, |sample| sample.hashed),
            listed: files.listed,
            filtered: files.filtered.values().sum(),
            skipped: files.skipped.values().sum(),
            errors: files.failed.values().sum(),
            bytes_hashed: files.bytes_hashed,
            bytes_read: sample.map_or(files.bytes_read, |sample| sample.bytes),
            cpu_ms: sample
                .map_or(footer.cpu_user_ms + footer.cpu_system_ms, |sample| sample.cpu_ms),
            throttled_ms: sample.map_or(footer.throttled_ms, |sample| sample.throttled_ms),
            resumed: footer.resumed,
            path: String::from_utf8_lossy(path).into_owned(),
        }
    }

    /// Shows the profile.
    pub fn profile(&self) -> Result<ProfileView, StoreError> {
        let args: ProfileStart = self.args()?;
        let mut states = self.states();
        let mut agents = Vec::new();
        for (agent, part) in self.parts() {
            let mut shown = self.profile_part(agent, part);
            // Every chunk is stored; the blob is put together within moments.
            if shown.state == Phase::Finished.as_str() && shown.sha256.is_none() {
                Phase::Finishing.as_str().clone_into(&mut shown.state);
                states.finished -= 1;
                states.finishing += 1;
            }
            agents.push(shown);
        }
        Ok(ProfileView {
            id: self.request.id.to_string(),
            kinds: args.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            seconds: args.seconds,
            hertz: args.hertz,
            operator: self.request.operator.clone(),
            target: self.request.target.clone(),
            issued: self.request.issued.into(),
            expires: self.request.not_after.into(),
            route: self.route(),
            published: self.request.is_published,
            targeted: states.sum(),
            states,
            done: states.ended() == states.sum(),
            exit_code: exit_code(&states),
            agents,
        })
    }

    fn profile_part(&self, agent: &AgentId, part: &Part) -> ProfileAgentView {
        let run = part.counting();
        let (code, reason) = why(run.map(|(_, run)| run));
        let footer = run
            .and_then(|(_, run)| run.footer())
            .and_then(|f| f.profile.clone())
            .unwrap_or_default();
        let blob = run.and_then(|(id, _)| self.blob(agent, id));
        let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
        ProfileAgentView {
            profile: self.request.id.to_string(),
            agent: agent.to_string(),
            host: self.host(agent),
            state: self.phase(part).as_str().to_owned(),
            code,
            reason,
            kind: footer.kind,
            window_start: time(footer.window_start),
            window_end: time(footer.window_end),
            hertz: footer.hertz,
            samples: footer.samples,
            lost: footer.lost,
            cpu_ms: footer.cpu_ms,
            partial: footer.partial,
            bytes: blob.map_or(0, |blob| blob.bytes),
            sha256: blob.map(|blob| common::hex::encode(&blob.sha256)),
        }
    }

    fn blob(&self, agent: &AgentId, run: &Attempt) -> Option<&StoredBlob> {
        self.blobs.iter().find(|blob| blob.agent == *agent && blob.attempt == *run)
    }

    /// Returns the blob of an agent's counting run, of the first agent that has one when none is named.
    pub fn blob_of(&self, agent: Option<&AgentId>) -> Option<StoredBlob> {
        let parts = self.parts().filter(|(id, _)| agent.is_none_or(|wanted| wanted == *id));
        let mut blobs = parts.filter_map(|(id, part)| self.blob(id, part.counting()?.0));
        blobs.next().cloned()
    }
}

/// Returns the code and the reason of a run.
fn why(run: Option<&Run>) -> (String, String) {
    if run.is_some_and(|run| run.has_conflict) {
        let reason = "the agent sent two different things for one place";
        return ("conflict".to_owned(), reason.to_owned());
    }
    let said = run.and_then(|run| run.last.as_ref().or(run.latest.as_ref()));
    said.map(|said| (said.code.clone(), said.reason.clone())).unwrap_or_default()
}

fn sample<'a>(agent: &'a StoredAgent, request: &StoredRequest) -> Option<&'a CollectionSample> {
    let (_, said) = agent.heard.as_ref()?;
    said.collections.iter().find(|sample| sample.request == request.id)
}

/// 0 when every targeted agent finished, else 2; a hunt that nobody is meant by cannot be launched.
fn exit_code(states: &States) -> u8 {
    if states.finished == states.sum() { 0 } else { 2 }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, ms: u64) -> f64 {
    if ms == 0 { 0.0 } else { count as f64 * 1_000.0 / ms as f64 }
}
