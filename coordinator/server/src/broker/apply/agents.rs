//! What each enrolled agent has at the broker: its queue, and the rights and limits of its user.
//!
//! All is read in five calls, however many agents there are; queues and rights are changed in batches. What an apply
//! cannot make again is the user itself: its password is in the agent's bundle only.

use std::collections::{BTreeMap, BTreeSet};

use muster_protocol::ids::AgentId;
use muster_protocol::limits::{AGENT_CONNECTIONS_MAX, ENROL_BATCH_AGENTS};
use muster_protocol::topology::{self, directed_queue};
use serde_json::{Map, Value, json};

use super::{Item, Outcome, changed};
use crate::broker::enrol::{self, limits_of_user};
use crate::broker::management::{Management, ManagementError, segment};
use crate::broker::quarantine;
use crate::broker::queues::directed;

/// The agents on record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// Those that were not revoked.
    pub enrolled: BTreeSet<AgentId>,
    /// Those of them that are in quarantine.
    pub quarantined: BTreeSet<AgentId>,
    /// Those whose rights were taken back.
    pub revoked: BTreeSet<AgentId>,
}

impl Roster {
    /// Returns what the user of an agent may use of the broker; in quarantine that is no connection.
    fn limits_of(&self, agent: &AgentId) -> [(&'static str, u32); 2] {
        let is_quarantined = self.quarantined.contains(agent);
        limits_of_user(if is_quarantined { quarantine::CONNECTIONS } else { AGENT_CONNECTIONS_MAX })
    }
}

/// What is done with what revoked agents have left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// It is reported.
    Report,
    /// It is removed.
    Remove,
}

/// What the broker has.
struct Found {
    queues: BTreeSet<AgentId>,
    users: BTreeMap<String, Value>,
    rights: BTreeMap<String, Value>,
    topic_rights: BTreeMap<String, Value>,
    limits: BTreeMap<String, Value>,
}

/// Brings everything that enrolled agents have at the broker up to date.
pub fn agents(
    management: &Management,
    roster: &Roster,
    stale: Stale,
) -> Result<Vec<Item>, ManagementError> {
    let found = Found::read(management)?;
    let mut items = Vec::new();
    let (present, gone): (Vec<_>, Vec<_>) =
        roster.enrolled.iter().partition(|agent| found.users.contains_key(agent.as_str()));
    items.extend(gone.into_iter().map(lost));
    let mut plan = Plan::default();
    for agent in &present {
        plan.add(management.vhost(), agent, &found);
    }
    plan.carry_out(management)?;
    items.extend(plan.items);
    for agent in &present {
        items.extend(limits_changed(management, agent, roster.limits_of(agent), &found)?);
    }
    items.push(Item {
        kind: "agents",
        name: format!("{} enrolled", present.len()),
        outcome: Outcome::Unchanged,
    });
    for agent in &roster.revoked {
        items.extend(left_behind(management, agent, &found, stale)?);
    }
    items.extend(strangers(roster, &found));
    Ok(items)
}

impl Found {
    fn read(management: &Management) -> Result<Self, ManagementError> {
        let vhost = management.vhost_segment();
        let by_name = |path: String, name: &str| {
            let all = management.get(&path)?.unwrap_or_default();
            let all = all.as_array().cloned().unwrap_or_default().into_iter();
            // A user may have rights on the keys of other exchanges, too.
            let is_ours =
                |one: &Value| one.get("exchange").is_none_or(|of| of == topology::RESULTS);
            let named = all
                .filter(is_ours)
                .filter_map(|one| Some((one.get(name)?.as_str()?.to_owned(), one)));
            Ok(named.collect::<BTreeMap<_, _>>())
        };
        Ok(Self {
            queues: directed(management)?,
            users: by_name("/api/users?columns=name,tags".to_owned(), "name")?,
            rights: by_name(format!("/api/vhosts/{vhost}/permissions"), "user")?,
            topic_rights: by_name(format!("/api/vhosts/{vhost}/topic-permissions"), "user")?,
            limits: by_name("/api/user-limits".to_owned(), "user")?,
        })
    }
}

/// What is to be made or changed by imports of definitions.
#[derive(Default)]
struct Plan {
    queues: Vec<Value>,
    permissions: Vec<Value>,
    topic_permissions: Vec<Value>,
    items: Vec<Item>,
}

impl Plan {
    fn add(&mut self, vhost: &str, agent: &AgentId, found: &Found) {
        let user = agent.as_str();
        if !found.queues.contains(agent) {
            self.queues.push(enrol::queue(vhost, agent));
            let name = directed_queue(agent);
            self.items.push(Item { kind: "queue", name, outcome: Outcome::Created });
        }
        let (rights, topic_rights) = enrol::rights(vhost, agent);
        let differing = |kind, found: Option<&Value>, wanted: &Value, names: &[&str]| {
            let of = |name: &&str| changed(name, found.and_then(|f| f.get(name)), wanted.get(name));
            let changes: Vec<_> = names.iter().filter_map(of).collect();
            let outcome = Outcome::Changed { changes: changes.clone() };
            (!changes.is_empty()).then(|| Item { kind, name: user.to_owned(), outcome })
        };
        let names = ["configure", "write", "read"];
        if let Some(item) = differing("rights", found.rights.get(user), &rights, &names) {
            self.items.push(item);
            self.permissions.push(rights);
        }
        let names = ["write", "read"];
        let found = found.topic_rights.get(user);
        if let Some(item) = differing("topic rights", found, &topic_rights, &names) {
            self.items.push(item);
            self.topic_permissions.push(topic_rights);
        }
    }

