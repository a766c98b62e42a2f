//! Which processes report under one agent's id, and what the order of their samples proves. Pure: no I/O, and no clock of
//! its own.
//!
//! An agent holds an exclusive lock on its folder, so on one machine an instance ends before the next begins. Two
//! instances that report by turns (A, B, A) are a *clone*: two machines, or two copies of the folder, under one id. A
//! later instance whose journal has put fewer messages into its outbox than an earlier one reported runs on a journal
//! that was *set back*: a snapshot was restored.
//!
//! Neither telemetry that is lost, nor a sample that is delivered twice, nor one of the old instance that arrives
//! [`INSTANCE_LATE_MS_MAX`] after the new one's first makes a restart look like a clone. Which of two clones goes on is
//! not a security property: someone with the agent's password can report what they like.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, InstanceId, JournalId, MachineId};
use muster_protocol::limits::{
    CLONE_SHOWN_MS_MAX, IDENTITY_FAULTS_MAX, INSTANCE_LATE_MS_MAX, INSTANCES_MAX, TEXT_BYTES_MAX,
};
use muster_protocol::result::{Instance, Telemetry};
use serde::{Deserialize, Serialize};

/// A resumed machine repeats at least so many numbers of samples: a minute's.
const RESUMED_SAMPLES_MIN: u64 = 6;

/// What is or was wrong with the identities of agents, by agent.
pub type Faults = BTreeMap<AgentId, Vec<Fault>>;

/// One instance of an agent, as its samples describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: InstanceId,
    /// When it began, by the agent's clock.
    pub started: Timestamp,
    /// When its newest sample was taken, by the agent's clock.
    at: Timestamp,
    /// The number of its newest sample.
    sample: u64,
    /// When its first sample was received.
    first: Timestamp,
    /// When its newest sample was received.
    last: Timestamp,
    machine: Option<MachineId>,
    host: String,
    journal: JournalId,
    /// The journal's generation in the first sample that was received, and the highest.
    generations: (u64, u64),
    /// Its samples began again at a lower number: the machine was resumed from a snapshot with its memory.
    is_resumed: bool,
}

/// What is wrong with an agent's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Two instances report at the same time.
    Clone,
    /// The later instance runs on an older state of the journal.
    SetBack,
}

/// One of the two instances of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The instance.
    pub instance: InstanceId,
    /// Its machine.
    pub machine: Option<MachineId>,
    /// Name of its machine.
    pub host: String,
}

/// What two instances of an agent prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Since when, by the coordinator's clock.
    pub since: Timestamp,
    /// When it was last so.
    pub until: Timestamp,
    /// The journal of the later instance.
    pub journal: JournalId,
    /// The earlier instance and the later one.
    pub sides: [Side; 2],
}

impl Fault {
    /// Describes it in one line.
    pub fn text(&self) -> String {
        let [older, newer] = &self.sides;
        let since = self.since;
        match self.kind {
            FaultKind::Clone => format!(
                "{} and {} report at the same time, since {since}",
                older.text(),
                newer.text()
            ),
            FaultKind::SetBack => {
                format!("the journal on {} was set back, seen {since}", newer.text())
            }
        }
    }
}

impl Side {
    fn text(&self) -> String {
        let id = self.machine.map(|machine| machine.to_string()).unwrap_or_default();
        match id.split('-').next() {
            Some(short) if !short.is_empty() => format!("{} (machine {short})", self.host),
            _ => self.host.clone(),
        }
    }
}

/// Returns the faults that hold at `now`, of an agent that was last heard of on this journal.
pub fn present(
    faults: &[Fault],
    journal: Option<JournalId>,
    now: Timestamp,
) -> impl Iterator<Item = &Fault> {
    faults.iter().filter(move |fault| match fault.kind {
        FaultKind::Clone => now.since_ms(fault.until) <= CLONE_SHOWN_MS_MAX,
        FaultKind::SetBack => Some(fault.journal) == journal,
    })
}

/// The last instances of one agent, and what was wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    records: Vec<Record>,
    faults: Vec<Fault>,
}

impl Instances {
    /// Takes a sample that was received at `now`.
    pub fn apply(&mut self, sample: &Telemetry, now: Timestamp) {
        let Some(instance) = sample.instance else { return };
        if !self.update(sample, &instance, now) {
            return;
        }
        let Some(own) = self.records.iter().find(|record| record.id == instance.id) else { return };
        let others = self.records.iter().filter(|record| record.id != own.id);
        let mut found: Vec<_> = others.filter_map(|other| judge(own, other)).collect();
        if own.is_resumed {
            found.push(fault(FaultKind::SetBack, own, own, (own.last, own.last)));
        }
        for fault in found {
            self.keep(&fault);
        }
    }

