//! What is wrong, and what to do about it. Every check is always in the answer, the good ones too.

mod broker;
mod silence;

use std::sync::Arc;

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::CLOCK_SKEW_MS_MAX;

pub use self::broker::Seen;
use crate::instances::FaultKind;
use crate::roster;
use crate::store::fleet::Known;
use crate::store::{Reader, StoreError, StoredAgent, Unreadable};
use muster_api::{Check, Doctor, Verdict};

/// Names that one message lists.
const NAMED_MAX: usize = 5;
/// The same of agents whose results were refused.
const DEAD_NAMED_MAX: u32 = 5;

/// Looks at everything. `trouble` is why the store cannot be written, while that is so.
pub fn doctor(
    reader: &Reader,
    agents: &[Arc<Known>],
    trouble: Option<&str>,
    broker: &Seen<'_>,
    now: Timestamp,
) -> Result<Doctor, StoreError> {
    let enrolled = || agents.iter().filter(|known| known.agent.revoked.is_none());
    let known: Vec<_> = enrolled().map(Arc::as_ref).collect();
    let [clones, set_back] = identities(&known, now);
    let enrolled: Vec<_> = enrolled().map(|known| &known.agent).collect();
    let checks = vec![
        broker::link(broker.link),
        broker::queues(broker, now),
        broker::directed(broker.look, &enrolled),
        broker::settings(broker),
        store(trouble),
        dead_letters(&reader.dead()?, &reader.dead_agents(DEAD_NAMED_MAX)?),
        quarantine(&enrolled),
        unreadable(reader.unreadable()),
        read_models(reader)?,
        unpublished(reader, now)?,
        silence::silent(&enrolled, broker, now),
        silence::never_heard(&enrolled, now),
        clones,
        set_back,
        clocks(&enrolled),
        full(&enrolled),
    ];
    let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok);
    Ok(Doctor { verdict, checks })
}

fn well(name: &str, message: impl Into<String>) -> Check {
    let next = String::new();
    Check { name: name.to_owned(), verdict: Verdict::Ok, message: message.into(), next }
}

fn ill(name: &str, verdict: Verdict, message: String, next: &str) -> Check {
    Check { name: name.to_owned(), verdict, message, next: next.to_owned() }
}

/// Names the first of those that something is wrong with.
fn listed(name: &str, verdict: Verdict, whom: &[String], what: &str, next: &str) -> Check {
    if whom.is_empty() {
        return well(name, "none");
    }
    let named: Vec<_> = whom.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = if whom.len() > NAMED_MAX { ", …" } else { "" };
    ill(name, verdict, format!("{} {what}: {}{more}", whom.len(), named.join(", ")), next)
}

fn store(trouble: Option<&str>) -> Check {
    match trouble {
        None => well("store", "it can be written"),
        Some(why) => {
            let message = format!("it cannot be written, results wait at the broker: {why}");
            ill("store", Verdict::Bad, message, "make room on its disk; it goes on by itself")
        }
    }
}

fn dead_letters(dead: &[(String, String, u64, Timestamp)], agents: &[(String, u64)]) -> Check {
    let all: u64 = dead.iter().map(|(_, _, count, _)| count).sum();
    if all == 0 {
        return well("dead_letters", "none");
    }
    let named = dead.iter().take(NAMED_MAX);
    let named: Vec<_> =
        named.map(|(class, reason, count, _)| format!("{count} of {class} ({reason})")).collect();
    let last = dead.iter().map(|(_, _, _, last)| *last).max().unwrap_or_default();
    let mut message =
        format!("{all} results were refused, the last at {last}: {}", named.join(", "));
    if !agents.is_empty() {
        let agents: Vec<_> =
            agents.iter().map(|(agent, count)| format!("{agent} ({count})")).collect();
        message = format!("{message}; from {}", agents.join(", "));
    }
    ill("dead_letters", Verdict::Warn, message, "look into the queue results.dead")
}

