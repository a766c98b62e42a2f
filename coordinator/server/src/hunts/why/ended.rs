//! What went wrong on agents that have ended without finishing, with the advice for each code.

use muster_api::{CollectionBrief, Finding, HuntView};

use super::{doing, finding, grouped};

/// Returns why agents did not finish.
pub(super) fn findings(hunt: &HuntView, parts: &[CollectionBrief]) -> Vec<Finding> {
    let wrong = ["failed", "declined", "incomplete", "expired", "cancelled"];
    let mut found = Vec::new();
    for state in wrong {
        let of_state = parts.iter().filter(|part| part.state == state);
        for (code, group) in grouped(of_state, |part| part.code.clone()) {
            let reasons = grouped(group.iter().copied(), |part| part.reason.clone());
            let reason = reasons.first().map_or("", |(reason, _)| reason.as_str());
            let others = match reasons.len() {
                0 | 1 => "",
                _ => ", and others",
            };
            let because = match (code.as_str(), reason) {
                ("", "") => String::new(),
                ("", reason) => format!(": {reason}{others}"),
                (code, "") => format!(" ({code})"),
                (code, reason) => format!(" ({code}): {reason}{others}"),
            };
            let says = format!("{}{because}.", words(state, &group));
            found.push(finding(state, &code, &group, says, &advice(hunt, state, &code)));
        }
    }
    found
}

fn words(state: &str, group: &[&CollectionBrief]) -> String {
    match state {
        "failed" | "declined" => doing(group, state, state),
        "incomplete" => {
            doing(group, "is", "are") + " incomplete: what is missing does not come any more"
        }
        "expired" => doing(group, "never", "never") + " began in time",
        _ => doing(group, "was", "were") + " cancelled",
    }
}

/// Returns what would change it.
fn advice(hunt: &HuntView, state: &str, code: &str) -> String {
    let text = match (state, code) {
        ("failed", "timeout") => "a longer --timeout, or fewer roots",
        ("failed", "limit") => {
            "the limit that the reason names, raised: --max-rows, --max-bytes, --max-memory"
        }
        ("failed", "no_root") => {
            "another --root, or --target without these agents; the machine's policy may hide it: muster agents show AGENT"
        }
        ("failed", "stuck" | "no_descriptors") | ("declined", "stuck") => {
            "look at the machine: mounts that hang, ulimit -n; then restart its agent"
        }
        ("failed", "agent_died") => {
            "the agent's log on the machine says what ended it: journalctl -u muster-agent"
        }
        ("failed", "quota") => {
            "fewer rows (--include, --min-size, --ioc), or a quota of the coordinator"
        }
        ("failed", "rejected" | "conflict") => "muster doctor --dead",
        ("failed", "panic" | "bug") => "report it with the agent's log",
        ("failed", "list_missing" | "list_damaged") | ("declined", "list_missing") => {
            "launch the hunt again: its list is sent again"
        }
        ("declined", "policy") => "muster agents show AGENT",
        ("declined", "not_matched") => {
            "the target fits the agents as they are now: muster agents preview --target EXPR"
        }
        ("declined", "expired") | ("expired", "") => "a longer --expires",
        ("declined", "too_many") => {
            "wait until what is queued there is done: muster agents requests AGENT"
        }
        ("declined", "revoked_key") => "sign with a key that is not revoked",
        ("declined", "unknown_kind" | "unknown_verb" | "out_of_bounds" | "unsupported") => {
            "a newer agent on these machines: muster agents list --sort version"
        }
        (_, "revoked") => "nothing: the agent is not part of the fleet any more",
        _ => return format!("muster hunt show {} --agents", hunt.id),
    };
    text.to_owned()
}
