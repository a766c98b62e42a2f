//! `/hunts/{id}/agents`, `/hunts/{id}/costs`, `/hunts/{id}/timeline`: what became of a hunt on each agent, from the read models.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{COST_WORST_MAX, SEARCH_TEXT_BYTES_MAX};
use muster_protocol::request::Kind;
use serde::Deserialize;

use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::hunts::{find, page};
use super::page::length;
use super::page::question::{Question, sort};
use super::query::{is_set, search, words};
use crate::core::Core;
use crate::hunts::current;
use crate::hunts::listing::Listed;
use crate::hunts::parts::list::{Field, Filter, briefs, codes, page as cut};
use crate::hunts::parts::timeline::{Steps, span, timeline as made};
use crate::hunts::parts::{Moment, costs::costs as spread};
use crate::hunts::view::RequestSnapshot;
use crate::hunts::why::why as explained;
use crate::roster::order::{Direction, Key};
use crate::store::{Reader, StoreError};
use muster_api::{CollectionBrief, CollectionView, HuntCosts, HuntTimeline, HuntWhy, States};

/// Which parts, in which order, and which page of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartsQuery {
    state: Option<String>,
    code: Option<String>,
    q: Option<String>,
    applied: Option<String>,
    sort: Option<String>,
    detail: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /hunts/{id}/agents`: in one line each; with `detail=1` with every figure.
pub async fn agents(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<PartsQuery>,
) -> Result<Response, ApiError> {
    if asked.code.as_ref().is_some_and(|code| code.len() > SEARCH_TEXT_BYTES_MAX) {
        let next = format!("at most {SEARCH_TEXT_BYTES_MAX} bytes");
        return Err(ApiError::usage("cannot look for these codes", "they are too long", &next));
    }
    let filter = Filter {
        states: words("state", asked.state.as_deref(), &States::WORDS.map(|word| (word, word)))?,
        codes: codes(asked.code.as_deref()),
        text: search(asked.q.as_deref())?,
        applied: match asked.applied.as_deref() {
            None => None,
            some => Some(is_set("applied", some)?),
        },
    };
    let order = sort(asked.sort.as_deref(), &Field::ALL, (Field::Agent, Direction::Ascending))?;
    let is_detailed = is_set("detail", asked.detail.as_deref())?;
    let PartsQuery { state, code, q, applied, sort, .. } = &asked;
    let question = Question::new("parts", &(&id, state, code, q, applied, sort));
    let (limit, after) = (length(asked.limit)?, question.key::<Key>(asked.cursor.as_deref())?);
    let (shared, now, blockage) = (Arc::clone(&core), core.clock.now(), core.broker.blockage());
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let request = find(reader, Kind::HuntStart, &id)?;
            let summary = current::summary(reader, &request.id)?;
            let parts = shared.parts.of(reader, &summary)?;
            let fleet = shared.writer.news().fleet();
            let moment = Moment::of(&summary, now, &fleet, blockage.as_ref());
            let (cut, total) = cut(&moment, &parts, &filter, order, (after.as_ref(), limit));
            if !is_detailed {
                let items = briefs(&moment, &cut.items);
                let listed = Listed { items, next: cut.next, total };
                return Ok(Json(page(listed, &question, now)).into_response());
            }
            drop(fleet);
            let agents: Vec<AgentId> = cut.items.iter().map(|part| part.agent.clone()).collect();
            let whole = RequestSnapshot::read_of(reader, &shared.roster, request, &agents, now)?;
            let whole = whole.during(blockage.clone());
            let items = agents.iter().filter_map(|agent| whole.part_of(agent)).collect();
            let listed: Listed<CollectionView> = Listed { items, next: cut.next, total };
            Ok::<_, ApiError>(Json(page(listed, &question, now)).into_response())
        })
    };
    core.read(read).await
}

/// `GET /hunts/{id}/agents/{agent}`: one part, with all of its attempts.
pub async fn agent(
    State(core): State<Arc<Core>>,
    Segments((id, agent)): Segments<(String, String)>,
) -> Result<Json<CollectionView>, ApiError> {
    let (roster, now, blockage) =
        (Arc::clone(&core.roster), core.clock.now(), core.broker.blockage());
    let missing = format!("muster hunt show {id} --agents");
    let Ok(agent) = AgentId::new(&agent) else {
        return Err(ApiError::missing("agent of this hunt", &agent, &missing));
    };
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let request = find(reader, Kind::HuntStart, &id)?;
            let of = std::slice::from_ref(&agent);
            let whole = RequestSnapshot::read_of(reader, &roster, request, of, now)?;
            let whole = whole.during(blockage.clone());
            let part = whole.part_with_attempts(&agent);
            part.ok_or_else(|| ApiError::missing("agent of this hunt", agent.as_str(), &missing))
        })
    };
    core.read(read).await.map(Json)
}

/// `GET /hunts/{id}/why`
pub async fn why(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<HuntWhy>, ApiError> {
    let (shared, now, blockage) = (Arc::clone(&core), core.clock.now(), core.broker.blockage());
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let request = find(reader, Kind::HuntStart, &id)?;
            let news = shared.writer.news();
            let sources = (&**news, &shared.tallies);
            let hunt = current::read_within(reader, sources, &request, blockage.as_ref(), now)?;
            let summary = current::summary(reader, &request.id)?;
            let parts = shared.parts.of(reader, &summary)?;
            let fleet = news.fleet();
            let moment = Moment::of(&summary, now, &fleet, blockage.as_ref());
            let counted = parts.iter().filter(|part| part.is_counted());
            let briefs: Vec<_> = counted.map(|part| moment.brief(part)).collect();
            drop(fleet);
            let agents = slowest(&briefs);
            let whole = RequestSnapshot::read_of(reader, &shared.roster, request, &agents, now)?;
            let slowest: Vec<_> = agents.iter().filter_map(|agent| whole.part_of(agent)).collect();
            Ok::<_, ApiError>(Json(explained(&hunt, &briefs, &slowest)))
        })
    };
    core.read(read).await
}

/// Returns the agents whose parts have run for longest.
fn slowest(briefs: &[CollectionBrief]) -> Vec<AgentId> {
    let mut running: Vec<_> = briefs.iter().filter(|part| part.state == "running").collect();
    running.sort_by_key(|part| std::cmp::Reverse(part.age_ms));
    let longest = running.into_iter().take(COST_WORST_MAX);
    longest.filter_map(|part| AgentId::new(&part.agent).ok()).collect()
}

/// `GET /hunts/{id}/costs`
pub async fn costs(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<HuntCosts>, ApiError> {
    let (shared, now) = (Arc::clone(&core), core.clock.now());
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let request = find(reader, Kind::HuntStart, &id)?;
            let summary = current::summary(reader, &request.id)?;
            let news = shared.writer.news();
            let tally = shared.tallies.of(reader, news, &summary, now)?;
            let parts = shared.parts.of(reader, &summary)?;
            let fleet = news.fleet();
            let moment = Moment::of(&summary, now, &fleet, None);
            Ok::<_, ApiError>(spread(&moment, &parts, tally.spent.waits_ms))
        })
    };
    core.read(read).await.map(Json)
}

/// `GET /hunts/{id}/timeline`
pub async fn timeline(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<HuntTimeline>, ApiError> {
    let (shared, now) = (Arc::clone(&core), core.clock.now());
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let request = find(reader, Kind::HuntStart, &id)?;
            let summary = current::summary(reader, &request.id)?;
            let parts = shared.parts.of(reader, &summary)?;
            let rows = reader.rows_span(&request.id)?;
            let spans = [span(&parts), rows].into_iter().flatten();
            let (begin, end) = spans
                .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
                .unwrap_or((summary.issued.min(now), now));
            let steps = Steps::over(begin, end);
            let rows = reader.rows_by_step(&request.id, begin, steps.step_ms)?;
            let fleet = shared.writer.news().fleet();
            let moment = Moment::of(&summary, now, &fleet, None);
            Ok::<_, StoreError>(made(&moment, &parts, steps, &rows)).map_err(ApiError::from)
        })
    };
    core.read(read).await.map(Json)
}
