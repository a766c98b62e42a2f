//! `muster broker apply`: makes the broker's objects be what [`muster_protocol::topology`] says. Idempotent. What RabbitMQ can
//! change in place is changed (policies, rights, limits of users); a queue whose kind is wrong is reported, because it
//! cannot be changed without losing what it holds.

mod agents;
pub(super) mod policies;

use muster_protocol::topology::{self, Argument, Queue, QueueKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::management::{Management, ManagementError, segment};

pub use agents::{Roster, Stale, agents};

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there and is now.
    Created,
    /// It is as it should be.
    Unchanged,
    /// It was otherwise and is now as it should be.
    Changed {
        /// What was changed, one text a property.
        changes: Vec<String>,
    },
    /// It is there, but otherwise; nothing was done.
    Differs {
        /// What differs, one text a property.
        differences: Vec<String>,
        /// What a person can do.
        remedy: String,
    },
    /// It belongs to no agent; nothing was done.
    Stale {
        /// What a person can do.
        remedy: String,
    },
    /// It belonged to a revoked agent and is gone.
    Removed,
}

impl Outcome {
    /// Returns the word in every output.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Changed { .. } => "changed",
            Self::Differs { .. } => "differs",
            Self::Stale { .. } => "stale",
            Self::Removed => "removed",
        }
    }
}

/// One object of the topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// `exchange`, `policy`, `queue`, `binding`, `user`, `rights`, `topic rights` or `limits`.
    pub kind: &'static str,
    /// The name; for a binding, queue and key; for many objects that are as they should be, how many.
    pub name: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What an apply did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The broker's version.
    pub broker: String,
    /// Every object, in the order in which they were looked at.
    pub items: Vec<Item>,
}

impl Report {
    /// Returns whether the broker is now as it should be.
    pub fn is_complete(&self) -> bool {
        !self.items.iter().any(|item| matches!(item.outcome, Outcome::Differs { .. }))
    }
}

/// Declares the exchange, the policies, the stream, the queues and their bindings.
pub fn apply(management: &Management) -> Result<Report, ManagementError> {
    let version = management.check()?;
    let mut items = vec![exchange(management)?];
    // Before the queues: none is unbounded, however short the time.
    items.extend(policies::apply(management, version.major)?);
    for declared in topology::queues() {
        items.push(queue(management, &declared, version.major)?);
        if let Some(key) = &declared.binding {
            items.push(binding(management, &declared.name, key)?);
        }
    }
    Ok(Report { broker: version.text, items })
}

fn exchange(management: &Management) -> Result<Item, ManagementError> {
    let name = topology::RESULTS;
    let path = format!("/api/exchanges/{}/{name}", management.vhost_segment());
    let wanted = json!({"type": "topic", "durable": true, "auto_delete": false});
    let outcome = match management.get(&path)? {
        None => {
            management.put(&path, &wanted)?;
            Outcome::Created
        }
        Some(found) => {
            let mut differences = Vec::new();
            for property in ["type", "durable", "auto_delete"] {
                compare(&mut differences, property, found.get(property), wanted.get(property));
            }
            judge(differences, || format!("delete exchange {name} in RabbitMQ, then apply again"))
        }
    };
    Ok(Item { kind: "exchange", name: name.to_owned(), outcome })
}

fn queue(management: &Management, declared: &Queue, major: u32) -> Result<Item, ManagementError> {
    let path = queue_path(management, &declared.name);
    let wanted = arguments(declared);
    let outcome = match management.get(&path)? {
        None => {
            management.put(&path, &json!({"durable": true, "arguments": wanted}))?;
            Outcome::Created
        }
        Some(found) => {
            let mut differences = Vec::new();
            compare(&mut differences, "durable", found.get("durable"), Some(&Value::Bool(true)));
            let kind = wanted.get("x-queue-type");
            compare(&mut differences, "x-queue-type", found.get("type"), kind);
            differences.extend(policies::overrules(&declared.name, &found, &wanted, major));
            judge(differences, || {
                format!(
                    "let {0} run empty, delete it (rabbitmqctl delete_queue {0}), then apply again",
                    declared.name
                )
            })
        }
    };
    Ok(Item { kind: "queue", name: declared.name.clone(), outcome })
}

fn binding(management: &Management, queue: &str, key: &str) -> Result<Item, ManagementError> {
    let path = format!(
        "/api/bindings/{}/e/{}/q/{}",
        management.vhost_segment(),
        topology::RESULTS,
        segment(queue)
    );
    let existing = management.get(&path)?.unwrap_or_default();
    let keys = existing.as_array().into_iter().flatten();
    let is_there = keys
        .filter_map(|binding| binding.get("routing_key").and_then(Value::as_str))
        .any(|existing| existing == key);
    let outcome = if is_there {
        Outcome::Unchanged
    } else {
        management.post(&path, &json!({"routing_key": key, "arguments": {}}))?;
        Outcome::Created
    };
    Ok(Item { kind: "binding", name: format!("{queue} ← {key}"), outcome })
}

/// Returns the path of a queue.
pub(super) fn queue_path(management: &Management, queue: &str) -> String {
    format!("/api/queues/{}/{}", management.vhost_segment(), segment(queue))
}

/// Returns the arguments of a queue as the API takes them.
pub(super) fn arguments(queue: &Queue) -> Map<String, Value> {
    let kind = match queue.kind {
        QueueKind::Stream => "stream",
        QueueKind::Quorum => "quorum",
        QueueKind::Classic => "classic",
    };
    let mut arguments = table(&queue.arguments);
    arguments.insert("x-queue-type".to_owned(), json!(kind));
    arguments
}

/// Returns arguments, or the definition of a policy, as the API takes them.
fn table(values: &[(&'static str, Argument)]) -> Map<String, Value> {
    let value = |value: &Argument| match value {
        Argument::Number(number) => json!(number),
        Argument::Text(text) => json!(text),
    };
    values.iter().map(|(name, of)| ((*name).to_owned(), value(of))).collect()
}

fn compare(out: &mut Vec<String>, name: &str, found: Option<&Value>, wanted: Option<&Value>) {
    if found != wanted {
        let show = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        out.push(format!("{name} is {}, should be {}", show(found), show(wanted)));
    }
}

/// Words what was changed.
fn changed(name: &str, from: Option<&Value>, to: Option<&Value>) -> Option<String> {
    let show = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    (from != to).then(|| format!("{name}: {} → {}", show(from), show(to)))
}

fn judge(differences: Vec<String>, remedy: impl FnOnce() -> String) -> Outcome {
    if differences.is_empty() {
        Outcome::Unchanged
    } else {
        Outcome::Differs { differences, remedy: remedy() }
    }
}
