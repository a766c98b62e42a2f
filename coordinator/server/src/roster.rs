//! Who is in the fleet, as the coordinator knows it: enrolment, and what agents say of themselves.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, IdError};
use muster_protocol::limits::{AGENT_ID_BYTES_MAX, SILENT_MS_MAX};
use muster_protocol::request::target::Facts;

use crate::instances::{self, Fault, FaultKind, Faults};
use crate::live::broker_health::Blockage;
use crate::store::StoredAgent;
use muster_api::{AgentState, AgentView};

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

/// Returns the labels of an agent: those of the enrolment, overridden by what it says itself.
pub fn labels(agent: &StoredAgent) -> BTreeMap<String, String> {
    // Written by us as a JSON object; one that does not read is as good as none.
    let mut labels: BTreeMap<String, String> =
        serde_json::from_str(&agent.labels).unwrap_or_default();
    if let Some((_, said)) = &agent.heard {
        labels.extend(said.labels.clone());
    }
    labels
}

/// Returns what a target expression can ask of an agent.
pub fn facts(agent: &StoredAgent) -> Facts {
    let said = agent.heard.as_ref().map(|(_, said)| said);
    let word = |take: fn(&muster_protocol::result::Telemetry) -> &String| {
        said.map(take).cloned().unwrap_or_default()
    };
    Facts {
        id: agent.id.to_string(),
        host: word(|said| &said.host),
        os: word(|said| &said.os),
        arch: word(|said| &said.arch),
        version: word(|said| &said.version),
        labels: labels(agent),
    }
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
pub fn present_faults<'a>(
    agent: &StoredAgent,
    faults: &'a Faults,
    now: Timestamp,
) -> impl Iterator<Item = &'a Fault> {
    let journal = agent.heard.as_ref().map(|(_, said)| said.journal);
    let faults = faults.get(&agent.id).filter(|_| agent.revoked.is_none());
    instances::present(faults.map_or(&[], Vec::as_slice), journal, now)
}

/// Returns whether an agent is silent because the broker takes no messages, or did not until just now.
pub fn is_blocked(agent: &StoredAgent, blockage: Option<&Blockage>, now: Timestamp) -> bool {
    let heard = agent.heard.as_ref().map(|(at, _)| *at);
    heard.is_some_and(|heard| blockage.is_some_and(|blockage| blockage.explains(heard, now)))
}

/// Shows an agent.
pub fn view(
    agent: &StoredAgent,
    faults: &Faults,
    blockage: Option<&Blockage>,
    now: Timestamp,
) -> AgentView {
    let facts = facts(agent);
    let said = agent.heard.as_ref();
    let faults: Vec<_> = present_faults(agent, faults, now).collect();
    let machine = said.and_then(|(_, said)| said.instance?.machine);
    let state = state(agent, now);
    let is_blocked = state == AgentState::Silent && is_blocked(agent, blockage, now);
    AgentView {
        id: facts.id,
        name: agent.name.clone(),
        state,
        cause: blockage.filter(|_| is_blocked).map(Blockage::sentence).unwrap_or_default(),
        host: facts.host,
        os: facts.os,
        arch: facts.arch,
        version: facts.version,
        labels: facts.labels,
        capabilities: said.map(|(_, said)| said.capabilities.clone()).unwrap_or_default(),
        enrolled: agent.enrolled.into(),
        revoked: agent.revoked.map(Into::into),
        quarantined: agent.quarantine.as_ref().map(|quarantine| quarantine.since.into()),
        quarantine: agent.quarantine.as_ref().map(|quarantine| quarantine.cause.clone()),
        last_seen: said.map(|(at, _)| (*at).into()),
        clock_offset_ms: said.map(|(at, said)| said.at.since_ms(*at)),
        outbox_bytes: said.map_or(0, |(_, said)| said.outbox_bytes),
        journal_full: said.is_some_and(|(_, said)| said.journal_full),
        collections: said
            .map_or(0, |(_, said)| u64::try_from(said.collections.len()).unwrap_or(u64::MAX)),
        machine: machine.map(|machine| machine.to_string()),
        clone: faults.iter().any(|fault| fault.kind == FaultKind::Clone),
        notes: faults.iter().map(|fault| fault.text()).collect(),
    }
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
