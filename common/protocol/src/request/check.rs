//! Bounds on a request's arguments that hold for every agent, whatever its policy says.

use super::profile::ProfileKind;
use super::{Args, Body};
use crate::artifact::ioc;
use crate::limits;

/// Checks the bounds; the error names what is out of them.
pub(super) fn bounds(body: &Body, args: &Args) -> Result<(), String> {
    body.target.check().map_err(|error| error.to_string())?;
    match args {
        Args::HuntStart(hunt) => hunt.check(),
        Args::ProfileStart(profile) => {
            let seconds = 1..=limits::PROFILE_SECONDS_MAX;
            let hertz = 1..=limits::PROFILE_HERTZ_MAX;
            if !seconds.contains(&profile.seconds) {
                return Err(format!("{} seconds, not 1 to {}", profile.seconds, seconds.end()));
            }
            if !hertz.contains(&profile.hertz) {
                return Err(format!("{} hertz, not 1 to {}", profile.hertz, hertz.end()));
            }
            let (kinds, all) = (&profile.kinds, ProfileKind::ALL.len());
            if kinds.is_empty() || kinds.len() > all {
                return Err(format!("{} kinds, not 1 to {all}", kinds.len()));
            }
            let is_twice = |(at, kind)| kinds.iter().skip(at + 1).any(|other| other == kind);
            if kinds.iter().enumerate().any(is_twice) {
                return Err("a kind is there twice".to_owned());
            }
            Ok(())
        }
        Args::ListPart(part) => part.check(ioc::PART_WIDTH),
        Args::Control(control) => control.check(),
        Args::TrustRevoke(_) => Ok(()),
    }
}
