//! Which agents a target means now, and which way a request for it takes. A launch and its preview ask the same.

use std::sync::Arc;

use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::Target;
use muster_protocol::request::target::TargetError;

use crate::store::fleet::Known;
use muster_api::Route;

/// Returns the way of a request that is no control.
pub fn route(target: &Target) -> Route {
    match target.directed() {
        Some(ids) if ids == [AgentId::coordinator()] => Route::Coordinator,
        Some(_) => Route::Directed,
        None => Route::Broadcast,
    }
}

/// The agents of a roster, by what a target means of them.
#[derive(Debug, Default)]
pub struct Targeted<'a> {
    /// Meant.
    pub meant: Vec<&'a Known>,
    /// Meant, and revoked: a request does not reach them.
    pub revoked: Vec<&'a Known>,
    /// How many that are not revoked are not meant.
    pub left_out: u64,
}

/// Sorts the agents of a roster by what a target means. The id of the request decides who is in a sample.
pub fn targeted<'a>(
    agents: &'a [Arc<Known>],
    target: &Target,
    request: &RequestId,
) -> Result<Targeted<'a>, TargetError> {
    let matcher = target.matcher()?;
    let mut found = Targeted::default();
    for known in agents {
        match (matcher.matches(&known.facts, request), known.agent.revoked) {
            (true, None) => found.meant.push(known),
            (true, Some(_)) => found.revoked.push(known),
            (false, None) => found.left_out += 1,
            (false, Some(_)) => {}
        }
    }
    Ok(found)
}
