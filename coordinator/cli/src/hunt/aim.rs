//! Before a hunt: whom a target means (`hunt targets`), what a hunt would be sent to whom (`hunt run --dry-run`), and the command
//! that makes an earlier hunt again (`hunt copy`).

use std::collections::BTreeSet;

use muster_api::command::{command, quoted};
use muster_api::{HuntView, Open, TargetPreview};
use muster_protocol::limits::SEALED_BYTES_MAX;
use muster_protocol::request::sign::{Trust, body_of};
use muster_protocol::request::{Args, Sealed};
use muster_protocol::wire;
use serde::Serialize;

use super::plan::Plan;
use super::{Found, Unsealed, bundle, find, note, print_launched};
use crate::Context;
use crate::agents::preview;
use crate::args::hunt::{Copy, Naming};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show, units};
use crate::sign::{self, Ask};

/// What a launch would do.
#[derive(Debug, Serialize)]
struct DryRun {
    #[serde(flatten)]
    preview: TargetPreview,
    /// Bytes that each agent would receive.
    bytes_each: u64,
    /// The same for all of them.
    bytes_all: u64,
}

const DRY_RUN: &[Column<DryRun>] = &[
    Column::new("matched", "matched", Show::Count, |one| one.preview.matched.into()),
    Column::new("left out", "left_out", Show::Count, |one| one.preview.left_out.into()),
    Column::new("revoked", "revoked", Show::Count, |one| one.preview.revoked.into()),
    Column::new("goes by", "route", Show::Text, |one| {
        one.preview.route.as_ref().map(Open::as_str).into()
    }),
    Column::new("states", "facets.state", Show::Text, |one| {
        preview::counts(&one.preview.facets.state).into()
    }),
    Column::new("systems", "facets.os", Show::Text, |one| {
        preview::counts(&one.preview.facets.os).into()
    }),
    Column::new("versions", "facets.version", Show::Text, |one| {
        preview::counts(&one.preview.facets.version).into()
    }),
    Column::new("first", "first", Show::Text, |one| preview::first(&one.preview).into()),
    Column::new("bytes each", "bytes_each", Show::Bytes, |one| one.bytes_each.into()),
    Column::new("bytes in all", "bytes_all", Show::Bytes, |one| one.bytes_all.into()),
];

/// Shows whom a hunt would be for and what it would weigh. Nothing is signed, and nothing launched.
pub(super) fn dry_run(context: &Context, client: &Client, plan: Plan) -> Result<Exit, Failure> {
    let preview: TargetPreview = preview::ask(client, &plan.ask.target)?;
    let signer = context.settings.operator()?.signer()?;
    let Unsealed { start, parts, .. } = bundle::prepare(signer.fleet, signer.key, plan)?;
    let bytes = parts.iter().chain([&start]).map(|request| request.bytes().len() as u64);
    let bytes_each: u64 = bytes.sum();
    let bytes_all = bytes_each.saturating_mul(preview.matched);
    let exit = if preview.matched == 0 { Exit::NothingMatched } else { Exit::Done };
    let (each, all) = (units::bytes(bytes_each), units::bytes(bytes_all));
    context.out.record(DRY_RUN, &Document::of(DryRun { preview, bytes_each, bytes_all })?)?;
    context.out.note(&format!("{each} for each agent, {all} in all; nothing was launched"));
    Ok(exit)
}

/// A command that makes an earlier hunt again.
#[derive(Debug, Serialize)]
struct Copied {
    hunt: String,
    command: String,
}

const COPIED: &[Column<Copied>] = &[
    Column::new("hunt", "hunt", Show::Text, |one| (&one.hunt).into()),
    Column::new("command", "command", Show::Text, |one| (&one.command).into()),
];

/// Prints the command that makes a hunt again, or launches it. The command is made here, of the signed bytes; what is signed again
/// was signed by an operator of this fleet before.
pub(super) fn copy(context: &Context, flags: &Copy) -> Result<Exit, Failure> {
    let client = context.client()?;
    let Found { id, hunt } = find(&client, &flags.hunt)?;
    let bytes = client.bytes(&format!("/api/v1/requests/{id}/sealed"))?;
    let sealed: Sealed = wire::decode(&bytes, SEALED_BYTES_MAX)
        .map_err(|e| Failure::bug("the coordinator sent a broken request", e))?;
    let body = body_of(&sealed).map_err(sign::refused)?;
    if body.id.to_string() != hunt.view.id {
        let cause = "its id is another one";
        return Err(Failure::bug("the coordinator sent another request", cause));
    }
    if flags.run {
        return again(context, &client, &sealed, &hunt.view);
    }
    let Some(mut line) = command(&body, None) else {
        let what = "no command makes this hunt";
        let cause = "it asks for something that this version of muster does not know";
        return Err(Failure::new(Exit::NothingMatched, what, cause, "take a newer muster"));
    };
    for (flag, text) in [("--name", &hunt.view.name), ("--case", &hunt.view.case)] {
        if !text.is_empty() {
            line.extend([" ", flag, "=", &quoted(text.as_bytes())]);
        }
    }
    if context.out.format == Format::Table {
        context.out.line(&line)?;
    } else {
        context.out.record(COPIED, &Document::of(Copied { hunt: id, command: line })?)?;
    }
    Ok(Exit::Done)
}

fn again(
    context: &Context,
    client: &Client,
    sealed: &Sealed,
    hunt: &HuntView,
) -> Result<Exit, Failure> {
    let operator = context.settings.operator()?;
    let trust = Trust { fleet: operator.fleet, root: operator.root, revoked: BTreeSet::new() };
    let issued = body_of(sealed).map_err(sign::refused)?.issued;
    let opened = trust.open(sealed, issued).map_err(sign::refused)?;
    let is_split = match &opened.args {
        Args::HuntStart(start) => {
            let asked = start.asked().map_err(|e| Failure::bug("cannot read the hunt", e))?;
            !asked.list.is_none()
        }
        _ => return Err(Failure::bug("the coordinator sent another request", "it is no hunt")),
    };
    if is_split {
        let cause = "its list of hashes travelled in parts, which are not here";
        let next = format!("muster hunt copy {}, and give the list with --ioc", hunt.id);
        return Err(Failure::usage("this hunt cannot be launched again", cause, &next));
    }
    let ask = Ask {
        valid_ms: opened.body.not_after.since_ms(opened.body.issued),
        target: opened.body.target,
        limits: opened.body.limits,
        args: opened.args,
    };
    let sealed = sign::seal(&operator, ask)?;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let naming = Naming { name: text(&hunt.name), note: None, case: text(&hunt.case) };
    let id = sealed.id.parse().map_err(|e| Failure::bug("a sealed request has no id", e))?;
    let note = note::seal(&operator, id, &naming)?;
    let launched = client.submit(&sealed)?;
    note::submit(context, client, note.as_ref(), &launched.view.id);
    print_launched(context, &launched, Some("muster hunt watch"))?;
    Ok(Exit::Done)
}
