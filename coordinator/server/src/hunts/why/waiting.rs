//! What holds a hunt up.

use std::collections::BTreeMap;

use muster_api::{CollectionBrief, CollectionView, Finding, HuntView, Spent, units};
use muster_protocol::limits::SILENT_MS_MAX;

use super::{doing, finding, grouped};

/// Returns what the hunt waits for.
pub(super) fn findings(
    hunt: &HuntView,
    parts: &[CollectionBrief],
    slowest: &[CollectionView],
) -> Vec<Finding> {
    let mut found = of_the_whole(hunt);
    let in_state = |state: &'static str| parts.iter().filter(move |part| part.state == state);
    for (code, group) in grouped(in_state("silent"), |part| part.code.clone()) {
        let longest = group.iter().max_by_key(|part| part.silent_s);
        let since = longest.and_then(|part| Some((part, part.silent_s?)));
        let since = since.map_or_else(
            || ", never".to_owned(),
            |(part, seconds)| {
                format!("; {} for {}", part.agent, units::duration_ms(seconds * 1_000))
            },
        );
        let says = match code.as_str() {
            "" => format!(
                "{} not been heard of{since}. They may still begin until {}.",
                doing(&group, "has", "have"),
                hunt.expires
            ),
            _ => format!("{} silent: {}.", doing(&group, "is", "are"), reason(&group)),
        };
        let next =
            if code.is_empty() { "muster agents list --state silent,new" } else { "muster doctor" };
        found.push(finding("silent", &code, &group, says, next));
    }
    let seen: Vec<_> = in_state("seen").collect();
    if !seen.is_empty() {
        let says =
            format!("{} read the request and not answered yet.", doing(&seen, "has", "have"));
        found.push(finding("seen", "", &seen, says, ""));
    }
    for (code, group) in grouped(in_state("queued"), |part| part.code.clone()) {
        let wait = doing(&group, "waits", "wait");
        let says = match code.as_str() {
            "" => format!("{wait} for a lane: as many hunts run there as may."),
            _ => format!("{wait}: {}.", reason(&group)),
        };
        let first = group.first().map_or("", |part| part.agent.as_str());
        let next = format!("muster agents requests {first}");
        found.push(finding(
            "queued",
            &code,
            &group,
            says,
            if code.is_empty() { &next } else { "" },
        ));
    }
    found.extend(of_those_that_run(hunt, parts, slowest));
    let finishing: Vec<_> = in_state("finishing").collect();
    if !finishing.is_empty() {
        let have = doing(&finishing, "has", "have");
        let says = format!("{have} ended, and not all that was sent is stored yet.");
        found.push(finding("finishing", "", &finishing, says, "muster doctor"));
    }
    found
}

/// Returns what holds up all of it.
fn of_the_whole(hunt: &HuntView) -> Vec<Finding> {
    let mut found = Vec::new();
    let whole = |kind: &str, says: String, next: String| Finding {
        kind: kind.to_owned(),
        code: String::new(),
        agents: hunt.targeted,
        named: Vec::new(),
        says,
        next,
    };
    if !hunt.published && !hunt.done {
        let says = "The broker has not confirmed the request: no agent has it.".to_owned();
        found.push(whole("not_published", says, "muster doctor".to_owned()));
    }
    found.extend(
        hunt.notes.iter().map(|note| whole("note", format!("{note}."), "muster doctor".to_owned())),
    );
    let last = hunt.controls.iter().rev().find(|control| control.verb != "resume");
    if let (false, "pause" | "drain", Some(last)) = (hunt.done, hunt.hold.as_str(), last) {
        let applied = hunt.applied.as_ref().filter(|applied| applied.revision == last.revision);
        let applied = applied.map_or_else(String::new, |applied| {
            format!(
                "; {} of {} have applied it",
                units::count(applied.applied),
                units::agents(applied.of)
            )
        });
        let verb = if last.verb == "pause" { "paused" } else { "draining" };
        let says = format!("It is {verb} by {} since {}{applied}.", last.operator, last.at);
        found.push(whole("paused", says, format!("muster hunt resume {}", hunt.id)));
    }
    found
}

