//! `GET /metrics`: the fleet as one thing, for Prometheus.
//!
//! * [`families`]: every metric. [`text`]: the format. `fleet`: roll-ups of the agents.
//!
//! Figures of the fleet are derived from what is stored, at each scrape; the cost goes with the agents and the requests
//! on record, never with what agents have sent. How many series there are is bounded: labels take words of closed lists, and
//! ids of agents only when [`crate::config::Metrics`] says how many.

pub mod families;
mod fleet;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_api::Hold;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::request::Kind;
use muster_protocol::topology::Class;
use muster_runtime::process;

use crate::live::counters::{ENDS, OUTCOMES, Snapshot};
use crate::store::fleet::Known;
use crate::store::{Reader, StoreError, Table};
use families::Family;
use fleet::Fleet;
use text::Text;

/// How a request stands; none is in two.
const REQUEST_STATES: [&str; 5] = ["running", "paused", "cancelled", "open", "closed"];

/// What the store does not know.
#[derive(Debug)]
pub struct Present {
    /// The time.
    pub now: Timestamp,
    /// The link to the broker is up.
    pub is_connected: bool,
    /// The broker takes no messages.
    pub is_blocked: bool,
    /// The store can be written.
    pub is_writable: bool,
    /// Writes that wait.
    pub waiting: usize,
    /// Requests to the coordinator itself that it carries out.
    pub own: BTreeSet<RequestId>,
    /// What came in.
    pub counts: Snapshot,
    /// How many agents have series of their own.
    pub agents: usize,
}

/// Writes the answer.
pub fn metrics(
    reader: &Reader,
    agents: &[Arc<Known>],
    present: &Present,
) -> Result<String, StoreError> {
    let fleet = Fleet::new(agents, present.now);
    let mut text = Text::default();
    let version = env!("CARGO_PKG_VERSION");
    text.many(&families::BUILD_INFO, [([version], 1)]);
    text.one(&families::BROKER_CONNECTED, u8::from(present.is_connected));
    text.one(&families::BROKER_BLOCKED, u8::from(present.is_blocked));
    text.one(&families::STORE_WRITABLE, u8::from(present.is_writable));
    text.one(&families::STORE_BYTES, reader.bytes()?);
    unreadable(reader, &mut text);
    text.one(&families::STORE_WAITING, present.waiting);
    fleet.write(&mut text);
    let held: BTreeSet<_> = fleet.held().union(&present.own).copied().collect();
    let now = present.now;
    requests(reader, &mut text, &families::HUNTS, Kind::HuntStart, &held, now)?;
    requests(reader, &mut text, &families::PROFILES, Kind::ProfileStart, &held, now)?;
    text.one(&families::UNPUBLISHED, reader.unpublished(now)?.len());
    ingest(&mut text, &present.counts);
    let dead = reader.dead()?;
    let dead = dead.iter().map(|(class, reason, count, _)| ([class, reason], count));
    text.many(&families::DEAD, dead);
    own(&mut text);
    if present.agents > 0 {
        fleet.write_agents(&mut text, present.agents);
    }
    Ok(text.finish())
}

/// Writes how many records cannot be read, by table.
fn unreadable(reader: &Reader, text: &mut Text) {
    let mut counts = BTreeMap::from(Table::ALL.map(|table| (table.as_str(), 0_u64)));
    for ((table, _), count) in reader.unreadable().counts() {
        *counts.entry(table.as_str()).or_default() += count;
    }
    let counts = counts.into_iter().map(|(table, count)| ([table], count));
    text.many(&families::STORE_UNREADABLE, counts);
}

/// Writes the requests of a kind by state.
fn requests(
    reader: &Reader,
    text: &mut Text,
    family: &Family,
    kind: Kind,
    held: &BTreeSet<RequestId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut counts = BTreeMap::from(REQUEST_STATES.map(|state| (state, 0_u64)));
    for (id, not_after, hold) in reader.lives(kind.as_str())? {
        let is_held = held.contains(&id);
        let state = if hold.is_pause() && (is_held || now <= not_after) {
            "paused"
        } else if is_held {
            "running"
        } else if hold == Hold::Cancel {
            "cancelled"
        } else if now <= not_after {
            "open"
        } else {
            "closed"
        };
        *counts.entry(state).or_default() += 1;
    }
    text.many(family, counts.into_iter().map(|(state, count)| ([state], count)));
    Ok(())
}

/// Writes what came in. Series begin at 0, so that the first of a kind is seen as growth.
fn ingest(text: &mut Text, counts: &Snapshot) {
    let ended = |state: &str| counts.ended.get(state).copied().unwrap_or(0);
    text.many(&families::ENDED, ENDS.map(|end| ([end.as_str()], ended(end.as_str()))));
    let messages = Class::ALL.into_iter().flat_map(|class| {
        OUTCOMES.map(|outcome| {
            let labels = (class.as_str(), outcome);
            ([labels.0, labels.1], counts.messages.get(&labels).copied().unwrap_or(0))
        })
    });
    text.many(&families::MESSAGES, messages);
    let bytes = Class::ALL.map(Class::as_str);
    let bytes = bytes.map(|class| ([class], counts.bytes.get(class).copied().unwrap_or(0)));
    text.many(&families::BYTES, bytes);
    text.one(&families::ROWS, counts.rows);
}

/// Writes what the coordinator costs, under the names that every exporter uses.
fn own(text: &mut Text) {
    let cost = process::Meter::default().read();
    text.one(&families::CPU, process::cpu().as_secs_f64());
    text.one(&families::RSS, cost.rss_bytes);
    text.one(&families::THREADS, cost.threads);
    text.one(&families::FDS, cost.fds);
    text.one(&families::FDS_MAX, process::fds_max());
    text.one(&families::STARTED, process::started_s());
}

#[cfg(test)]
mod tests;
