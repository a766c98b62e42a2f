//! The hosted console: the pages, served by the coordinator itself, for reading only.
//!
//! A token opens a session, which its browser shows by a cookie *and* a second secret. Such a session gets, and previews
//! targets; whatever its token may do, there is no way for it to write. The pages never ask for a key.

mod sessions;

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use muster_api::ErrorBody;
use muster_pages::session::Keys;
use muster_pages::view::{CoordinatorView, Mode, SessionView};
use muster_pages::{assets, confine};
use serde::Deserialize;

pub use self::sessions::Hosted;
use self::sessions::{Refusal, peer};
use super::error::ApiError;
use super::extract::unknown_path;
use super::guard::{self, Guard};
use crate::core::Core;

/// What a session is begun with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    token: String,
}

/// What the endpoints of sessions find.
#[derive(Debug, Clone)]
pub(super) struct Hosting {
    pub(super) core: Arc<Core>,
    pub(super) guard: Arc<Guard>,
    pub(super) hosted: Arc<Hosted>,
}

/// Returns the endpoints of sessions.
pub(super) fn routes(hosting: Hosting) -> Router<Arc<Core>> {
    Router::new()
        .route("/console/session", get(show).post(open).delete(close))
        .layer(map_response(confined))
        .with_state(hosting)
}

async fn confined(mut response: Response) -> Response {
    confine::data(response.headers_mut());
    response
}

/// `POST /console/session`
async fn open(
    State(Hosting { core, guard, hosted }): State<Hosting>,
    request: Request,
) -> Result<Response, Refusal> {
    let url = hosted.own_address(request.headers())?;
    let from = peer(&request);
    let posted: Result<Json<Posted>, JsonRejection> = Json::from_request(request, &()).await;
    let Json(Posted { token }) = posted.map_err(|error| {
        let what = "this is no token";
        Refusal::Other(ApiError::usage(what, error.body_text(), "open the page again"))
    })?;
    let Keys { cookie, secret } = hosted.open(&guard, &token, from)?;
    let mut response = Json(view(&core, url, Some(secret))).into_response();
    hosted.cookie().set(response.headers_mut(), &cookie);
    Ok(response)
}

/// `GET /console/session`
async fn show(
    State(Hosting { core, guard, hosted }): State<Hosting>,
    request: Request,
) -> Result<Response, Refusal> {
    hosted.admit(&guard, &request)?;
    let url = hosted.own_address(request.headers())?;
    guard::show_token(&request);
    Ok(Json(view(&core, url, None)).into_response())
}

/// `DELETE /console/session`
async fn close(
    State(Hosting { guard, hosted, .. }): State<Hosting>,
    request: Request,
) -> Result<Response, Refusal> {
    hosted.admit(&guard, &request)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    hosted.close(request.headers(), response.headers_mut());
    Ok(response)
}

/// Answers all other paths: with a page, where a page may be.
pub(super) async fn page(request: Request) -> Response {
    let path = request.uri().path();
    let is_below = |top: &str| {
        path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_below("/api") || is_below("/console") {
        return confined(unknown_path(request.uri().clone()).await.into_response()).await;
    }
    let mut response = assets::page(&request);
    confine::page(response.headers_mut());
    response
}

/// Returns what a page is told of the console.
fn view(core: &Core, url: String, secret: Option<String>) -> SessionView<()> {
    let why = ErrorBody {
        error: "these pages only read".to_owned(),
        cause: "they come from the coordinator, which must not sign".to_owned(),
        next: "take the draft to your own machine, or use `muster console` there".to_owned(),
        code: 77,
    };
    let version = env!("CARGO_PKG_VERSION");
    SessionView {
        secret,
        version,
        mode: Mode::ReadOnly,
        hosted: true,
        why: Some(why),
        confirm: "page",
        has_source: false,
        operator: None,
        coordinator: CoordinatorView {
            url,
            fleet: Some(core.config.file.fleet.to_string()),
            version: Some(version.to_owned()),
            problem: None,
        },
    }
}
