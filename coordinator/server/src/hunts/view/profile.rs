//! What is shown of a profile, and the blobs that it has.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::limits::STALL_SECONDS;
use muster_protocol::request::Kind;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::result::ProfileFooter;

use super::{RequestSnapshot, exit_code};
use crate::state::Collection;
use crate::store::{StoreError, StoredBlob};
use muster_api::{ProfileAgentView, ProfileKindView, ProfileView, Time};

impl RequestSnapshot {
    /// Shows the profile; of a hunt, what agents sent when it stood still.
    pub fn profile(&self) -> Result<ProfileView, StoreError> {
        if self.request.kind == Kind::HuntStart.as_str() {
            return Ok(self.stalls());
        }
        let args: ProfileStart = self.args()?;
        let agents = self.parts().map(|(agent, part)| self.profile_part(agent, part)).collect();
        let kinds = args.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        let view = self.of_profiles(kinds, agents);
        Ok(ProfileView { seconds: args.seconds, hertz: args.hertz, ..view })
    }

    /// Shows the profiles that agents took of this hunt by themselves.
    fn stalls(&self) -> ProfileView {
        let agents = self.parts().map(|(agent, part)| self.profile_part(agent, part));
        let agents: Vec<_> = agents.filter(|agent| !agent.profiles.is_empty()).collect();
        let mut kinds = Vec::new();
        for kind in agents.iter().flat_map(|agent| &agent.profiles) {
            if !kinds.contains(&kind.kind) {
                kinds.push(kind.kind.clone());
            }
        }
        let hertz = agents.first().map_or(0, |agent| agent.shown.hertz);
        let view = self.of_profiles(kinds, agents);
        ProfileView { seconds: STALL_SECONDS, hertz, on_stall: true, ..view }
    }

    fn of_profiles(&self, kinds: Vec<String>, agents: Vec<ProfileAgentView>) -> ProfileView {
        let states = self.states();
        ProfileView {
            id: self.request.id.to_string(),
            kinds,
            seconds: 0,
            hertz: 0,
            on_stall: false,
            operator: self.request.operator.clone(),
            target: self.request.target.clone(),
            issued: self.request.issued.into(),
            expires: self.request.not_after.into(),
            route: self.route().into(),
            published: self.request.is_published,
            targeted: states.sum(),
            states,
            done: states.ended() == states.sum(),
            exit_code: exit_code(&states),
            agents,
        }
    }

    fn profile_part(&self, agent: &AgentId, part: &Collection) -> ProfileAgentView {
        let run = part.counting();
        let (code, reason) = self.why(agent, part);
        let footer = run.and_then(|(id, run)| Some((id, run.footer()?)));
        // Who takes a profile of a hunt, and the coordinator, do not tell its own work from the rest.
        let is_of_hunt = self.request.kind == Kind::HuntStart.as_str();
        let is_told = !is_of_hunt && *agent != AgentId::coordinator();
        let own_cpu_ms = footer
            .filter(|_| is_told)
            .map(|(_, footer)| footer.cpu_user_ms.saturating_add(footer.cpu_system_ms));
        let kinds = footer.into_iter().flat_map(|(id, footer)| {
            footer.profiles.iter().map(move |kind| self.profile_kind(agent, id, kind))
        });
        let profiles: Vec<_> = kinds.collect();
        let cpu = profiles.iter().find(|one| one.kind == ProfileKind::Cpu.as_str());
        let shown = cpu.or(profiles.first()).cloned().unwrap_or_default();
        ProfileAgentView {
            profile: self.request.id.to_string(),
            agent: agent.to_string(),
            host: self.host(agent, run.map(|(_, run)| run)),
            state: self.phase(agent, part).as_str().to_owned(),
            code,
            reason,
            own_cpu_ms,
            profiles,
            shown,
        }
    }

    fn profile_kind(
        &self,
        agent: &AgentId,
        run: &Attempt,
        footer: &ProfileFooter,
    ) -> ProfileKindView {
        let is_its = |blob: &&StoredBlob| blob.sha256 == footer.blob_sha256.as_slice();
        let blob = self.blobs_of(agent, run).iter().find(is_its);
        let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
        ProfileKindView {
            kind: footer.kind.clone(),
            window_start: time(footer.window_start),
            window_end: time(footer.window_end),
            hertz: footer.hertz,
            samples: footer.samples,
            lost: footer.lost,
            cpu_ms: footer.cpu_ms,
            handler_runs: footer.handler_runs,
            handler_us: footer.handler_us,
            sweeper_us: footer.sweeper_us,
            sampling_percent: sampling_percent(footer),
            partial: footer.partial,
            bytes: blob.map_or(0, |blob| blob.bytes),
            sha256: blob.map(|blob| muster_protocol::hex::encode(&blob.sha256)),
        }
    }

    /// Returns the blob of one kind; the last, where an agent took several by itself.
    fn blob(&self, agent: &AgentId, run: &Attempt, kind: &str) -> Option<&StoredBlob> {
        let is_it = |blob: &&StoredBlob| blob.kind.strip_prefix("profile.") == Some(kind);
        self.blobs_of(agent, run).iter().rfind(is_it)
    }

    /// Returns the blobs of all counting runs.
    pub fn blobs(&self) -> impl Iterator<Item = StoredBlob> {
        let runs = self.parts().filter_map(|(agent, part)| Some((agent, part.counting()?.0)));
        runs.flat_map(|(agent, run)| self.blobs_of(agent, run)).cloned()
    }

    /// Returns a blob of an agent's counting run: of the first agent that has one when none is named, of the
    /// kind `cpu` (else the first of the request) when no kind is.
    pub fn blob_of(
        &self,
        agent: Option<&AgentId>,
        kind: Option<&str>,
    ) -> Result<Option<StoredBlob>, StoreError> {
        let mut kinds = if self.request.kind == Kind::HuntStart.as_str() {
            ProfileKind::ALL.to_vec()
        } else {
            self.args::<ProfileStart>()?.kinds
        };
        // Stable: what is not CPU stays in the order of the request.
        kinds.sort_by_key(|kind| *kind != ProfileKind::Cpu);
        let wanted: Vec<_> = match kind {
            Some(kind) => vec![kind],
            None => kinds.into_iter().map(ProfileKind::as_str).collect(),
        };
        let parts = self.parts().filter(|(id, _)| agent.is_none_or(|wanted| wanted == *id));
        let mut blobs = parts.filter_map(|(id, part)| {
            let (run, _) = part.counting()?;
            wanted.iter().find_map(|kind| self.blob(id, run, kind))
        });
        Ok(blobs.next().cloned())
    }
}

/// Returns what the samples cost, in percent of a core; 0 of a window without a length.
#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn sampling_percent(footer: &ProfileFooter) -> f64 {
    let window_ms = footer.window_end.0.saturating_sub(footer.window_start.0);
    let spent_us = footer.handler_us.saturating_add(footer.sweeper_us);
    if window_ms <= 0 { 0.0 } else { spent_us as f64 / (window_ms as f64 * 10.0) }
}
