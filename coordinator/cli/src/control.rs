//! Controls of what was launched: the same for hunts and profiles.

use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::{Args, Control, Limits, Target};
use serde_json::Value;

use super::Context;
use super::client::Client;
use super::failure::Failure;
use super::sign::{self, Ask};
use crate::output::untyped::field;

/// Signs a control of the request that `view` shows, and gives it to the coordinator; returns its answer.
pub(super) fn send(
    context: &Context,
    client: &Client,
    view: &Value,
    args: fn(Control) -> Args,
) -> Result<Value, Failure> {
    let id = field(view, "id").as_str().unwrap_or_default();
    let request: RequestId =
        id.parse().map_err(|e| Failure::bug("the coordinator sent a broken id", e))?;
    // Milliseconds since 1970 grow from control to control, and exceed the start's 0.
    let revision = u64::try_from(Clock::system().now().0).unwrap_or(1);
    let ask = Ask {
        args: args(Control { request, revision }),
        target: target(view),
        limits: Limits::default(),
        valid_ms: sign::CONTROL_VALID_MS,
    };
    client.submit(&sign::seal(&context.settings.operator()?, ask)?)
}

/// A control is for whom its start was for: the agents that were named, the coordinator, or all.
fn target(view: &Value) -> Target {
    let expr = field(view, "target").as_str().unwrap_or_default().to_owned();
    let named = Target { expr, sample_ppm: None };
    match field(view, "route").as_str() {
        Some("coordinator") => Target::agents(&[AgentId::coordinator()]),
        Some("directed") if named.directed().is_some() => named,
        _ => Target::all(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_control_is_for_whom_its_start_was_for() {
        let directed = json!({"route": "directed", "target": "id:a or id:b"});
        assert_eq!(target(&directed).expr, "id:a or id:b");
        let broadcast = json!({"route": "broadcast", "target": "label:db"});
        assert_eq!(target(&broadcast), Target::all());
        let own = json!({"route": "coordinator", "target": "id:coordinator"});
        assert_eq!(target(&own).directed().unwrap(), [AgentId::coordinator()]);
    }
}
