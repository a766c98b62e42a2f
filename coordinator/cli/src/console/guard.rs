//! What stands between the browser and everything that matters: which names are answered to, which requests come from
//! our own page, and what an answer may become in the browser.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use muster_pages::confine;
use muster_pages::origin::{self, Foreign};
use muster_pages::session::second;

use super::Console;
use super::answer::Refusal;
use crate::failure::{Exit, Failure};

/// Where a prepared download is.
pub(super) const DOWNLOADS: &str = "/console/downloads/";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// A page, or what belongs to it.
    Page,
    /// The exchange of a code: it stands on its own secret.
    Exchange,
    /// A prepared download: it stands on its own secret, too, and is a navigation.
    Download,
    /// All else below `/api` and `/console`.
    Data,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let is_below = |top: &str| {
            path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_download = path
            .strip_prefix(DOWNLOADS)
            .is_some_and(|name| !name.is_empty() && !name.contains('/'));
        let method = request.method();
        if !is_below("/api") && !is_below("/console") {
            Self::Page
        } else if method == Method::POST && path == "/console/session" {
            Self::Exchange
        } else if method == Method::GET && is_download {
            Self::Download
        } else {
            Self::Data
        }
    }
}

/// Lets only those requests through that may be answered, and says what each answer may become.
pub(super) async fn guard(
    State(console): State<Arc<Console>>,
    request: Request,
    next: Next,
) -> Response {
    let asked = Asked::of(&request);
    let mut response = match admit(&console, asked, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if asked == Asked::Page && response.status() != StatusCode::MISDIRECTED_REQUEST {
        confine::page(response.headers_mut());
    } else {
        confine::data(response.headers_mut());
    }
    response
}

fn admit(console: &Console, asked: Asked, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = host(console.address, request)?;
    if asked == Asked::Page {
        return Ok(());
    }
    origin::from_our_page(&format!("http://{host}"), headers)?;
    // A link to a file is a navigation, and its answer an attachment.
    if !(asked == Asked::Download && origin::is_document(headers)) {
        origin::as_data(headers)?;
    }
    if matches!(asked, Asked::Exchange | Asked::Download) {
        return Ok(());
    }
    let cookies = console.cookie().of(headers);
    super::lock(&console.sessions).admit(&cookies, second(headers), Instant::now())?;
    Ok(())
}

/// Rejects unknown names (DNS rebinding); returns the one that was used.
fn host(address: SocketAddr, request: &Request) -> Result<&str, Refusal> {
    let headers = request.headers();
    let port = address.port();
    let given = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let names = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
    // A proxy's request names another host in its first line, which would be the one that counts.
    let is_only = headers.get_all(HOST).iter().count() == 1 && request.uri().authority().is_none();
    if is_only && (names.iter().any(|name| name == given) || address.to_string() == given) {
        return Ok(given);
    }
    let failure = Failure::new(
        Exit::Refused,
        "the console does not answer to this name",
        format!("Host is {:?}", given.chars().take(100).collect::<String>()),
        &format!("http://127.0.0.1:{port}/; through ssh use the same port on both sides"),
    );
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, failure))
}

impl From<Foreign> for Refusal {
    fn from(foreign: Foreign) -> Self {
        let what = "only the page of this console may ask this";
        let next = "open the address that `muster console` prints, in a browser of the last years";
        Self::new(StatusCode::FORBIDDEN, Failure::new(Exit::Refused, what, foreign, next))
    }
}
