//! A signed request comes in: verified, its agents worked out, recorded, and published until it is confirmed.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::amqp::{Message, PublishError, Publisher};
use common::ids::{AgentId, RequestId};
use common::limits::REQUEST_BYTES_MAX;
use common::request::sign::{Opened, Refusal};
use common::request::{Args, Sealed, Target};
use common::topology::{REQUESTS, directed_queue};
use common::wire;

use crate::api::error::ApiError;
use crate::api::guard::Caller;
use crate::api::types::{Launched, Route};
use crate::core::Core;
use crate::roster;
use crate::store::read::{StoredAgent, StoredRequest};
use crate::store::write::{Audit, Request, Write};
use crate::store::{Reader, StoreError};

/// The route of a request that the coordinator carries out itself.
pub const OWN: u8 = 2;
const DIRECTED: u8 = 1;
const BROADCAST: u8 = 0;

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
    let request = {
        let (opened, sealed) = (opened.clone(), sealed);
        core.read(move |reader| plan(reader, opened, sealed)).await?
    };
    record(core, caller, &opened, &request).await?;
    let mut launched = Launched {
        id: id.to_string(),
        kind: request.kind.clone(),
        targeted: u64::try_from(request.expected.len()).unwrap_or(u64::MAX),
        route: route(request.route),
        published: false,
    };
    if request.route == OWN {
        crate::hunts::own::start(core, &opened);
        launched.published = true;
        return Ok(launched);
    }
    if let Some(publisher) = core.publisher() {
        let stored = core.read(move |reader| reader.request(&id)).await.map_err(broken)?;
        let stored = stored.ok_or_else(|| ApiError::bug("a request vanished from the store"))?;
        match publish(core, &publisher, &stored).await {
            Ok(()) => launched.published = true,
            Err(PublishError::Refused(why)) if stored.route == DIRECTED => {
                let next = "it is sent as soon as there is room; see muster broker status";
                return Err(ApiError::again("the agent's queue is full", why, next));
            }
            // It is on record, and published when the broker is back.
            Err(_) => {}
        }
    }
    Ok(launched)
}

/// The same signed bytes a second time: nothing new happens.
async fn known_again(core: &Core, known: StoredRequest) -> Result<Launched, ApiError> {
    let id = known.id;
    let events = core.read(move |reader| reader.events(&id)).await.map_err(broken)?;
    let is_expected =
        |event: &&super::state::Event| matches!(event, super::state::Event::Expected(_));
    Ok(Launched {
        id: id.to_string(),
        kind: known.kind,
        targeted: events.iter().filter(is_expected).count() as u64,
        route: route(known.route),
        published: known.is_published,
    })
}

/// Works out whom to expect and which way to take.
fn plan(reader: &Reader, opened: Opened, sealed: Sealed) -> Result<Request, ApiError> {
    let body = opened.body;
    let agents = reader.agents().map_err(broken)?;
    let about = match &opened.args {
        Args::HuntCancel(control) | Args::ProfileCancel(control) => {
            let (revision, _) = reader.controls(&control.request).map_err(broken)?;
            if control.revision <= revision {
                return Err(ApiError::again(
                    "somebody else was faster",
                    format!("revision {} is not above {revision}", control.revision),
                    "run the command again: it takes the next revision",
                ));
            }
            Some((control.request, control.revision))
        }
        _ => None,
    };
    let is_own = body.target.directed().is_some_and(|ids| ids == [AgentId::coordinator()]);
    let expected = if is_own {
        vec![AgentId::coordinator()]
    } else {
        let meant = meant(&agents, &body.target, &body.id)?;
        if meant.is_empty() && about.is_none() && !matches!(opened.args, Args::TrustRevoke(_)) {
            return Err(nobody(&agents, &body.target));
        }
        meant
    };
    let route = match (is_own, body.target.directed()) {
        (true, _) => OWN,
        (false, Some(_)) => DIRECTED,
        (false, None) => BROADCAST,
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
        about,
        expected,
    })
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

/// Says what is near.
fn nobody(agents: &[StoredAgent], target: &Target) -> ApiError {
    let mut labels: BTreeMap<String, u64> = BTreeMap::new();
    for agent in agents.iter().filter(|agent| agent.revoked.is_none()) {
        for (key, value) in roster::labels(agent) {
            let label = if value.is_empty() { key } else { format!("{key}={value}") };
            *labels.entry(label).or_default() += 1;
        }
    }
    let near: Vec<_> = labels.iter().take(5).map(|(l, n)| format!("`label:{l}` ({n})")).collect();
    let known = if near.is_empty() { "no labels are known".to_owned() } else { near.join(", ") };
    ApiError::nobody(
        format!("no agent matches `{}`", target.expr.chars().take(200).collect::<String>()),
        format!("0 of {} agents; known: {known}", agents.len()),
        "muster agents list",
    )
}

async fn record(
    core: &Core,
    caller: &Caller,
    opened: &Opened,
    request: &Request,
) -> Result<(), ApiError> {
    core.writer.write(Write::Request(Box::new(request.clone()))).await.map_err(broken)?;
    let line = Audit {
        token: caller.0.clone(),
        operator: opened.operator.clone(),
        action: "request",
        subject: request.id.to_string(),
        detail: format!("{} to {}", request.kind, request.target),
    };
    core.writer.write(Write::Audit(line)).await.map_err(broken)?;
    if let Args::TrustRevoke(revoke) = &opened.args {
        core.writer.write(Write::RevokedKeys(revoke.keys.clone())).await.map_err(broken)?;
        core.revoke(&revoke.keys);
    }
    Ok(())
}

/// Publishes a request by its way; `Ok` when the broker has confirmed every copy.
pub async fn publish(
    core: &Core,
    publisher: &Publisher,
    request: &StoredRequest,
) -> Result<(), PublishError> {
    if request.route == DIRECTED {
        let target = Target { expr: request.target.clone(), sample_ppm: None };
        let left = request.not_after.since_ms(core.clock.now());
        for agent in target.directed().unwrap_or_default() {
            let mut message = Message::request(&request.sealed, &directed_queue(&agent));
            // What nobody fetched while it was valid is of no use later.
            message.expiration_ms = Some(u64::try_from(left).unwrap_or(0).max(1));
            publisher.publish(message).await?;
        }
    } else {
        publisher.publish(Message::request(&request.sealed, REQUESTS)).await?;
    }
    let stored = core.writer.write(Write::Published(request.id)).await;
    stored.map(drop).map_err(|error| PublishError::Gone(error.to_string()))
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
