//! A signed request comes in: verified, its agents worked out, recorded, and handed to the broker.

use std::sync::Arc;
use std::time::Duration;

use muster_broker::PublishError;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::sign::{Opened, Refusal};
use muster_protocol::request::{Args, Control, Kind, Sealed, Target};
use muster_protocol::wire;
use tokio::sync::oneshot;

use super::publish::{Turn, publish};
use crate::broker::alarms;
use crate::core::Core;
use crate::http::error::ApiError;
use crate::http::guard::Caller;
use crate::hunts::{lists, near};
use crate::roster;
use crate::store::lists::named;
use crate::store::{
    Audit, Landed, Place, Reader, Request, StoreError, StoredAgent, StoredRequest, Write,
};
use muster_api::{Launched, Route};

/// The route of a request that the coordinator carries out itself.
pub const OWN: u8 = 2;
/// The route by the own queue of each agent that is named.
pub const DIRECTED: u8 = 1;
/// The route by the stream, to all.
const BROADCAST: u8 = 0;
/// How long a launch waits for the broker before it answers that the request is on record only.
const PUBLISH_WAIT: Duration = Duration::from_secs(10);

/// Returns the route as the API names it.
pub const fn route(stored: u8) -> Route {
    match stored {
        DIRECTED => Route::Directed,
        OWN => Route::Coordinator,
        _ => Route::Broadcast,
    }
}

/// Takes the bytes of a sealed request.
pub async fn launch(core: &Arc<Core>, caller: &Caller, bytes: &[u8]) -> Result<Launched, ApiError> {
    let sealed: Sealed = wire::decode(bytes, REQUEST_BYTES_MAX * 2).map_err(|error| {
        ApiError::usage(
            "this is no sealed request",
            error.to_string(),
            "seal one: muster hunt seal --help",
        )
    })?;
    let opened =
        core.trust().open(&sealed, core.clock.now()).map_err(|refusal| refused(&refusal))?;
    let id = opened.body.id;
    if let Some(known) = core.read(move |reader| reader.request(&id)).await.map_err(broken)? {
        return known_again(core, known).await;
    }
    // Before it is on record: from then on the search for what is owed would find it.
    let Some(turn) = core.turns.take(id) else {
        let cause = "another call is just launching it".to_owned();
        return Err(ApiError::again("the same request twice", cause, "run the command again"));
    };
    let request = {
        let (opened, sealed) = (opened.clone(), sealed);
        let place = core.place.clone();
        core.read(move |reader| plan(reader, &place, opened, sealed)).await?
    };
    record(core, caller, &opened, &request).await?;
    let mut launched = Launched {
        id: id.to_string(),
        kind: request.kind.clone(),
        targeted: u64::try_from(request.expected.len()).unwrap_or(u64::MAX),
        route: route(request.route),
        published: false,
        note: String::new(),
    };
    if request.route == OWN {
        crate::hunts::own::start(core, &opened);
        launched.published = true;
        return Ok(launched);
    }
    match hand_over(core, turn).await {
        Some(Ok(())) => launched.published = true,
        Some(Err(PublishError::Refused(why))) if request.route == DIRECTED => {
            let next = "it is sent as soon as there is room; see muster broker status";
            return Err(ApiError::again("the agent's queue is full", why, next));
        }
        // It is on record, and published when the broker is back.
        Some(Err(_)) | None => launched.note = waiting(core),
    }
    Ok(launched)
}

/// Says why a request is on record only.
fn waiting(core: &Core) -> String {
    let health = core.health();
    match (&health.blocked, health.connected) {
        (Some(reason), true) => {
            format!("{}; the request is sent when that is over", alarms::sentence(reason))
        }
        (None, true) => "the broker has not confirmed the request yet".to_owned(),
        (_, false) => {
            let cause = health.cause.as_deref().unwrap_or("not connected");
            format!("the coordinator has no broker ({cause}); the request is sent when it is back")
        }
    }
}

/// Publishes; `None` when the broker is away, takes no messages, or takes its time. The work goes on then: a publish that is dropped half-way
/// may or may not have been stored, and would be done again.
async fn hand_over(core: &Arc<Core>, turn: Turn) -> Option<Result<(), PublishError>> {
    let publisher = core.publisher().filter(|_| core.broker.blocked().is_none())?;
    let shared = Arc::clone(core);
    let (done, outcome) = oneshot::channel();
    core.tasks.spawn("publish", async move {
        // Whoever asked may have gone; what is published is recorded.
        drop(done.send(publish(&shared, &publisher, &turn).await));
    });
    tokio::time::timeout(PUBLISH_WAIT, outcome).await.ok()?.ok()
}

/// The same signed bytes a second time: nothing new happens.
async fn known_again(core: &Core, known: StoredRequest) -> Result<Launched, ApiError> {
    let id = known.id;
    let expected = core.read(move |reader| reader.expected(&id)).await.map_err(broken)?;
    Ok(Launched {
        id: id.to_string(),
        kind: known.kind,
        targeted: expected.len() as u64,
        route: route(known.route),
        published: known.is_published,
        note: if known.is_published { String::new() } else { waiting(core) },
    })
}

