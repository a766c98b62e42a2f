//! Errors as the API answers them: what failed, why, what to do next, and the exit code of the CLI.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use muster_api::ErrorBody;
use muster_protocol::request::sign::Refusal;

use crate::hunts::error::{LaunchError, ListError};
use crate::hunts::target_suggestions::{NoMatch, Remedy};

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
    pub fn token(cause: impl Into<String>) -> Self {
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

    /// 401: a page has no session, or none any more.
    pub fn session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            77,
            "there is no session".into(),
            "it is over, or the coordinator was started again".into(),
            "open the page again and give your token",
        )
    }

    /// 429: too much was wrong of late.
    pub fn guesses() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            75,
            "too many wrong tokens".into(),
            "a program at your address guesses, or an old page asks again and again".into(),
            "wait a minute",
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

    /// 404: no endpoint has this path.
    pub fn no_endpoint(path: &str, next: &str) -> Self {
        let cause = "no endpoint of this coordinator's version has this path".to_owned();
        Self::new(StatusCode::NOT_FOUND, 64, format!("no endpoint {path:?}"), cause, next)
    }

    /// 405: the endpoint does not take the method.
    pub fn not_allowed(method: &str, next: &str) -> Self {
        let cause = format!("the method is {method:?}");
        let error = "the endpoint does not take this method".to_owned();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, 64, error, cause, next)
    }

    /// 409: not now; the same call may succeed later.
    pub fn again(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::CONFLICT, 75, error.into(), cause.into(), next)
    }

    /// 413: the body is too large.
    pub fn too_large(bytes_max: usize) -> Self {
        let cause = format!("it has more than {bytes_max} bytes");
        let next = "send less at once: fewer agents, or a list of hashes in more pieces";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, 64, "the body is too large".into(), cause, next)
    }

    /// 422: no agent is meant.
    pub fn nobody(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 3, error.into(), cause.into(), next)
    }

    /// 503: something that is needed is away.
    pub fn away(error: impl Into<String>, cause: impl Into<String>, next: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 69, error.into(), cause.into(), next)
    }

    /// 501: something is on record that only a later version knows.
    pub fn newer(cause: impl Into<String>) -> Self {
        let next = "update the coordinator";
        let what = "this needs a newer coordinator".to_owned();
        Self::new(StatusCode::NOT_IMPLEMENTED, 69, what, cause.into(), next)
    }

    /// 500: our bug.
    pub fn bug(cause: impl Into<String>) -> Self {
        let next = "look into the coordinator's log, and tell us";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 1, "internal error".into(), cause.into(), next)
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        match error {
            crate::store::StoreError::Newer(_) => Self::newer(error.to_string()),
            error => Self::bug(error.to_string()),
        }
    }
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Store(error) => error.into(),
            ListError::Malformed(why) => Self::usage(
                "this is no piece of a list of hashes",
                why,
                "muster hunt run --ioc FILE",
            ),
        }
    }
}

impl From<LaunchError> for ApiError {
    fn from(error: LaunchError) -> Self {
        let cause = error.to_string();
        match error {
            LaunchError::NotSealed(why) => {
                Self::usage("this is no sealed request", why, "seal one: muster hunt seal --help")
            }
            LaunchError::Refused(refusal) => of_refusal(&refusal),
            LaunchError::InProgress => {
                Self::again("the same request twice", cause, "run the command again")
            }
            LaunchError::QueueFull(why) => {
                let next = "it is sent as soon as there is room; see muster broker status";
                Self::again("the agent's queue is full", why, next)
            }
            LaunchError::NoSuchStart(id) => {
                let next = "muster hunt list; muster profile list";
                Self::missing("hunt or profile", &id.to_string(), next)
            }
            LaunchError::UnknownVerb(_) => {
                let next = "update the coordinator, then try again";
                Self::usage("the control is not known here", cause, next)
            }
            LaunchError::TooManyNotes(_) => {
                Self::usage("the hunt has too many notes", cause, "muster doctor --limits")
            }
            LaunchError::OfProfile(verb) => {
                let what = format!("cannot {} a profile", verb.as_str());
                Self::usage(what, cause, "end it before its time: muster profile cancel PROFILE")
            }
            LaunchError::Ended { about, .. } => {
                let next = format!("muster hunt show {about}; launch it again: muster hunt run");
                Self::usage(format!("hunt {about} has ended"), cause, &next)
            }
            LaunchError::Cancelled { about, .. } => {
                let next = format!("muster hunt watch {about}; launch it again: muster hunt run");
                Self::usage(format!("hunt {about} was cancelled"), cause, &next)
            }
            LaunchError::RevisionAhead { about, .. } => {
                let next = format!(
                    "check the clock of who signed; a cancel works at any revision: muster hunt cancel {about}"
                );
                Self::usage("the revision lies in the future", cause, &next)
            }
            LaunchError::Target(why) => {
                Self::usage("the target does not parse", why, "muster hunt launch --help")
            }
            LaunchError::NoMatch(no_match) => of_no_match(no_match),
            LaunchError::IncompleteList(why) => {
                let next = "launch the file that `muster hunt seal` wrote: muster hunt launch --sealed FILE";
                Self::usage("the hunt's list of hashes is not complete", why, next)
            }
            LaunchError::Superseded { .. } => {
                let next = "run the command again: it takes the next revision";
                Self::again("another control was faster", cause, next)
            }
            LaunchError::Unwritable(why) => {
                let next = "make room on its disk, then run the command again; muster doctor";
                Self::away("the coordinator's store cannot be written", why, next)
            }
            LaunchError::Store(error) => error.into(),
        }
    }
}

fn of_refusal(refusal: &Refusal) -> ApiError {
    let error = format!("the request is refused: {}", refusal.code());
    let cause = refusal.to_string();
    match refusal {
        Refusal::Malformed(_)
        | Refusal::OutOfBounds(_)
        | Refusal::TooBig(_)
        | Refusal::UnknownKind(_) => {
            ApiError::usage(error, cause, "is the CLI of the coordinator's version?")
        }
        _ => ApiError::refused(error, cause, "is --operator-key of this fleet, and not revoked?"),
    }
}

fn of_no_match(no_match: NoMatch) -> ApiError {
    let error = format!("no agent matches `{}`", no_match.target);
    let next = match no_match.remedy {
        Remedy::Enrol => "muster agents enrol NAME --out bundles".to_owned(),
        Remedy::EnrolAgain => {
            "muster agents list --all; muster agents enrol NAME --out bundles".to_owned()
        }
        Remedy::LargerSample => "take a larger --sample".to_owned(),
        Remedy::Term(term) => format!("muster agents list --target '{term}'"),
        Remedy::List => "muster agents list".to_owned(),
    };
    ApiError::nobody(error, no_match.cause, &next)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
