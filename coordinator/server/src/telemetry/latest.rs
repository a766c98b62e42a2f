//! The latest sample of each agent and of the coordinator: sorted by what they cost, and summed up.

use std::sync::Arc;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::SILENT_MS_MAX;
use muster_protocol::result::Telemetry;

use crate::curves::Rolled;
use crate::curves::fleet::{FleetRolled, Gathered};
use crate::roster::finite;
use crate::roster::order::{self, Cut, Direction, Key, Value};
use crate::store::fleet::Known;

/// A sample, and when it came.
type Heard = (Timestamp, Telemetry);

/// Returns whether a sample is so old that it is how its agent was, not how it is.
pub fn is_silent(received: Timestamp, now: Timestamp) -> bool {
    now.since_ms(received) > SILENT_MS_MAX
}

/// What samples are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Whose they are.
    Agent,
    /// CPU.
    Cpu,
    /// Resident memory.
    Rss,
    /// Bytes read a second.
    Read,
    /// Bytes written a second.
    Written,
    /// What waits in the outbox.
    Outbox,
}

impl Field {
    /// Every field, by its name in a query.
    pub const ALL: [(&'static str, Self); 6] = [
        ("agent", Self::Agent),
        ("cpu", Self::Cpu),
        ("rss", Self::Rss),
        ("read", Self::Read),
        ("written", Self::Written),
        ("outbox", Self::Outbox),
    ];

    /// Returns the place of a sample. By what it costs a silent agent comes behind all others, the longest silence last: what is
    /// old is no figure of now.
    fn key(self, (received, said): &Heard, now: Timestamp) -> Key {
        let value = match self {
            Self::Agent => Value::Text(said.agent.to_string()),
            Self::Cpu => Value::figure(finite(said.cpu_percent)),
            Self::Rss => Value::count(said.rss_bytes),
            Self::Read => Value::count(said.read_bytes_per_s),
            Self::Written => Value::count(said.written_bytes_per_s),
            Self::Outbox => Value::count(said.outbox_bytes),
        };
        let is_behind = self != Self::Agent && is_silent(*received, now);
        let behind = is_behind.then(|| received.0.saturating_neg());
        Key { behind, value, id: said.agent.to_string() }
    }
}

/// The latest samples at one moment.
#[derive(Debug)]
pub struct Samples<'a> {
    heard: Vec<&'a Heard>,
    now: Timestamp,
}

impl<'a> Samples<'a> {
    /// Takes the agents that are part of the fleet and were heard of, and the coordinator.
    pub fn new(agents: &'a [Arc<Known>], own: Option<&'a Heard>, now: Timestamp) -> Self {
        let agents = agents.iter().filter(|known| known.agent.revoked.is_none());
        let heard = agents.filter_map(|known| known.agent.heard.as_ref());
        Self { heard: own.into_iter().chain(heard).collect(), now }
    }

    /// Counts them.
    pub fn count(&self) -> u64 {
        self.heard.len() as u64
    }

    /// Returns the page after a key.
    pub fn page(
        &self,
        (field, direction): (Field, Direction),
        after: Option<&Key>,
        limit: usize,
    ) -> Cut<&'a Heard> {
        let keyed = self.heard.iter().map(|heard| (field.key(heard, self.now), *heard));
        order::cut(keyed, direction, after, limit)
    }

    /// Returns how the figures of the agents that are live are spread; the coordinator is no agent.
    pub fn fleet(&self) -> FleetRolled {
        let agents =
            self.heard.iter().filter(|(_, said)| said.agent.as_str() != AgentId::COORDINATOR);
        let (mut live, mut silent) = (Gathered::default(), 0);
        for (received, said) in agents {
            if is_silent(*received, self.now) {
                silent += 1;
            } else {
                live.add(&Rolled::of(said));
            }
        }
        FleetRolled { silent, ..live.spread(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fleet::tests::known;

    const NOW: Timestamp = Timestamp(1_000);

    /// Ten agents with n percent each; of every third the last sample is old, the older the greater n.
    fn agents() -> Vec<Arc<Known>> {
        let agent = |n: u32| {
            let known = known(&format!("a-{n}"), |agent, said| {
                agent.revoked = (n == 9).then_some(Timestamp(0));
                said.cpu_percent = f64::from(n);
                said.rss_bytes = u64::from(10 - n);
            });
            let mut agent = known.agent.clone();
            if let Some((received, _)) = &mut agent.heard
                && n.is_multiple_of(3)
            {
                *received = NOW.plus_ms(-SILENT_MS_MAX - i64::from(n) - 1);
            }
            Arc::new(Known::new(agent, Vec::new()))
        };
        (0..10).map(agent).collect()
    }

    fn ids(samples: &Samples<'_>, field: Field, direction: Direction) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = samples.page((field, direction), after.as_ref(), 2);
            ids.extend(page.items.iter().map(|(_, said)| said.agent.to_string()));
            after = page.next;
            if after.is_none() {
                return ids;
            }
        }
    }

    #[test]
    fn the_live_come_by_their_cost_then_the_silent_the_longest_silence_last() {
        let agents = agents();
        let samples = Samples::new(&agents, None, NOW);
        assert_eq!(samples.count(), 9);
        let cpu = ids(&samples, Field::Cpu, Direction::Descending);
        assert_eq!(cpu, ["a-8", "a-7", "a-5", "a-4", "a-2", "a-1", "a-0", "a-3", "a-6"]);
        let rss = ids(&samples, Field::Rss, Direction::Ascending);
        assert_eq!(rss, ["a-8", "a-7", "a-5", "a-4", "a-2", "a-1", "a-0", "a-3", "a-6"]);
        assert!(ids(&samples, Field::Agent, Direction::Ascending).is_sorted());
    }

    #[test]
    fn the_fleet_is_what_live_agents_cost_and_the_coordinator_is_none() {
        let agents = agents();
        let mut own = agents[8].agent.heard.clone().unwrap();
        (own.1.agent, own.1.cpu_percent) = (AgentId::coordinator(), 900.0);
        let samples = Samples::new(&agents, Some(&own), NOW);
        let fleet = samples.fleet();
        assert_eq!((samples.count(), fleet.live, fleet.silent), (10, 6, 3));
        assert_eq!(fleet.figures[0], [40, 80, 80, 80]);
        assert_eq!(ids(&samples, Field::Cpu, Direction::Descending)[0], "coordinator");
    }
}
