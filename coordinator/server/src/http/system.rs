//! `/healthz`, `/metrics`, `/fleet`, `/doctor`, `/doctor/rebuild`, `/who-has`, `/openapi.json`.

use std::sync::{Arc, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Extension, Json};

use super::error::ApiError;
use super::guard::Caller;
use super::metrics::{Present, text};
use crate::broker::alarms;
use crate::broker_watch::look;
use crate::core::Core;
use crate::doctor::Seen;
use crate::roster;
use crate::store::{Audit, Reader, StoreError, Write, WriteOutcome};
use crate::who_has::{WhoHasError, who_has as find_holders};
use muster_api::{AgentState, ArtifactView, Doctor, FleetView, Health, Rebuilt, WhoHas};

/// Requests that the answer to a rebuild names.
const REBUILT_NAMED_MAX: usize = 100;

/// `GET /healthz`
pub async fn health(State(core): State<Arc<Core>>) -> Json<Health> {
    let (link, trouble) = (core.health(), core.writer.trouble());
    let broker = match (&link.blocked, &link.cause) {
        _ if !link.connected => "no broker".to_owned(),
        (Some(reason), _) => alarms::sentence(reason),
        (None, Some(unread)) => unread.clone(),
        (None, None) => "ok".to_owned(),
    };
    let is_well = broker == "ok" && trouble.is_none();
    Json(Health {
        status: if is_well { "ok" } else { "degraded" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        broker,
        store: trouble.unwrap_or_else(|| "ok".to_owned()),
    })
}

/// `GET /fleet`
pub async fn fleet(State(core): State<Arc<Core>>) -> Result<Json<FleetView>, ApiError> {
    let now = core.clock.now();
    let (mut agents, mut live) = (0, 0);
    for known in core.roster.all() {
        let state = roster::state(&known.agent, now);
        agents += u64::from(state != AgentState::Revoked);
        live += u64::from(state == AgentState::Live);
    }
    let read = |reader: &Reader| Ok((reader.count("hunt.start")?, reader.count("profile.start")?));
    let counts: Result<_, StoreError> = core.read(read).await;
    let (hunts, profiles) = counts?;
    Ok(Json(FleetView {
        id: core.config.file.fleet.to_string(),
        root: core.config.file.root.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        broker: core.health(),
        agents,
        live,
        hunts,
        profiles,
    }))
}

/// `GET /doctor`
pub async fn doctor(State(core): State<Arc<Core>>) -> Result<Json<Doctor>, ApiError> {
    let look = look(&core).await;
    let (link, trouble, now) = (core.health(), core.writer.trouble(), core.clock.now());
    let (blockage, settings) = (core.broker.blockage(), core.broker.settings());
    let agents = core.roster.all();
    let examine = move |reader: &Reader| {
        let (blockage, settings) = (blockage.as_ref(), settings.as_deref());
        let broker = Seen { link: &link, blockage, look: &look, settings };
        crate::doctor::doctor(reader, &agents, trouble.as_deref(), &broker, now)
    };
    Ok(Json(core.read(examine).await?))
}

/// `POST /doctor/rebuild`: one request at a time, so that results go on being stored between them.
pub async fn rebuild(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Rebuilt>, ApiError> {
    let requests: Result<_, StoreError> = core.read(Reader::modelled).await;
    let mut rebuilt = Rebuilt { rebuilt: 0, different: 0, of: Vec::new() };
    for request in requests? {
        let landed = core.writer.write(Write::Rebuild(request)).await?;
        rebuilt.rebuilt += 1;
        let WriteOutcome::Differed(differed @ 1..) = landed else { continue };
        rebuilt.different = rebuilt.different.saturating_add(differed);
        if rebuilt.of.len() < REBUILT_NAMED_MAX {
            rebuilt.of.push(request.to_string());
        }
    }
    let line = Audit {
        token: caller.0,
        action: "rebuild",
        detail: format!("{} records differed", rebuilt.different),
        ..Audit::default()
    };
    core.writer.write(Write::Audit(line)).await?;
    Ok(Json(rebuilt))
}

/// `GET /metrics`
pub async fn metrics(State(core): State<Arc<Core>>) -> Result<impl IntoResponse, ApiError> {
    let own =
        core.self_profiles.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
    let present = Present {
        now: core.clock.now(),
        is_connected: core.health().connected,
        is_blocked: core.broker.blocked().is_some(),
        is_writable: core.writer.trouble().is_none(),
        waiting: core.writer.waiting(),
        own,
        counts: core.counters.read(),
        agents: core.config.metrics_agents(),
    };
    let agents = core.roster.all();
    let write = move |reader: &Reader| super::metrics::metrics(reader, &agents, &present);
    let text = core.read(write).await?;
    Ok(([(CONTENT_TYPE, text::CONTENT_TYPE)], text))
}

/// `GET /openapi.json`
pub async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], muster_api::OPENAPI)
}

/// `GET /artifacts`
pub async fn artifacts() -> Json<Vec<ArtifactView>> {
    Json(ArtifactView::all())
}

/// `GET /who-has?hash=…`, repeatable.
pub async fn who_has(
    State(core): State<Arc<Core>>,
    RawQuery(query): RawQuery,
) -> Result<Json<WhoHas>, ApiError> {
    let query = query.unwrap_or_default();
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("hash="));
    let hashes: Vec<String> = values.map(str::to_owned).collect();
    // One scan at a time reads the disk; the others wait for their turn.
    let turn = Arc::clone(&core.scans).acquire_owned().await;
    let turn = turn.map_err(|closed| ApiError::bug(closed.to_string()))?;
    let roster = Arc::clone(&core.roster);
    // This future is dropped when the caller goes; the scan runs on another thread, and sees it by this.
    let caller = Arc::new(());
    let (waits, stop) = (Arc::downgrade(&caller), core.tasks.stop_signal());
    let scan = move |reader: &Reader| {
        let _turn = turn;
        let is_awaited = || waits.strong_count() > 0 && !stop.is_cancelled();
        find_holders(reader, &roster, &hashes, is_awaited)
    };
    let found = core.read(scan).await;
    drop(caller);
    found.map(Json).map_err(|error| match error {
        WhoHasError::Store(error) => error.into(),
        given_up @ WhoHasError::GivenUp => {
            ApiError::away("nobody looked to the end", given_up.to_string(), "ask again")
        }
        other => {
            ApiError::usage("cannot look for that", other.to_string(), "muster who-has --help")
        }
    })
}
