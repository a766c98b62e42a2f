//! `/profile-views`: views of many profiles as one, and of what changed between two.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{PROFILE_MERGE_MAX, PROFILE_STEPS_MAX};
use muster_protocol::request::Kind;
use serde::Deserialize;

use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::hunts::{find, find_profiled};
use super::profile_views::{Heading, Look, diff_data, draw_diff, render};
use super::profiles::resolve;
use super::query::target;
use crate::core::Core;
use crate::profiles::merge::merge;
use crate::profiles::profile::Profile;
use crate::store::fleet::Known;
use crate::store::{DataDir, List, Reader, StoreError, StoredBlob};
use muster_api::By;

/// Which profiles are meant, and how the view is to look. What is not named does not restrict.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Profiles, each `ID` or `ID/AGENT`, by commas.
    pub of: Option<String>,
    /// For a difference: what it was before, in the same form.
    pub before: Option<String>,
    /// Only what was done for this hunt.
    pub hunt: Option<String>,
    /// Likewise of what it was before; without it, for the same hunt.
    pub hunt_before: Option<String>,
    /// Only of agents that match this expression today.
    pub target: Option<String>,
    /// Only profiles that were asked for in the last so many seconds.
    pub since_s: Option<i64>,
    /// See [`Look`].
    pub kind: Option<String>,
    /// See [`Look`].
    pub value: Option<String>,
    /// See [`Look`].
    pub by: By,
    /// See [`Look`].
    pub depth: Option<usize>,
    /// See [`Look`].
    pub min_percent: Option<f64>,
    /// See [`Look`].
    pub all_frames: bool,
}

impl Wanted {
    fn look(&self) -> Look {
        Look {
            kind: self.kind.clone(),
            value: self.value.clone(),
            by: self.by,
            depth: self.depth,
            min_percent: self.min_percent,
            all_frames: self.all_frames,
        }
    }
}

/// `GET /profile-views/{view}`
pub async fn view(
    State(core): State<Arc<Core>>,
    Segments(view): Segments<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, ApiError> {
    let now = core.clock.now();
    let place = core.place.clone();
    let asked = wanted.clone();
    let agents = core.roster.all();
    let chosen = core.read(move |reader: &Reader| choose(reader, &agents, &asked, now)).await?;
    let work = move || {
        let files = Files { place };
        let after = files.merged(&chosen.of, chosen.hunt)?;
        let look = wanted.look();
        let heading = chosen.heading(&look);
        match &chosen.before {
            None => render(after, &view, &look, &heading),
            Some(before) => {
                let before = files.merged(before, chosen.hunt_before.or(chosen.hunt))?;
                differ(&view, before, after, &look, &heading)
            }
        }
    };
    core.view(work).await?
}

/// The blobs that are meant.
#[derive(Debug)]
struct Chosen {
    of: Vec<StoredBlob>,
    before: Option<Vec<StoredBlob>>,
    hunt: Option<RequestId>,
    hunt_before: Option<RequestId>,
}

impl Chosen {
    fn heading(&self, look: &Look) -> Heading {
        let kind = look.kind.as_deref().unwrap_or("cpu");
        let agents: BTreeSet<&str> = self.of.iter().map(|blob| blob.agent.as_str()).collect();
        let whose = match (agents.first(), agents.len()) {
            (Some(only), 1) => (*only).to_owned(),
            (_, count) => format!("{count} agents"),
        };
        let hunt = self.hunt.as_ref().map(|hunt| format!(", for hunt {hunt}"));
        let count = |blobs: &[StoredBlob]| match blobs.len() {
            1 => "1 profile".to_owned(),
            count => format!("{count} profiles"),
        };
        let before = self.before.as_deref();
        let before = before.map_or(String::new(), |blobs| format!("{} before, ", count(blobs)));
        let now = if self.before.is_some() { " after" } else { "" };
        let how = format!("{before}{}{now}{}", count(&self.of), hunt.unwrap_or_default());
        Heading::new(kind, &whose, how)
    }
}

fn choose(
    reader: &Reader,
    agents: &[Arc<Known>],
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Chosen, ApiError> {
    let hunt_of = |id: &Option<String>| {
        let hunt = id.as_deref().map(|id| find(reader, Kind::HuntStart, id)).transpose()?;
        Ok::<_, ApiError>(hunt.map(|hunt| hunt.id))
    };
    let (hunt, hunt_before) = (hunt_of(&wanted.hunt)?, hunt_of(&wanted.hunt_before)?);
    let choosing =
        Choosing { reader, wanted, now, agents: meant(agents, wanted.target.as_deref())? };
    let of = match &wanted.of {
        Some(list) => choosing.listed(list)?,
        None => choosing.all()?,
    };
    let before = wanted.before.as_deref().map(|list| choosing.listed(list)).transpose()?;
    Ok(Chosen { of, before, hunt, hunt_before })
}

/// Returns the agents that match the expression; nothing when there is none.
fn meant(agents: &[Arc<Known>], expr: Option<&str>) -> Result<Option<BTreeSet<AgentId>>, ApiError> {
    let Some(target) = target(expr)? else { return Ok(None) };
    let none = RequestId::new();
    let meant = agents.iter().filter(|known| target.matches(&known.facts, &none));
    Ok(Some(meant.map(|known| known.agent.id.clone()).collect()))
}

struct Choosing<'a> {
    reader: &'a Reader,
    wanted: &'a Wanted,
    now: Timestamp,
    agents: Option<BTreeSet<AgentId>>,
}

impl Choosing<'_> {
    /// Finds what was named one by one.
    fn listed(&self, list: &str) -> Result<Vec<StoredBlob>, ApiError> {
        let mut blobs = Vec::new();
        for part in list.split(',').filter(|part| !part.is_empty()) {
            let (id, agent) = part.split_once('/').map_or((part, None), |(id, of)| (id, Some(of)));
            let request = find_profiled(self.reader, id)?;
            let of_agent =
                |blob: &StoredBlob| agent.is_none_or(|agent| blob.agent.as_str() == agent);
            blobs.extend(self.fitting(&request.id)?.into_iter().filter(of_agent));
        }
        checked(blobs)
    }

    /// Finds all that fit.
    fn all(&self) -> Result<Vec<StoredBlob>, ApiError> {
        let since = self.wanted.since_s.map(|s| self.now.plus_ms(s.saturating_mul(-1_000)));
        let mut blobs = Vec::new();
        for id in self.reader.listed(List::Profiles, None, usize::MAX)? {
            let Some(request) = self.reader.request(&id)? else { continue };
            if since.is_some_and(|since| request.issued.0 < since.0) {
                continue;
            }
            blobs.extend(self.fitting(&id)?);
            if blobs.len() > PROFILE_MERGE_MAX {
                break;
            }
        }
        checked(blobs)
    }

    /// Returns the profiles of a request that fit: of the attempts that count, of the kind and of the agents that are meant.
    fn fitting(&self, request: &RequestId) -> Result<Vec<StoredBlob>, StoreError> {
        let kind = format!("profile.{}", self.wanted.kind.as_deref().unwrap_or("cpu"));
        let is_meant = |blob: &StoredBlob| match &self.agents {
            Some(agents) => agents.contains(&blob.agent),
            None => true,
        };
        let counted = self.reader.counted_blobs(request, &kind, None, usize::MAX)?;
        Ok(counted.into_iter().map(|counted| counted.blob).filter(is_meant).collect())
    }
}

