//! Notes of hunts and profiles: verified as requests are, kept, and never handed to the broker.

use muster_api::{Launched, Route};
use muster_protocol::request::note::NOTE;
use muster_protocol::request::{Kind, Sealed};

use super::error::LaunchError;
use crate::core::Core;
use crate::store::notes::NewNote;
use crate::store::{Audit, StoreError, Write};

/// Takes a sealed note. `token` is the name of the caller's token, for the audit log.
pub(super) async fn take(
    core: &Core,
    token: &str,
    sealed: Sealed,
) -> Result<Launched, LaunchError> {
    let (note, operator) = core.trust().open_note(&sealed, core.clock.now())?;
    let (id, about) = (note.id, note.about);
    let start = core.read(move |reader| reader.request(&about)).await?;
    let starts = [Kind::HuntStart.as_str(), Kind::ProfileStart.as_str()];
    if !start.is_some_and(|start| starts.contains(&start.kind.as_str())) {
        return Err(LaunchError::NoSuchStart(about));
    }
    let given = [("name", &note.name), ("note", &note.note), ("case", &note.case)];
    let given = given.into_iter().filter(|(_, text)| text.is_some());
    let given: Vec<_> = given.map(|(what, _)| what).collect();
    let audit = Audit {
        token: token.to_owned(),
        operator: operator.clone(),
        action: "note",
        subject: about.to_string(),
        detail: given.join(", "),
    };
    let new = Box::new(NewNote { note, operator, sealed });
    match core.writer.write(Write::Note(new, audit)).await {
        Err(StoreError::Refused(_)) => return Err(LaunchError::TooManyNotes(about)),
        recorded => recorded?,
    };
    Ok(Launched {
        id: id.to_string(),
        kind: NOTE.to_owned(),
        targeted: 0,
        route: Route::Coordinator.into(),
        published: true,
        note: String::new(),
    })
}
