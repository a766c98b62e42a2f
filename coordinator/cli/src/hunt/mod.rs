//! `muster hunt`: run, launch, seal, list, show, costs, watch, results, errors, files, targets, copy, note, pause, resume, drain, cancel.

mod aim;
mod bundle;
mod costs;
mod end;
mod errors;
mod files;
#[cfg(test)]
mod fixtures;
mod ioc;
mod note;
mod plan;
mod probe;
mod results;
mod select;
mod show;
mod steer;
mod why;

pub(super) use self::bundle::{Unsealed, prepare};
pub(super) use self::ioc::{BadList, Hashes, ListFile};
pub(super) use self::plan::listing;
pub(super) use self::probe::plan as plan_probes;
pub(super) use self::show::agents_coverage;
pub(super) use self::steer::held;

use std::path::PathBuf;

use muster_api::{HuntView, Launched};
use muster_protocol::request::{Sealed, Verb};

use super::args::agents::Preview;
use super::args::hunt::{Hunt, Launch, Run, Seal, Targets, What};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::place::Place;
use super::watch::{self, Watched};
use super::{Context, agents, control, draft, private};
use crate::output::rows::RowWriter;
use crate::output::{Column, Document, Format, Show, units};

const LAUNCHED: &[Column<Launched>] = &[
    Column::new("id", "id", Show::Text, |launched| (&launched.id).into()),
    Column::new("kind", "kind", Show::Text, |launched| (&launched.kind).into()),
    Column::new("targeted", "targeted", Show::Count, |launched| launched.targeted.into()),
    Column::new("route", "route", Show::Text, |launched| launched.route.as_str().into()),
];

pub(super) fn run(context: &Context, verb: &Hunt) -> Result<Exit, Failure> {
    match verb {
        Hunt::Run(flags) => run_hunt(context, flags),
        Hunt::Launch(flags) => launch(context, flags),
        Hunt::Seal(flags) => seal(context, flags),
        Hunt::List(flags) => show::list(context, flags),
        Hunt::Show(flags) => show::show(context, flags),
        Hunt::Costs { hunt } => costs::run(context, hunt),
        Hunt::Why { hunt } => why::run(context, hunt),
        Hunt::Watch(flags) => {
            let id = find(&context.client()?, &flags.hunt)?.id;
            end::finish(context, &id, watch::watch(context, &id, context.left(flags.wait))?)
        }
        Hunt::Results(flags) => results::run(context, flags),
        Hunt::Errors { hunt } => errors::run(context, hunt),
        Hunt::Files(flags) => files::run(context, flags),
        Hunt::Targets(Targets { target, sample }) => {
            let (target, sample) = (target.clone(), *sample);
            agents::preview::run(context, &Preview { target, sample })
        }
        Hunt::Copy(flags) => aim::copy(context, flags),
        Hunt::Note(flags) => note::run(context, flags),
        Hunt::Pause(flags) => steer::run(context, flags, Verb::Pause),
        Hunt::Resume(flags) => steer::run(context, flags, Verb::Resume),
        Hunt::Drain(flags) => steer::run(context, flags, Verb::Drain),
        Hunt::Cancel { hunt } => cancel(context, hunt),
    }
}

/// A hunt as the coordinator knows it.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) hunt: Document<HuntView>,
}

/// Finds a hunt by the unique beginning of its id.
pub(super) fn find(client: &Client, prefix: &str) -> Result<Found, Failure> {
    let hunt: Document<HuntView> = client.get(&format!("/api/v1/hunts/{}", id_part(prefix)?))?;
    Ok(Found { id: id_part(&hunt.view.id)?, hunt })
}

/// Checks that a text can be a part of an id, before it becomes a part of a path.
pub(super) fn id_part(text: &str) -> Result<String, Failure> {
    let lower = text.to_ascii_lowercase();
    let is_part = |b: u8| b.is_ascii_hexdigit() || b == b'-';
    if lower.is_empty() || lower.len() > 36 || !lower.bytes().all(is_part) {
        let shown: String = text.chars().take(60).collect();
        let cause = format!("{shown:?} is not the beginning of a UUID");
        return Err(Failure::usage("this is not an id", cause, "muster hunt list"));
    }
    Ok(lower)
}

/// Submits a sealed request to the coordinator and prints its id.
pub(super) fn submit(context: &Context, sealed: &Sealed) -> Result<(), Failure> {
    let launched = context.client()?.submit(sealed)?;
    print_launched(context, &launched, None)
}

/// Prints the id of what was launched; `next` is the command that shows what becomes of it.
pub(super) fn print_launched(
    context: &Context,
    launched: &Document<Launched>,
    next: Option<&str>,
) -> Result<(), Failure> {
    note_waiting(context, &launched.view);
    if context.out.format != Format::Table {
        return context.out.record(LAUNCHED, launched);
    }
    let Launched { id, targeted, .. } = &launched.view;
    let next = next.map(|next| format!("; go on with: {next} {id}")).unwrap_or_default();
    context.out.note(&format!("meant for {}{next}", units::agents(*targeted)));
    context.out.line(id)
}

/// Notes why a request is stored and not published.
fn note_waiting(context: &Context, launched: &Launched) {
    if !launched.note.is_empty() {
        context.out.note(&format!("{}: muster doctor", launched.note));
    }
}

