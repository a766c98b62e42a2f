//! The bounds of queues: policies are made and changed in place; what overrules them is reported.

use muster_protocol::topology::{self, Policy};
use serde_json::{Map, Value, json};

use super::{Item, Outcome, changed, table};
use crate::broker::management::{Management, ManagementError};

/// Makes or changes each policy.
pub(super) fn apply(management: &Management, major: u32) -> Result<Vec<Item>, ManagementError> {
    let policies = topology::policies(major);
    policies.iter().map(|policy| one(management, policy)).collect()
}

/// Makes or changes the policy of one queue, so that the queue is bounded from the first message.
pub(in crate::broker) fn bound(
    management: &Management,
    queue: &str,
    major: u32,
) -> Result<(), ManagementError> {
    let name = topology::policy_of(queue);
    match topology::policies(major).iter().find(|policy| policy.name == name) {
        Some(policy) => one(management, policy).map(drop),
        None => Ok(()),
    }
}

fn one(management: &Management, policy: &Policy) -> Result<Item, ManagementError> {
    let path = format!("/api/policies/{}/{}", management.vhost_segment(), policy.name);
    let wanted = json!({
        "pattern": policy.pattern, "apply-to": "queues", "priority": policy.priority,
        "definition": table(&policy.definition),
    });
    let found = management.get(&path)?;
    let changes = found.as_ref().map(|found| {
        let names = ["pattern", "apply-to", "priority", "definition"].into_iter();
        names.filter_map(|n| changed(n, found.get(n), wanted.get(n))).collect::<Vec<_>>()
    });
    let outcome = match changes {
        None => Outcome::Created,
        Some(changes) if changes.is_empty() => Outcome::Unchanged,
        Some(changes) => Outcome::Changed { changes },
    };
    if outcome != Outcome::Unchanged {
        management.put(&path, &wanted)?;
    }
    Ok(Item { kind: "policy", name: policy.name.to_owned(), outcome })
}

/// Returns what keeps a queue from obeying its policy: an argument of its declaration, which wins where it is lower or
/// a word, or another policy of a higher priority.
pub(super) fn overrules(
    queue: &str,
    found: &Value,
    wanted: &Map<String, Value>,
    major: u32,
) -> Vec<String> {
    let policy = topology::policy_of(queue);
    let definition = topology::policies(major).into_iter().find(|one| one.name == policy);
    let definition = definition.map(|policy| table(&policy.definition)).unwrap_or_default();
    let none = Map::new();
    let arguments = found.get("arguments").and_then(Value::as_object).unwrap_or(&none);
    let mut differences = Vec::new();
    for (name, value) in arguments.iter().filter(|(name, _)| *name != "x-queue-type") {
        let bound = name.strip_prefix("x-").and_then(|name| definition.get(name));
        let is_obeyed = match (bound, wanted.get(name)) {
            (Some(bound), _) => {
                let is_higher = value.as_u64().zip(bound.as_u64()).is_some_and(|(a, b)| a >= b);
                value == bound || is_higher
            }
            (None, wanted) => wanted == Some(value),
        };
        if !is_obeyed {
            let should = bound.or(wanted.get(name));
            let should = should.map_or("nothing".to_owned(), Value::to_string);
            differences.push(format!("{name} is {value}, should be {should}"));
        }
    }
    for name in wanted.keys().filter(|name| !arguments.contains_key(*name)) {
        if *name != "x-queue-type" {
            differences.push(format!("{name} is nothing, should be {}", json!(wanted.get(name))));
        }
    }
    // Missing until the broker has counted, null where no policy matches yet.
    match found.get("policy").and_then(Value::as_str) {
        Some(other) if other != policy => {
            let how = "lower its priority below 100, or leave these queues out of its pattern";
            differences.push(format!("policy {other:?} is in force instead of {policy:?}: {how}"));
        }
        _ => {}
    }
    differences
}

#[cfg(test)]
mod tests {
    use muster_protocol::limits::RESULT_QUEUE_BYTES_MAX;

    use super::*;

    fn of(arguments: &Value, policy: &Value) -> Vec<String> {
        let found = json!({"arguments": arguments, "policy": policy});
        overrules(topology::Class::Rows.queue(), &found, &Map::new(), 3)
    }

    #[test]
    fn an_argument_that_the_policy_can_tighten_is_obeyed() {
        let same = json!({
            "x-queue-type": "quorum", "x-max-length-bytes": RESULT_QUEUE_BYTES_MAX,
            "x-overflow": "reject-publish",
        });
        assert!(of(&same, &json!("muster-results")).is_empty());
        let higher = json!({"x-max-length-bytes": RESULT_QUEUE_BYTES_MAX + 1});
        assert!(of(&higher, &Value::Null).is_empty());
    }

    #[test]
    fn what_overrules_the_policy_is_named() {
        for (arguments, policy, word) in [
            (json!({"x-max-length-bytes": 5}), Value::Null, "x-max-length-bytes is 5"),
            (json!({"x-overflow": "drop-head"}), Value::Null, "x-overflow"),
            (
                json!({"x-delivery-limit": -1}),
                Value::Null,
                "x-delivery-limit is -1, should be nothing",
            ),
            (json!({}), json!("ha-all"), "\"ha-all\" is in force"),
        ] {
            let said = of(&arguments, &policy);
            assert!(said.len() == 1 && said[0].contains(word), "{said:?}");
        }
    }
}
