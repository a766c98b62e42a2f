//! Why a hunt is where it is: sentences made of what is shown of it and of its parts. Pure: no I/O, no clock.
//!
//! * [`waiting`]: what holds it up. [`ended`]: what went wrong, with the advice for each code.

mod ended;
mod waiting;

use std::collections::BTreeMap;

use muster_api::{CollectionBrief, CollectionView, Finding, HuntView, HuntWhy, units};
use muster_protocol::limits::WHY_AGENTS_NAMED_MAX;

/// Explains a hunt. `slowest`: every figure of some of the parts that run.
pub fn why(hunt: &HuntView, parts: &[CollectionBrief], slowest: &[CollectionView]) -> HuntWhy {
    let mut findings = waiting::findings(hunt, parts, slowest);
    findings.extend(ended::findings(hunt, parts));
    HuntWhy { hunt: hunt.id.clone(), summary: summary(hunt), findings, as_of: hunt.as_of }
}

fn summary(hunt: &HuntView) -> String {
    if let Some(outcome) = hunt.states.outcome() {
        return format!("It is over, {outcome}: {}.", units::agents(hunt.targeted));
    }
    let open = hunt.states.named().into_iter().filter(|(state, count)| {
        *count > 0
            && matches!(*state, "silent" | "seen" | "queued" | "running" | "paused" | "finishing")
    });
    let open: Vec<_> =
        open.map(|(state, count)| format!("{} {state}", units::count(count))).collect();
    let (done, all) = (units::count(hunt.states.ended()), units::agents(hunt.targeted));
    format!("{done} of {all} are done; {}.", open.join(", "))
}

/// Writes how many agents do something: `1 agent waits`, `2 agents wait`.
fn doing(group: &[&CollectionBrief], one: &str, many: &str) -> String {
    let count = group.len() as u64;
    format!("{} {}", units::agents(count), if count == 1 { one } else { many })
}

/// Parts that one finding is about.
type Group<'a> = Vec<&'a CollectionBrief>;

/// Puts parts into groups; the greatest group first.
fn grouped<'a, K: Ord>(
    parts: impl Iterator<Item = &'a CollectionBrief>,
    key: impl Fn(&CollectionBrief) -> K,
) -> Vec<(K, Group<'a>)> {
    let mut groups: BTreeMap<K, Group<'a>> = BTreeMap::new();
    for part in parts {
        groups.entry(key(part)).or_default().push(part);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    groups
}

/// Makes a finding about a group, of which those that take longest are named.
fn finding(
    kind: &str,
    code: &str,
    group: &[&CollectionBrief],
    says: String,
    next: &str,
) -> Finding {
    let mut longest = group.to_vec();
    longest.sort_by_key(|part| std::cmp::Reverse((part.silent_s, part.age_ms)));
    Finding {
        kind: kind.to_owned(),
        code: code.to_owned(),
        agents: group.len() as u64,
        named: longest.iter().take(WHY_AGENTS_NAMED_MAX).map(|part| part.agent.clone()).collect(),
        says,
        next: next.to_owned(),
    }
}

#[cfg(test)]
mod tests;
