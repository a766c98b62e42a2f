//! What stands between the browser and everything that matters: which names are answered to, which requests come from
//! our own page, and what an answer may become in the browser.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName,
    ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Console;
use super::answer::{JSON, Refusal, essence};
use super::session::{cookies, second};
use crate::failure::{Exit, Failure};

/// What a page may do: nothing but load its own script, style and pictures and ask its own origin.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; worker-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// What an answer of the API could do if it became a document all the same: nothing.
pub(super) const DATA_POLICY: &str = "sandbox; default-src 'none'";
/// Everything that a browser can switch off by this header, but for writing to the clipboard: each view copies its
/// command.
const PERMISSIONS: &str = "accelerometer=(), ambient-light-sensor=(), autoplay=(), battery=(), bluetooth=(), \
    browsing-topics=(), camera=(), display-capture=(), document-domain=(), encrypted-media=(), fullscreen=(), \
    gamepad=(), geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), \
    keyboard-map=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), otp-credentials=(), payment=(), \
    picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), \
    serial=(), speaker-selection=(), storage-access=(), usb=(), web-share=(), window-management=(), \
    xr-spatial-tracking=(), clipboard-read=()";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

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
        confine_page(response.headers_mut());
    } else {
        confine_data(response.headers_mut());
    }
    response
}

fn admit(console: &Console, asked: Asked, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = host(console.address, request)?;
    if asked == Asked::Page {
        return Ok(());
    }
    from_our_page(host, headers)?;
    as_data(asked, headers)?;
    if matches!(asked, Asked::Exchange | Asked::Download) {
        return Ok(());
    }
    let cookies = cookies(headers, &console.cookie_name());
    super::lock(&console.sessions).admit(&cookies, second(headers), Instant::now())?;
    Ok(())
}

/// Rejects unknown names (DNS rebinding); returns the one that was used.
fn host(address: SocketAddr, request: &Request) -> Result<&str, Refusal> {
    let headers = request.headers();
    let (port, given) = (address.port(), text(headers, &HOST).unwrap_or_default());
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

/// Rejects what another page, another program or a bare link asks for.
fn from_our_page(host: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    if text(headers, &FETCH_SITE) != Some("same-origin") {
        return Err(foreign("Sec-Fetch-Site is not same-origin"));
    }
    match headers.get(ORIGIN) {
        Some(origin) if origin.as_bytes() != format!("http://{host}").as_bytes() => {
            Err(foreign("Origin is another one"))
        }
        _ => Ok(()),
    }
}

/// Rejects what would become a document, frame, script, style or worker.
fn as_data(asked: Asked, headers: &HeaderMap) -> Result<(), Refusal> {
    let dest = text(headers, &FETCH_DEST);
    // A link to a file is a navigation, and its answer an attachment.
    if dest == Some("empty") || (asked == Asked::Download && dest == Some("document")) {
        Ok(())
    } else {
        Err(foreign("Sec-Fetch-Dest is not empty"))
    }
}

fn foreign(cause: &str) -> Refusal {
    let what = "only the page of this console may ask this";
    let next = "open the address that `muster console` prints, in a browser of the last years";
    Refusal::new(StatusCode::FORBIDDEN, Failure::new(Exit::Refused, what, cause, next))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn confine_page(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
        (REFERRER_POLICY, "no-referrer"),
        (PERMISSIONS_POLICY, PERMISSIONS),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn confine_data(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, DATA_POLICY),
        (RESOURCE_POLICY, "same-origin"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let media = text(headers, &CONTENT_TYPE).map(essence);
    let is_json = media.is_none_or(|media| media == JSON);
    if !is_json && !headers.contains_key(CONTENT_DISPOSITION) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
}
