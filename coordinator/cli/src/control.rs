//! Controls of what was launched: the same for hunts and profiles.

use muster_api::{HuntView, Launched, Open, ProfileView, Route};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REVISION_AHEAD_MS_MAX;
use muster_protocol::request::{Args, Control, Limits, Target, Verb};

use super::Context;
use super::client::Client;
use super::failure::{Exit, Failure};
use super::sign::{self, Ask};
use crate::output::Document;

/// What a control needs to know of the request that it is for.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    id: &'a str,
    target: &'a str,
    route: &'a Open<Route>,
    /// The highest revision of its pauses, drains and resumes.
    revision: u64,
}

impl<'a> From<&'a HuntView> for Subject<'a> {
    fn from(hunt: &'a HuntView) -> Self {
        let HuntView { id, target, route, revision, .. } = hunt;
        Self { id, target, route, revision: *revision }
    }
}

impl<'a> From<&'a ProfileView> for Subject<'a> {
    fn from(profile: &'a ProfileView) -> Self {
        let ProfileView { id, target, route, .. } = profile;
        Self { id, target, route, revision: 0 }
    }
}

/// A control that was given to the coordinator.
#[derive(Debug)]
pub(super) struct Sent {
    /// Its revision.
    pub(super) revision: u64,
    /// The coordinator's answer.
    pub(super) answer: Document<Launched>,
}

/// Signs a control of a request, and gives it to the coordinator.
pub(super) fn send<'a>(
    context: &Context,
    client: &Client,
    subject: impl Into<Subject<'a>>,
    verb: Verb,
) -> Result<Sent, Failure> {
    let ask = ask(subject, verb)?;
    let revision = if let Args::Control(control) = &ask.args { control.revision } else { 0 };
    let answer = client.submit(&sign::seal(&context.settings.operator()?, ask)?)?;
    Ok(Sent { revision, answer })
}

/// Makes a control of a request.
pub(super) fn ask<'a>(subject: impl Into<Subject<'a>>, verb: Verb) -> Result<Ask, Failure> {
    let subject = subject.into();
    let request: RequestId =
        subject.id.parse().map_err(|e| Failure::bug("the coordinator sent a broken id", e))?;
    let revision = revision(&subject, verb, Clock::system().now())?;
    Ok(Ask {
        args: Args::Control(Control::new(request, verb, revision)),
        target: target(&subject)?,
        limits: Limits::default(),
        valid_ms: sign::CONTROL_VALID_MS,
    })
}

/// Returns the revision of the next control: one above those on record, so that of two operators who act on the same state one is
/// told. A number far in the future is not followed: nobody could go beyond it. A cancel counts whatever its revision is.
fn revision(subject: &Subject<'_>, verb: Verb, now: Timestamp) -> Result<u64, Failure> {
    if verb == Verb::Cancel {
        return Ok(u64::try_from(now.0).unwrap_or(1));
    }
    let next = subject.revision.saturating_add(1);
    let most = now.plus_ms(REVISION_AHEAD_MS_MAX).0;
    if i64::try_from(next).is_ok_and(|next| next <= most) {
        return Ok(next);
    }
    let what = format!("cannot {} this hunt", verb.as_str());
    let cause = format!(
        "the coordinator names revision {}, which is more than a day ahead of this machine's clock",
        subject.revision
    );
    let next = format!(
        "check both clocks; a cancel works at any revision: muster hunt cancel {}",
        subject.id
    );
    Err(Failure::new(Exit::Refused, what, cause, &next))
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
            target(&Subject { id: "", target: expr, route: &route.into(), revision: 0 }).unwrap()
        };
        assert_eq!(meant(Route::Directed, "id:a or id:b").expr, "id:a or id:b");
        assert_eq!(meant(Route::Broadcast, "label:db"), Target::all());
        let own = meant(Route::Coordinator, "id:coordinator");
        assert_eq!(own.directed().unwrap(), [AgentId::coordinator()]);
    }

    #[test]
    fn nobody_is_guessed_where_the_start_went_in_a_way_of_a_later_version() {
        let route = Open::Later("relayed".to_owned());
        let refused =
            target(&Subject { id: "", target: "all", route: &route, revision: 0 }).unwrap_err();
        assert!(refused.cause.contains("\"relayed\""), "{refused:?}");
    }

    #[test]
    fn the_next_revision_is_one_above_those_on_record_and_not_far_in_the_future() {
        let (route, now) = (Open::Known(Route::Broadcast), Timestamp(1_800_000_000_000));
        let next = |on_record, verb| {
            let subject = Subject { id: "0199", target: "all", route: &route, revision: on_record };
            revision(&subject, verb, now)
        };
        assert_eq!(next(0, Verb::Pause).unwrap(), 1);
        assert_eq!(next(7, Verb::Resume).unwrap(), 8);
        let day = 1_800_000_000_000 + REVISION_AHEAD_MS_MAX.unsigned_abs();
        assert_eq!(next(day - 1, Verb::Drain).unwrap(), day);
        for ahead in [day, u64::MAX] {
            let refused = next(ahead, Verb::Pause).unwrap_err();
            assert_eq!(refused.exit, Exit::Refused);
            assert!(refused.next.contains("muster hunt cancel 0199"), "{refused:?}");
            assert!(next(ahead, Verb::Cancel).unwrap() < day, "a cancel follows nobody's number");
        }
    }
}
