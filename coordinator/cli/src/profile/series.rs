//! `muster profile take --repeat 60s --for 1h`: one profile after another, by a clock.
//!
//! The command stays and asks each time: every profile is a request of its own, signed when it is due. What cannot be
//! asked for (the coordinator is away) is missed and reported, and the series goes on.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_protocol::limits::PROFILE_MERGE_MAX;

use super::{PROFILE, find};
use crate::args::profile::Take;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::{Context, watch};

/// How long the last profile is waited for beyond its window.
const LAST_S: u32 = 30;

/// When the profiles of a series are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    every: Duration,
    count: u32,
}

impl Plan {
    /// Reads the flags; `None` when one profile is meant.
    pub(super) fn of(flags: &Take) -> Result<Option<Self>, Failure> {
        let Some((every_s, for_s)) = flags.repeat.zip(flags.length) else { return Ok(None) };
        let window_s = flags.window_s();
        if window_s > every_s {
            let cause = format!("a window of {window_s} s does not fit into {every_s} s");
            return Err(Failure::usage(
                "profiles would overlap",
                cause,
                "a shorter --seconds, or a longer --repeat",
            ));
        }
        let count = for_s.div_ceil(every_s);
        if usize::try_from(count).is_ok_and(|count| count > PROFILE_MERGE_MAX) {
            let cause = format!("{count} profiles, {PROFILE_MERGE_MAX} can be merged");
            return Err(Failure::usage(
                "the series is too long",
                cause,
                "a longer --repeat, or a shorter --for",
            ));
        }
        Ok(Some(Self { every: Duration::from_secs(every_s.into()), count }))
    }
}

/// Takes the series; `launch` asks for one profile and returns its id.
pub(super) fn take(
    context: &Context,
    client: &Client,
    plan: Plan,
    window_s: u32,
    launch: impl Fn() -> Result<String, Failure>,
) -> Result<Exit, Failure> {
    let (send, interrupted) = mpsc::channel();
    // The receiver may have gone.
    watch::on_ctrl_c(move || send.send(()).unwrap_or(()))?;
    let began = Instant::now();
    let (mut taken, mut missed) = (Vec::new(), 0_u32);
    for round in 0..plan.count {
        if !pause_until(began + plan.every * round, &interrupted) {
            break;
        }
        match launch() {
            Ok(id) => {
                context.out.note(&format!("{} of {}: profile {id}", round + 1, plan.count));
                taken.push(id);
            }
            Err(failure) if failure.exit == Exit::Unavailable && round > 0 => {
                context.out.failure(&failure);
                missed += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    tell(context, client, &taken, window_s)?;
    Ok(if missed == 0 { Exit::Done } else { Exit::Partial })
}

/// Waits for the last one and lists all.
fn tell(
    context: &Context,
    client: &Client,
    taken: &[String],
    window_s: u32,
) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return Ok(()) };
    watch::watch_profile(context, last, Some(window_s.saturating_add(LAST_S)))?;
    let mut views = Vec::with_capacity(taken.len());
    for id in taken {
        views.push(find(client, id)?.1);
    }
    context.out.list(PROFILE, &views)?;
    if views.iter().filter(|profile| profile.view.states.finished > 0).count() > 1 {
        context.out.note(&format!(
            "next: muster profile diff {first} {last}; muster profile merge {}",
            taken.join(" ")
        ));
    }
    Ok(())
}

/// Sleeps until a moment; `false` when the operator wants no more.
fn pause_until(at: Instant, interrupted: &Receiver<()>) -> bool {
    let left = at.saturating_duration_since(Instant::now());
    matches!(interrupted.recv_timeout(left), Err(RecvTimeoutError::Timeout))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        take: Take,
    }

    fn plan(words: &str) -> Result<Option<Plan>, Failure> {
        let line = Line::try_parse_from(
            ["take", "--agent", "a"].into_iter().chain(words.split_whitespace()),
        );
        Plan::of(&line.unwrap().take)
    }

    #[test]
    fn a_series_is_planned_by_its_clock() {
        assert_eq!(plan("").unwrap(), None);
        let minute = Duration::from_mins(1);
        assert_eq!(plan("--repeat 60s --for 1h").unwrap(), Some(Plan { every: minute, count: 60 }));
        assert_eq!(plan("--repeat 60s --for 61s").unwrap(), Some(Plan { every: minute, count: 2 }));
        assert_eq!(
            plan("--repeat 5s --for 1m").unwrap_err().exit,
            Exit::Usage,
            "10 s do not fit into 5"
        );
        assert!(plan("--repeat 5s --for 1m --seconds 5").unwrap().is_some());
        assert_eq!(plan("--repeat 60s --for 30d").unwrap_err().exit, Exit::Usage);
        for half in ["--repeat 60s", "--for 1h", "--repeat 60s --for 1h --detach"] {
            let words = ["take", "--agent", "a"].into_iter().chain(half.split_whitespace());
            Line::try_parse_from(words).unwrap_err();
        }
    }
}
