//! Hunts as people read them: every state, always, summing to the agents that were meant.

use serde_json::Value;

use crate::cli::Context;
use crate::cli::args::hunt::Show as Flags;
use crate::cli::failure::{Exit, Failure};
use crate::output::listing::field;
use crate::output::{Column, Format, Show, units};

/// The states of a request, in the order of every output.
pub(in crate::cli) const STATES: [&str; 12] = [
    "silent",
    "seen",
    "queued",
    "running",
    "paused",
    "finishing",
    "finished",
    "failed",
    "cancelled",
    "declined",
    "expired",
    "incomplete",
];

const LIST: &[Column] = &[
    Column::new("id", "id", Show::Text),
    Column::new("issued", "issued", Show::Text),
    Column::new("operator", "operator", Show::Text),
    Column::new("target", "target", Show::Text),
    Column::new("targeted", "targeted", Show::Count),
    Column::new("finished", "states.finished", Show::Count),
    Column::new("done", "done", Show::Text),
    Column::new("rows", "progress.rows", Show::Count),
    Column::new("roots", "roots", Show::Pairs),
];

const HUNT: &[Column] = &[
    Column::new("hunt", "id", Show::Text),
    Column::new("artifact", "artifact", Show::Text),
    Column::new("operator", "operator", Show::Text),
    Column::new("target", "target", Show::Text),
    Column::new("roots", "roots", Show::Pairs),
    Column::new("digests", "hashes", Show::Pairs),
    Column::new("ioc", "ioc", Show::Count),
    Column::new("issued", "issued", Show::Text),
    Column::new("expires", "expires", Show::Text),
    Column::new("route", "route", Show::Text),
    Column::new("cancelled", "cancelled", Show::Text),
];

const AGENTS: &[Column] = &[
    Column::new("agent", "agent", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("seen", "seen", Show::Count),
    Column::new("hashed", "hashed", Show::Count),
    Column::new("skipped", "skipped", Show::Count),
    Column::new("errors", "errors", Show::Count),
    Column::new("read", "bytes_read", Show::Bytes),
    Column::new("cpu", "cpu_ms", Show::Duration),
    Column::new("rows", "rows", Show::Count),
    Column::new("chunks", "chunks_stored", Show::Count),
    Column::new("of", "chunks", Show::Count),
    Column::new("why", "reason", Show::Text),
];

pub(super) fn list(context: &Context) -> Result<Exit, Failure> {
    let Value::Array(hunts) = context.client()?.get("/api/v1/hunts")? else {
        return Err(Failure::bug("the coordinator sent no list of hunts", ""));
    };
    context.out.list(LIST, &hunts)?;
    Ok(Exit::Done)
}

pub(super) fn show(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let client = context.client()?;
    let found = super::find(&client, &flags.hunt)?;
    let is_table = context.out.format == Format::Table;
    if !is_table && !flags.agents {
        context.out.record(HUNT, &found.view)?;
        return Ok(Exit::Done);
    }
    let Value::Array(mut agents) = client.get(&format!("/api/v1/hunts/{}/agents", found.id))?
    else {
        return Err(Failure::bug("the coordinator sent no list of agents", ""));
    };
    if !is_table {
        context.out.list(AGENTS, &agents)?;
        return Ok(Exit::Done);
    }
    if !flags.agents {
        agents.retain(|agent| field(agent, "state") != "finished");
    }
    context.out.record(HUNT, &found.view)?;
    context.out.bytes(coverage(&found.view).as_bytes())?;
    if !agents.is_empty() {
        context.out.list(AGENTS, &agents)?;
    }
    Ok(Exit::Done)
}

/// Says what became of every agent and what was done, in three lines.
pub(in crate::cli) fn coverage(view: &Value) -> String {
    let number = |path: &str| field(view, path).as_u64().unwrap_or(0);
    let count = |state: &str| number(&format!("states.{state}"));
    let states: Vec<_> =
        STATES.iter().map(|state| format!("{state} {}", units::count(count(state)))).collect();
    let sum: u64 = STATES.iter().map(|state| count(state)).sum();
    let targeted = number("targeted");
    let finished = units::count(count("finished"));
    let mut lines = vec![
        format!("{finished} of {} agents finished", units::count(targeted)),
        format!("  {}", states.join(" · ")),
    ];
    if sum != targeted {
        lines.push(format!("  the states add up to {sum}, not to {targeted}: report this"));
    }
    if view.get("progress").is_some() {
        lines.push(format!(
            "  {} files hashed{} · {} read · {} rows · cpu {} · throttled {}",
            units::count(number("progress.files")),
            matched(view),
            units::bytes(number("progress.bytes")),
            units::count(number("progress.rows")),
            units::duration_ms(number("progress.cpu_ms")),
            units::duration_ms(number("progress.throttled_ms")),
        ));
    }
    lines.join("\n") + "\n"
}

/// Says how many files are in the hunt's list of hashes, where it carries one.
pub(super) fn matched(view: &Value) -> String {
    let number = |path: &str| field(view, path).as_u64().unwrap_or(0);
    if number("ioc") == 0 {
        return String::new();
    }
    format!(", {} matched", units::count(number("progress.matched")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_state_is_shown_also_those_that_are_zero() {
        let view = json!({"targeted": 3, "states": {"finished": 2, "silent": 1}, "progress": {"files": 7}});
        let text = coverage(&view);
        for state in STATES {
            assert!(text.contains(state), "{state} is missing in {text}");
        }
        assert!(text.starts_with("2 of 3 agents finished"), "{text}");
        assert!(!text.contains("report this"), "{text}");
    }

    #[test]
    fn matches_are_counted_where_there_is_a_list_also_none() {
        let mut view = json!({"targeted": 1, "states": {"finished": 1}, "ioc": 3,
            "progress": {"files": 7, "matched": 0}});
        assert!(coverage(&view).contains("7 files hashed, 0 matched · "), "{}", coverage(&view));
        view["ioc"] = 0.into();
        assert!(!coverage(&view).contains("matched"));
    }

    #[test]
    fn states_that_do_not_add_up_are_not_hidden() {
        let text = coverage(&json!({"targeted": 3, "states": {"finished": 2}}));
        assert!(text.contains("add up to 2, not to 3"), "{text}");
    }
}
