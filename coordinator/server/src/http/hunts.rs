//! `/requests`, `/lists` and `/hunts`: launch, list, show, files.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use muster_protocol::clock::Timestamp;
use muster_protocol::request::Kind;
use muster_protocol::result::FILE_BLOB;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::extract::{Asked, Content, Segments};
use super::guard::Caller;
use super::page::length;
use super::page::question::{Question, sort};
use super::query::{moment, search, words};
use crate::core::Core;
use crate::hunts::files::Files;
use crate::hunts::listing::{self, Field, Filter, HuntState, Listed, Sources};
use crate::hunts::{current, files, launch, lists};
use crate::roster::order::{Direction, Key};
use crate::store::{BlobKey, Found, Reader, StoreError, StoredRequest};
use muster_api::{HuntBrief, HuntFile, HuntView, Launched, ListPiece, Page};

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
        since: moment("since", asked.since.as_deref(), now)?,
        until: moment("until", asked.until.as_deref(), now)?,
        ..Filter::default()
    };
    let (field, order) =
        sort(asked.sort.as_deref(), &Field::ALL, (Field::Issued, Direction::Descending))?;
    let question = Question::new(
        "hunts",
        &(&asked.state, &asked.operator, &asked.q, &asked.since, &asked.until, &asked.sort),
    );
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

/// Which page of a list that has one order.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PageOnly {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /hunts/{id}/files`: what matched and was sent.
pub async fn list_files(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<PageOnly>,
) -> Result<Json<Page<HuntFile>>, ApiError> {
    let (roster, now) = (Arc::clone(&core.roster), core.clock.now());
    let question = Question::new("files", &id);
    let (limit, after) = (length(asked.limit)?, question.key::<BlobKey>(asked.cursor.as_deref())?);
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let hunt = find(reader, Kind::HuntStart, &id)?.id;
            Ok::<_, ApiError>(files::files(reader, &roster, &hunt, (after.as_ref(), limit))?)
        })
    };
    let Files { items, next, total } = core.read(read).await?;
    let next = next.map(|last| question.cursor(&last));
    Ok(Json(Page { items, next, total, as_of: now.into() }))
}

/// `GET /hunts/{id}/files/{sha256}`: the content of one of them.
pub async fn file(
    State(core): State<Arc<Core>>,
    Segments((id, sha256)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    let missing = || ApiError::missing("file", &sha256, "muster hunt files ID");
    let digest = muster_protocol::hex::decode(&sha256).ok_or_else(missing)?;
    let wanted = digest.clone();
    let look = move |reader: &Reader| {
        let hunt = find(reader, Kind::HuntStart, &id)?.id;
        Ok::<_, ApiError>(reader.has_counted_blob(&hunt, FILE_BLOB, &wanted)?)
    };
    if !core.read(look).await? {
        return Err(missing());
    }
    let path = core.place.blob(&digest);
    let read = move || std::fs::read(&path).map_err(|source| StoreError::File { path, source });
    let bytes = tokio::task::spawn_blocking(read).await;
    let bytes =
        bytes.map_err(|problem| StoreError::Broken(format!("a reader died: {problem}")))??;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}
