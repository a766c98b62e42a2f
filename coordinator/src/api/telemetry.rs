//! `/telemetry`: the latest self-sample of each agent, and the curve of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use common::clock::Timestamp;
use common::ids::AgentId;
use common::result::Telemetry;
use serde::Deserialize;

use super::agents::find;
use super::error::ApiError;
use super::types::{RunningView, TelemetryView};
use crate::core::Core;
use crate::store::{Reader, StoreError};

/// Minutes that one answer may span.
const MINUTES_MAX: i64 = 24 * 60;

/// `GET /telemetry`
pub async fn latest(State(core): State<Arc<Core>>) -> Result<Json<Vec<TelemetryView>>, ApiError> {
    let read = |reader: &Reader| {
        let own = reader.heard(&AgentId::coordinator())?;
        let agents = reader.agents()?;
        Ok(own
            .into_iter()
            .chain(agents.into_iter().filter_map(|agent| agent.heard))
            .collect::<Vec<_>>())
    };
    let samples: Result<Vec<_>, StoreError> = core.read(read).await;
    Ok(Json(samples?.into_iter().map(view).collect()))
}

/// How far to look back.
#[derive(Debug, Deserialize)]
pub struct Span {
    minutes: Option<i64>,
}

/// `GET /telemetry/{agent}`
pub async fn curve(
    State(core): State<Arc<Core>>,
    Path(id): Path<String>,
    Query(span): Query<Span>,
) -> Result<Json<Vec<TelemetryView>>, ApiError> {
    let agent = if id == AgentId::COORDINATOR {
        AgentId::coordinator()
    } else {
        find(&core, &id).await?.id
    };
    let minutes = span.minutes.unwrap_or(15).clamp(1, MINUTES_MAX);
    let since = core.clock.now().plus_ms(-minutes * 60_000);
    let samples =
        core.read(move |reader| reader.telemetry(&agent, since)).await.map_err(ApiError::from)?;
    Ok(Json(samples.into_iter().map(view).collect()))
}

fn view((received, said): (Timestamp, Telemetry)) -> TelemetryView {
    let collections = said.collections.into_iter().map(|one| RunningView {
        request: one.request.to_string(),
        state: one.state,
        age_ms: one.age_ms,
        seen: one.seen,
        hashed: one.hashed,
        bytes: one.bytes,
        cpu_ms: one.cpu_ms,
        throttled_ms: one.throttled_ms,
        path: String::from_utf8_lossy(&one.path).into_owned(),
    });
    TelemetryView {
        agent: said.agent.to_string(),
        host: said.host,
        at: said.at.into(),
        received: received.into(),
        cpu_percent: said.cpu_percent,
        rss_bytes: said.rss_bytes,
        threads: said.threads,
        fds: said.fds,
        read_bytes: said.read_bytes,
        written_bytes: said.written_bytes,
        outbox_messages: said.outbox_messages,
        outbox_bytes: said.outbox_bytes,
        journal_full: said.journal_full,
        collections: collections.collect(),
    }
}