/// Names what of the store cannot be read, by table and agent.
fn unreadable(records: &Unreadable) -> Check {
    let counts = records.counts();
    let all: u64 = counts.values().sum();
    if all == 0 {
        return well("unreadable_records", "none");
    }
    let named = counts.iter().take(NAMED_MAX).map(|((table, agent), count)| match agent.as_str() {
        "" => format!("{count} of {}", table.as_str()),
        agent => format!("{count} of {} ({agent})", table.as_str()),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = if counts.len() > NAMED_MAX { ", …" } else { "" };
    let least = if records.is_full() { "at least " } else { "" };
    let message =
        format!("{least}{all} stored records cannot be read and are left out: {named}{more}");
    let next =
        "the coordinator's log names the cause of each; keep a copy of muster.sqlite and report it";
    ill("unreadable_records", Verdict::Warn, message, next)
}

/// Holds some of the read models against what they are made of.
fn read_models(reader: &Reader) -> Result<Check, StoreError> {
    let looked = reader.look_at_collections()?;
    let different = looked.different.iter().map(|(request, agent)| format!("{request} {agent}"));
    let different: Vec<_> = different.collect();
    if different.is_empty() {
        let message = format!("{} collections are what their sources make of them", looked.rows);
        return Ok(well("read_models", message));
    }
    let what = format!("of {} collections are not what their sources make of them", looked.rows);
    let next = "muster doctor --rebuild; then report it with the coordinator's log";
    Ok(listed("read_models", Verdict::Warn, &different, &what, next))
}

fn quarantine(agents: &[&StoredAgent]) -> Check {
    let named = |agent: &&StoredAgent| {
        let quarantine = agent.quarantine.as_ref()?;
        Some(format!("{} ({})", agent.id, quarantine.cause))
    };
    let quarantined: Vec<_> = agents.iter().filter_map(named).collect();
    let what =
        "agents are in quarantine: the broker shuts them out, what they had sent is set aside";
    let next = "find out why; then muster agents release ID, or muster agents revoke ID";
    listed("quarantine", Verdict::Bad, &quarantined, what, next)
}

fn unpublished(reader: &Reader, now: Timestamp) -> Result<Check, StoreError> {
    let waiting = reader.unpublished(now)?;
    let waiting: Vec<_> = waiting.iter().map(|request| request.id.to_string()).collect();
    let what = "requests that the broker has not confirmed";
    let next = "muster broker status: is a queue full, or gone?";
    Ok(listed("unpublished", Verdict::Warn, &waiting, what, next))
}

fn identities(agents: &[&Known], now: Timestamp) -> [Check; 2] {
    let of = |kind: FaultKind| {
        let present = agents.iter().flat_map(|known| {
            let faults = roster::present_faults(known, now);
            faults
                .filter(move |fault| fault.kind == kind)
                .map(|fault| format!("{}: {}", known.agent.id, fault.text()))
        });
        present.collect::<Vec<_>>()
    };
    let what = "pairs of machines, or of copies of a folder, that answer under one id";
    let next = "enrol one of each pair under a name of its own: muster agents enrol";
    let clones = listed("clones", Verdict::Bad, &of(FaultKind::Clone), what, next);
    let what = "journals that were set back: results of that time may be marked `conflict`";
    let next =
        "on that machine: stop the agent, remove journal.sqlite* from its state_dir, start it";
    let set_back = listed("set_back", Verdict::Bad, &of(FaultKind::SetBack), what, next);
    [clones, set_back]
}

fn clocks(agents: &[&StoredAgent]) -> Check {
    let wrong = agents.iter().filter_map(|agent| {
        let (received, sample) = agent.heard.as_ref()?;
        let offset_ms = sample.at.since_ms(*received);
        // Half of what makes requests fail leaves time to act.
        (offset_ms.abs() > CLOCK_SKEW_MS_MAX / 2).then(|| format!("{} ({offset_ms} ms)", agent.id))
    });
    let wrong: Vec<_> = wrong.collect();
    let next = "set their clocks: a request from the future or the past is declined";
    listed("clocks", Verdict::Warn, &wrong, "agents whose clock is wrong", next)
}

fn full(agents: &[&StoredAgent]) -> Check {
    let full = agents
        .iter()
        .filter(|agent| agent.heard.as_ref().is_some_and(|(_, sample)| sample.journal_full));
    let full: Vec<_> = full.map(|agent| agent.id.to_string()).collect();
    let next = "make room on their disks; they go on by themselves";
    listed("journal_full", Verdict::Bad, &full, "agents that cannot write their journal", next)
}

#[cfg(test)]
mod tests;
