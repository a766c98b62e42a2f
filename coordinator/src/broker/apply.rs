//! `muster broker apply`: makes the broker's objects be what [`common::topology`] says. Idempotent; changes nothing
//! that is there, because a queue cannot be changed without losing what it holds.

use common::topology::{self, Argument, Queue, QueueKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::management::{Management, ManagementError, segment};

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there and is now.
    Created,
    /// It is as it should be.
    Unchanged,
    /// It is there, but otherwise; nothing was done.
    Differs {
        /// What differs, one text a property.
        differences: Vec<String>,
        /// What a person can do.
        remedy: String,
    },
}

/// One object of the topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// `exchange`, `queue` or `binding`.
    pub kind: &'static str,
    /// The name; for a binding, queue and key.
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
    /// Tells whether the broker is now as it should be.
    pub fn is_complete(&self) -> bool {
        !self.items.iter().any(|item| matches!(item.outcome, Outcome::Differs { .. }))
    }
}

/// Declares the exchange, the stream, the queues and their bindings.
pub fn apply(management: &Management) -> Result<Report, ManagementError> {
    let version = management.check()?;
    let mut items = vec![exchange(management)?];
    for declared in topology::queues(version.major) {
        items.push(queue(management, &declared)?);
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

fn queue(management: &Management, declared: &Queue) -> Result<Item, ManagementError> {
    let path = queue_path(management, &declared.name);
    let wanted = arguments(declared);
    let outcome = match management.get(&path)? {
        None => {
            management.put(&path, &json!({"durable": true, "arguments": wanted}))?;
            Outcome::Created
        }
        Some(found) => {
            let none = Map::new();
            let existing = found.get("arguments").and_then(Value::as_object).unwrap_or(&none);
            let mut differences = Vec::new();
            compare(&mut differences, "durable", found.get("durable"), Some(&Value::Bool(true)));
            let names = wanted.keys().chain(existing.keys().filter(|n| !wanted.contains_key(*n)));
            for name in names {
                compare(&mut differences, name, existing.get(name), wanted.get(name));
            }
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
    let mut arguments = Map::new();
    arguments.insert("x-queue-type".to_owned(), json!(kind));
    for (name, value) in &queue.arguments {
        let value = match value {
            Argument::Number(number) => json!(number),
            Argument::Text(text) => json!(text),
        };
        arguments.insert((*name).to_owned(), value);
    }
    arguments
}

fn compare(out: &mut Vec<String>, name: &str, found: Option<&Value>, wanted: Option<&Value>) {
    if found != wanted {
        let show = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        out.push(format!("{name} is {}, should be {}", show(found), show(wanted)));
    }
}

fn judge(differences: Vec<String>, remedy: impl FnOnce() -> String) -> Outcome {
    if differences.is_empty() {
        Outcome::Unchanged
    } else {
        Outcome::Differs { differences, remedy: remedy() }
    }
}
