//! Which requests come from our own page: browsers say so in headers that no page can set.

use axum::http::header::{HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Why a request for data is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Another page, another program or a bare link asks.
    Site,
    /// The page is of another origin.
    Origin,
    /// The answer would become a document, frame, script, style or worker.
    Dest,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Site => "Sec-Fetch-Site is not same-origin",
            Self::Origin => "Origin is another one",
            Self::Dest => "Sec-Fetch-Dest is not empty",
        })
    }
}

/// Rejects what another page, another program or a bare link asks for. `own` is our origin: `http://127.0.0.1:7412`.
pub fn from_our_page(own: &str, headers: &HeaderMap) -> Result<(), Foreign> {
    if text(headers, &FETCH_SITE) != Some("same-origin") {
        return Err(Foreign::Site);
    }
    match headers.get(ORIGIN).map(HeaderValue::as_bytes) {
        Some(origin) if origin != own.as_bytes() => Err(Foreign::Origin),
        _ => Ok(()),
    }
}

/// Rejects what would become a document, frame, script, style or worker.
pub fn as_data(headers: &HeaderMap) -> Result<(), Foreign> {
    if text(headers, &FETCH_DEST) == Some("empty") { Ok(()) } else { Err(Foreign::Dest) }
}

/// Returns whether a browser says that the answer will be a document of its own.
pub fn is_document(headers: &HeaderMap) -> bool {
    text(headers, &FETCH_DEST) == Some("document")
}

/// Returns whether the answer will be shown as a page of its own. Browsers say so; others are people with `curl`.
pub fn is_navigation(headers: &HeaderMap) -> bool {
    !headers.contains_key(FETCH_DEST) || is_document(headers)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
