//! How a hunt that was watched ended, as people and scripts are told.
//!
//! With a table the coverage is data and goes to stdout; a machine gets the rows alone and asks `hunt show`.
//! Whoever does not see that table is told in one line on stderr.

use std::collections::BTreeMap;

use muster_api::{CollectionBrief, HuntView};

use super::show;
use crate::Context;
use crate::client::Query;
use crate::failure::{Exit, Failure};
use crate::output::{Format, escape, units};
use crate::watch::Watched;

/// Different reasons that are shown.
const REASONS_SHOWN: usize = 5;
/// Agents that are named for each of them.
const AGENTS_NAMED: usize = 3;

/// Reports how watching ended, and returns how the program ends with it.
pub(super) fn finish(
    context: &Context,
    id: &str,
    watched: Watched<HuntView>,
) -> Result<Exit, Failure> {
    match watched {
        Watched::Ended(hunt) => ended(context, id, &hunt),
        Watched::Detached => {
            context.out.note(&format!("detached; the hunt goes on: muster hunt watch {id}"));
            Ok(Exit::Detached)
        }
        Watched::TimedOut => {
            let text = format!("not done in time; the hunt goes on: muster hunt watch {id}");
            context.out.note(&text);
            Ok(Exit::TimedOut)
        }
    }
}

fn ended(context: &Context, id: &str, hunt: &HuntView) -> Result<Exit, Failure> {
    let exit = Exit::from_code(hunt.exit_code.into());
    let reasons = if exit == Exit::Done { String::new() } else { why(context, id)? };
    let (out, coverage) = (&context.out, show::coverage(hunt));
    let is_table = out.format == Format::Table;
    if is_table {
        out.text(&format!("{coverage}{reasons}"))?;
    }
    match (is_table, out.to_terminal, out.notes_to_terminal) {
        (true, true, _) => {}
        (false, _, true) => out.note(format!("{coverage}{reasons}").trim_end()),
        (true, false, _) => out.note(&summary(id, hunt)),
        (false, _, false) => out.note(format!("{}\n{reasons}", summary(id, hunt)).trim_end()),
    }
    Ok(exit)
}

/// Writes in one line how a hunt ended.
fn summary(id: &str, hunt: &HuntView) -> String {
    let others = hunt.states.named().into_iter();
    let others = others.filter(|(state, agents)| *state != "finished" && *agents > 0);
    let others: Vec<_> =
        others.map(|(state, agents)| format!(", {} {state}", units::count(agents))).collect();
    let others = others.concat();
    format!(
        "hunt {id}: {} of {} agents finished{others} · {} files hashed{}{} · {} rows",
        units::count(hunt.states.finished),
        units::count(hunt.targeted),
        units::count(hunt.progress.files),
        show::matched(hunt),
        show::unevaluated(hunt),
        units::count(hunt.progress.rows),
    )
}

/// Fetches why agents did not finish.
fn why(context: &Context, id: &str) -> Result<String, Failure> {
    let path = Query::of(format!("/api/v1/hunts/{id}/agents"));
    let path = path.with("state", Some(&show::unfinished())).to_string();
    Ok(reasons(&context.client()?.list::<CollectionBrief>(&path)?))
}

/// Writes why agents did not finish, one reason per line, the most frequent first. The words are the agents' own, and
/// are escaped.
fn reasons(agents: &[CollectionBrief]) -> String {
    let text = |text: &str| escape::text(text).into_owned();
    let mut groups: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for agent in agents.iter().filter(|agent| agent.state != "finished") {
        let reason = (text(&agent.state), text(&agent.code), text(&agent.reason));
        groups.entry(reason).or_default().push(text(&agent.agent));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, agents)| std::cmp::Reverse(agents.len()));
    let mut lines = String::new();
    for ((state, code, reason), agents) in groups.iter().take(REASONS_SHOWN) {
        let named: Vec<_> = agents.iter().take(AGENTS_NAMED).map(String::as_str).collect();
        let more = if agents.len() > AGENTS_NAMED { ", …" } else { "" };
        let why = [code.as_str(), reason.as_str()].into_iter().filter(|word| !word.is_empty());
        let why = why.collect::<Vec<_>>().join(": ");
        let why = if why.is_empty() { why } else { format!(" · {why}") };
        let agents = units::count(agents.len() as u64);
        lines.extend(["  ", state, " ", &agents, &why, " · ", &named.join(", "), more, "\n"]);
    }
    if groups.len() > REASONS_SHOWN {
        lines.push_str("  … and other reasons: muster hunt show\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use muster_api::{Progress, States};

    use super::*;
    use crate::hunt::fixtures::{brief, hunt};

    #[test]
    fn one_line_says_what_became_of_all() {
        let states = States { finished: 1, failed: 2, ..States::default() };
        let progress = Progress { files: 1_200, rows: 7, ..Progress::default() };
        let line = summary("0199", &HuntView { states, progress, targeted: 3, ..hunt() });
        let expected = "hunt 0199: 1 of 3 agents finished, 2 failed · 1,200 files hashed · 7 rows";
        assert_eq!(line, expected);
        let states = States { finished: 1, ..States::default() };
        let progress = Progress { files: 1, errors: 745, rows: 746, ..Progress::default() };
        let blind = HuntView { states, progress, targeted: 1, ..hunt() };
        let expected = "hunt 1: 1 of 1 agents finished · 1 files hashed, 745 could not be evaluated · 746 rows";
        assert_eq!(summary("1", &blind), expected);
    }

    #[test]
    fn reasons_are_grouped_and_escaped() {
        let failed = |agent: &str| CollectionBrief {
            code: "no_root".to_owned(),
            reason: "/x\u{1b} does not exist".to_owned(),
            ..brief(agent, "failed")
        };
        let all =
            [brief("ok-1", "finished"), brief("gone-1", "expired"), failed("a-1"), failed("a-2")];
        let text = reasons(&all);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0], "  failed 2 · no_root: /x\\u{1b} does not exist · a-1, a-2");
        assert_eq!(lines[1], "  expired 1 · gone-1");
    }
}
