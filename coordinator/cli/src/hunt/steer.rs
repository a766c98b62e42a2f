//! `muster hunt pause`, `resume` and `drain`: sends the control, then waits until the agents have applied it.
//!
//! An agent that is away is not waited for: it applies the control when it is back, and is named.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_api::{CollectionBrief, ControlView, Hold, HuntView, Launched, Open};
use muster_protocol::limits::SILENT_MS_MAX;
use muster_protocol::request::Verb;
use serde::Serialize;

use super::{Found, note_waiting};
use crate::args::hunt::Steer;
use crate::client::{Client, Query};
use crate::control::{self, Sent};
use crate::failure::{Exit, Failure};
use crate::output::progress::{Progress, Standing};
use crate::output::{Column, Document, Format, Show, escape, units};
use crate::{Context, watch};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// While more agents than this have not applied the control, it is not asked which of them are away.
const LOOKED_AT_MAX: u64 = 1_000;
/// Agents that are named.
const NAMED_MAX: usize = 10;

/// What became of a control.
#[derive(Debug, Serialize)]
struct Steered {
    #[serde(flatten)]
    launched: Launched,
    /// The hunt.
    hunt: String,
    /// What it says.
    verb: &'static str,
    /// Its place among the controls of the hunt.
    revision: u64,
    /// Agents that have applied it.
    applied: u64,
    /// Agents that are meant.
    of: u64,
    /// Agents that are heard of and have not applied it; of very many the first by id.
    waiting: Vec<String>,
    /// Agents that are away, and apply it when they are back.
    away: Vec<String>,
}

const STEERED: &[Column<Steered>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.launched.id).into()),
    Column::new("hunt", "hunt", Show::Text, |one| (&one.hunt).into()),
    Column::new("verb", "verb", Show::Text, |one| one.verb.into()),
    Column::new("revision", "revision", Show::Right, |one| one.revision.into()),
    Column::new("applied", "applied", Show::Count, |one| one.applied.into()),
    Column::new("of", "of", Show::Count, |one| one.of.into()),
    Column::new("waiting", "waiting", Show::Pairs, |one| (&one.waiting).into()),
    Column::new("away", "away", Show::Pairs, |one| (&one.away).into()),
];

/// How waiting ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Waited {
    /// Every agent that can be reached has applied it.
    Applied,
    /// The time is over.
    TimedOut,
    /// The operator pressed ctrl-C.
    Detached,
    /// Another control came after it: what, and whose.
    Overtaken(String),
}

/// How far a control has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Reached {
    applied: u64,
    of: u64,
    waiting: Vec<String>,
    away: Vec<String>,
}

pub(super) fn run(context: &Context, flags: &Steer, verb: Verb) -> Result<Exit, Failure> {
    let client = context.client()?;
    let Found { id, hunt } = super::find(&client, &flags.hunt)?;
    let Sent { revision, answer } = control::send(context, &client, &hunt.view, verb)?;
    note_waiting(context, &answer.view);
    let (waited, reached) = if flags.wait == 0 {
        (Waited::Applied, look(&client, &id, revision)?.0)
    } else {
        wait(context, &client, (&id, verb, revision), flags.wait)?
    };
    if context.out.format != Format::Table {
        let Reached { applied, of, waiting, away } = reached.clone();
        let (launched, hunt) = (answer.view, id.clone());
        let verb = verb.as_str();
        let steered = Steered { launched, hunt, verb, revision, applied, of, waiting, away };
        context.out.record(STEERED, &Document::of(steered)?)?;
    }
    context.out.note(&told(&id, verb, &waited, &reached));
    Ok(match waited {
        Waited::Applied => Exit::Done,
        Waited::TimedOut => Exit::TimedOut,
        Waited::Detached => Exit::Detached,
        Waited::Overtaken(_) => Exit::TryAgain,
    })
}

/// Looks once a second until every agent that can be reached has applied it, or something else ends the wait.
fn wait(
    context: &Context,
    client: &Client,
    (id, verb, revision): (&str, Verb, u64),
    wait_s: u32,
) -> Result<(Waited, Reached), Failure> {
    let (left, interrupted) = mpsc::sync_channel(1);
    watch::on_ctrl_c(move || left.send(()).unwrap_or_default())?;
    let deadline = Instant::now() + Duration::from_secs(u64::from(wait_s));
    let mut progress = Progress::new(context.out, context.environment.is_dumb);
    let waited = until_applied(client, (id, verb, revision), deadline, &interrupted, &mut progress);
    progress.finish();
    waited
}

