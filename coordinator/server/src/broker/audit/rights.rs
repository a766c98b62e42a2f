//! Whose rights are tried: agents' users in groups of equal rights and limits, their own names left open.

use std::collections::BTreeMap;

use muster_protocol::ids::AgentId;
use muster_protocol::limits::AGENT_CONNECTIONS_MAX;
use muster_protocol::topology::{self, agent_permissions};
use serde_json::{Map, Value, json};

use super::Finding;
use crate::broker::apply::Roster;
use crate::broker::enrol::limits_of_user;
use crate::broker::management::{Management, ManagementError};

/// Stands for the user's own name.
const OWN: &str = "{own}";

/// Agents whose users have the same rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The agents in it; empty in a fleet that has no agents yet.
    pub agents: Vec<String>,
    /// Users of it that have tags.
    tagged: Vec<String>,
    /// Users of it with rights in other virtual hosts.
    elsewhere: Vec<String>,
    rights: Rights,
}

/// The rights of a user, as regular expressions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Rights {
    configure: String,
    write: String,
    read: String,
    /// Exchange, keys to write, keys to read.
    topics: Vec<(String, String, String)>,
    limits: Vec<(String, u64)>,
}

/// Groups the agents of the roster; without any, the rights that enrolment gives are tried.
pub fn groups(management: &Management, roster: &Roster) -> Result<Vec<Group>, ManagementError> {
    let list = |path: String| {
        let all = management.get(&path)?.unwrap_or_default();
        Ok::<_, ManagementError>(all.as_array().cloned().unwrap_or_default())
    };
    let vhost = management.vhost_segment();
    let everywhere = list("/api/permissions".to_owned())?;
    let here = json!(management.vhost());
    let elsewhere = everywhere.iter().filter(|one| one.get("vhost") != Some(&here));
    let elsewhere: Vec<_> = elsewhere.filter_map(user).collect();
    let topics = list(format!("/api/vhosts/{vhost}/topic-permissions"))?;
    let limits = list("/api/user-limits".to_owned())?;
    let users = list("/api/users?columns=name,tags".to_owned())?;
    let mut all: BTreeMap<&str, Rights> = BTreeMap::new();
    for one in everywhere.iter().filter(|one| one.get("vhost") == Some(&here)) {
        let Some(agent) = user(one).filter(|user| is_enrolled(roster, user)) else { continue };
        let word = |name: &str| open(agent, one.get(name));
        let rights = Rights {
            configure: word("configure"),
            write: word("write"),
            read: word("read"),
            ..Rights::default()
        };
        all.insert(agent, rights);
    }
    for one in &topics {
        let Some(agent) = user(one) else { continue };
        if let Some(rights) = all.get_mut(agent) {
            let exchange = one.get("exchange").and_then(Value::as_str).unwrap_or_default();
            let (write, read) = (open(agent, one.get("write")), open(agent, one.get("read")));
            rights.topics.push((exchange.to_owned(), write, read));
        }
    }
    for one in &limits {
        let Some((agent, rights)) = user(one).and_then(|agent| Some((agent, all.get_mut(agent)?)))
        else {
            continue;
        };
        let values = one.get("value").and_then(Value::as_object).into_iter().flatten();
        let limits = values.filter_map(|(n, v)| Some((n.clone(), v.as_u64()?)));
        // What an agent may do is tried as it will be after its quarantine.
        let is_quarantined = roster.quarantined.iter().any(|other| other.as_str() == agent);
        rights.limits = limits.collect();
        for (_, value) in rights.limits.iter_mut().filter(|(name, _)| name == "max-connections") {
            if is_quarantined {
                *value = AGENT_CONNECTIONS_MAX.into();
            }
        }
    }
    let mut groups: BTreeMap<Rights, Group> = BTreeMap::new();
    for (agent, mut rights) in all {
        rights.topics.sort();
        let group = groups.entry(rights.clone()).or_insert_with(|| Group::new(rights));
        group.agents.push(agent.to_owned());
        if elsewhere.contains(&agent) {
            group.elsewhere.push(agent.to_owned());
        }
        if users.iter().any(|one| one.get("name") == Some(&json!(agent)) && has_tags(one)) {
            group.tagged.push(agent.to_owned());
        }
    }
    if groups.is_empty() {
        return Ok(vec![Group::new(Rights::of_enrolment())]);
    }
    Ok(groups.into_values().collect())
}

