//! `profile`: where the agent's own CPU time goes, over one window, as one blob of unsymbolised pprof.
//!
//! The window opens at once and ends when its seconds are over or the session says stop. What was sampled
//! is delivered in either case; the footer says whether the window was cut short.

use std::time::Duration;

use common::clock::Clock;
use common::profile::encode::encode;
use common::profile::{RawProfile, Sampler, SamplerError, Scope, Window};
use common::request::profile::{ProfileKind, ProfileStart};
use common::result::ProfileFooter;
use common::result::rows::sha256;

use super::CollectError;
use crate::session::{Session, Stop};

#[cfg(test)]
mod tests;

/// Kind of the blob.
pub const BLOB: &str = "profile.cpu";

/// Pause between two looks at the session.
const STEP: Duration = Duration::from_millis(50);

/// Samples the threads in `scope` and delivers their profile.
pub fn collect(
    args: &ProfileStart,
    scope: Scope,
    clock: &Clock,
    session: &dyn Session,
) -> Result<(), CollectError> {
    if !args.kinds.contains(&ProfileKind::Cpu) {
        return Err(CollectError::failed(CollectError::BAD_ARGUMENTS, "no kind of profile"));
    }
    let window =
        Sampler::global().window(args.hertz, scope, clock).map_err(|error| refused(&error))?;
    let _thread = session.enter_thread();
    let waited = wait(&window, Duration::from_secs(args.seconds.into()), session);
    let profile = window.finish();
    let bytes = encode(&profile).map_err(|error| {
        CollectError::failed(CollectError::SYSTEM, format!("the profile has no mappings: {error}"))
    })?;
    session.blob(BLOB, &bytes, footer(&profile, &bytes, waited.is_err()))?;
    Ok(waited?)
}

/// Waits until the window has been open for `time`, or fails with the session's stop.
fn wait(window: &Window, time: Duration, session: &dyn Session) -> Result<(), Stop> {
    loop {
        let left = time.saturating_sub(window.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        session.check()?;
        std::thread::park_timeout(left.min(STEP));
    }
}

fn footer(profile: &RawProfile, bytes: &[u8], is_partial: bool) -> ProfileFooter {
    ProfileFooter {
        kind: ProfileKind::Cpu.as_str().to_owned(),
        window_start: profile.start,
        window_end: profile.end,
        hertz: profile.hertz,
        samples: profile.count(),
        lost: profile.lost,
        cpu_ms: profile.cpu_ms,
        partial: is_partial,
        blob_sha256: sha256(bytes),
        blob_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    }
}

fn refused(error: &SamplerError) -> CollectError {
    let code = match error {
        SamplerError::Hertz(_) => CollectError::BAD_ARGUMENTS,
        SamplerError::System(_) => CollectError::SYSTEM,
    };
    CollectError::failed(code, error.to_string())
}
