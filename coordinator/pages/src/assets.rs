//! The pages: static files that were made by `coordinator/console/build` before cargo ran, compiled in by `build.rs`.
//!
//! Nothing of the machine or the fleet is in them, so they may be navigated to from anywhere.

use std::io::Read;
use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use muster_protocol::hex;
use sha2::{Digest, Sha256};

use crate::origin;

/// A file of the pages.
struct Asset {
    name: &'static str,
    media: &'static str,
    /// Its bytes as gzip.
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page that every path leads to; which one it shows is the script's concern.
const INDEX: &str = "index.html";

/// What is shown where the program was built without pages.
const NO_PAGES: &str = "This program was built without the pages of the console.\n\n\
    They are made before it, with Node 18 or later:\n\n    coordinator/console/build && cargo build --release\n\n\
    The API and `muster` on the command line do all that the pages do.\n";

/// The `ETag` of each file, in their order.
static ETAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let etag = |asset: &Asset| {
        let digest: [u8; 32] = Sha256::digest(asset.gzip).into();
        format!("\"{}\"", hex::encode(digest.get(..16).unwrap_or(&digest)))
    };
    ASSETS.iter().map(etag).collect()
});

/// Returns whether the program was built with the pages.
pub fn are_built_in() -> bool {
    !ASSETS.is_empty()
}

/// Answers with a file below `/assets/`, and with the index to a navigation to any other path.
pub fn page(request: &Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let headers = request.headers();
    match request.uri().path().strip_prefix("/assets/") {
        Some(name) if name != INDEX => file(name, headers).unwrap_or_else(missing),
        Some(_) => missing(),
        None if !origin::is_navigation(headers) => missing(),
        None => file(INDEX, headers).unwrap_or_else(|| {
            let media = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
            (StatusCode::SERVICE_UNAVAILABLE, media, NO_PAGES).into_response()
        }),
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain; charset=utf-8")], "no such file\n")
        .into_response()
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let at = ASSETS.iter().position(|asset| asset.name == name)?;
    let (asset, etag) = (ASSETS.get(at)?, ETAGS.get(at)?);
    let mut response = if headers.get(IF_NONE_MATCH).is_some_and(|known| known == etag.as_str()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body(asset, headers)?
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(etag).ok()?);
    // It is asked for again each time, and mostly not sent again.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    Some(response)
}

fn body(asset: &Asset, headers: &HeaderMap) -> Option<Response> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes_gzip = accepted.is_some_and(|all| all.split(',').any(|one| one.trim() == "gzip"));
    let media = [(CONTENT_TYPE, asset.media)];
    if takes_gzip {
        return Some((media, [(CONTENT_ENCODING, "gzip")], asset.gzip).into_response());
    }
    let mut plain = Vec::new();
    GzDecoder::new(asset.gzip).read_to_end(&mut plain).ok()?;
    Some((media, plain).into_response())
}
