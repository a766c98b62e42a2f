//! What a set of agents is made of: how many have each state, system, version and label.

use std::collections::{BTreeMap, HashMap};

use muster_protocol::limits::FACET_VALUES_MAX;

use crate::store::fleet::Known;
use muster_api::{AgentState, FacetCount, Facets, LabelFacet};

/// Counts over a set of agents.
#[derive(Debug, Default)]
pub struct Counts<'a> {
    states: BTreeMap<AgentState, u64>,
    os: HashMap<&'a str, u64>,
    versions: HashMap<&'a str, u64>,
    labels: HashMap<&'a str, HashMap<&'a str, u64>>,
}

impl<'a> Counts<'a> {
    /// Counts an agent.
    pub fn add(&mut self, known: &'a Known, state: AgentState) {
        *self.states.entry(state).or_default() += 1;
        *self.os.entry(&known.facts.os).or_default() += 1;
        *self.versions.entry(&known.facts.version).or_default() += 1;
        for (key, value) in &known.facts.labels {
            *self.labels.entry(key).or_default().entry(value).or_default() += 1;
        }
    }

    /// Shows the counts: of each list at most [`FACET_VALUES_MAX`], the most frequent first. That some are left out shows in
    /// the sum.
    pub fn shown(self) -> Facets {
        let states = self.states.into_iter();
        let count = |(value, count): (AgentState, u64)| FacetCount {
            value: value.as_str().to_owned(),
            count,
        };
        let labels = self.labels.into_iter().map(|(key, values)| LabelFacet {
            key: key.to_owned(),
            count: values.values().sum(),
            values: frequent(values),
        });
        let mut labels: Vec<_> = labels.collect();
        labels.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        labels.truncate(FACET_VALUES_MAX);
        Facets {
            state: states.map(count).collect(),
            os: frequent(self.os),
            version: frequent(self.versions),
            labels,
        }
    }
}

fn frequent(counts: HashMap<&str, u64>) -> Vec<FacetCount> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let shown = counts.into_iter().take(FACET_VALUES_MAX);
    shown.map(|(value, count)| FacetCount { value: value.to_owned(), count }).collect()
}
