//! What an agent reports of its machine's policy and of itself, in one line each.

use muster_api::{AgentView, PolicyView};

use crate::output::units;

/// Writes what the policy allows and bounds; nothing where the agent has not reported it.
pub(super) fn line(agent: &AgentView) -> Option<String> {
    let policy = agent.policy.as_ref()?;
    let words = |what: &str, words: &Option<Vec<String>>| match words {
        None => format!("all {what}"),
        Some(words) if words.is_empty() => format!("no {what}"),
        Some(words) => words.join(" "),
    };
    let mut parts = vec![
        words("capabilities", &policy.capabilities),
        words("artifacts", &policy.artifacts),
        rules(policy),
    ];
    if policy.shows_cmdline {
        parts.push("processes.cmdline".to_owned());
    }
    parts
        .extend(policy.bounds.iter().map(|(key, bound)| format!("{key} {}", units::count(*bound))));
    Some(parts.join(" · "))
}

fn rules(policy: &PolicyView) -> String {
    let allowed = match policy.allow_rules {
        None => "all folders".to_owned(),
        Some(count) => format!("{} folders", units::count(count)),
    };
    format!("{allowed}, {} denied", units::count(policy.deny_rules))
}

/// Writes the folders, where the owner tells them.
pub(super) fn folders(agent: &AgentView) -> Option<String> {
    let policy = agent.policy.as_ref()?;
    let named = |what: &str, folders: &Option<Vec<String>>| {
        let folders = folders.as_ref().filter(|folders| !folders.is_empty())?;
        Some(format!("{what} {}", folders.join(" ")))
    };
    let parts = [named("allowed", &policy.allow_roots), named("denied", &policy.deny_roots)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// Writes the journals under which the agent was heard lately.
pub(super) fn journals(agent: &AgentView) -> Option<String> {
    let each = agent.journals.iter().map(|one| format!("{} ({})", one.journal, one.last_seen));
    let each: Vec<_> = each.collect();
    (!each.is_empty()).then(|| each.join(" · "))
}

/// Writes where the agent stands on the stream of requests, and what of it was lost to it.
pub(super) fn stream(agent: &AgentView) -> Option<String> {
    let stream = agent.stream?;
    let offset =
        stream.offset.map_or("nothing read".to_owned(), |offset| format!("offset {offset}"));
    Some(match stream.gap_first.zip(stream.gap_last) {
        None => offset,
        Some((first, last)) => {
            format!("{offset} · {first} to {last} were gone before it read them")
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(more: impl serde::Serialize) -> AgentView {
        let mut agent = json!({
            "id": "a-1", "name": "a", "state": "live", "host": "", "os": "", "arch": "", "version": "", "labels": {},
            "capabilities": [], "enrolled": "2026-01-02T03:04:05.000Z", "revoked": null, "quarantined": null,
            "quarantine": null, "last_seen": null, "clock_offset_ms": null, "outbox_bytes": 0, "journal_full": false,
            "collections": 0,
        });
        let known = agent.as_object_mut().unwrap();
        known.extend(serde_json::to_value(more).unwrap().as_object().unwrap().clone());
        serde_json::from_value(agent).unwrap()
    }

    #[test]
    fn a_policy_is_one_line_and_one_of_which_nothing_is_known_is_none() {
        let old = agent(json!({}));
        let lines = [line(&old), folders(&old), journals(&old), stream(&old)];
        assert!(lines.iter().all(Option::is_none), "{lines:?}");
        let told = agent(json!({
            "policy": {
                "received": "2026-01-02T03:04:05.000Z", "capabilities": ["hunt"], "artifacts": null,
                "shows_cmdline": true, "bounds": {"max_cpu_percent": 50, "max_rows": 10000}, "allow_rules": 2,
                "deny_rules": 1, "allow_roots": ["/srv", "/opt"], "deny_roots": [],
            },
            "journals": [{"journal": "0199", "last_seen": "2026-01-02T03:04:05.000Z"}],
            "stream": {"offset": 41, "gap_first": 3, "gap_last": 9},
        }));
        let shown = line(&told).unwrap();
        let expected = "hunt · all artifacts · 2 folders, 1 denied · processes.cmdline · max_cpu_percent 50 · max_rows 10,000";
        assert_eq!(shown, expected);
        assert_eq!(folders(&told).unwrap(), "allowed /srv /opt");
        assert_eq!(stream(&told).unwrap(), "offset 41 · 3 to 9 were gone before it read them");
        assert!(journals(&told).unwrap().starts_with("0199 ("));
    }
}
