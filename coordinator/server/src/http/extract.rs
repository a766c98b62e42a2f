//! What handlers take of a request: path, query and body. What does not read is refused as every other error is: what failed, why,
//! what to do. No handler takes axum's own extractors of these, which refuse in plain text.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use muster_protocol::limits::HTTP_BODY_BYTES_MAX;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Where each endpoint is described.
const DESCRIBED: &str = "GET /api/v1/openapi.json describes each endpoint";
/// Characters of a path that an error shows.
const PATH_CHARS_MAX: usize = 120;

/// The variable segments of a path.
#[derive(Debug, Clone, Copy)]
pub struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(rejection) => {
                let what = "cannot use this path";
                Err(ApiError::usage(what, rejection.body_text(), "write ids as a list shows them"))
            }
        }
    }
}

/// The query of a request. `T` denies unknown fields.
#[derive(Debug, Clone, Copy)]
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                let what = "cannot use these query parameters";
                Err(ApiError::usage(what, rejection.body_text(), DESCRIBED))
            }
        }
    }
}

/// A body that is a JSON document.
#[derive(Debug, Clone, Copy)]
pub struct Given<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(given)) => Ok(Self(given)),
            Err(rejection) => Err(refused(rejection.status(), rejection.body_text())),
        }
    }
}

/// A body as it came.
#[derive(Debug, Clone)]
pub struct Content(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Content {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) => Err(refused(rejection.status(), rejection.body_text())),
        }
    }
}

/// Refuses a body: it is too large, or does not read.
fn refused(status: StatusCode, why: String) -> ApiError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::too_large(HTTP_BODY_BYTES_MAX);
    }
    ApiError::usage("cannot use this body", why, DESCRIBED)
}

/// Answers a path that is not served.
pub async fn unknown_path(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(PATH_CHARS_MAX).collect();
    ApiError::no_endpoint(&path, DESCRIBED)
}

/// Answers a method that a path does not take; the header `Allow` names those that it takes.
pub async fn unknown_method(method: Method) -> ApiError {
    ApiError::not_allowed(method.as_str(), DESCRIBED)
}
