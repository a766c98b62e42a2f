//! `/requests` and `/hunts`: launch, list, show, files.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::request::Kind;

use super::error::ApiError;
use super::guard::Caller;
use super::page::{Keys, PageQuery};
use crate::core::Core;
use crate::hunts::view::RequestSnapshot;
use crate::hunts::{launch, lists};
use crate::store::{Found, List, Reader, StoreError, StoredRequest};
use muster_api::{CollectionView, HuntFile, HuntView, Launched, ListPiece, Page};

/// `POST /requests`
pub async fn request(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Launched>, ApiError> {
    Ok(Json(launch::launch(&core, &caller.0, &body).await?))
}

/// `POST /lists`: a piece of the whole digests of a list, before the hunt that names it.
pub async fn list_piece(
    State(core): State<Arc<Core>>,
    body: Bytes,
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
        && !reader.blobs(&hunt.id)?.is_empty()
    {
        return Ok(hunt);
    }
    find(reader, Kind::ProfileStart, prefix)
}

/// `GET /hunts`
pub async fn list(
    State(core): State<Arc<Core>>,
    Query(asked): Query<PageQuery>,
) -> Result<Json<Page<HuntView>>, ApiError> {
    let blockage = core.broker.blockage();
    page(&core, List::Hunts, &asked, move |whole| whole.during(blockage.clone()).hunt()).await
}

/// Answers with a page of a list of requests.
pub async fn page<T: Send + 'static>(
    core: &Core,
    list: List,
    asked: &PageQuery,
    show: impl Fn(RequestSnapshot) -> Result<T, StoreError> + Send + 'static,
) -> Result<Json<Page<T>>, ApiError> {
    let (now, after, limit) = (core.clock.now(), asked.after::<RequestId>()?, asked.limit()?);
    let read = move |reader: &Reader| {
        let keys = reader.listed(list, after.as_ref(), limit.saturating_add(1))?;
        let keys = Keys::cut(keys, limit);
        let items = listed(reader, &keys.keys, now, show)?;
        Ok(keys.page(items, reader.count_listed(list)?, now))
    };
    let page: Result<_, StoreError> = core.read(read).await;
    Ok(Json(page?))
}

/// Shows the requests that can be read.
pub fn listed<T>(
    reader: &Reader,
    ids: &[RequestId],
    now: Timestamp,
    show: impl Fn(RequestSnapshot) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut shown = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(request) = reader.request(id)? else { continue };
        let one = RequestSnapshot::read(reader, request, now).and_then(&show);
        shown.extend(reader.readable_request(id, one)?);
    }
    Ok(shown)
}

pub(super) async fn whole(core: &Core, id: String) -> Result<RequestSnapshot, ApiError> {
    let now = core.clock.now();
    let read = move |reader: &Reader| {
        Ok::<_, ApiError>(RequestSnapshot::read(reader, find(reader, Kind::HuntStart, &id)?, now)?)
    };
    Ok(core.read(read).await?.during(core.broker.blockage()))
}

/// `GET /hunts/{id}`
pub async fn show(
    State(core): State<Arc<Core>>,
    Path(id): Path<String>,
) -> Result<Json<HuntView>, ApiError> {
    Ok(Json(whole(&core, id).await?.hunt()?))
}

/// `GET /hunts/{id}/agents`
pub async fn agents(
    State(core): State<Arc<Core>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<CollectionView>>, ApiError> {
    Ok(Json(whole(&core, id).await?.parts_shown()))
}

/// `GET /hunts/{id}/files`: what matched and was sent.
pub async fn files(
    State(core): State<Arc<Core>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<HuntFile>>, ApiError> {
    let whole = whole(&core, id).await?;
    let files: Result<_, StoreError> = core.read(move |reader| whole.files(reader)).await;
    Ok(Json(files?))
}

/// `GET /hunts/{id}/files/{sha256}`: the content of one of them.
pub async fn file(
    State(core): State<Arc<Core>>,
    Path((id, sha256)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let whole = whole(&core, id).await?;
    let digest = muster_protocol::hex::decode(&sha256).filter(|digest| whole.has_file(digest));
    let Some(digest) = digest else {
        return Err(ApiError::missing("file", &sha256, "muster hunt files ID"));
    };
    let path = core.place.blob(&digest);
    let read = move || std::fs::read(&path).map_err(|source| StoreError::File { path, source });
    let bytes = tokio::task::spawn_blocking(read).await;
    let bytes =
        bytes.map_err(|problem| StoreError::Broken(format!("a reader died: {problem}")))??;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}
