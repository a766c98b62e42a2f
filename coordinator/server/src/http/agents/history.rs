//! `GET /agents/{id}/requests` and `/uploads`: what an agent was asked for and has sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::{AgentRequest, AgentUpload, Page, States};
use muster_protocol::ids::RequestId;
use serde::Deserialize;

use super::find;
use crate::core::Core;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Segments};
use crate::http::page::question::Question;
use crate::http::page::{cut, length};
use crate::http::query;
use crate::hunts::of_agent::{self, Filter};
use crate::store::{Reader, StoreError, UploadKey};

/// Kinds of what an agent is asked for.
const KINDS: [(&str, &str); 2] = [("hunt", "hunt"), ("profile", "profile")];
/// Which requests, and which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestsQuery {
    kind: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /agents/{id}/requests`
pub async fn requests(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<RequestsQuery>,
) -> Result<Json<Page<AgentRequest>>, ApiError> {
    let known = find(&core, &id)?;
    let filter = Filter {
        kinds: query::words("kind", asked.kind.as_deref(), &KINDS)?,
        states: query::words(
            "state",
            asked.state.as_deref(),
            &States::WORDS.map(|word| (word, word)),
        )?,
    };
    let limit = length(asked.limit)?;
    let whose = known.agent.id.as_str();
    let question = Question::new("agent requests", &(whose, &asked.kind, &asked.state));
    let after: Option<RequestId> = question.key(asked.cursor.as_deref())?;
    let (now, blockage) = (core.clock.now(), core.broker.blockage());
    let read = move |reader: &Reader| {
        of_agent::requests(reader, &known, &filter, (after, limit), (blockage.as_ref(), now))
    };
    let found: Result<_, StoreError> = core.read(read).await;
    let of_agent::Requests { items, next, total } = found?;
    let next = next.map(|last| question.cursor(&last));
    Ok(Json(Page { items, next, total, as_of: now.into() }))
}

/// Which page of an agent's uploads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadsQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /agents/{id}/uploads`
pub async fn uploads(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<UploadsQuery>,
) -> Result<Json<Page<AgentUpload>>, ApiError> {
    let agent = find(&core, &id)?.agent.id.clone();
    let limit = length(asked.limit)?;
    let question = Question::new("agent uploads", &agent);
    let after: Option<UploadKey> = question.key(asked.cursor.as_deref())?;
    let now = core.clock.now();
    let read = move |reader: &Reader| {
        let mut found = reader.uploads_of(&agent, after.as_ref(), limit.saturating_add(1))?;
        let next = cut(&mut found, limit).map(|last| question.cursor(&last.key));
        let items = of_agent::uploads(reader, &agent, &found)?;
        Ok(Page { items, next, total: reader.count_uploads(&agent)?, as_of: now.into() })
    };
    let page: Result<_, StoreError> = core.read(read).await;
    Ok(Json(page?))
}
