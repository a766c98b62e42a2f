//! Errors as the API answers them: what failed, why, what to do next, and the exit code of the CLI.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use muster_api::ErrorBody;

/// An answer that is not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    body: ErrorBody,
}

impl ApiError {
    fn new(status: StatusCode, code: u8, error: String, cause: String, next: &str) -> Self {
        Self { status, body: ErrorBody { error, cause, next: next.to_owned(), code } }
    }

    /// 400: the request makes no sense.
    pub fn usage(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 64, error.into(), cause.into(), next)
    }

    /// 401: no token, or one that is not known.
    pub fn token(cause: &str) -> Self {
        let next =
            "use the token that `muster init` made: --token-file, MUSTER_TOKEN_FILE or MUSTER_DIR";
        Self::new(
            StatusCode::UNAUTHORIZED,
            77,
            "the coordinator refuses the token".into(),
            cause.into(),
            next,
        )
    }

    /// 403: understood, and not allowed.
    pub fn refused(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, 77, error.into(), cause.into(), next)
    }

    /// 404: there is no such thing.
    pub fn missing(what: &str, id: &str, next: &str) -> Self {
        let error = format!("no {what} {id:?}");
        let cause = format!("no {what} has this id or begins with it");
        Self::new(StatusCode::NOT_FOUND, 64, error, cause, next)
    }

    /// 409: not now; the same call may succeed later.
    pub fn again(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::CONFLICT, 75, error.into(), cause.into(), next)
    }

    /// 422: no agent is meant.
    pub fn nobody(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 3, error.into(), cause.into(), next)
    }

    /// 503: something that is needed is away.
    pub fn away(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 69, error.into(), cause.into(), next)
    }

    /// 500: our bug.
    pub fn bug(cause: impl Into<String>) -> Self {
        let next = "look into the coordinator's log, and tell us";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 1, "internal error".into(), cause.into(), next)
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::bug(error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
