//! Controls of what was launched: which are refused, and how those on record are shown.

use muster_api::{ControlView, Route};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{CLOCK_SKEW_MS_MAX, REVISION_AHEAD_MS_MAX};
use muster_protocol::request::{Control, Kind, Verb};

use super::current::summary;
use super::error::LaunchError;
use crate::core::Core;
use crate::store::{Reader, Request, StoreError, StoredControl, StoredRequest, Summary};

/// Shows the controls of a hunt, the newest last.
pub fn shown(reader: &Reader, hunt: &RequestId) -> Result<Vec<ControlView>, StoreError> {
    let view = |control: StoredControl| ControlView {
        id: control.id.to_string(),
        verb: control.verb,
        revision: control.revision,
        operator: control.operator,
        at: control.at.into(),
    };
    Ok(reader.controls(hunt)?.into_iter().map(view).collect())
}

/// Returns the start that a control is about.
pub(super) fn started(reader: &Reader, control: &Control) -> Result<StoredRequest, LaunchError> {
    if control.known().is_none() {
        return Err(LaunchError::UnknownVerb(control.verb.clone()));
    }
    let starts = [Kind::HuntStart.as_str(), Kind::ProfileStart.as_str()];
    let start = reader.request(&control.about)?;
    let start = start.filter(|start| starts.contains(&start.kind.as_str()));
    start.ok_or(LaunchError::NoSuchStart(control.about))
}

/// Refuses a control that can have no effect, or that no later one could go beyond.
pub(super) fn check(
    reader: &Reader,
    core: &Core,
    start: &StoredRequest,
    control: &Control,
) -> Result<(), LaunchError> {
    let now = core.clock.now();
    let verb = control.known().filter(|verb| *verb != Verb::Cancel);
    if let Some(verb) = verb {
        if start.kind == Kind::ProfileStart.as_str() {
            return Err(LaunchError::OfProfile(verb));
        }
        check_revision(control, now)?;
    }
    if start.kind != Kind::HuntStart.as_str() {
        return Ok(());
    }
    reader.at_once(|reader| {
        if verb.is_some()
            && let Some(cancelled) = cancelled(reader, &start.id)?
        {
            return Err(cancelled);
        }
        let summary = summary(reader, &start.id)?;
        let tally = core.tallies.of(reader, core.writer.news(), &summary, now)?;
        // A cancel also keeps agents that join later from beginning.
        if verb.is_none() && may_be_joined(&summary, now) {
            return Ok(());
        }
        let Some(outcome) = tally.states.outcome() else { return Ok(()) };
        let at = tally.ended_at.map(|at| format!(", at {at}")).unwrap_or_default();
        Err(LaunchError::Ended { about: start.id, how: format!("{outcome}{at}") })
    })
}

/// Returns whether an agent that joins the fleet now may still begin.
fn may_be_joined(summary: &Summary, now: Timestamp) -> bool {
    summary.route == Route::Broadcast && now <= summary.not_after.plus_ms(CLOCK_SKEW_MS_MAX)
}

fn check_revision(control: &Control, now: Timestamp) -> Result<(), LaunchError> {
    let most = now.plus_ms(REVISION_AHEAD_MS_MAX).0;
    if i64::try_from(control.revision).is_ok_and(|revision| revision <= most) {
        return Ok(());
    }
    let Control { about, revision, .. } = *control;
    Err(LaunchError::RevisionAhead { about, revision, now: now.0 })
}

fn cancelled(reader: &Reader, about: &RequestId) -> Result<Option<LaunchError>, StoreError> {
    let cancel = reader.cancelled_by(about)?;
    Ok(cancel.map(|StoredControl { operator, at, .. }| LaunchError::Cancelled {
        about: *about,
        operator,
        at,
    }))
}

/// Returns why a control was not recorded: another one was, between the check and the commit.
pub(super) async fn superseded(core: &Core, request: &Request) -> Result<LaunchError, StoreError> {
    let control = request.control.as_ref();
    let (about, revision) =
        control.map_or((request.id, 0), |control| (control.about, control.revision));
    let cancelled = core.read(move |reader| cancelled(reader, &about)).await?;
    Ok(cancelled.unwrap_or(LaunchError::Superseded { about, revision }))
}
