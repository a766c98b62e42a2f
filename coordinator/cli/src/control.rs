//! Controls of what was launched: the same for hunts and profiles.

use muster_api::{HuntView, Launched, Open, ProfileView, Route};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::{Args, Control, Limits, Target, Verb};

use super::Context;
use super::client::Client;
use super::failure::Failure;
use super::sign::{self, Ask};
use crate::output::Document;

/// What a control needs to know of the request that it is for.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    id: &'a str,
    target: &'a str,
    route: &'a Open<Route>,
}

impl<'a> From<&'a HuntView> for Subject<'a> {
    fn from(hunt: &'a HuntView) -> Self {
        Self { id: &hunt.id, target: &hunt.target, route: &hunt.route }
    }
}

impl<'a> From<&'a ProfileView> for Subject<'a> {
    fn from(profile: &'a ProfileView) -> Self {
        Self { id: &profile.id, target: &profile.target, route: &profile.route }
    }
}

/// Signs a control of a request, and gives it to the coordinator; returns its answer.
pub(super) fn send<'a>(
    context: &Context,
    client: &Client,
    subject: impl Into<Subject<'a>>,
    verb: Verb,
) -> Result<Document<Launched>, Failure> {
    client.submit(&sign::seal(&context.settings.operator()?, ask(subject, verb)?)?)
}

/// Makes a control of a request.
pub(super) fn ask<'a>(subject: impl Into<Subject<'a>>, verb: Verb) -> Result<Ask, Failure> {
    let subject = subject.into();
    let request: RequestId =
        subject.id.parse().map_err(|e| Failure::bug("the coordinator sent a broken id", e))?;
    // Milliseconds since 1970 grow from control to control, and exceed the start's 0.
    let revision = u64::try_from(Clock::system().now().0).unwrap_or(1);
    Ok(Ask {
        args: Args::Control(Control::new(request, verb, revision)),
        target: target(&subject)?,
        limits: Limits::default(),
        valid_ms: sign::CONTROL_VALID_MS,
    })
}

/// Returns whom a control is for, as its start was: the agents that were named, the coordinator, or all.
fn target(subject: &Subject<'_>) -> Result<Target, Failure> {
    let named = Target { expr: subject.target.to_owned(), sample_ppm: None };
    match subject.route {
        Open::Known(Route::Coordinator) => Ok(Target::agents(&[AgentId::coordinator()])),
        Open::Known(Route::Directed) if named.directed().is_some() => Ok(named),
        Open::Known(Route::Directed | Route::Broadcast) => Ok(Target::all()),
        // Whom it would have to reach is not known here.
        Open::Later(word) => {
            let cause = format!("it went by {word:?}, which this version of muster does not know");
            Err(Failure::usage(
                "cannot control this",
                cause,
                "take the coordinator's version of muster",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_for_whom_its_start_was_for() {
        let meant = |route: Route, expr| {
            target(&Subject { id: "", target: expr, route: &route.into() }).unwrap()
        };
        assert_eq!(meant(Route::Directed, "id:a or id:b").expr, "id:a or id:b");
        assert_eq!(meant(Route::Broadcast, "label:db"), Target::all());
        let own = meant(Route::Coordinator, "id:coordinator");
        assert_eq!(own.directed().unwrap(), [AgentId::coordinator()]);
    }

    #[test]
    fn nobody_is_guessed_where_the_start_went_in_a_way_of_a_later_version() {
        let route = Open::Later("relayed".to_owned());
        let refused = target(&Subject { id: "", target: "all", route: &route }).unwrap_err();
        assert!(refused.cause.contains("\"relayed\""), "{refused:?}");
    }
}
