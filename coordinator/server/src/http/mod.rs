//! The HTTP interface: thin handlers over the store, the hunts and the roster.

pub mod agents;
pub mod broker;
pub mod error;
pub mod events;
pub mod extract;
pub mod feeds;
pub mod fleet_curve;
pub mod guard;
pub mod hosted;
pub mod hunt_events;
pub mod hunt_files;
pub mod hunt_parts;
pub mod hunt_rows;
pub mod hunts;
pub mod ledger;
pub mod listen;
pub mod metrics;
pub mod overview;
pub mod page;
pub mod pieces;
pub mod profile_merge;
pub mod profile_views;
pub mod profiles;
pub mod query;
pub mod requests;
pub mod row_pages;
pub mod row_query;
pub mod search;
pub mod symbols;
pub mod system;
pub mod targets;
pub mod telemetry;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use muster_protocol::limits::HTTP_BODY_BYTES_MAX;

use crate::core::Core;
use extract::{unknown_method, unknown_path};
use guard::Guard;
use hosted::{Hosted, Hosting};

/// Makes the router of everything.
pub fn router(core: Arc<Core>) -> Router {
    let config = &core.config;
    let hosted = config.hosts_console().then(|| Arc::new(Hosted::new(config.file.tls.is_some())));
    let (tokens, hosts) = (config.tokens(), config.file.hosts.clone());
    let guard = Guard::new(tokens, hosts, hosted.clone(), core.clock.clone());
    let guard = Arc::new(guard);
    let guarded = Router::new()
        .route("/fleet", get(system::fleet))
        .route("/audit", get(ledger::audit))
        .route("/broker", get(broker::broker))
        .route("/dead", get(broker::dead))
        .route("/search", get(search::search))
        .route("/overview", get(overview::overview))
        .route("/events", get(events::events))
        .route("/doctor", get(system::doctor))
        .route("/doctor/rebuild", post(system::rebuild))
        .route("/openapi.json", get(system::openapi))
        .route("/who-has", get(system::who_has))
        .route("/agents", get(agents::list::list).post(agents::enrol))
        .route("/agents/{id}", get(agents::show))
        .route("/agents/{id}/requests", get(agents::history::requests))
        .route("/agents/{id}/uploads", get(agents::history::uploads))
        .route("/agents/{id}/revoke", post(agents::revoke))
        .route("/agents/{id}/quarantine", post(agents::quarantine))
        .route("/agents/{id}/release", post(agents::release))
        .route("/targets/preview", post(targets::preview))
        .route("/requests", post(hunts::request))
        .route("/requests/{id}", get(requests::show))
        .route("/requests/{id}/sealed", get(requests::sealed))
        .route("/lists", post(hunts::list_piece))
        .route("/artifacts", get(system::artifacts))
        .route("/hunts", get(hunts::list))
        .route("/hunts/{id}", get(hunts::show))
        .route("/hunts/{id}/agents", get(hunt_parts::agents))
        .route("/hunts/{id}/agents/{agent}", get(hunt_parts::agent))
        .route("/hunts/{id}/costs", get(hunt_parts::costs))
        .route("/hunts/{id}/why", get(hunt_parts::why))
        .route("/hunts/{id}/timeline", get(hunt_parts::timeline))
        .route("/hunts/{id}/events", get(hunt_events::events))
        .route("/hunts/{id}/results", get(hunt_rows::results))
        .route("/hunts/{id}/rows", get(row_pages::rows))
        .route("/hunts/{id}/errors", get(row_pages::errors))
        .route("/hunts/{id}/files", get(hunt_files::list))
        .route("/hunts/{id}/files/{sha256}", get(hunt_files::file))
        .route("/profiles", get(profiles::list))
        .route("/profiles/{id}", get(profiles::show))
        .route("/profiles/{id}/{agent}/{view}", get(profiles::view))
        .route("/profile-views/{view}", get(profile_merge::view))
        .route("/symbols", get(symbols::list).post(symbols::add))
        .route("/telemetry", get(telemetry::latest))
        .route("/telemetry/fleet", get(fleet_curve::curve))
        .route("/telemetry/{agent}", get(telemetry::curve))
        .method_not_allowed_fallback(unknown_method)
        .route_layer(from_fn_with_state(Arc::clone(&guard), guard::token));
    let scraped = Router::new()
        .route("/metrics", get(system::metrics))
        .route_layer(from_fn_with_state(Arc::clone(&guard), guard::any_token));
    let served = Router::new()
        .route("/healthz", get(system::health))
        .merge(scraped)
        .nest("/api/v1", guarded)
        .method_not_allowed_fallback(unknown_method);
    let served = match hosted {
        Some(hosted) => {
            let (core, guard) = (Arc::clone(&core), Arc::clone(&guard));
            served.merge(hosted::routes(Hosting { core, guard, hosted })).fallback(hosted::page)
        }
        None => served.fallback(unknown_path),
    };
    served
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .layer(from_fn_with_state(guard, guard::host))
        .layer(map_response(harmless))
        .with_state(core)
}

/// Nothing that is served may fetch anything from anywhere.
async fn harmless(mut response: Response) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    let headers = response.headers_mut();
    // A view may come with a policy of its own, which is stricter.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
