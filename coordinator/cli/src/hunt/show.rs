//! Hunts as people read them: every state, always, summing to the agents that were meant.

use muster_api::{AttemptView, CollectionView, ControlView, HuntBrief, HuntView, Spent, States};

use super::steer;
use crate::Context;
use crate::args::hunt::{List, Show as Flags};
use crate::client::{Client, Query};
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show, escape, listing, units};

const LIST: &[Column<HuntBrief>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("issued", "issued", Show::Text, |one| one.issued.into()),
    Column::new("operator", "operator", Show::Text, |one| (&one.operator).into()),
    Column::new("target", "target", Show::Text, |one| (&one.target).into()),
    Column::new("targeted", "targeted", Show::Count, |one| one.targeted.into()),
    Column::new("finished", "states.finished", Show::Count, |one| one.states.finished.into()),
    Column::new("done", "done", Show::Text, |one| one.done.into()),
    Column::new("rows", "rows", Show::Count, |one| one.rows.into()),
    Column::new("root", "root", Show::Text, |one| (&one.root).into()),
    Column::new("roots", "roots", Show::Count, |one| one.roots.into()),
    Column::new("hold", "hold", Show::Text, |one| one.hold.as_str().into()),
    Column::new("ended", "ended_at", Show::Text, |one| one.ended_at.into()),
    Column::new("outcome", "outcome", Show::Text, |one| (&one.outcome).into()),
    Column::new("name", "name", Show::Text, |one| (&one.name).into()),
    Column::new("case", "case", Show::Text, |one| (&one.case).into()),
];

const HUNT: &[Column<HuntView>] = &[
    Column::new("hunt", "id", Show::Text, |one| (&one.id).into()),
    Column::new("artifact", "artifact", Show::Text, |one| (&one.artifact).into()),
    Column::new("operator", "operator", Show::Text, |one| (&one.operator).into()),
    Column::new("target", "target", Show::Text, |one| (&one.target).into()),
    Column::new("roots", "roots", Show::Pairs, |one| (&one.roots).into()),
    Column::new("digests", "hashes", Show::Pairs, |one| (&one.hashes).into()),
    Column::new("ioc", "ioc", Show::Count, |one| one.ioc.into()),
    Column::new("issued", "issued", Show::Text, |one| one.issued.into()),
    Column::new("expires", "expires", Show::Text, |one| one.expires.into()),
    Column::new("route", "route", Show::Text, |one| one.route.as_str().into()),
    Column::new("cancelled", "cancelled", Show::Text, |one| one.cancelled.into()),
    Column::new("hold", "hold", Show::Text, |one| one.hold.as_str().into()),
    Column::new("ended", "ended_at", Show::Text, |one| one.ended_at.into()),
    Column::new("outcome", "outcome", Show::Text, |one| (&one.outcome).into()),
    Column::new("name", "name", Show::Text, |one| (&one.name).into()),
    Column::new("case", "case", Show::Text, |one| (&one.case).into()),
    Column::new("note", "note", Show::Text, |one| (&one.note).into()),
];

const CONTROLS: &[Column<ControlView>] = &[
    Column::new("control", "verb", Show::Text, |one| (&one.verb).into()),
    Column::new("revision", "revision", Show::Right, |one| one.revision.into()),
    Column::new("operator", "operator", Show::Text, |one| (&one.operator).into()),
    Column::new("at", "at", Show::Text, |one| one.at.into()),
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
];

const AGENTS: &[Column<CollectionView>] = &[
    Column::new("agent", "agent", Show::Text, |one| (&one.agent).into()),
    Column::new("host", "host", Show::Text, |one| (&one.host).into()),
    Column::new("state", "state", Show::Text, |one| (&one.state).into()),
    Column::new("seen", "seen", Show::Count, |one| one.seen.into()),
    Column::new("hashed", "hashed", Show::Count, |one| one.hashed.into()),
    Column::new("skipped", "skipped", Show::Count, |one| one.skipped.into()),
    Column::new("errors", "errors", Show::Count, |one| one.errors.into()),
    Column::new("read", "bytes_read", Show::Bytes, |one| one.bytes_read.into()),
    Column::new("cpu", "cpu_ms", Show::Duration, |one| one.cpu_ms.into()),
    Column::new("rows", "rows", Show::Count, |one| one.rows.into()),
    Column::new("chunks", "chunks_stored", Show::Count, |one| one.chunks_stored.into()),
    Column::new("of", "chunks", Show::Count, |one| one.chunks.into()),
    Column::new("clone", "clone", Show::Text, |one| one.clone.into()),
    Column::new("why", "reason", Show::Text, |one| (&one.reason).into()),
];

/// In a table: what its threads waited for most.
const WAITED: Column<CollectionView> = Column::new("waited for", "waited", Show::Text, |one| {
    waits(&one.spent).into_iter().next().into()
});

