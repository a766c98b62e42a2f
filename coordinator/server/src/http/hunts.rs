//! `/requests`, `/lists` and `/hunts`: launch, list, show.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use muster_protocol::clock::Timestamp;
use muster_protocol::request::Kind;
use serde::Deserialize;

use super::error::ApiError;
use super::extract::{Asked, Content, Segments};
use super::guard::Caller;
use super::page::length;
use super::page::question::{Question, sort};
use super::query::{moment, search, words};
use crate::core::Core;
use crate::hunts::listing::{self, Field, Filter, HuntState, Listed, Sources};
use crate::hunts::{current, launch, lists};
use crate::roster::order::{Direction, Key};
use crate::store::{Found, Reader, StoreError, StoredRequest};
use muster_api::{HuntBrief, HuntView, Launched, ListPiece, Page};

/// `POST /requests`
pub async fn request(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Content(body): Content,
) -> Result<Json<Launched>, ApiError> {
    Ok(Json(launch::launch(&core, &caller.0, &body).await?))
}

/// `POST /lists`: a piece of the whole digests of a list, before the hunt that names it.
pub async fn list_piece(
    State(core): State<Arc<Core>>,
    Content(body): Content,
) -> Result<Json<ListPiece>, ApiError> {
    let place = core.place.clone();
    let kept = tokio::task::spawn_blocking(move || lists::keep(&place, &body)).await;
    let kept = kept.map_err(|problem| StoreError::Broken(format!("a writer died: {problem}")))?;
    Ok(Json(kept?))
}

/// Finds the one request of a kind whose id begins so.
pub fn find(reader: &Reader, kind: Kind, prefix: &str) -> Result<StoredRequest, ApiError> {
    let noun = if kind == Kind::HuntStart { "hunt" } else { "profile" };
    let next = if kind == Kind::HuntStart { "muster hunt list" } else { "muster profile list" };
    match reader.find(kind.as_str(), prefix)? {
        Found::One(request) => Ok(request),
        Found::None => Err(ApiError::missing(noun, prefix, next)),
        Found::Many(count) => Err(ApiError::usage(
            format!("{prefix:?} stands for {count} of them"),
            "the beginning of an id must be unique",
            next,
        )),
    }
}

/// Finds what has profiles: a request for them, else a hunt that an agent profiled by itself.
pub fn find_profiled(reader: &Reader, prefix: &str) -> Result<StoredRequest, ApiError> {
    if matches!(reader.find(Kind::ProfileStart.as_str(), prefix)?, Found::None)
        && let Found::One(hunt) = reader.find(Kind::HuntStart.as_str(), prefix)?
        && reader.has_blobs(&hunt.id)?
    {
        return Ok(hunt);
    }
    find(reader, Kind::ProfileStart, prefix)
}

/// Which hunts, in which order, and which page of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HuntsQuery {
    state: Option<String>,
    operator: Option<String>,
    q: Option<String>,
    name: Option<String>,
    case: Option<String>,
    since: Option<String>,
    until: Option<String>,
    sort: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /hunts`
pub async fn list(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<HuntsQuery>,
) -> Result<Json<Page<HuntBrief>>, ApiError> {
    let now = core.clock.now();
    let filter = Filter {
        states: words("state", asked.state.as_deref(), &HuntState::ALL)?,
        operator: asked.operator.clone(),
        text: search(asked.q.as_deref())?,
        name: search(asked.name.as_deref())?,
        case: search(asked.case.as_deref())?,
        since: moment("since", asked.since.as_deref(), now)?,
        until: moment("until", asked.until.as_deref(), now)?,
        ..Filter::default()
    };
    let (field, order) =
        sort(asked.sort.as_deref(), &Field::ALL, (Field::Issued, Direction::Descending))?;
    let HuntsQuery { state, operator, q, name, case, since, until, sort: by, .. } = &asked;
    let question = Question::new("hunts", &(state, operator, q, name, case, since, until, by));
    let (limit, after) = (length(asked.limit)?, question.key::<Key>(asked.cursor.as_deref())?);
    let shared = Arc::clone(&core);
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let sources =
                Sources { reader, news: shared.writer.news(), tallies: &shared.tallies, now };
            listing::hunts(&sources, &filter, (field, order), (after.as_ref(), limit))
        })
    };
    let listed: Result<_, StoreError> = core.read(read).await;
    Ok(Json(page(listed?, &question, now)))
}

/// Makes a page of what was listed.
pub fn page<T>(listed: Listed<T>, question: &Question, now: Timestamp) -> Page<T> {
    let next = listed.next.map(|key| question.cursor(&key));
    Page { items: listed.items, next, total: listed.total, as_of: now.into() }
}

/// `GET /hunts/{id}`
pub async fn show(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<HuntView>, ApiError> {
    let (shared, now, blockage) = (Arc::clone(&core), core.clock.now(), core.broker.blockage());
    let read = move |reader: &Reader| {
        let request = find(reader, Kind::HuntStart, &id)?;
        let known = (&**shared.writer.news(), &shared.tallies);
        Ok::<_, ApiError>(current::read(reader, known, &request, blockage.as_ref(), now)?)
    };
    Ok(Json(core.read(read).await?))
}