/// Works out whom to expect and which way to take.
fn plan(
    reader: &Reader,
    place: &Place,
    opened: Opened,
    sealed: Sealed,
) -> Result<Request, ApiError> {
    let body = opened.body;
    let about = match &opened.args {
        Args::HuntCancel(control) => Some((control, begun(reader, control, Kind::HuntStart)?)),
        Args::ProfileCancel(control) => {
            Some((control, begun(reader, control, Kind::ProfileStart)?))
        }
        _ => None,
    };
    let (route, expected) = match &about {
        // A control goes where its start went: to the same agents, by the same way, behind it.
        Some((_, start)) => (start.route, reader.expected(&start.id).map_err(broken)?),
        None => way(reader, &body.target, &body.id, &opened.args)?,
    };
    if let Args::HuntStart(start) = &opened.args {
        lists::check(reader, place, &body, start)?;
    }
    let revokes = match &opened.args {
        Args::TrustRevoke(revoke) => revoke.keys.clone(),
        _ => Vec::new(),
    };
    let names = match &opened.args {
        Args::HuntStart(start) => named(&start.file_hash.list),
        _ => Vec::new(),
    };
    Ok(Request {
        id: body.id,
        kind: body.kind.as_str().to_owned(),
        operator: opened.operator,
        issued: body.issued,
        not_after: body.not_after,
        target: body.target.expr,
        route,
        sealed,
        about: about.map(|(control, start)| (start.id, control.revision)),
        expected,
        revokes,
        names,
    })
}

/// Returns the start that a control is about.
fn begun(reader: &Reader, control: &Control, kind: Kind) -> Result<StoredRequest, ApiError> {
    let start = reader.request(&control.request).map_err(broken)?;
    start.filter(|start| start.kind == kind.as_str()).ok_or_else(|| {
        let (noun, next) = match kind {
            Kind::ProfileStart => ("profile", "muster profile list"),
            _ => ("hunt", "muster hunt list"),
        };
        ApiError::missing(noun, &control.request.to_string(), next)
    })
}

/// Chooses the way of a request that is no control.
fn way(
    reader: &Reader,
    target: &Target,
    id: &RequestId,
    args: &Args,
) -> Result<(u8, Vec<AgentId>), ApiError> {
    if target.directed().is_some_and(|ids| ids == [AgentId::coordinator()]) {
        return Ok((OWN, vec![AgentId::coordinator()]));
    }
    let agents = reader.agents().map_err(broken)?;
    let meant = meant(&agents, target, id)?;
    if meant.is_empty() && !matches!(args, Args::TrustRevoke(_)) {
        return Err(near::nobody(&agents, target, id));
    }
    if target.directed().is_some() {
        return Ok((DIRECTED, meant));
    }
    // Of the part of a list on the stream nobody is expected to say anything: its hunt does.
    let is_part = matches!(args, Args::ListPart(_));
    Ok((BROADCAST, if is_part { Vec::new() } else { meant }))
}

fn meant(
    agents: &[StoredAgent],
    target: &Target,
    request: &RequestId,
) -> Result<Vec<AgentId>, ApiError> {
    let mut meant = Vec::new();
    for agent in agents.iter().filter(|agent| agent.revoked.is_none()) {
        let matches = target.matches(&roster::facts(agent), request).map_err(|error| {
            ApiError::usage(
                "the target does not parse",
                error.to_string(),
                "muster hunt launch --help",
            )
        })?;
        if matches {
            meant.push(agent.id.clone());
        }
    }
    Ok(meant)
}

/// Records the request, its revision, whom it means and who asked, in one transaction.
async fn record(
    core: &Core,
    caller: &Caller,
    opened: &Opened,
    request: &Request,
) -> Result<(), ApiError> {
    // Nobody should wait for an answer until somebody has made room.
    if let Some(why) = core.writer.trouble() {
        let next = "make room on its disk, then run the command again; muster doctor";
        return Err(ApiError::away("the coordinator's store cannot be written", why, next));
    }
    let line = Audit {
        token: caller.0.clone(),
        operator: opened.operator.clone(),
        action: "request",
        subject: request.id.to_string(),
        detail: format!("{} to {}", request.kind, request.target),
    };
    let write = Write::Request(Box::new(request.clone()), line);
    if core.writer.write(write).await.map_err(broken)? == Landed::Overtaken {
        let (about, revision) = request.about.unwrap_or((request.id, 0));
        return Err(ApiError::again(
            "somebody else was faster",
            format!("revision {revision} is not above those that {about} has"),
            "run the command again: it takes the next revision",
        ));
    }
    core.revoke(&request.revokes);
    Ok(())
}

fn refused(refusal: &Refusal) -> ApiError {
    let error = format!("the request is refused: {}", refusal.code());
    let cause = refusal.to_string();
    match refusal {
        Refusal::Malformed(_)
        | Refusal::OutOfBounds(_)
        | Refusal::TooBig(_)
        | Refusal::UnknownKind(_) => {
            ApiError::usage(error, cause, "is the CLI of the coordinator's version?")
        }
        _ => ApiError::refused(error, cause, "is --operator-key of this fleet, and not revoked?"),
    }
}

fn broken(error: StoreError) -> ApiError {
    ApiError::from(error)
}
