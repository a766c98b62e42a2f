//! Names, notes and cases of hunts: signed like everything that an operator says, and kept by the coordinator alone.

use muster_api::Launched;
use muster_protocol::clock::Clock;
use muster_protocol::ids::RequestId;
use muster_protocol::request::Sealed;
use muster_protocol::request::note::Note;

use super::{Found, LAUNCHED, find};
use crate::Context;
use crate::args::hunt::{Naming, NoteFlags};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::keys::Operator;
use crate::output::{Document, Format};

pub(super) fn run(context: &Context, flags: &NoteFlags) -> Result<Exit, Failure> {
    let client = context.client()?;
    let Found { id, hunt } = find(&client, &flags.hunt)?;
    let about =
        hunt.view.id.parse().map_err(|e| Failure::bug("the coordinator sent a broken id", e))?;
    let Some(sealed) = seal(&context.settings.operator()?, about, &flags.naming)? else {
        let cause = "it says nothing: no name, no note, no case";
        return Err(Failure::usage("there is nothing to note", cause, "--name, --note or --case"));
    };
    let answer = client.submit(&sealed)?;
    if context.out.format == Format::Table {
        context.out.note(&format!("noted; muster hunt show {id}"));
    } else {
        context.out.record(LAUNCHED, &answer)?;
    }
    Ok(Exit::Done)
}

/// Signs what a hunt is called; nothing where nothing is said.
pub(super) fn seal(
    operator: &Operator,
    about: RequestId,
    naming: &Naming,
) -> Result<Option<Sealed>, Failure> {
    let Naming { name, note, case } = naming.clone();
    if [&name, &note, &case].iter().all(|text| text.is_none()) {
        return Ok(None);
    }
    let note = Note {
        id: RequestId::new(),
        key: operator.key.id(),
        fleet: operator.fleet,
        issued: Clock::system().now(),
        about,
        name,
        note,
        case,
    };
    note.check().map_err(|why| {
        Failure::usage("this cannot be noted", why, "shorten it, or leave out what does not show")
    })?;
    let sealed = operator.key.seal_note(&note, &operator.certificate);
    sealed.map(Some).map_err(|error| Failure::bug("cannot encode the note", error))
}

/// Submits the note of a hunt that was launched. The hunt goes its way, whatever becomes of the note.
pub(super) fn submit(context: &Context, client: &Client, note: Option<&Sealed>, hunt: &str) {
    let Some(note) = note else { return };
    let sent: Result<Document<Launched>, Failure> = client.submit(note);
    if let Err(failure) = sent {
        let again =
            format!("the hunt is launched, and not named: {failure}; muster hunt note {hunt}");
        context.out.note(&again);
    }
}