fn run_hunt(context: &Context, flags: &Run) -> Result<Exit, Failure> {
    let client = context.client()?;
    let plan = plan::online(&flags.draft, &client, context.out, true)?;
    if flags.dry_run {
        return aim::dry_run(context, &client, plan);
    }
    // An unwritable file is found before the fleet begins to work.
    let place = flags.out.as_deref().map_or(Place::Stdout, Place::typed);
    let file = match &place {
        Place::File(path) => Some(private::create(path)?),
        Place::Stdout => None,
    };
    let (meant, valid_ms) = (plan.ask.target.clone(), plan.ask.valid_ms);
    let artifact = plan.artifact.clone();
    let operator = context.settings.operator()?;
    let bundle = bundle::seal(&operator, plan)?;
    ioc::confirm_fanout(context, &client, &bundle, flags.yes)?;
    let hunt =
        bundle.start.id.parse().map_err(|e| Failure::bug("a sealed request has no id", e))?;
    let note = note::seal(&operator, hunt, &flags.naming)?;
    let probes = probe::ask(context, &client, (hunt, &meant), &flags.probed, valid_ms)?;
    let launched = bundle::launch(&client, &bundle).inspect_err(|_| {
        if let Some(probes) = &probes {
            probes.cancel(context, &client);
        }
    })?;
    let id = id_part(&launched.view.id)?;
    context.out.note(&format!("hunt {id}: meant for {}", units::agents(launched.view.targeted)));
    note_waiting(context, &launched.view);
    note::submit(context, &client, note.as_ref(), &id);
    let mut rows = match file {
        Some(file) => RowWriter::to_file(rows_format(context, true), &artifact, file),
        None => RowWriter::to_stdout(&context.out, &artifact),
    };
    let watched = watch::watch_rows(context, &id, context.left(flags.wait), &mut rows)?;
    let written = rows.finish()?;
    if let Place::File(path) = &place {
        context.out.note(&format!("{} rows are in {}", units::count(written), path.display()));
    }
    if let Watched::Ended(hunt) = &watched {
        note_rows(context, &id, hunt, written);
        if let Some(probes) = &probes {
            probes.tell(context)?;
        }
    }
    end::finish(context, &id, watched)
}

/// Notes when the rows that were written are not those that count in the end: an agent began again under a new journal.
fn note_rows(context: &Context, id: &str, hunt: &HuntView, written: u64) {
    let counting = hunt.progress.rows;
    if counting != written {
        let (written, counting) = (units::count(written), units::count(counting));
        let text =
            format!("{written} rows were written, {counting} count: muster hunt results {id}");
        context.out.note(&text);
    }
}

fn launch(context: &Context, flags: &Launch) -> Result<Exit, Failure> {
    if let Some(path) = &flags.draft_file {
        let What { ioc, ioc_skip_bad, .. } = &flags.draft.what;
        let lists = draft::lists(ioc, *ioc_skip_bad);
        return draft::launch_hunt(context, path, &lists, flags.yes);
    }
    let client = context.client()?;
    let bundle = if let Some(path) = &flags.sealed {
        bundle::read(path)?
    } else {
        let plan = plan::online(&flags.draft, &client, context.out, false)?;
        bundle::seal(&context.settings.operator()?, plan)?
    };
    let is_named = [&flags.naming.name, &flags.naming.note, &flags.naming.case];
    let note = if is_named.iter().any(|text| text.is_some()) {
        let hunt =
            bundle.start.id.parse().map_err(|e| Failure::usage("this hunt has no id", e, ""))?;
        note::seal(&context.settings.operator()?, hunt, &flags.naming)?
    } else {
        None
    };
    ioc::confirm_fanout(context, &client, &bundle, flags.yes)?;
    let launched = bundle::launch(&client, &bundle)?;
    note::submit(context, &client, note.as_ref(), &launched.view.id);
    print_launched(context, &launched, Some("muster hunt watch"))?;
    Ok(Exit::Done)
}

fn seal(context: &Context, flags: &Seal) -> Result<Exit, Failure> {
    let plan = plan::offline(&flags.draft, context.out)?;
    let bundle = bundle::seal(&context.settings.operator()?, plan)?;
    let bytes = bundle.bytes().map_err(|e| Failure::bug("cannot encode the request", e))?;
    let usual = || PathBuf::from(format!("{}.sealed", bundle.start.id));
    match Place::of(context.out, flags.out.as_deref(), usual) {
        Place::Stdout => context.out.bytes(&bytes)?,
        Place::File(path) => {
            private::write(&path, &bytes)?;
            context.out.note(&format!("hunt {} is sealed in {}", bundle.start.id, path.display()));
        }
    }
    Ok(Exit::Done)
}

/// Rows in a file are lines of JSON unless another format was asked for.
fn rows_format(context: &Context, is_file: bool) -> Format {
    if is_file && context.out.format == Format::Table { Format::Jsonl } else { context.out.format }
}

fn cancel(context: &Context, hunt: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let found = find(&client, hunt)?;
    let sent = control::send(context, &client, &found.hunt.view, Verb::Cancel)?;
    let next = format!("muster hunt watch {}", found.id);
    print_cancelled(context, &sent.answer, &next)
}

/// Reports that a cancel is on its way, and where its effect is seen.
pub(super) fn print_cancelled(
    context: &Context,
    answer: &Document<Launched>,
    next: &str,
) -> Result<Exit, Failure> {
    if context.out.format != Format::Table {
        context.out.record(LAUNCHED, answer)?;
    }
    let is_published = answer.view.published;
    let what = if is_published { "cancelled" } else { "cancelled as soon as the broker is back" };
    note_waiting(context, &answer.view);
    context.out.note(&format!("{what}; what becomes of it: {next}"));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_never_becomes_a_path() {
        assert_eq!(id_part("0199AB").unwrap(), "0199ab");
        for bad in ["", "../agents", "a/b", "x?y", "0199%2e"] {
            assert_eq!(id_part(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }
}
