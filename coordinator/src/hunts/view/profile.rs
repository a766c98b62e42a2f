//! What is shown of a profile, and the blobs that it has.

use common::clock::Timestamp;
use common::ids::{AgentId, Attempt};
use common::request::profile::ProfileStart;

use super::{Whole, exit_code};
use crate::api::types::{ProfileAgentView, ProfileView, Time};
use crate::hunts::state::{Part, Phase};
use crate::store::{StoreError, StoredBlob};

impl Whole {
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
        let (code, reason) = self.why(part);
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

    /// Returns the blobs of all counting runs.
    pub fn blobs(&self) -> impl Iterator<Item = StoredBlob> {
        let runs = self.parts().filter_map(|(agent, part)| Some((agent, part.counting()?.0)));
        let of_run = |(agent, run): (&AgentId, &Attempt)| {
            let is_its = |blob: &&StoredBlob| blob.agent == *agent && blob.attempt == *run;
            self.blobs.iter().filter(is_its).cloned().collect::<Vec<_>>()
        };
        runs.flat_map(of_run).collect::<Vec<_>>().into_iter()
    }

    /// Returns the blob of an agent's counting run, of the first agent that has one when none is named.
    pub fn blob_of(&self, agent: Option<&AgentId>) -> Option<StoredBlob> {
        let parts = self.parts().filter(|(id, _)| agent.is_none_or(|wanted| wanted == *id));
        let mut blobs = parts.filter_map(|(id, part)| self.blob(id, part.counting()?.0));
        blobs.next().cloned()
    }
}