const ATTEMPTS: &[Column<AttemptView>] = &[
    Column::new("attempt", "journal", Show::Text, |one| (&one.journal).into()),
    Column::new("counts", "counts", Show::Text, |one| one.counts.into()),
    Column::new("host", "host", Show::Text, |one| (&one.host).into()),
    Column::new("state", "state", Show::Text, |one| (&one.state).into()),
    Column::new("rows", "rows", Show::Count, |one| one.rows.into()),
    Column::new("chunks", "chunks_stored", Show::Count, |one| one.chunks_stored.into()),
    Column::new("of", "chunks", Show::Count, |one| one.chunks.into()),
    Column::new("received", "received", Show::Text, |one| one.received.into()),
    Column::new("why", "reason", Show::Text, |one| (&one.reason).into()),
];

pub(super) fn list(context: &Context, flags: &List) -> Result<Exit, Failure> {
    let states: Vec<_> = flags.state.iter().map(|state| state.as_str()).collect();
    let states = (!states.is_empty()).then(|| states.join(","));
    let path = Query::of("/api/v1/hunts")
        .with("state", states.as_deref())
        .with("operator", flags.operator.as_deref())
        .with("q", flags.search.as_deref())
        .with("name", flags.name.as_deref())
        .with("case", flags.case.as_deref())
        .with("since", flags.since.map(|since| since.to_string()).as_deref())
        .with("until", flags.until.map(|until| until.to_string()).as_deref())
        .with("sort", flags.sort.as_deref());
    let hunts: Vec<Document<HuntBrief>> =
        context.client()?.list_up_to(&path.to_string(), flags.limit.unwrap_or(usize::MAX))?;
    context.out.list(LIST, &hunts)?;
    Ok(Exit::Done)
}

pub(super) fn show(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let client = context.client()?;
    let super::Found { id, hunt } = super::find(&client, &flags.hunt)?;
    for note in &hunt.view.notes {
        context.out.note(note);
    }
    if let Some(agent) = &flags.agent {
        return show_agent(context, &client, &id, agent);
    }
    let is_table = context.out.format == Format::Table;
    let is_listed = flags.agents || !flags.state.is_empty() || flags.sort.is_some();
    if !is_table && !is_listed {
        context.out.record(HUNT, &hunt)?;
        return Ok(Exit::Done);
    }
    let states = match flags.state.as_slice() {
        // A person who did not ask for all sees those that need a look.
        [] if !flags.agents && is_table => Some(unfinished()),
        [] => None,
        some => Some(some.join(",")),
    };
    let path = Query::of(format!("/api/v1/hunts/{id}/agents"))
        .with("detail", Some("1"))
        .with("state", states.as_deref())
        .with("sort", flags.sort.as_deref());
    let agents: Vec<Document<CollectionView>> = client.list(&path.to_string())?;
    if !is_table {
        context.out.list(AGENTS, &agents)?;
        return Ok(Exit::Done);
    }
    context.out.record(HUNT, &hunt)?;
    context.out.text(&format!("{}{}", coverage(&hunt.view), cost(&hunt.view.spent)))?;
    if !hunt.view.controls.is_empty() {
        context.out.text(&listing::table(CONTROLS, &hunt.view.controls))?;
    }
    if !agents.is_empty() {
        context.out.list(&[AGENTS, &[WAITED]].concat(), &agents)?;
    }
    Ok(Exit::Done)
}

/// Shows one agent's part, with every attempt.
fn show_agent(
    context: &Context,
    client: &Client,
    hunt: &str,
    agent: &str,
) -> Result<Exit, Failure> {
    let agent = client.agent_id(agent)?;
    let part: Document<CollectionView> =
        client.get(&format!("/api/v1/hunts/{hunt}/agents/{agent}"))?;
    context.out.record(&[AGENTS, &[WAITED]].concat(), &part)?;
    if context.out.format == Format::Table {
        context.out.text(&listing::table(ATTEMPTS, &part.view.attempts_known))?;
    }
    Ok(Exit::Done)
}

/// Returns the words of all states but `finished`, joined by commas.
pub(super) fn unfinished() -> String {
    let words = States::WORDS.into_iter().filter(|word| *word != "finished");
    words.collect::<Vec<_>>().join(",")
}

/// Writes what became of every agent and what was done, in three lines.
pub(super) fn coverage(hunt: &HuntView) -> String {
    let progress = &hunt.progress;
    let done = format!(
        "  {} files hashed{}{} · {} read · {} rows · cpu {} · throttled {}\n",
        units::count(progress.files),
        matched(hunt),
        unevaluated(hunt),
        units::bytes(progress.bytes),
        units::count(progress.rows),
        units::duration_ms(progress.cpu_ms),
        units::duration_ms(progress.throttled_ms),
    );
    let mut text = agents_coverage(hunt.targeted, &hunt.states) + &done;
    for held in
        [steer::held(hunt).filter(|_| !hunt.done), steer::unapplied(hunt)].into_iter().flatten()
    {
        text.extend(["  ", &held, "\n"]);
    }
    for note in &hunt.notes {
        text.extend(["  note: ", &escape::text(note), "\n"]);
    }
    text
}

