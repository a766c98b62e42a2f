//! The coordinator's API, passed through with the operator's token, which the browser never sees.
//!
//! Of an answer only status, type, length, retry time and `ETag` pass; its body streams, so nothing of its size is held. The
//! blocking client of the command line does the asking, one thread a request: it brings TLS, time-outs and error texts,
//! and a page has few requests open. When the reader goes away, the next piece has no receiver and the request ends: of an
//! event stream that is the next comment, after 15 s at the latest.

use std::io::{self, Read};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use futures_lite::StreamExt;
use muster_pages::confine::{JSON, essence};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::CONSOLE_BODY_BYTES_MAX;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Console;
use super::answer::{self, Refusal};
use crate::client::{self, Client, Passed};
use crate::failure::{Exit, Failure};

/// Bytes of one piece of an answer.
const PIECE_BYTES: usize = 65_536;
/// Pieces that wait for the browser.
const PIECES_WAITING: usize = 4;
/// Longest id of an event that is passed on.
const EVENT_ID_BYTES_MAX: usize = 256;
/// What every media type becomes that is none of [`PASSED`].
const OCTETS: &str = "application/octet-stream";
/// The media types that pass.
const PASSED: [&str; 4] = [JSON, "application/jsonl", "application/x-ndjson", "text/event-stream"];

/// Answers `/api/v1/…`: any GET, and the few POSTs that change nothing that is signed.
pub(super) async fn pass(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Refusal> {
    let path = api_path(request.uri())?;
    if request.method() != Method::GET {
        return Err(not_passed());
    }
    let id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let id = id.filter(|id| id.len() <= EVENT_ID_BYTES_MAX).map(ToOwned::to_owned);
    stream(&console, move |client| client.pass(&path, id.as_deref())).await
}

/// Fetches a path of the API as an attachment.
pub(super) async fn download(
    console: &Arc<Console>,
    path: String,
    name: &str,
) -> Result<Response, Refusal> {
    let mut response = stream(console, move |client| client.pass(&path, None)).await?;
    let header = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let header = header.unwrap_or(HeaderValue::from_static("attachment"));
    response.headers_mut().insert(CONTENT_DISPOSITION, header);
    Ok(response)
}

/// `POST /api/v1/targets/preview`: what a target means now.
pub(super) async fn preview(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Refusal> {
    let body = axum::body::to_bytes(request.into_body(), CONSOLE_BODY_BYTES_MAX).await;
    let body = body.map_err(|error| {
        let failure = Failure::usage("the expression cannot be read", error, "a shorter one");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, failure)
    })?;
    stream(&console, move |client| client.pass_post("/api/v1/targets/preview", JSON, body.as_ref()))
        .await
}

/// `POST /api/v1/symbols`: the file streams through.
pub(super) async fn symbols(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Refusal> {
    console.refuse_read_only()?;
    let mut file = pulled(&console, request.into_body());
    stream(&console, move |client| {
        client.pass_post("/api/v1/symbols", OCTETS, ureq::SendBody::from_reader(&mut file))
    })
    .await
}

/// What was typed to confirm something that changes an agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    confirm: String,
}

/// `POST /api/v1/agents/{id}/revoke`, with the id typed.
pub(super) async fn revoke(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    act(console, id, "revoke", request).await
}

/// `POST /api/v1/agents/{id}/release`, with the id typed.
pub(super) async fn release(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    act(console, id, "release", request).await
}

async fn act(
    console: Arc<Console>,
    id: String,
    verb: &'static str,
    request: Request,
) -> Result<Response, Refusal> {
    console.refuse_read_only()?;
    let id = AgentId::new(&id)
        .map_err(|error| Failure::usage("no such agent", error, "muster agents list"))?;
    let Typed { confirm } = answer::posted(request).await?;
    if confirm != id.as_str() {
        let cause = format!("{id} is not what was typed");
        let failure =
            Failure::new(Exit::TryAgain, "not confirmed", cause, "type the agent's whole id");
        return Err(failure.into());
    }
    let path = format!("/api/v1/agents/{id}/{verb}");
    stream(&console, move |client| client.pass_post(&path, JSON, "{}")).await
}

/// Answers what is not passed through.
pub(super) fn not_passed() -> Refusal {
    let cause = "a request that is signed is launched in one way only: from its review";
    let failure = Failure::usage("this is not passed through", cause, "POST /console/drafts");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, failure)
}