/// Returns what the parts that run wait for most.
fn of_those_that_run(
    hunt: &HuntView,
    parts: &[CollectionBrief],
    slowest: &[CollectionView],
) -> Vec<Finding> {
    let spent: BTreeMap<&str, &Spent> =
        slowest.iter().map(|part| (part.agent.as_str(), &part.spent)).collect();
    let running = parts.iter().filter(|part| part.state == "running");
    let cause = |part: &CollectionBrief| cause(part, spent.get(part.agent.as_str()).copied());
    let mut found = Vec::new();
    for (cause, group) in grouped(running, cause) {
        let longest = group.iter().max_by_key(|part| part.age_ms);
        let place = longest.map_or_else(String::new, |part| {
            let path =
                if part.path.is_empty() { String::new() } else { format!(", at {}", part.path) };
            format!("; the longest, {}, for {}{path}", part.agent, units::duration_ms(part.age_ms))
        });
        let (why, next) = words(cause);
        let next = match (cause, longest) {
            ("stalled", Some(part)) => {
                format!("muster profile top {} --agent {}", hunt.id, part.agent)
            }
            _ => next.to_owned(),
        };
        let says = format!("{}{why}{place}.", doing(&group, "runs", "run"));
        found.push(finding(cause, "", &group, says, &next));
    }
    found
}

/// Returns what a running part waits for most; `working` where it is none of the named.
fn cause(part: &CollectionBrief, spent: Option<&Spent>) -> &'static str {
    const NAMED: [&str; 8] =
        ["limit", "outbox", "journal", "peers", "open", "read", "list", "processor"];
    if part.code == "stalled" {
        return "stalled";
    }
    let silent_ms = part.silent_s.unwrap_or(0).saturating_mul(1_000);
    if silent_ms > SILENT_MS_MAX.unsigned_abs() {
        return "out_of_sight";
    }
    if part.age_ms > 0 && part.throttled_ms.saturating_mul(2) > part.age_ms {
        return "limit";
    }
    let Some(spent) = spent.filter(|spent| spent.threads_ms > 0) else { return "working" };
    let most = NAMED.into_iter().max_by_key(|name| spent.waits_ms.get(*name).copied().unwrap_or(0));
    let most = most.filter(|name| {
        let waited = spent.waits_ms.get(*name).copied().unwrap_or(0);
        waited.saturating_mul(2) > spent.threads_ms
    });
    most.unwrap_or("working")
}

/// Returns what a cause means, and what would change it.
fn words(cause: &str) -> (&'static str, &'static str) {
    match cause {
        "limit" => (
            ", most of the time held back by limits",
            "higher limits: --max-mbps, --max-files-per-s, --max-cpu, or the machine's policy",
        ),
        "outbox" => (", waiting for the outbox: the broker takes rows too slowly", "muster doctor"),
        "journal" => {
            (", waiting for the disk of the journal", "look at the disk of the agent's state_dir")
        }
        "peers" => (", waiting for files that other hunts of the same agent read", ""),
        "open" => (
            ", waiting for files to open: a file system answers slowly",
            "--one-file-system or --exclude keeps out what hangs; --on-stall=60s profiles it",
        ),
        "read" => (", waiting for the disk", ""),
        "list" => (", waiting for folders to be read", ""),
        "processor" => (", waiting for a processor: others use the machine", ""),
        "stalled" => (" without moving: a profile of it is in", ""),
        "out_of_sight" => (
            ", out of sight: a silent agent goes on when it is back",
            "muster agents list --state silent",
        ),
        _ => (", and is at work", ""),
    }
}

/// Returns what the first part of a group gave as its reason.
fn reason<'a>(group: &[&'a CollectionBrief]) -> &'a str {
    let first = group.first();
    first.map_or("", |part| if part.reason.is_empty() { &part.code } else { &part.reason })
}