/// Writes what became of every agent: all states, also those that are zero.
pub(crate) fn agents_coverage(targeted: u64, states: &States) -> String {
    let named = states.named();
    let named = named.map(|(state, count)| format!("{state} {}", units::count(count)));
    let (sum, finished) = (states.sum(), units::count(states.finished));
    let mismatch = if sum == targeted {
        String::new()
    } else {
        format!("  the states add up to {sum}, not to {targeted}: report this\n")
    };
    let (targeted, named) = (units::count(targeted), named.join(" · "));
    let ended = states.outcome().filter(|_| states.finished != sum);
    let ended = ended.map_or(String::new(), |outcome| format!("; {outcome}"));
    format!("{finished} of {targeted} agents finished{ended}\n  {named}\n{mismatch}")
}

/// Writes in two lines what the threads of ended collections used and waited for; nothing where no footer tells.
fn cost(spent: &Spent) -> String {
    let threads = spent.threads_ms;
    if threads == 0 {
        return String::new();
    }
    let cpu = share(spent.cpu_user_ms.saturating_add(spent.cpu_system_ms), threads);
    let parts = [vec![format!("on a processor {cpu}")], waits(spent)].concat();
    format!(
        "  cpu: user {}, system {} · page faults {}, {} of them from disk · {} from disk\n  threads {}: {}\n",
        units::duration_ms(spent.cpu_user_ms),
        units::duration_ms(spent.cpu_system_ms),
        units::count(spent.faults_minor.saturating_add(spent.faults_major)),
        units::count(spent.faults_major),
        units::bytes(spent.disk_read_bytes),
        units::duration_ms(threads),
        parts.join(" · "),
    )
}

/// Returns what threads waited for, as shares of their time, the longest first; what is under a percent is left out.
fn waits(spent: &Spent) -> Vec<String> {
    let threads = spent.threads_ms;
    let mut waits: Vec<_> = spent.waits_ms.iter().map(|(cause, ms)| (*ms, cause)).collect();
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
pub(super) fn unevaluated(hunt: &HuntView) -> String {
    match hunt.progress.errors {
        0 => String::new(),
        errors => format!(", {} could not be evaluated", units::count(errors)),
    }
}

/// Returns how many files are in the hunt's list of hashes, where it carries one.
pub(super) fn matched(hunt: &HuntView) -> String {
    if hunt.ioc == 0 {
        return String::new();
    }
    format!(", {} matched", units::count(hunt.progress.matched))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use muster_api::Progress;

    use super::*;
    use crate::hunt::fixtures::hunt;

    #[test]
    fn every_state_is_shown_also_those_that_are_zero() {
        let states = States { finished: 2, silent: 1, ..States::default() };
        let text = coverage(&HuntView { targeted: 3, states, ..hunt() });
        for (state, _) in states.named() {
            assert!(text.contains(state), "{state} is missing in {text}");
        }
        assert!(text.starts_with("2 of 3 agents finished"), "{text}");
        assert!(!text.contains("report this"), "{text}");
    }

    #[test]
    fn a_hunt_that_is_over_says_what_became_of_those_that_did_not_finish() {
        let states = States { finished: 2, failed: 3, ..States::default() };
        let text = agents_coverage(5, &states);
        assert!(text.starts_with("2 of 5 agents finished; ended: 3 failed\n"), "{text}");
        let open = agents_coverage(6, &States { running: 1, ..states });
        assert!(open.starts_with("2 of 6 agents finished\n"), "{open}");
        let well = agents_coverage(2, &States { finished: 2, ..States::default() });
        assert!(well.starts_with("2 of 2 agents finished\n"), "{well}");
    }

    #[test]
    fn matches_are_counted_where_there_is_a_list_also_none() {
        let progress = Progress { files: 7, ..Progress::default() };
        let mut view = HuntView { ioc: 3, progress, ..hunt() };
        assert!(coverage(&view).contains("7 files hashed, 0 matched · "), "{}", coverage(&view));
        view.ioc = 0;
        assert!(!coverage(&view).contains("matched"));
    }

    #[test]
    fn states_that_do_not_add_up_are_not_hidden() {
        let text = agents_coverage(3, &States { finished: 2, ..States::default() });
        assert!(text.contains("add up to 2, not to 3"), "{text}");
    }

    #[test]
    fn what_was_waited_for_is_told_the_longest_first() {
        let waits = [("open", 6_500), ("read\u{1b}", 1_960), ("peers", 40)];
        let spent = Spent {
            threads_ms: 10_000,
            cpu_user_ms: 1_000,
            cpu_system_ms: 500,
            faults_minor: 1_200,
            faults_major: 34,
            disk_read_bytes: 5_000_000,
            waits_ms: BTreeMap::from(waits.map(|(cause, ms)| (cause.to_owned(), ms))),
            ..Spent::default()
        };
        let text = cost(&spent);
        let threads = text.lines().nth(1).unwrap().trim();
        assert_eq!(threads, "threads 10.0 s: on a processor 15 % · open 65 % · read\\u{1b} 20 %");
        assert!(
            text.contains("page faults 1,234, 34 of them from disk · 5.0 MB from disk"),
            "{text}"
        );
        assert_eq!(cost(&Spent::default()), "", "an older agent tells nothing");
    }
}
