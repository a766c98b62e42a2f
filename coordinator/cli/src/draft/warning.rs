//! What must be confirmed before a draft is launched, beside its review.

use muster_api::{AgentState, TargetPreview};
use muster_protocol::limits::IOC_FANOUT_BYTES_ASKED;
use serde::Serialize;

use super::{FormKind, Review};
use crate::output::units;

/// Agents above which a hunt should have a bound on its CPU.
const UNBOUNDED_AGENTS_MAX: u64 = 100;

/// Something to confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    /// The word that confirms it.
    pub(crate) code: &'static str,
    /// The same for people.
    pub(crate) text: String,
}

impl Warning {
    fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Returns what is unusual about a draft. How many agents it meets is what the coordinator says; where it says nothing, the
/// warnings that depend on it are not there.
pub(crate) fn warnings(
    kind: FormKind,
    review: &Review,
    preview: Option<&TargetPreview>,
) -> Vec<Warning> {
    let Some(asked) = review.requests.last() else { return Vec::new() };
    let mut found = Vec::new();
    if kind.control().is_some() {
        return found;
    }
    if asked.target.expr.trim() == "all" && asked.target.sample_ppm.is_none() {
        found.push(Warning::new("all_agents", "it is for every agent of the fleet"));
    }
    // The coordinator profiles itself, and is in no list of agents.
    let is_own = asked.target.agents == ["coordinator"];
    let Some(preview) = preview.filter(|preview| preview.error.is_none() && !is_own) else {
        return found;
    };
    let all = review.bytes.saturating_mul(preview.matched);
    if all > IOC_FANOUT_BYTES_ASKED {
        let (sum, agents) = (units::bytes(all), units::count(preview.matched));
        found.push(Warning::new("much_to_send", format!("{sum} are sent to {agents} agents")));
    }
    let is_unbounded = asked.hunt.is_some() && asked.limits.max_cpu_percent.is_none();
    if is_unbounded && preview.matched > UNBOUNDED_AGENTS_MAX {
        let agents = units::count(preview.matched);
        let text = format!("no bound on its CPU, on {agents} agents: --max-cpu 25%");
        found.push(Warning::new("no_cpu_bound", text));
    }
    let live = preview.facets.state.iter().filter(|one| one.value == AgentState::Live.as_str());
    if live.map(|one| one.count).sum::<u64>() == 0 {
        found.push(Warning::new("nobody_live", "no agent that is live matches the target"));
    }
    found
}
