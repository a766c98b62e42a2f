//! Roll-ups: the agents as one fleet. No text that comes from an endpoint becomes a label.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::result::Telemetry;

use super::families::{self, Family};
use super::text::Text;
use crate::curves::Rolled;
use crate::roster;
use crate::store::StoredAgent;
use crate::store::fleet::Known;
use muster_api::AgentState;
use muster_api::quantile::rank;

const QUANTILES: [(&str, f64); 4] = [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99), ("1", 1.0)];

/// A figure of each agent, and the three ways in which it is shown.
struct Figure {
    sum: &'static Family,
    quantiles: &'static Family,
    single: &'static Family,
    take: fn(&Rolled) -> u64,
    /// How many of what is kept are one of what is shown.
    unit: f64,
}

impl Figure {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn shown(&self, value: u64) -> f64 {
        value as f64 / self.unit
    }
}

const FIGURES: [Figure; 4] = [
    Figure {
        sum: &families::FLEET_CPU,
        quantiles: &families::AGENT_CPU_OF_FLEET,
        single: &families::AGENT_CPU,
        take: |rolled| rolled.cpu.sum,
        unit: 1_000.0,
    },
    Figure {
        sum: &families::FLEET_RSS,
        quantiles: &families::AGENT_RSS_OF_FLEET,
        single: &families::AGENT_RSS,
        take: |rolled| rolled.rss.sum,
        unit: 1.0,
    },
    Figure {
        sum: &families::FLEET_READ,
        quantiles: &families::AGENT_READ_OF_FLEET,
        single: &families::AGENT_READ,
        take: |rolled| rolled.read.sum,
        unit: 1.0,
    },
    Figure {
        sum: &families::FLEET_WRITTEN,
        quantiles: &families::AGENT_WRITTEN_OF_FLEET,
        single: &families::AGENT_WRITTEN,
        take: |rolled| rolled.written.sum,
        unit: 1.0,
    },
];

/// The agents at one moment.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    agents: Vec<(&'a StoredAgent, AgentState)>,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(agents: &'a [Arc<Known>], now: Timestamp) -> Self {
        let agents = agents.iter().map(|known| (&known.agent, roster::state(&known.agent, now)));
        Self { agents: agents.collect() }
    }

    /// Returns the last samples of those that are live: what a silent one said is not so any more.
    fn live(&self) -> impl Iterator<Item = (&'a StoredAgent, &'a Telemetry)> {
        let live = self.agents.iter().filter(|(_, state)| *state == AgentState::Live);
        live.filter_map(|(agent, _)| Some((*agent, &agent.heard.as_ref()?.1)))
    }

    /// Returns the requests that live agents hold, waiting or running.
    pub(super) fn held(&self) -> BTreeSet<RequestId> {
        self.live().flat_map(|(_, said)| &said.collections).map(|held| held.request).collect()
    }

    /// Writes states, sums and quantiles.
    pub(super) fn write(&self, text: &mut Text) {
        let count = |wanted| self.agents.iter().filter(|(_, state)| *state == wanted).count();
        text.many(&families::AGENTS, AgentState::ALL.map(|state| ([state.as_str()], count(state))));
        let rolled: Vec<_> = self.live().map(|(_, said)| Rolled::of(said)).collect();
        for figure in &FIGURES {
            let sum = rolled.iter().map(figure.take).fold(0, u64::saturating_add);
            text.one(figure.sum, figure.shown(sum));
        }
        let sum = |take: fn(&Telemetry) -> u64| {
            self.live().map(|(_, said)| take(said)).fold(0, u64::saturating_add)
        };
        text.one(&families::FLEET_OUTBOX_BYTES, sum(|said| said.outbox_bytes));
        text.one(&families::FLEET_OUTBOX_MESSAGES, sum(|said| said.outbox_messages));
        text.one(&families::FLEET_JOURNALS_FULL, sum(|said| said.journal_full.into()));
        let collections = ["queued", "running", "paused"].map(|state| {
            let held = self.live().flat_map(|(_, said)| &said.collections);
            ([state], held.filter(|held| held.state == state).count())
        });
        text.many(&families::FLEET_COLLECTIONS, collections);
        for figure in &FIGURES {
            let mut values: Vec<_> = rolled.iter().map(figure.take).collect();
            values.sort_unstable();
            let of = |(name, share)| {
                let value = values.get(rank(values.len(), share)?)?;
                Some(([name], figure.shown(*value)))
            };
            text.many(figure.quantiles, QUANTILES.into_iter().filter_map(of));
        }
    }

    /// Writes series of single agents, of the first `room` by id that were not revoked.
    pub(super) fn write_agents(&self, text: &mut Text, room: usize) {
        let enrolled = || self.agents.iter().filter(|(_, state)| *state != AgentState::Revoked);
        let shown = || enrolled().take(room);
        text.many(
            &families::AGENT_LIVE,
            shown()
                .map(|(agent, state)| ([agent.id.as_str()], u8::from(*state == AgentState::Live))),
        );
        let live: Vec<_> = shown()
            .filter(|(_, state)| *state == AgentState::Live)
            .filter_map(|(agent, _)| Some((&agent.id, Rolled::of(&agent.heard.as_ref()?.1))))
            .collect();
        for figure in &FIGURES {
            let shown = |rolled| figure.shown((figure.take)(rolled));
            let series = live.iter().map(|(id, rolled)| ([id.as_str()], shown(rolled)));
            text.many(figure.single, series);
        }
        text.one(&families::AGENTS_LEFT_OUT, enrolled().count().saturating_sub(room));
    }
}