fn until_applied(
    client: &Client,
    (id, verb, revision): (&str, Verb, u64),
    deadline: Instant,
    interrupted: &Receiver<()>,
    progress: &mut Progress,
) -> Result<(Waited, Reached), Failure> {
    let mut last = Reached::default();
    loop {
        match look(client, id, revision) {
            Ok((reached, Some(overtaken))) => return Ok((Waited::Overtaken(overtaken), reached)),
            Ok((reached, None)) => {
                if reached.applied + reached.away.len() as u64 >= reached.of {
                    return Ok((Waited::Applied, reached));
                }
                progress.update(&Standing {
                    targeted: reached.of,
                    ended: reached.applied,
                    says: format!("have applied the {}", verb.as_str()),
                    ..Standing::default()
                });
                last = reached;
            }
            // A coordinator that is being restarted is awaited.
            Err(failure) if failure.exit == Exit::Unavailable && Instant::now() < deadline => {}
            Err(failure) => return Err(failure),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match interrupted.recv_timeout(left.min(LOOK)) {
            Ok(()) => return Ok((Waited::Detached, last)),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                return Ok((Waited::TimedOut, last));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::bug("waiting broke off", "the signal's thread is gone"));
            }
        }
    }
}

/// Asks how far a control has come, and whether another one came after it.
fn look(client: &Client, id: &str, revision: u64) -> Result<(Reached, Option<String>), Failure> {
    let hunt: HuntView = client.get(&format!("/api/v1/hunts/{id}"))?;
    let overtaken = overtaken(&hunt, revision);
    let Some(applied) = hunt.applied.as_ref().filter(|_| overtaken.is_none()) else {
        let of = hunt.targeted;
        let applied = if hunt.done { of } else { 0 };
        return Ok((Reached { applied, of, ..Reached::default() }, overtaken));
    };
    let left = applied.of.saturating_sub(applied.applied);
    let (mut waiting, mut away) = (applied.waiting.clone(), Vec::new());
    if left > 0 && left <= LOOKED_AT_MAX {
        let path = Query::of(format!("/api/v1/hunts/{id}/agents")).with("applied", Some("0"));
        let left: Vec<CollectionBrief> = client.list(&path.to_string())?;
        let (gone, here): (Vec<_>, Vec<_>) = left.into_iter().partition(is_away);
        let names = |agents: Vec<CollectionBrief>| -> Vec<_> {
            agents.into_iter().map(|agent| agent.agent).collect()
        };
        (waiting, away) = (names(here), names(gone));
    }
    let reached = Reached { applied: applied.applied, of: applied.of, waiting, away };
    Ok((reached, None))
}

/// Returns which control came after the one of a revision, and whose it is.
fn overtaken(hunt: &HuntView, revision: u64) -> Option<String> {
    let is_cancelled = hunt.hold == Hold::Cancel;
    let later = |one: &&ControlView| {
        let is_cancel = one.verb == Verb::Cancel.as_str();
        is_cancel == is_cancelled && (is_cancel || one.revision == hunt.revision)
    };
    if !is_cancelled && hunt.revision <= revision {
        return None;
    }
    let found = hunt.controls.iter().rev().find(later);
    Some(found.map_or_else(|| "another control".to_owned(), said))
}

/// Returns whether an agent is silent, or was never heard of.
fn is_away(agent: &CollectionBrief) -> bool {
    agent
        .silent_s
        .is_none_or(|seconds| seconds.saturating_mul(1_000) > SILENT_MS_MAX.unsigned_abs())
}

/// Writes what became of it.
fn told(id: &str, verb: Verb, waited: &Waited, reached: &Reached) -> String {
    let Reached { applied, of, waiting, away } = reached;
    let (applied, meant) = (units::count(*applied), units::agents(*of));
    let mut text = match waited {
        Waited::Overtaken(what) => return format!("overtaken: {what}; muster hunt show {id}"),
        Waited::Detached => format!("detached; the {} stays: {applied} of {meant}", verb.as_str()),
        Waited::TimedOut => {
            format!("not done in time; the {} stays: {applied} of {meant}", verb.as_str())
        }
        Waited::Applied => format!("{}: {applied} of {meant}", participle(verb)),
    };
    text.push_str(" have applied it");
    if !waiting.is_empty() {
        text.extend(["; not yet: ", &named(waiting)]);
    }
    if !away.is_empty() {
        text.extend(["; away, and to apply it when back: ", &named(away)]);
    }
    match verb {
        Verb::Pause | Verb::Drain => text + &format!("; go on with: muster hunt resume {id}"),
        Verb::Resume | Verb::Cancel => text + &format!("; muster hunt watch {id}"),
    }
}

const fn participle(verb: Verb) -> &'static str {
    match verb {
        Verb::Pause => "paused",
        Verb::Drain => "draining",
        Verb::Resume => "resumed",
        Verb::Cancel => "cancelled",
    }
}

fn named(names: &[String]) -> String {
    let first: Vec<_> = names.iter().take(NAMED_MAX).map(|name| escape::text(name)).collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    let more =
        if more > 0 { format!(" and {} more", units::count(more as u64)) } else { String::new() };
    format!("{}{more}", first.join(", "))
}

