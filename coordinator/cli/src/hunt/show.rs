//! Hunts as people read them: every state, always, summing to the agents that were meant.

use serde_json::Value;

use crate::Context;
use crate::args::hunt::Show as Flags;
use crate::failure::{Exit, Failure};
use crate::output::untyped::Column;
use crate::output::untyped::field;
use crate::output::{Format, Show, escape, units};

/// The states of a request, in the order of every output.
pub(crate) const STATES: [&str; 12] = [
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
    Column::new("clone", "clone", Show::Text),
    Column::new("why", "reason", Show::Text),
];

/// In a table: what its threads waited for most.
const WAITED: Column = Column::new("waited for", "waited", Show::Text);

pub(super) fn list(context: &Context) -> Result<Exit, Failure> {
    let Value::Array(hunts) = context.client()?.get("/api/v1/hunts")? else {
        return Err(Failure::bug("the coordinator sent no list of hunts", ""));
    };
    context.out.list_untyped(LIST, &hunts)?;
    Ok(Exit::Done)
}

pub(super) fn show(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let client = context.client()?;
    let found = super::find(&client, &flags.hunt)?;
    for note in field(&found.view, "notes").as_array().into_iter().flatten() {
        context.out.note(note.as_str().unwrap_or_default());
    }
    let is_table = context.out.format == Format::Table;
    if !is_table && !flags.agents {
        context.out.record_untyped(HUNT, &found.view)?;
        return Ok(Exit::Done);
    }
    let Value::Array(mut agents) = client.get(&format!("/api/v1/hunts/{}/agents", found.id))?
    else {
        return Err(Failure::bug("the coordinator sent no list of agents", ""));
    };
    if !is_table {
        context.out.list_untyped(AGENTS, &agents)?;
        return Ok(Exit::Done);
    }
    if !flags.agents {
        agents.retain(|agent| field(agent, "state") != "finished");
    }
    context.out.record_untyped(HUNT, &found.view)?;
    let cost = cost(field(&found.view, "spent"));
    context.out.text(&format!("{}{cost}", coverage(&found.view)))?;
    if !agents.is_empty() {
        for agent in &mut agents {
            let waited = waits(field(agent, "spent")).first().cloned();
            if let (Some(agent), Some(waited)) = (agent.as_object_mut(), waited) {
                agent.insert("waited".to_owned(), waited.into());
            }
        }
        context.out.list_untyped(&[AGENTS, &[WAITED]].concat(), &agents)?;
    }
    Ok(Exit::Done)
}

/// Says what became of every agent and what was done, in three lines.
pub(crate) fn coverage(view: &Value) -> String {
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
            "  {} files hashed{}{} · {} read · {} rows · cpu {} · throttled {}",
            units::count(number("progress.files")),
            matched(view),
            unevaluated(view),
            units::bytes(number("progress.bytes")),
            units::count(number("progress.rows")),
            units::duration_ms(number("progress.cpu_ms")),
            units::duration_ms(number("progress.throttled_ms")),
        ));
    }
    let notes = field(view, "notes").as_array().into_iter().flatten();
    let notes = notes.filter_map(Value::as_str);
    lines.extend(notes.map(|note| format!("  note: {}", escape::text(note))));
    lines.join("\n") + "\n"
}

/// Says in two lines what the threads of ended collections used and waited for; nothing where no footer tells.
fn cost(spent: &Value) -> String {
    let number = |name: &str| field(spent, name).as_u64().unwrap_or(0);
    let (user, system) = (number("cpu_user_ms"), number("cpu_system_ms"));
    let (minor, major) = (number("faults_minor"), number("faults_major"));
    let threads = number("threads_ms");
    if threads == 0 {
        return String::new();
    }
    let cpu = share(user.saturating_add(system), threads);
    let parts = [vec![format!("on a processor {cpu}")], waits(spent)].concat();
    format!(
        "  cpu: user {}, system {} · page faults {}, {} of them from disk · {} from disk\n  threads {}: {}\n",
        units::duration_ms(user),
        units::duration_ms(system),
        units::count(minor.saturating_add(major)),
        units::count(major),
        units::bytes(number("disk_read_bytes")),
        units::duration_ms(threads),
        parts.join(" · "),
    )
}

/// Returns what threads waited for, as shares of their time, the longest first; what is under a percent is left out.
fn waits(spent: &Value) -> Vec<String> {
    let threads = field(spent, "threads_ms").as_u64().unwrap_or(0);
    let waits = field(spent, "waits_ms").as_object().into_iter().flatten();
    let mut waits: Vec<_> = waits.filter_map(|(cause, ms)| Some((ms.as_u64()?, cause))).collect();
    waits.retain(|(ms, _)| ms.saturating_mul(100) >= threads.max(1));
    waits.sort_by_key(|(ms, _)| std::cmp::Reverse(*ms));
    waits
        .iter()
        .map(|(ms, cause)| format!("{} {}", escape::text(cause), share(*ms, threads)))
        .collect()
}

fn share(part: u64, whole: u64) -> String {
    format!("{} %", (part.saturating_mul(100) + whole / 2) / whole.max(1))
}

/// Returns how many entries could not be evaluated, where there are any: whatever was found, it is not about these.
pub(super) fn unevaluated(view: &Value) -> String {
    match field(view, "progress.errors").as_u64().unwrap_or(0) {
        0 => String::new(),
        errors => format!(", {} could not be evaluated", units::count(errors)),
    }
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

    #[test]
    fn what_was_waited_for_is_told_the_longest_first() {
        let spent = json!({"threads_ms": 10_000, "cpu_user_ms": 1_000, "cpu_system_ms": 500, "faults_minor": 1_200,
            "faults_major": 34, "disk_read_bytes": 5_000_000,
            "waits_ms": {"open": 6_500, "read\u{1b}": 1_960, "peers": 40}});
        let text = cost(&spent);
        let threads = text.lines().nth(1).unwrap().trim();
        assert_eq!(threads, "threads 10.0 s: on a processor 15 % · open 65 % · read\\u{1b} 20 %");
        assert!(
            text.contains("page faults 1,234, 34 of them from disk · 5.0 MB from disk"),
            "{text}"
        );
        assert_eq!(cost(&json!({})), "", "an older agent tells nothing");
    }
}
