//! Several kinds of profile over one window, and what each yields: the same for an agent and the coordinator.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::documents::{Figures, Logs, Metrics, Moment, Tasks, Threads};
use crate::encode::encode;
use crate::{RawProfile, Sampler, SamplerError, Scope, Window, heap, sys};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{ProfileFooter, Telemetry};
use muster_runtime::tasks::Running;

/// The kinds that work on this machine. What is not here is not offered, and declined when it is asked for.
pub fn offered() -> Vec<ProfileKind> {
    let works = |kind: &ProfileKind| *kind != ProfileKind::Heap || heap::is_offered();
    ProfileKind::ALL.into_iter().filter(works).collect()
}

/// Returns why a request cannot be carried out here; `None` when it can.
pub fn unsupported(args: &ProfileStart) -> Option<String> {
    let offered = offered();
    let missing = args.kinds.iter().find(|kind| !offered.contains(kind))?;
    let words: Vec<_> = offered.iter().map(|kind| kind.as_str()).collect();
    Some(format!("the kind {missing} does not work here; this process offers {}", words.join(", ")))
}

/// What a process tells of itself at one moment.
#[derive(Debug, Clone)]
pub struct ProcessReport {
    /// What it costs, and its collections.
    pub telemetry: Telemetry,
    /// Its async tasks.
    pub tasks: Vec<Running>,
}

/// An open window of several kinds.
#[derive(Debug)]
#[must_use = "a capture that is dropped yields nothing"]
pub struct Capture {
    parts: Vec<(ProfileKind, Part)>,
    clock: Clock,
    start: Timestamp,
    opened: Instant,
    cpu_at_start: Duration,
}

/// What is held of a kind while the window is open.
#[derive(Debug)]
enum Part {
    Stacks(Window),
    Tasks(Moment),
    Metrics(Figures),
    Logs,
}

/// What a closed window yields of a kind, before it is written.
enum Closed {
    Stacks(RawProfile),
    Tasks(Moment, Threads),
    Metrics(Figures),
    Logs(Logs),
}

/// What one kind yielded.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Which kind.
    pub kind: ProfileKind,
    /// The blob.
    pub bytes: Vec<u8>,
    /// Its figures.
    pub footer: ProfileFooter,
}

impl Capture {
    /// Opens the window of all kinds; it begins now. `said` is what the process tells of itself at this moment.
    pub fn open(
        args: &ProfileStart,
        scope: &Scope,
        clock: &Clock,
        said: &ProcessReport,
    ) -> Result<Self, SamplerError> {
        let mut parts = Vec::with_capacity(args.kinds.len());
        for kind in &args.kinds {
            let part = match kind {
                ProfileKind::Cpu | ProfileKind::Wall | ProfileKind::Heap => {
                    let sampler = Sampler::global();
                    Part::Stacks(sampler.window(*kind, args.hertz, scope.clone(), clock)?)
                }
                ProfileKind::Tasks => Part::Tasks(Moment::of(Threads::now()?, said)),
                ProfileKind::Metrics => Part::Metrics((&said.telemetry).into()),
                ProfileKind::Logs => Part::Logs,
            };
            parts.push((*kind, part));
        }
        let (clock, start, cpu_at_start) = (clock.clone(), clock.now(), sys::process_cpu());
        Ok(Self { parts, clock, start, opened: Instant::now(), cpu_at_start })
    }

    /// Returns how long the window has been open.
    pub fn elapsed(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Closes the window; then `tell` says what the process tells of itself, for which it may have to wait.
    /// `is_partial` when the window closes before its time.
    pub fn finish(
        self,
        is_partial: bool,
        tell: impl FnOnce() -> ProcessReport,
    ) -> io::Result<Vec<Captured>> {
        // First everything is closed, then the slow part begins.
        let cpu = sys::process_cpu().saturating_sub(self.cpu_at_start);
        let whole = ProfileFooter {
            window_start: self.start,
            window_end: self.clock.now(),
            cpu_ms: u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
            partial: is_partial,
            ..ProfileFooter::default()
        };
        let mut closed = Vec::with_capacity(self.parts.len());
        for (kind, part) in self.parts {
            closed.push((kind, part.close()?));
        }
        let said = tell();
        let write = |(kind, closed)| written(kind, closed, &said, whole.clone());
        closed.into_iter().map(write).collect()
    }
}

impl Part {
    fn close(self) -> io::Result<Closed> {
        Ok(match self {
            Self::Stacks(window) => Closed::Stacks(window.finish()),
            Self::Tasks(first) => Closed::Tasks(first, Threads::now()?),
            Self::Metrics(first) => Closed::Metrics(first),
            Self::Logs => Closed::Logs(Logs::now()),
        })
    }
}

fn written(
    kind: ProfileKind,
    closed: Closed,
    said: &ProcessReport,
    whole: ProfileFooter,
) -> io::Result<Captured> {
    let figures = match &closed {
        Closed::Stacks(profile) => ProfileFooter {
            window_start: profile.start,
            window_end: profile.end,
            hertz: profile.hertz,
            samples: profile.count(),
            lost: profile.lost,
            handler_runs: profile.cost.handler_runs,
            handler_us: profile.cost.handler_ns / 1_000,
            sweeper_us: profile.cost.sweeper_ns / 1_000,
            cpu_ms: profile.cpu_ms,
            ..whole
        },
        Closed::Tasks(..) | Closed::Metrics(_) | Closed::Logs(_) => whole,
    };
    let bytes = match closed {
        Closed::Stacks(profile) => encode(&profile)?,
        Closed::Tasks(first, threads) => {
            json(&Tasks { moments: vec![first, Moment::of(threads, said)] })?
        }
        Closed::Metrics(first) => {
            json(&Metrics { moments: vec![first, (&said.telemetry).into()] })?
        }
        Closed::Logs(logs) => json(&logs)?,
    };
    let footer = ProfileFooter {
        kind: kind.as_str().to_owned(),
        blob_sha256: sha256(&bytes),
        blob_bytes: bytes.len() as u64,
        ..figures
    };
    Ok(Captured { kind, bytes, footer })
}

fn json(document: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(document).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