fn user(one: &Value) -> Option<&str> {
    one.get("user").and_then(Value::as_str)
}

fn is_enrolled(roster: &Roster, user: &str) -> bool {
    AgentId::new(user).is_ok_and(|agent| roster.enrolled.contains(&agent))
}

/// A list in newer versions, a text in older ones.
fn has_tags(one: &Value) -> bool {
    match one.get("tags") {
        Some(Value::Array(tags)) => !tags.is_empty(),
        Some(Value::String(tags)) => !tags.is_empty(),
        _ => false,
    }
}

/// Takes the user's own name out of an expression.
fn open(user: &str, expression: Option<&Value>) -> String {
    expression.and_then(Value::as_str).unwrap_or_default().replace(user, OWN)
}

impl Rights {
    fn of_enrolment() -> Self {
        // Any legal id that occurs nowhere else in the expressions.
        let Ok(agent) = AgentId::new("the-agent-itself") else { return Self::default() };
        let rights = agent_permissions(&agent);
        let open = |text: &str| text.replace(agent.as_str(), OWN);
        Self {
            configure: open(&rights.configure),
            write: open(&rights.write),
            read: open(&rights.read),
            topics: vec![(
                topology::RESULTS.to_owned(),
                open(&rights.topic_write),
                "^$".to_owned(),
            )],
            limits: limits_of_user(AGENT_CONNECTIONS_MAX)
                .map(|(name, max)| (name.to_owned(), max.into()))
                .to_vec(),
        }
    }
}

impl Group {
    fn new(rights: Rights) -> Self {
        Self { agents: Vec::new(), tagged: Vec::new(), elsewhere: Vec::new(), rights }
    }

    /// Names the group.
    pub fn name(&self) -> String {
        match self.agents.as_slice() {
            [] => "new agents".to_owned(),
            [one] => one.clone(),
            [first, ..] => format!("{} agents: {first}, …", self.agents.len()),
        }
    }

    /// Returns the rights for a user of this name.
    pub(super) fn permissions(&self, user: &str) -> Value {
        let of = |text: &str| text.replace(OWN, user);
        let Rights { configure, write, read, .. } = &self.rights;
        json!({"configure": of(configure), "write": of(write), "read": of(read)})
    }

    /// Returns its rights on routing keys, one document an exchange.
    pub(super) fn topic_permissions(&self, user: &str) -> Vec<Value> {
        let of = |text: &str| text.replace(OWN, user);
        let topics = self.rights.topics.iter();
        topics
            .map(|(exchange, write, read)| {
                json!({"exchange": exchange, "write": of(write), "read": of(read)})
            })
            .collect()
    }

    /// Returns its limits.
    pub(super) fn limits(&self) -> Map<String, Value> {
        self.rights.limits.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
    }

    /// Returns what is wrong without trying anything.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let finding = |probe, users: &[String], why| {
            let is_bad = !users.is_empty();
            Finding {
                probe,
                outcome: if is_bad { "ALLOWED" } else { "DENIED" },
                expected: "DENIED",
                verdict: if is_bad { "bad" } else { "ok" },
                answer: users.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
                why,
                agents: self.name(),
            }
        };
        vec![
            finding(
                "use the management API",
                &self.tagged,
                "a tag of a user opens the management API, and with it users and queues: rabbitmqctl set_user_tags USER",
            ),
            finding(
                "enter another virtual host",
                &self.elsewhere,
                "an agent has nothing to do there: rabbitmqctl clear_permissions -p VHOST USER",
            ),
        ]
    }
}
