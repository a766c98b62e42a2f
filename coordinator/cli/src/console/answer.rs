//! How a request ends: a document, or what failed, why, and what to do next.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use muster_api::ErrorBody;
use muster_pages::confine::{JSON, essence};
use muster_pages::session::{OVER, SECRET};
use muster_protocol::limits::CONSOLE_BODY_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::views::ConsoleError;
use crate::draft::Problem;
use crate::failure::{Exit, Failure};

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    // Boxed: it travels in many results.
    body: Box<ConsoleError>,
    is_session_over: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, failure: Failure) -> Self {
        Self { status, body: Box::new(failure.into()), is_session_over: false }
    }

    /// The page has no session, or none any more.
    pub(super) fn session() -> Self {
        let failure = Failure::new(
            Exit::Refused,
            "there is no session",
            "it is over, or the code was used or is too old",
            "press Enter on the terminal of `muster console`, and open the address that it prints",
        );
        Self { is_session_over: true, ..Self::new(StatusCode::UNAUTHORIZED, failure) }
    }

    /// Too many wrong codes or secrets were sent.
    pub(super) fn guesses() -> Self {
        let failure = Failure::new(
            Exit::TryAgain,
            "too many wrong codes",
            "a program of this machine guesses, or an old page asks again and again",
            "wait a minute; if it goes on, look which program sends requests to this port",
        );
        Self { is_session_over: true, ..Self::new(StatusCode::TOO_MANY_REQUESTS, failure) }
    }

    /// It was kept for a time, or never was there.
    pub(super) fn missing(what: &str, next: &str) -> Self {
        let failure = Failure::new(
            Exit::NothingMatched,
            format!("no such {what}"),
            "it may be too old",
            next,
        );
        Self::new(StatusCode::NOT_FOUND, failure)
    }
}

impl From<Failure> for ErrorBody {
    fn from(failure: Failure) -> Self {
        let Failure { error, cause, next, exit } = failure;
        Self { error, cause, next, code: exit as u8 }
    }
}

impl From<Failure> for ConsoleError {
    fn from(failure: Failure) -> Self {
        ErrorBody::from(failure).into()
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = match failure.exit {
            Exit::Usage => StatusCode::BAD_REQUEST,
            Exit::Refused => StatusCode::FORBIDDEN,
            Exit::NothingMatched | Exit::Partial => StatusCode::UNPROCESSABLE_ENTITY,
            Exit::TryAgain => StatusCode::CONFLICT,
            Exit::Unavailable => StatusCode::BAD_GATEWAY,
            Exit::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Exit::Bug | Exit::Done | Exit::Detached => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, failure)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let Problem { failure, field, at, line, column } = problem;
        let mut refusal = Self::from(*failure);
        refusal.body.field = field;
        refusal.body.at = at;
        refusal.body.line = line;
        refusal.body.column = column;
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &self.body);
        if self.is_session_over {
            response.headers_mut().insert(SECRET, HeaderValue::from_static(OVER));
        }
        response
    }
}

/// Answers with a document.
pub(super) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(bytes) => (status, [(CONTENT_TYPE, JSON)], bytes).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Body::empty()).into_response(),
    }
}

/// Answers with a document and 200.
pub(super) fn ok(document: &impl Serialize) -> Response {
    json(StatusCode::OK, document)
}

/// Reads a document that was posted.
pub(super) async fn posted<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media.is_none_or(|media| essence(media) != JSON) {
        let failure = Failure::usage(
            "this is not a document",
            "its type is not application/json",
            "send JSON",
        );
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, failure));
    }
    let bytes = to_bytes(request.into_body(), CONSOLE_BODY_BYTES_MAX).await.map_err(|error| {
        let failure =
            Failure::usage("the document cannot be read", error, "muster doctor --limits");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, failure)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::from(Failure::usage(
            "the document is not what is expected",
            error,
            "reload the page",
        ))
    })
}
