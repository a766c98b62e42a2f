//! `profile`: what this process is doing, over one window, as one blob for each kind that was asked for.
//!
//! The window opens at once and ends when its seconds are over or the session says stop. What was sampled
//! is delivered in either case; the footer says whether the window was cut short. A profile of a hunt has the
//! hunt's window: it opens when the hunt begins, and the end of the hunt is its end, too.

use std::time::{Duration, Instant};

use muster_profiler::{Capture, ProcessReport, SamplerError, Scope, capture};
use muster_protocol::clock::Clock;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::PROFILE_AWAITS_S_MAX;
use muster_protocol::request::profile::ProfileStart;

use super::CollectError;
use crate::session::{RequestState, Session, Stop};

#[cfg(test)]
mod tests;

/// Pause between two looks at the session.
const STEP: Duration = Duration::from_millis(50);

/// Samples the threads in `scope` and delivers their profiles. `told` is asked for what the agent tells of
/// itself, at the beginning and at the end.
pub fn collect(
    args: &ProfileStart,
    scope: &Scope,
    clock: &Clock,
    told: &mut dyn FnMut() -> Result<ProcessReport, String>,
    session: &dyn Session,
) -> Result<(), CollectError> {
    if args.kinds.is_empty() {
        return Err(CollectError::failed(CollectError::BAD_ARGUMENTS, "no kind of profile"));
    }
    if let Some(reason) = capture::unsupported(args) {
        return Err(CollectError::failed(CollectError::BAD_ARGUMENTS, reason));
    }
    if let Some(hunt) = args.during {
        await_start(hunt, session)?;
    }
    let first = told().map_err(|reason| CollectError::failed(CollectError::SYSTEM, reason))?;
    let windows = Capture::open(args, scope, clock, &first).map_err(|error| refused(&error))?;
    let _thread = session.enter_thread();
    let waited = wait(&windows, args, session);
    // What was sampled counts, whatever keeps the agent from telling more.
    let last = || told().unwrap_or(first);
    let captured = windows.finish(waited.is_err(), last).map_err(|error| {
        CollectError::failed(CollectError::SYSTEM, format!("the profile is not whole: {error}"))
    })?;
    session.blobs(captured)?;
    Ok(waited?)
}

/// Waits until a hunt begins. Nothing is switched on meanwhile.
fn await_start(hunt: RequestId, session: &dyn Session) -> Result<(), CollectError> {
    let began = Instant::now();
    let failed = |reason: &str| Err(CollectError::failed(CollectError::NO_HUNT, reason));
    loop {
        match session.standing(hunt)? {
            RequestState::Running => return Ok(()),
            RequestState::Ended => {
                return failed("the hunt is over here, or never was for this agent");
            }
            RequestState::Pending if began.elapsed().as_secs() >= PROFILE_AWAITS_S_MAX => {
                return failed("the hunt has not begun here");
            }
            RequestState::Pending => {
                session.check()?;
                std::thread::park_timeout(STEP);
            }
        }
    }
}

/// Waits until the windows have been open for their time or their hunt ends, or fails with the session's stop.
fn wait(windows: &Capture, args: &ProfileStart, session: &dyn Session) -> Result<(), Stop> {
    let time = Duration::from_secs(args.seconds.into());
    loop {
        let left = time.saturating_sub(windows.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        session.check()?;
        if let Some(hunt) = args.during
            && session.standing(hunt)? != RequestState::Running
        {
            return Ok(());
        }
        std::thread::park_timeout(left.min(STEP));
    }
}

fn refused(error: &SamplerError) -> CollectError {
    let code = match error {
        SamplerError::Hertz(_) | SamplerError::Threads { .. } => CollectError::BAD_ARGUMENTS,
        SamplerError::System(_) => CollectError::SYSTEM,
    };
    CollectError::failed(code, error.to_string())
}