fn checked(blobs: Vec<StoredBlob>) -> Result<Vec<StoredBlob>, ApiError> {
    if blobs.is_empty() {
        let next = "muster profile list, and muster profile show for what became of each";
        return Err(ApiError::nobody("no profile fits", "none that is stored matches", next));
    }
    if blobs.len() > PROFILE_MERGE_MAX {
        let cause = format!("more than {PROFILE_MERGE_MAX} fit");
        let next = "name fewer: --since 1h, --agent A, --label k=v";
        return Err(ApiError::usage("too many profiles for one view", cause, next));
    }
    Ok(blobs)
}

/// The files that profiles are read from.
struct Files {
    place: DataDir,
}

impl Files {
    /// Reads profiles, names their addresses, and makes one of them.
    fn merged(&self, blobs: &[StoredBlob], hunt: Option<RequestId>) -> Result<Profile, ApiError> {
        let (mut profiles, mut steps) = (Vec::new(), 0);
        for blob in blobs {
            let path = self.place.blob(&blob.sha256);
            let raw =
                std::fs::read(path).map_err(|error| ApiError::bug(format!("blob: {error}")))?;
            let mut profile = resolve(&raw, &self.place.symbols(), blob.agent.as_str())?;
            if let Some(hunt) = &hunt {
                profile.keep_hunt(&hunt.to_string());
            }
            steps += profile.steps_count();
            profiles.push(profile);
            // Equal stacks become one: memory holds the result and what one bound allows beside it.
            if steps > PROFILE_STEPS_MAX {
                profiles = vec![merged(&profiles)?];
                steps = profiles.iter().map(Profile::steps_count).sum();
            }
        }
        let merged = merged(&profiles)?;
        match &hunt {
            Some(hunt) if merged.samples.is_empty() => {
                let cause = format!("no sample was taken on behalf of {hunt}");
                let next = "take a profile while the hunt runs: muster profile take";
                Err(ApiError::nobody("nothing of this hunt was sampled", cause, next))
            }
            _ => Ok(merged),
        }
    }
}

/// Makes one of profiles; refused where it is too large for a view.
fn merged(profiles: &[Profile]) -> Result<Profile, ApiError> {
    let merged = merge(profiles).map_err(|error| {
        ApiError::usage("these profiles are not one", error.to_string(), "muster profile show")
    })?;
    let steps = merged.steps_count();
    if steps > PROFILE_STEPS_MAX {
        let cause = format!("their stacks have {steps} frames, at most {PROFILE_STEPS_MAX}");
        let next = "name fewer: --since 1h, --agent A, --label k=v";
        return Err(ApiError::usage("these profiles are too large for one view", cause, next));
    }
    Ok(merged)
}

fn differ(
    view: &str,
    mut before: Profile,
    mut after: Profile,
    look: &Look,
    heading: &Heading,
) -> Result<Response, ApiError> {
    look.choose(&mut before)?;
    look.choose(&mut after)?;
    match view {
        "diff" => {
            let diff = before.diff(&after, look.plumbing()).map_err(|error| {
                let next = "compare profiles of one kind: --kind cpu";
                ApiError::usage("these profiles do not compare", error.to_string(), next)
            })?;
            Ok(Json(diff).into_response())
        }
        "flame.svg" => draw_diff(&before, &after, look, heading),
        "flame.json" => diff_data(&before, &after, look),
        _ => Err(ApiError::missing("view", view, "with `before`: diff, flame.svg or flame.json")),
    }
}
