//! A signed request comes in: verified, its agents worked out, recorded, and handed to the broker.

use std::sync::Arc;
use std::time::Duration;

use muster_broker::PublishError;
use muster_protocol::artifact::ioc::SplitIocList;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::note::NOTE;
use muster_protocol::request::sign::Opened;
use muster_protocol::request::{Args, Sealed, Target};
use muster_protocol::wire;
use tokio::sync::oneshot;

use super::error::LaunchError;
use super::publish::publish;
use crate::broker::alarms;
use crate::core::Core;
use crate::hunts::{controls, lists, notes, target_suggestions};
use crate::live::publish_locks::PublishLock;
use crate::roster::targeted::{route, targeted};
use crate::store::fleet::Known;
use crate::store::lists::named;
use crate::store::{Audit, Reader, Request, StoreError, StoredRequest, Write, WriteOutcome};
use muster_api::{Launched, Route};

/// How long a launch waits for the broker before it answers that the request is on record only.
const PUBLISH_WAIT: Duration = Duration::from_secs(10);

/// Launches the bytes of a sealed request. `token` is the name of the caller's token, for the audit log.
pub async fn launch(core: &Arc<Core>, token: &str, bytes: &[u8]) -> Result<Launched, LaunchError> {
    let sealed: Sealed = wire::decode(bytes, REQUEST_BYTES_MAX * 2)
        .map_err(|error| LaunchError::NotSealed(error.to_string()))?;
    if sealed.kind == NOTE {
        return notes::take(core, token, sealed).await;
    }
    let opened = core.trust().open(&sealed, core.clock.now())?;
    let id = opened.body.id;
    if let Some(known) = core.read(move |reader| reader.request(&id)).await? {
        return known_again(core, known).await;
    }
    // Before it is on record: from then on the loop that publishes what is unpublished would find it.
    let Some(lock) = core.publish_locks.take(id) else {
        return Err(LaunchError::InProgress);
    };
    let request = {
        let (opened, sealed) = (opened.clone(), sealed);
        let (shared, agents) = (Arc::clone(core), core.roster.all());
        core.read(move |reader| plan((reader, &agents), &shared, opened, sealed)).await?
    };
    record(core, token, &opened, &request).await?;
    let mut launched = Launched {
        id: id.to_string(),
        kind: request.kind.clone(),
        targeted: u64::try_from(request.expected.len()).unwrap_or(u64::MAX),
        route: request.route.into(),
        published: false,
        note: String::new(),
    };
    if request.route == Route::Coordinator {
        crate::hunts::self_profile::start(core, &opened);
        launched.published = true;
        return Ok(launched);
    }
    match hand_over(core, lock).await {
        Some(Ok(())) => launched.published = true,
        Some(Err(PublishError::Refused(why))) if request.route == Route::Directed => {
            return Err(LaunchError::QueueFull(why));
        }
        // It is on record, and published when the broker is back.
        Some(Err(_)) | None => launched.note = waiting(core),
    }
    Ok(launched)
}

/// Returns why a request is on record only.
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
async fn hand_over(core: &Arc<Core>, lock: PublishLock) -> Option<Result<(), PublishError>> {
    let publisher = core.publisher().filter(|_| core.broker.blocked().is_none())?;
    let shared = Arc::clone(core);
    let (done, outcome) = oneshot::channel();
    core.tasks.spawn("publish", async move {
        // Whoever asked may have gone; what is published is recorded.
        drop(done.send(publish(&shared, &publisher, &lock).await));
    });
    tokio::time::timeout(PUBLISH_WAIT, outcome).await.ok()?.ok()
}

/// The same signed bytes a second time: nothing new happens.
async fn known_again(core: &Core, known: StoredRequest) -> Result<Launched, LaunchError> {
    let id = known.id;
    let expected = core.read(move |reader| reader.expected(&id)).await?;
    Ok(Launched {
        id: id.to_string(),
        kind: known.kind,
        targeted: expected.len() as u64,
        route: known.route.into(),
        published: known.is_published,
        note: if known.is_published { String::new() } else { waiting(core) },
    })
}

/// Works out whom to expect and which way to take.
fn plan(
    (reader, agents): (&Reader, &[Arc<Known>]),
    core: &Core,
    opened: Opened,
    sealed: Sealed,
) -> Result<Request, LaunchError> {
    let body = opened.body;
    let control = match &opened.args {
        Args::Control(control) => Some(control),
        _ => None,
    };
    let (route, expected) = match control {
        // A control goes where its start went: to the same agents, by the same way, behind it.
        Some(control) => {
            let start = controls::started(reader, control)?;
            controls::check(reader, core, &start, control)?;
            (start.route, reader.expected(&start.id)?)
        }
        None => way(agents, &body.target, &body.id, &opened.args)?,
    };
    let list = match &opened.args {
        Args::HuntStart(start) => start.asked().map_err(StoreError::from)?.list,
        _ => SplitIocList::default(),
    };
    lists::check(reader, &core.place, &body, &list)?;
    let revokes = match &opened.args {
        Args::TrustRevoke(revoke) => revoke.keys.clone(),
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
        control: control.cloned(),
        expected,
        revokes,
        names: named(&list),
    })
}

/// Chooses the way of a request that is no control.
fn way(
    agents: &[Arc<Known>],
    target: &Target,
    id: &RequestId,
    args: &Args,
) -> Result<(Route, Vec<AgentId>), LaunchError> {
    let route = route(target);
    if route == Route::Coordinator {
        return Ok((route, vec![AgentId::coordinator()]));
    }
    let found = targeted(agents, target, id);
    let meant = found.map_err(|error| LaunchError::Target(error.to_string()))?.meant;
    if meant.is_empty() && !matches!(args, Args::TrustRevoke(_)) {
        return Err(target_suggestions::no_match(agents, target, id).into());
    }
    // Of the part of a list on the stream nobody is expected to say anything: its hunt does.
    let is_silent = route == Route::Broadcast && matches!(args, Args::ListPart(_));
    let expected = meant.into_iter().filter(|_| !is_silent);
    Ok((route, expected.map(|known| known.agent.id.clone()).collect()))
}

/// Records the request, its revision, whom it means and who asked, in one transaction.
async fn record(
    core: &Core,
    token: &str,
    opened: &Opened,
    request: &Request,
) -> Result<(), LaunchError> {
    // Nobody should wait for an answer until somebody has made room.
    if let Some(why) = core.writer.trouble() {
        return Err(LaunchError::Unwritable(why));
    }
    let line = Audit {
        token: token.to_owned(),
        operator: opened.operator.clone(),
        action: "request",
        subject: request.id.to_string(),
        detail: format!("{} to {}", request.what(), request.target),
    };
    let write = Write::Request(Box::new(request.clone()), line);
    if core.writer.write(write).await? == WriteOutcome::Superseded {
        return Err(controls::superseded(core, request).await?);
    }
    core.revoke(&request.revokes);
    Ok(())
}