/// Returns path and query of a request for the API, if no reader of them can take it for another path.
pub(super) fn api_path(uri: &Uri) -> Result<String, Refusal> {
    let (path, query) = (uri.path(), uri.query());
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    let is_stepping = plain.split(['/', '\\']).any(|name| matches!(name, "." | ".."));
    let is_plain = !is_stepping && !plain.contains("%2f") && uri.authority().is_none();
    if !is_plain || !path.starts_with("/api/v1/") {
        let cause = "it is not a plain path below /api/v1/";
        return Err(Failure::usage("no such endpoint", cause, "docs/reference/console.md").into());
    }
    Ok(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// Asks the coordinator on a thread of its own, and streams what it answers.
async fn stream(
    console: &Arc<Console>,
    ask: impl FnOnce(&Client) -> Result<Passed, Failure> + Send + 'static,
) -> Result<Response, Refusal> {
    let permit = Arc::clone(&console.streams).try_acquire_owned().map_err(|_| {
        let cause = "too many requests of pages are open at once";
        let failure = Failure::new(Exit::TryAgain, "the console is busy", cause, "close a tab");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, failure)
    })?;
    let (head, answered) = oneshot::channel();
    let (pieces, arriving) = mpsc::channel(PIECES_WAITING);
    let shared = Arc::clone(console);
    let asked = tokio::task::spawn_blocking(move || {
        let passed = shared.client().and_then(|client| ask(&client));
        let passed = passed.map(|Passed { head, body }| (head.status, head.headers, body));
        match passed {
            Ok((status, headers, body)) => {
                if status == StatusCode::UNAUTHORIZED {
                    shared.forget_client();
                }
                if head.send(Ok((status, headers))).is_ok() {
                    forward(body, &pieces, permit);
                }
            }
            // The page may have gone.
            Err(failure) => drop(head.send(Err(failure))),
        }
    });
    let (status, headers) = match answered.await {
        Ok(answered) => answered?,
        Err(_) => return Err(died(asked.await.err())),
    };
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Err(client::redirected(status.as_u16()).into());
    }
    let pieces = futures_lite::stream::unfold(arriving, |mut arriving| async move {
        arriving.recv().await.map(|piece| (piece, arriving))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = status;
    *response.headers_mut() = passed(&headers);
    Ok(response)
}

fn died(problem: Option<tokio::task::JoinError>) -> Refusal {
    let cause = problem.map_or_else(|| "it ended".to_owned(), |problem| problem.to_string());
    Failure::bug("a request to the coordinator was given up", cause).into()
}

/// Reads an answer to its end, or until its reader is gone. One that is cut off ends with an error, so that the browser does
/// not take it for whole.
fn forward(
    mut body: impl Read,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
    _permit: OwnedSemaphorePermit,
) {
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let piece = match body.read(&mut buffer) {
            Ok(0) => return,
            Ok(bytes) => Ok(Bytes::copy_from_slice(buffer.get(..bytes).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = piece.is_err();
        if pieces.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}

/// Returns the headers of an answer that pass.
fn passed(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::new();
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).map(essence);
    let media = PASSED.into_iter().find(|known| media.as_deref() == Some(known)).unwrap_or(OCTETS);
    passed.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    for name in [CONTENT_LENGTH, RETRY_AFTER, ETAG] {
        if let Some(value) = headers.get(&name) {
            passed.insert(name, value.clone());
        }
    }
    passed
}

/// Reads the body of a request on a thread, while it arrives.
pub(super) fn pulled(console: &Console, body: Body) -> Pulled {
    let (pieces, arriving) = mpsc::channel(PIECES_WAITING);
    console.tasks.spawn("body", async move {
        let mut stream = body.into_data_stream();
        while let Some(piece) = stream.next().await {
            // The reader may have seen enough.
            if pieces.send(piece.map_err(io::Error::other)).await.is_err() {
                return;
            }
        }
    });
    Pulled { arriving, rest: Bytes::new() }
}

/// The body of a request, for a reader that blocks.
pub(super) struct Pulled {
    arriving: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Pulled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.arriving.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let bytes = self.rest.len().min(buffer.len());
        let piece = self.rest.split_to(bytes);
        for (place, byte) in buffer.iter_mut().zip(piece) {
            *place = byte;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    #[test]
    fn only_plain_paths_of_the_api_are_asked_for() {
        let path = |text: &str| api_path(&text.parse().unwrap());
        assert_eq!(path("/api/v1/agents?q=%2e%2e").unwrap(), "/api/v1/agents?q=%2e%2e");
        for bad in [
            "/api/v1",
            "/api/v2/agents",
            "/metrics",
            "/api/v1/../../metrics",
            "/api/v1/%2e%2E/%2e./metrics",
            "/api/v1/a%2f..%2fb",
            "/api/v1/./x",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn few_headers_pass() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("content-length", "3"),
            ("set-cookie", "a=b"),
            ("location", "http://elsewhere.example/"),
            ("link", "</x>; rel=preload"),
            ("refresh", "0; url=http://elsewhere.example/"),
            ("content-encoding", "gzip"),
            ("etag", "\"1\""),
            ("retry-after", "3"),
            ("x-muster-console", "session-over"),
            ("access-control-allow-origin", "*"),
            ("content-disposition", "inline"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let left = passed(&headers);
        let names: std::collections::BTreeSet<_> = left.keys().map(HeaderName::as_str).collect();
        let wanted = ["content-length", "content-type", "etag", "retry-after"];
        assert_eq!(names, wanted.into_iter().collect());
        assert_eq!(left[CONTENT_TYPE], OCTETS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("Application/JSON; charset=utf-8"));
        assert_eq!(passed(&headers)[CONTENT_TYPE], JSON);
    }
}