    /// Returns the faults, the latest last.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Returns whether the sample is news.
    fn update(&mut self, sample: &Telemetry, instance: &Instance, now: Timestamp) -> bool {
        let mut host = sample.host.clone();
        host.truncate(host.floor_char_boundary(TEXT_BYTES_MAX));
        if let Some(held) = self.records.iter_mut().find(|record| record.id == instance.id) {
            // Delivered twice, or overtaken by a later one: nothing that was not known.
            if instance.sample <= held.sample && !is_resumed(held, sample, instance) {
                return false;
            }
            held.is_resumed |= instance.sample <= held.sample;
            held.at = sample.at;
            held.sample = instance.sample;
            held.last = held.last.max(now);
            held.host = host;
            held.generations.1 = held.generations.1.max(instance.generation);
            return true;
        }
        if self.records.len() >= INSTANCES_MAX {
            let oldest = self.records.iter().enumerate().min_by_key(|(_, record)| record.last);
            if let Some((at, _)) = oldest {
                self.records.remove(at);
            }
        }
        self.records.push(Record {
            id: instance.id,
            started: instance.started,
            at: sample.at,
            sample: instance.sample,
            first: now,
            last: now,
            machine: instance.machine,
            host,
            journal: sample.journal,
            generations: (instance.generation, instance.generation),
            is_resumed: false,
        });
        true
    }

    fn keep(&mut self, fault: &Fault) {
        let pair = |fault: &Fault| {
            let [one, other] = &fault.sides;
            (one.instance.min(other.instance), one.instance.max(other.instance))
        };
        let is_of_pair = |held: &Fault| pair(held) == pair(fault);
        // A clone explains a generation that went back.
        let is_known_clone = |held: &Fault| is_of_pair(held) && held.kind == FaultKind::Clone;
        if fault.kind == FaultKind::SetBack && self.faults.iter().any(is_known_clone) {
            return;
        }
        let mut fault = fault.clone();
        if let Some(held) =
            self.faults.iter().find(|held| is_of_pair(held) && held.kind == fault.kind)
        {
            fault.since = fault.since.min(held.since);
        }
        self.faults.retain(|held| !is_of_pair(held));
        if self.faults.len() >= IDENTITY_FAULTS_MAX {
            self.faults.remove(0);
        }
        self.faults.push(fault);
    }
}

/// The numbers of an instance's samples began again, though time went on. Two of them that change places are not meant.
fn is_resumed(held: &Record, sample: &Telemetry, instance: &Instance) -> bool {
    let behind = held.sample.saturating_sub(instance.sample);
    behind >= RESUMED_SAMPLES_MIN && sample.at > held.at
}

/// Returns what two instances of one agent prove together.
fn judge(one: &Record, other: &Record) -> Option<Fault> {
    if is_clone(one, other) {
        let (older, newer) = if one.first <= other.first { (one, other) } else { (other, one) };
        let until = older.last.min(newer.last);
        return Some(fault(FaultKind::Clone, older, newer, (newer.first, until)));
    }
    let pairs = [(one, other), (other, one)];
    let (older, newer) = pairs.into_iter().find(|(older, newer)| is_set_back(older, newer))?;
    Some(fault(FaultKind::SetBack, older, newer, (newer.first, newer.last)))
}

fn fault(
    kind: FaultKind,
    older: &Record,
    newer: &Record,
    (since, until): (Timestamp, Timestamp),
) -> Fault {
    let sides = [older, newer].map(|record| Side {
        instance: record.id,
        machine: record.machine,
        host: record.host.clone(),
    });
    Fault { kind, since, until, journal: newer.journal, sides }
}

/// Each was heard after the other had been, and neither can be a straggler of the other's predecessor: by their own clocks
/// they lived at the same time, or, whatever their clocks, each was heard too late for that.
fn is_clone(one: &Record, other: &Record) -> bool {
    let heard_after_ms = |a: &Record, b: &Record| a.last.since_ms(b.first);
    let least_ms = heard_after_ms(one, other).min(heard_after_ms(other, one));
    let at_once = one.at > other.started && other.at > one.started;
    (least_ms >= 0 && at_once) || least_ms > INSTANCE_LATE_MS_MAX
}

/// The newer instance began with fewer messages than the older one had reported of the same journal.
fn is_set_back(older: &Record, newer: &Record) -> bool {
    let is_successor =
        newer.started > older.started || newer.first.since_ms(older.last) > INSTANCE_LATE_MS_MAX;
    is_successor && newer.journal == older.journal && newer.generations.0 < older.generations.1
}

#[cfg(test)]
mod tests;
