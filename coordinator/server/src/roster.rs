//! Who is in the fleet, as the coordinator knows it: enrolment, and what agents say of themselves.

pub mod facets;
pub mod list;
pub mod order;
pub mod targeted;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, IdError};
use muster_protocol::limits::{AGENT_ID_BYTES_MAX, SILENT_MS_MAX};

use crate::instances::{self, Fault, FaultKind};
use crate::live::broker_health::Blockage;
use crate::store::StoredAgent;
use crate::store::fleet::{Known, Roster};
use muster_api::{AgentBrief, AgentState, AgentView, StreamView};

/// Bytes of an id's random tail: four hexadecimal digits.
const TAIL_BYTES: usize = 2;

/// Makes an id of a name: what is not `a-z`, `0-9` or `-` becomes `-`, and a random tail follows, so that an id is
/// never used again.
pub fn mint(name: &str) -> Result<AgentId, IdError> {
    let mut tail = [0; TAIL_BYTES];
    getrandom::fill(&mut tail).map_err(|_| IdError::Agent(name.to_owned()))?;
    let room = AGENT_ID_BYTES_MAX - TAIL_BYTES * 2 - 1;
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let base: String = name.chars().map(legal).take(room).collect();
    let base = base.trim_matches('-');
    if base.is_empty() {
        return Err(IdError::Agent(name.chars().take(60).collect()));
    }
    AgentId::new(&format!("{base}-{}", muster_protocol::hex::encode(&tail)))
}

/// Returns how an agent is doing at `now`.
pub fn state(agent: &StoredAgent, now: Timestamp) -> AgentState {
    if agent.quarantine.is_some() && agent.revoked.is_none() {
        return AgentState::Quarantined;
    }
    match (&agent.revoked, &agent.heard) {
        (Some(_), _) => AgentState::Revoked,
        (None, None) => AgentState::New,
        (None, Some((at, _))) if now.since_ms(*at) > SILENT_MS_MAX => AgentState::Silent,
        (None, Some(_)) => AgentState::Live,
    }
}

/// Returns what is wrong with an agent's identity at `now`.
pub fn present_faults(known: &Known, now: Timestamp) -> impl Iterator<Item = &Fault> {
    let journal = known.said().map(|said| said.journal);
    let faults = if known.agent.revoked.is_none() { known.faults.as_slice() } else { &[] };
    instances::present(faults, journal, now)
}

/// Returns whether an agent is silent because the broker takes no messages, or did not until just now.
pub fn is_blocked(agent: &StoredAgent, blockage: Option<&Blockage>, now: Timestamp) -> bool {
    let heard = agent.heard.as_ref().map(|(at, _)| *at);
    heard.is_some_and(|heard| blockage.is_some_and(|blockage| blockage.explains(heard, now)))
}

/// Returns why an agent is silent, where the coordinator knows it; else nothing.
fn cause(agent: &StoredAgent, blockage: Option<&Blockage>, now: Timestamp) -> String {
    let is_blocked = state(agent, now) == AgentState::Silent && is_blocked(agent, blockage, now);
    blockage.filter(|_| is_blocked).map(Blockage::sentence).unwrap_or_default()
}

/// Shows an agent in one line of a list.
pub fn brief(known: &Known, blockage: Option<&Blockage>, now: Timestamp) -> AgentBrief {
    let (agent, facts) = (&known.agent, &known.facts);
    let heard = agent.heard.as_ref();
    let said = known.said();
    AgentBrief {
        id: facts.id.clone(),
        name: agent.name.clone(),
        host: facts.host.clone(),
        os: facts.os.clone(),
        arch: facts.arch.clone(),
        version: facts.version.clone(),
        labels: facts.labels.clone(),
        state: state(agent, now).into(),
        cause: cause(agent, blockage, now),
        clone: present_faults(known, now).any(|fault| fault.kind == FaultKind::Clone),
        last_seen: heard.map(|(at, _)| (*at).into()),
        cpu_percent: said.map(|said| finite(said.cpu_percent)),
        rss_bytes: said.map(|said| said.rss_bytes),
        collections: said.map_or(0, |said| said.collections.len() as u64),
        outbox_bytes: said.map_or(0, |said| said.outbox_bytes),
        journal_full: said.is_some_and(|said| said.journal_full),
        clock_offset_ms: heard.map(|(at, said)| said.at.since_ms(*at)),
    }
}

/// Returns a figure of an endpoint as JSON can hold it: what is no number, or has no end, is 0.
pub fn finite(figure: f64) -> f64 {
    if figure.is_finite() { figure } else { 0.0 }
}

/// Shows an agent, as far as that is in memory.
pub fn view(known: &Known, blockage: Option<&Blockage>, now: Timestamp) -> AgentView {
    let (agent, said) = (&known.agent, known.said());
    let brief = brief(known, blockage, now);
    let machine = said.and_then(|said| said.instance?.machine);
    AgentView {
        id: brief.id,
        name: brief.name,
        state: brief.state,
        cause: brief.cause,
        host: brief.host,
        os: brief.os,
        arch: brief.arch,
        version: brief.version,
        labels: brief.labels,
        capabilities: said.map(|said| said.capabilities.clone()).unwrap_or_default(),
        enrolled: agent.enrolled.into(),
        revoked: agent.revoked.map(Into::into),
        quarantined: agent.quarantine.as_ref().map(|quarantine| quarantine.since.into()),
        quarantine: agent.quarantine.as_ref().map(|quarantine| quarantine.cause.clone()),
        last_seen: brief.last_seen,
        cpu_percent: brief.cpu_percent,
        rss_bytes: brief.rss_bytes,
        clock_offset_ms: brief.clock_offset_ms,
        outbox_bytes: brief.outbox_bytes,
        journal_full: brief.journal_full,
        collections: brief.collections,
        machine: machine.map(|machine| machine.to_string()),
        clone: brief.clone,
        notes: present_faults(known, now).map(Fault::text).collect(),
        policy: None,
        journals: Vec::new(),
        stream: said.map(|said| StreamView {
            offset: said.stream_offset,
            gap_first: said.stream_gap.map(|gap| gap.0),
            gap_last: said.stream_gap.map(|gap| gap.1),
        }),
    }
}

/// Returns a number that is another one when something that a list of agents shows has changed: also an agent's silence, which
/// no commit tells of.
pub fn mark(roster: &Roster, now: Timestamp) -> u64 {
    let agents = roster.all();
    let silent = agents.iter().filter(|known| state(&known.agent, now) == AgentState::Silent);
    roster.change().wrapping_shl(20) | (silent.count() as u64)
}

/// The same of one agent.
pub fn mark_of(roster: &Roster, agent: &AgentId, now: Timestamp) -> u64 {
    let known = roster.get(agent);
    let is_silent = known.is_some_and(|known| state(&known.agent, now) == AgentState::Silent);
    roster.change_of(agent).wrapping_shl(1) | u64::from(is_silent)
}

#[cfg(test)]
mod tests {
    use super::mint;

    #[test]
    fn ids_are_legal_and_never_the_same() {
        let one = mint("Web 1.Example.NET").unwrap();
        assert!(one.as_str().starts_with("web-1-example-net-"), "{one}");
        assert_ne!(one, mint("Web 1.Example.NET").unwrap());
        assert!(mint(&"x".repeat(200)).unwrap().as_str().len() <= 40);
        assert!(mint("").is_err() && mint("---").is_err());
    }
}
