//! `POST /targets/preview`: whom a target would hit now. It changes nothing, and leaves no line in the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::{PreviewTarget, Route, TargetError, TargetPreview};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::PREVIEW_AGENTS_MAX;
use muster_protocol::request::{Target, target};

use super::error::ApiError;
use super::extract::Given;
use crate::core::Core;
use crate::live::broker_health::Blockage;
use crate::roster;
use crate::roster::facets::Counts;
use crate::roster::targeted::{route, targeted};
use crate::store::fleet::Known;

/// `POST /targets/preview`
pub async fn preview(
    State(core): State<Arc<Core>>,
    Given(asked): Given<PreviewTarget>,
) -> Result<Json<TargetPreview>, ApiError> {
    let target = Target { expr: asked.expr, sample_ppm: asked.sample_ppm };
    let (now, agents, blockage) = (core.clock.now(), core.roster.all(), core.broker.blockage());
    let make = move || {
        let found = previewed(&agents, &target, blockage.as_ref(), now);
        found.unwrap_or_else(|error| TargetPreview {
            error: Some(TargetError { at: error.at as u64, why: error.why }),
            ..TargetPreview::default()
        })
    };
    Ok(Json(core.aside(make).await?))
}

/// Evaluates a target as a launch does. Which agents are in a sample is decided by the id of the request, which there is not
/// yet: here it is one that is always the same.
fn previewed(
    agents: &[Arc<Known>],
    target: &Target,
    blockage: Option<&Blockage>,
    now: Timestamp,
) -> Result<TargetPreview, target::TargetError> {
    target.check()?;
    let route = route(target);
    let found = targeted(agents, target, &RequestId::from_bytes([0; 16]))?;
    let mut counts = Counts::default();
    for known in &found.meant {
        counts.add(known, roster::state(&known.agent, now));
    }
    let first = found.meant.iter().take(PREVIEW_AGENTS_MAX);
    let matched = if route == Route::Coordinator { 1 } else { found.meant.len() as u64 };
    Ok(TargetPreview {
        error: None,
        matched,
        facets: counts.shown(),
        first: first.map(|known| roster::brief(known, blockage, now)).collect(),
        left_out: found.left_out,
        revoked: found.revoked.len() as u64,
        route: Some(route.into()),
    })
}

#[cfg(test)]
mod tests;
