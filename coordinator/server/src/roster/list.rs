//! The list of agents: what a filter leaves of the roster, in one of several orders.

use std::sync::Arc;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::request::target::Matcher;

use super::facets::Counts;
use super::order::{self, Cut, Direction, Key, Value};
use super::state;
use crate::store::fleet::Known;
use muster_api::{AgentState, Facets};

/// What an agent must be to be listed: everything that is given holds.
#[derive(Debug, Default)]
pub struct Filter {
    /// A target expression means it.
    pub target: Option<Matcher>,
    /// Its id, name, host or a label holds this text, which is in lower case.
    pub text: Option<String>,
    /// It is in one of these states.
    pub states: Option<Vec<AgentState>>,
}

impl Filter {
    fn leaves(&self, known: &Known, state: AgentState) -> bool {
        // The id of a request decides a sample only, and a list has none.
        let request = RequestId::from_bytes([0; 16]);
        self.states.as_ref().is_none_or(|states| states.contains(&state))
            && self.text.as_ref().is_none_or(|text| known.holds(text))
            && self.target.as_ref().is_none_or(|target| target.matches(&known.facts, &request))
    }
}

/// What agents are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The id.
    Id,
    /// Name of the machine.
    Host,
    /// When it was last heard of.
    LastSeen,
    /// CPU in its last sample.
    Cpu,
    /// Memory in its last sample.
    Rss,
    /// What waits in its outbox.
    Outbox,
    /// Version of the agent.
    Version,
}

impl Field {
    /// Every field, by its name in a query.
    pub const ALL: [(&'static str, Self); 7] = [
        ("id", Self::Id),
        ("host", Self::Host),
        ("last_seen", Self::LastSeen),
        ("cpu", Self::Cpu),
        ("rss", Self::Rss),
        ("outbox", Self::Outbox),
        ("version", Self::Version),
    ];

    fn value(self, known: &Known) -> Value {
        let heard = known.agent.heard.as_ref();
        let of = |value: Option<Value>| value.unwrap_or(Value::Unknown);
        match self {
            Self::Id => Value::Text(known.facts.id.clone()),
            Self::Host => Value::Text(known.facts.host.clone()),
            Self::LastSeen => of(heard.map(|(at, _)| Value::Number(at.0))),
            Self::Cpu => of(heard.map(|(_, said)| Value::figure(super::finite(said.cpu_percent)))),
            Self::Rss => of(heard.map(|(_, said)| Value::count(said.rss_bytes))),
            Self::Outbox => of(heard.map(|(_, said)| Value::count(said.outbox_bytes))),
            Self::Version => Value::version(&known.facts.version),
        }
    }
}

/// What is left of the roster, and a page of it.
#[derive(Debug)]
pub struct Listed<'a> {
    /// The page.
    pub page: Cut<&'a Known>,
    /// How many agents the filter leaves.
    pub total: u64,
    /// What they are, where that was asked for.
    pub facets: Option<Facets>,
}

/// Whether to count what the agents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It is asked for.
    Yes,
    /// It is not.
    No,
}

/// Lists the agents that a filter leaves: the page after a key.
pub fn list<'a>(
    agents: &'a [Arc<Known>],
    filter: &Filter,
    (field, direction): (Field, Direction),
    (after, limit): (Option<&Key>, usize),
    counted: Counted,
    now: Timestamp,
) -> Listed<'a> {
    let states = agents.iter().map(|known| (known.as_ref(), state(&known.agent, now)));
    let left: Vec<_> = states.filter(|(known, state)| filter.leaves(known, *state)).collect();
    let facets = (counted == Counted::Yes).then(|| {
        let mut counts = Counts::default();
        for (known, state) in &left {
            counts.add(known, *state);
        }
        counts.shown()
    });
    let total = left.len() as u64;
    let keyed = left.into_iter().map(|(known, _)| {
        let (value, id) = (field.value(known), known.facts.id.clone());
        (Key { behind: None, value, id }, known)
    });
    Listed { page: order::cut(keyed, direction, after, limit), total, facets }
}

#[cfg(test)]
mod tests;
