//! `/telemetry`: the latest self-sample of each agent, and the curve of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::result::Telemetry;
use serde::Deserialize;

use super::agents::find;
use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::fleet_curve;
use super::page::length;
use super::page::question::{Question, sort};
use super::query;
use crate::core::Core;
use crate::curves::{Rolled, Spread, Step};
use crate::roster::finite;
use crate::roster::order::Direction;
use crate::store::{Reader, StoreError};
use crate::telemetry::latest::{Field, Samples, is_silent};
use crate::telemetry::marks::{Marks, marks};
use muster_api::{
    AgentState, CurveView, Page, PointView, RunningView, TelemetryPage, TelemetryView,
};
use muster_protocol::when::Moment;

/// How far an answer goes back when nothing is said.
const SINCE: Moment = Moment::Ago(15 * 60_000);

/// Which samples come first, and which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesQuery {
    agent: Option<String>,
    sort: Option<String>,
    fleet: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /telemetry`
pub async fn latest(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<SamplesQuery>,
) -> Result<Json<TelemetryPage>, ApiError> {
    let (field, direction) =
        sort(asked.sort.as_deref(), &Field::ALL, (Field::Agent, Direction::Ascending))?;
    let is_fleet = query::is_set("fleet", asked.fleet.as_deref())?;
    let limit = length(asked.limit)?;
    let question =
        Question::new("telemetry", &format!("{field:?} {direction:?} {:?}", asked.agent));
    let after = question.key(asked.cursor.as_deref())?;
    let (agents, own) = match asked.agent.as_deref() {
        None => (core.roster.all(), core.roster.own()),
        Some(AgentId::COORDINATOR) => (Vec::new(), core.roster.own()),
        Some(id) => (vec![find(&core, id)?], None),
    };
    let now = core.clock.now();
    let make = move || {
        let samples = Samples::new(&agents, own.as_ref(), now);
        let page = samples.page((field, direction), after.as_ref(), limit);
        let page = Page {
            items: page.items.into_iter().map(|heard| view(heard, now)).collect(),
            next: page.next.map(|key| question.cursor(&key)),
            total: samples.count(),
            as_of: now.into(),
        };
        TelemetryPage { page, fleet: is_fleet.then(|| fleet_curve::shown(now, &samples.fleet())) }
    };
    Ok(Json(core.aside(make).await?))
}

/// The span of a curve, as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    since: Option<String>,
    until: Option<String>,
}

impl Span {
    /// Returns the span; it goes back to `since` where nothing else is asked for.
    pub(super) fn resolve(
        &self,
        since: Moment,
        now: Timestamp,
    ) -> Result<(Timestamp, Timestamp), ApiError> {
        let read = |name, text: &Option<String>| query::moment(name, text.as_deref(), now);
        let since = read("since", &self.since)?.unwrap_or_else(|| since.resolve(now));
        let until = read("until", &self.until)?.unwrap_or(now).min(now);
        if since >= until {
            let cause = format!("it would begin at {since} and end at {until}");
            return Err(ApiError::usage("the span of time is empty", cause, "a longer --since"));
        }
        Ok((since, until))
    }
}

/// `GET /telemetry/{agent}`
pub async fn curve(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(span): Asked<Span>,
) -> Result<Json<CurveView>, ApiError> {
    let agent = if id == AgentId::COORDINATOR {
        AgentId::coordinator()
    } else {
        find(&core, &id)?.agent.id.clone()
    };
    let now = core.clock.now();
    let span = span.resolve(SINCE, now)?;
    let step = Step::finest(span.0, now);
    let whose = agent.clone();
    let read = move |reader: &Reader| {
        let heard = reader.heard(&whose)?;
        // A sample of this very moment is in.
        let points = reader.curve(&whose, (span.0, span.1.plus_ms(1)), step)?;
        let marks = marks(reader, &whose, heard.as_ref(), span)?;
        Ok::<_, StoreError>((heard, points, marks))
    };
    let (heard, points, Marks { shown, left_out }) =
        core.read(read).await.map_err(ApiError::from)?;
    Ok(Json(CurveView {
        agent: agent.to_string(),
        host: heard.map(|(_, said)| said.host).unwrap_or_default(),
        step: step.as_str().to_owned(),
        step_ms: step.ms().unsigned_abs(),
        since: span.0.into(),
        until: span.1.into(),
        points: points.iter().map(|(at, point)| shown_point(*at, point)).collect(),
        marks: shown,
        marks_left_out: left_out,
    }))
}

#[expect(clippy::cast_precision_loss, reason = "bounded far below the end of what is exact")]
fn shown_point(at: Timestamp, point: &Rolled) -> PointView {
    let percent = |permille: f64| (permille * 10.0).round() / 100.0;
    let mean = |figure: Spread| figure.sum / point.samples.max(1);
    PointView {
        at: at.into(),
        samples: point.samples,
        cpu_percent_min: percent(point.cpu.min as f64),
        cpu_percent: percent(point.mean(point.cpu)),
        cpu_percent_max: percent(point.cpu.max as f64),
        rss_bytes_min: point.rss.min,
        rss_bytes: mean(point.rss),
        rss_bytes_max: point.rss.max,
        read_bytes_per_s_min: point.read.min,
        read_bytes_per_s: mean(point.read),
        read_bytes_per_s_max: point.read.max,
        written_bytes_per_s_min: point.written.min,
        written_bytes_per_s: mean(point.written),
        written_bytes_per_s_max: point.written.max,
        threads: point.threads,
        fds: point.fds,
        outbox_bytes: point.outbox,
    }
}

fn view((received, said): &(Timestamp, Telemetry), now: Timestamp) -> TelemetryView {
    let collections = said.collections.iter().map(|one| RunningView {
        request: one.request.to_string(),
        state: one.state.clone(),
        age_ms: one.age_ms,
        seen: one.seen,
        hashed: one.hashed,
        bytes: one.bytes,
        cpu_ms: one.cpu_ms,
        throttled_ms: one.throttled_ms,
        path: String::from_utf8_lossy(&one.path).into_owned(),
    });
    let age_ms = now.since_ms(*received).max(0);
    let state = if is_silent(*received, now) { AgentState::Silent } else { AgentState::Live };
    TelemetryView {
        agent: said.agent.to_string(),
        host: said.host.clone(),
        state: state.into(),
        at: said.at.into(),
        received: (*received).into(),
        age_ms: age_ms.unsigned_abs(),
        cpu_percent: finite(said.cpu_percent),
        rss_bytes: said.rss_bytes,
        threads: said.threads,
        fds: said.fds,
        read_bytes: said.read_bytes,
        written_bytes: said.written_bytes,
        read_bytes_per_s: said.read_bytes_per_s,
        written_bytes_per_s: said.written_bytes_per_s,
        outbox_messages: said.outbox_messages,
        outbox_bytes: said.outbox_bytes,
        journal_full: said.journal_full,
        collections: collections.collect(),
    }
}
