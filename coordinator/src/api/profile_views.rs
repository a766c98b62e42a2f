//! The views of one profile: resolved from addresses to functions and lines here, never on the endpoint.

use std::path::Path;

use axum::Json;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::types::ProfileView;
use crate::profiles::profile::Profile;
use crate::profiles::symbols::Symbols;

/// The graph's own script and style work; nothing is fetched.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; sandbox allow-scripts";

/// Renders a view of a raw profile.
pub fn render(
    raw: &[u8],
    view: &str,
    symbols: &Path,
    profile: &ProfileView,
    agent: &str,
) -> Result<Response, ApiError> {
    if !matches!(view, "pprof" | "top" | "folded" | "flame.svg") {
        return Err(ApiError::missing("view", view, "one of raw, pprof, top, folded, flame.svg"));
    }
    let resolved = Profile::resolve(raw, &Symbols::new(symbols));
    let resolved = resolved.map_err(|error| {
        let next = "take another; if it happens again, look at the agent's version";
        ApiError::usage("this profile cannot be read", error.to_string(), next)
    })?;
    let typed = |kind: &'static str, body: Vec<u8>| ([(CONTENT_TYPE, kind)], body).into_response();
    Ok(match view {
        "pprof" => {
            let bytes = resolved.to_pprof_gz().map_err(|error| ApiError::bug(error.to_string()))?;
            typed("application/octet-stream", bytes)
        }
        "top" => Json(resolved.top()).into_response(),
        "folded" => typed("text/plain; charset=utf-8", resolved.folded().into_bytes()),
        _ => {
            let title = format!("CPU of {agent}");
            let subtitle = format!(
                "profile {}: {} samples, {} s at {} hertz",
                profile.id,
                resolved.count(),
                profile.seconds,
                profile.hertz
            );
            let svg = resolved.flame_svg(&title, &subtitle);
            let svg = svg.map_err(|error| ApiError::bug(error.to_string()))?;
            let policy = [(CONTENT_SECURITY_POLICY, POLICY)];
            (policy, typed("image/svg+xml", svg)).into_response()
        }
    })
}