    fn carry_out(&self, management: &Management) -> Result<(), ManagementError> {
        let kinds = [
            ("queues", &self.queues),
            ("permissions", &self.permissions),
            ("topic_permissions", &self.topic_permissions),
        ];
        for (kind, all) in kinds {
            for batch in all.chunks(ENROL_BATCH_AGENTS) {
                management.post("/api/definitions", &json!({kind: batch}))?;
            }
        }
        Ok(())
    }
}

/// Sets the limits of a user, one call each: an import would need the password's hash, and could bring a user back that
/// was revoked meanwhile.
fn limits_changed(
    management: &Management,
    agent: &AgentId,
    wanted: [(&str, u32); 2],
    found: &Found,
) -> Result<Option<Item>, ManagementError> {
    let none = Map::new();
    let existing = found.limits.get(agent.as_str());
    let existing = existing.and_then(|one| one.get("value")?.as_object()).unwrap_or(&none);
    let mut changes = Vec::new();
    for (name, value) in wanted {
        let value = json!(value);
        if let Some(change) = changed(name, existing.get(name), Some(&value)) {
            let path = format!("/api/user-limits/{}/{name}", segment(agent.as_str()));
            management.put(&path, &json!({"value": value}))?;
            changes.push(change);
        }
    }
    let outcome = Outcome::Changed { changes: changes.clone() };
    Ok((!changes.is_empty()).then(|| Item { kind: "limits", name: agent.to_string(), outcome }))
}

fn lost(agent: &AgentId) -> Item {
    let differences = vec!["the user is gone, and its password with it".to_owned()];
    let remedy = format!("muster agents revoke {agent}; muster agents enrol NAME: a new bundle");
    Item {
        kind: "user",
        name: agent.to_string(),
        outcome: Outcome::Differs { differences, remedy },
    }
}

/// Reports or removes what a revoked agent still has.
fn left_behind(
    management: &Management,
    agent: &AgentId,
    found: &Found,
    stale: Stale,
) -> Result<Vec<Item>, ManagementError> {
    let (user, queue) = (found.users.contains_key(agent.as_str()), found.queues.contains(agent));
    if !user && !queue {
        return Ok(Vec::new());
    }
    let outcome = match stale {
        Stale::Remove => {
            enrol::revoke(management, agent)?;
            Outcome::Removed
        }
        Stale::Report => Outcome::Stale {
            remedy: "its agent is revoked: muster broker apply --remove-stale".to_owned(),
        },
    };
    let item = |kind, name| Item { kind, name, outcome: outcome.clone() };
    let user = user.then(|| item("user", agent.to_string()));
    Ok(user.into_iter().chain(queue.then(|| item("queue", directed_queue(agent)))).collect())
}

/// Reports queues and users that look like an agent's, and are of none on record. They are not removed: a store that was
/// restored, or that of another machine, would cost the fleet its agents.
fn strangers(roster: &Roster, found: &Found) -> Vec<Item> {
    let is_known =
        |agent: &AgentId| roster.enrolled.contains(agent) || roster.revoked.contains(agent);
    let unknown = |agent: &AgentId, command: &str, what: &str| Outcome::Stale {
        remedy: format!(
            "no agent on record has this id; where that is right: rabbitmqctl {command} {what}{agent}"
        ),
    };
    let queues = found.queues.iter().filter(|agent| !is_known(agent)).map(|agent| Item {
        kind: "queue",
        name: directed_queue(agent),
        outcome: unknown(agent, "delete_queue", &format!("{}.", topology::REQUESTS)),
    });
    let users = found.rights.iter().filter_map(|(user, rights)| {
        let agent = AgentId::new(user).ok().filter(|agent| !is_known(agent))?;
        let writes = topology::agent_permissions(&agent).write;
        (rights.get("write") == Some(&json!(writes))).then(|| Item {
            kind: "user",
            name: user.clone(),
            outcome: unknown(&agent, "delete_user", ""),
        })
    });
    queues.chain(users).collect()
}

#[cfg(test)]
mod tests {
    use muster_protocol::limits;

    use super::*;

    #[test]
    fn every_limit_of_a_user_is_named_and_a_quarantine_stays() {
        let [free, barred] = ["a-1", "a-2"].map(|id| AgentId::new(id).unwrap());
        let enrolled = [free.clone(), barred.clone()].into();
        let quarantined = [barred.clone()].into();
        let roster = Roster { enrolled, quarantined, revoked: BTreeSet::new() };
        let limits = |agent| roster.limits_of(agent).into_iter().collect::<BTreeMap<_, _>>();
        assert_eq!(limits(&free)["max-connections"], limits::AGENT_CONNECTIONS_MAX);
        assert_eq!(limits(&free)["max-channels"], limits::AGENT_CHANNELS_MAX);
        assert_eq!(limits(&barred)["max-connections"], 0);
    }
}