fn said(control: &ControlView) -> String {
    format!(
        "{} by {} at {}",
        escape::text(&control.verb),
        escape::text(&control.operator),
        control.at
    )
}

/// Writes, while a hunt is paused or drained, that it is, by whom, and how it goes on.
pub(crate) fn held(hunt: &HuntView) -> Option<String> {
    let what = match &hunt.hold {
        Open::Known(Hold::Pause) => participle(Verb::Pause),
        Open::Known(Hold::Drain) => participle(Verb::Drain),
        _ => return None,
    };
    let holds =
        |one: &&ControlView| one.revision == hunt.revision && one.verb == hunt.hold.as_str();
    let by = hunt.controls.iter().rev().find(holds);
    let by = by.map(|one| format!(" by {} at {}", escape::text(&one.operator), one.at));
    Some(format!("{what}{}; go on with: muster hunt resume {}", by.unwrap_or_default(), hunt.id))
}

/// Writes how far the newest control has come, where not all agents have applied it.
pub(super) fn unapplied(hunt: &HuntView) -> Option<String> {
    let applied = hunt.applied.as_ref().filter(|one| one.applied < one.of)?;
    let left = applied.of - applied.applied;
    let mut named = named(&applied.waiting);
    if (applied.waiting.len() as u64) < left {
        named.push_str(", …");
    }
    let verb = hunt.controls.iter().rev().find(|one| one.revision == applied.revision);
    let verb = verb.map_or("control", |one| one.verb.as_str());
    let (done, of) = (units::count(applied.applied), units::count(applied.of));
    Some(format!("{done} of {of} agents have applied the {}; not yet: {named}", escape::text(verb)))
}

#[cfg(test)]
mod tests {
    use muster_api::Applied;

    use super::*;
    use crate::hunt::fixtures::{brief, hunt};

    fn control(verb: &str, revision: u64) -> ControlView {
        let at = "2026-01-02T03:04:05.000Z".parse().unwrap();
        let (id, verb) = ("1".to_owned(), verb.to_owned());
        ControlView {
            id,
            verb,
            revision,
            operator: "ada\u{1b}".to_owned(),
            at: muster_api::Time(at),
        }
    }

    #[test]
    fn whoever_watches_is_told_who_paused_and_how_it_goes_on() {
        assert_eq!(held(&hunt()), None);
        let controls = vec![control("pause", 1), control("resume", 2), control("pause", 3)];
        let paused = HuntView { hold: Hold::Pause.into(), revision: 3, controls, ..hunt() };
        let text = held(&paused).unwrap();
        assert_eq!(
            text,
            "paused by ada\\u{1b} at 2026-01-02T03:04:05.000Z; go on with: muster hunt resume 0199"
        );
        let later = HuntView { hold: Hold::None.into(), revision: 4, ..paused };
        assert_eq!(held(&later), None);
    }

    #[test]
    fn those_that_have_not_applied_it_are_named() {
        let reached = Reached {
            applied: 1,
            of: 4,
            waiting: vec!["b".into()],
            away: (0..12).map(|n| format!("c-{n:02}")).collect(),
        };
        let text = told("0199", Verb::Pause, &Waited::TimedOut, &reached);
        assert!(text.contains("1 of 4 agents have applied it; not yet: b; away"), "{text}");
        assert!(text.contains("c-09 and 2 more; go on with: muster hunt resume 0199"), "{text}");
        let applied = Applied { revision: 3, applied: 1, of: 30, waiting: vec!["b".into()] };
        let view =
            HuntView { applied: Some(applied), controls: vec![control("drain", 3)], ..hunt() };
        let text = unapplied(&view).unwrap();
        assert_eq!(text, "1 of 30 agents have applied the drain; not yet: b, …");
    }

    #[test]
    fn an_agent_is_away_when_it_is_silent_or_was_never_heard_of() {
        let heard = |silent_s| CollectionBrief { silent_s, ..brief("a", "running") };
        assert!(
            is_away(&heard(None)) && is_away(&heard(Some(46))) && is_away(&heard(Some(u64::MAX)))
        );
        assert!(!is_away(&heard(Some(0))) && !is_away(&heard(Some(45))));
    }

    #[test]
    fn another_control_overtakes_and_a_cancel_always_does() {
        let controls = vec![control("pause", 3), control("resume", 4)];
        let view = HuntView { revision: 4, controls, ..hunt() };
        assert_eq!(overtaken(&view, 4), None);
        assert!(overtaken(&view, 3).unwrap().starts_with("resume by ada"));
        let controls = vec![control("pause", 3), control("cancel", 1)];
        let view = HuntView { hold: Hold::Cancel.into(), revision: 3, controls, ..hunt() };
        assert!(overtaken(&view, 3).unwrap().starts_with("cancel by ada"));
    }
}
