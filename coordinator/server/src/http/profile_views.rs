//! The views of a profile: resolved from addresses to functions and lines here, never on the endpoint.

use axum::Json;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::error::ApiError;
use crate::profiles::folding::Plumbing;
use crate::profiles::profile::Profile;
use crate::profiles::views::flame::{FlameError, Titles};
use crate::profiles::views::tree::Cut;
use muster_api::By;

/// The graph's own script and style work; nothing is fetched.
pub const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; sandbox allow-scripts";

/// Every view.
const VIEWS: &str =
    "raw, pprof, top, tree, lines, folded, callgrind, speedscope, flame.svg, flame.json";

/// How a view is to look.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Which kind of profile, where there are several: `cpu`, `wall`, ….
    #[serde(default)]
    pub kind: Option<String>,
    /// What `top` adds up.
    #[serde(default)]
    pub by: By,
    /// Which value, where a sample has several: `cpu`, `samples`, `inuse_space`.
    #[serde(default)]
    pub value: Option<String>,
    /// How many levels of a tree.
    #[serde(default)]
    pub depth: Option<usize>,
    /// The smallest part of a tree that is shown, in percent of the whole.
    #[serde(default)]
    pub min_percent: Option<f64>,
    /// Whether the plumbing of Rust's own library and of the async runtime is shown.
    #[serde(default)]
    pub all_frames: bool,
}

impl Look {
    /// Has the profile show the value that is wanted.
    pub fn choose(&self, profile: &mut Profile) -> Result<(), ApiError> {
        let Some(value) = &self.value else { return Ok(()) };
        if profile.show(value) {
            return Ok(());
        }
        let known: Vec<_> = profile.types.iter().map(|kind| kind.name.as_str()).collect();
        Err(ApiError::missing("value", value, &format!("one of {}", known.join(", "))))
    }

    /// Returns what is done about plumbing.
    pub fn plumbing(&self) -> Plumbing {
        if self.all_frames { Plumbing::Shown } else { Plumbing::Folded }
    }

    fn cut(&self) -> Cut {
        Cut {
            depth: self.depth.unwrap_or(usize::MAX),
            min_percent: self.min_percent.filter(|percent| percent.is_finite()).unwrap_or(0.0),
        }
    }
}

/// What stands above a picture.
#[derive(Debug, Clone)]
pub struct Heading {
    /// Whose profile it is.
    pub title: String,
    /// Of when, how it was taken.
    pub subtitle: String,
}

impl Heading {
    /// Writes it: what of whom, and how it was taken.
    pub fn new(kind: &str, whose: &str, how: String) -> Self {
        let kind = match kind {
            "cpu" => "CPU time",
            "wall" => "Wall-clock time",
            "heap" => "Memory",
            other => other,
        };
        Self { title: format!("{kind} of {whose}"), subtitle: how }
    }
}

impl Heading {
    fn titles(&self) -> Titles<'_> {
        Titles { title: &self.title, subtitle: &self.subtitle }
    }
}

/// Draws what changed.
pub fn draw_diff(
    before: &Profile,
    after: &Profile,
    look: &Look,
    heading: &Heading,
) -> Result<Response, ApiError> {
    picture(before.flame_diff_svg(after, heading.titles(), look.plumbing()))
}

/// Returns what the drawing of what changed is made from.
pub fn diff_data(before: &Profile, after: &Profile, look: &Look) -> Result<Response, ApiError> {
    data(before.flame_diff_json(after, look.plumbing()))
}

fn data(json: Result<Vec<u8>, FlameError>) -> Result<Response, ApiError> {
    let json = json.map_err(|error| ApiError::bug(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

fn picture(svg: Result<String, FlameError>) -> Result<Response, ApiError> {
    let svg = svg.map_err(|error| ApiError::bug(error.to_string()))?;
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (CONTENT_TYPE, "image/svg+xml")];
    Ok((headers, svg).into_response())
}

/// Renders a view.
pub fn render(
    mut profile: Profile,
    view: &str,
    look: &Look,
    heading: &Heading,
) -> Result<Response, ApiError> {
    look.choose(&mut profile)?;
    let typed = |kind: &'static str, body: Vec<u8>| ([(CONTENT_TYPE, kind)], body).into_response();
    let text = |body: String| typed("text/plain; charset=utf-8", body.into_bytes());
    Ok(match view {
        "pprof" => {
            let bytes = profile.to_pprof_gz().map_err(|error| ApiError::bug(error.to_string()))?;
            typed("application/octet-stream", bytes)
        }
        "top" => Json(profile.top(look.by, look.plumbing())).into_response(),
        "tree" => Json(profile.tree(look.cut(), look.plumbing())).into_response(),
        "lines" => Json(profile.lines()).into_response(),
        "folded" => text(profile.folded()),
        "callgrind" => text(profile.callgrind(&heading.title)),
        "speedscope" => Json(profile.speedscope(&heading.title)).into_response(),
        "flame.svg" => picture(profile.flame_svg(heading.titles(), look.plumbing()))?,
        "flame.json" => data(profile.flame_json(look.plumbing()))?,
        _ => return Err(ApiError::missing("view", view, &format!("one of {VIEWS}"))),
    })
}
