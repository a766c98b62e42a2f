//! Curves: what self-samples become when they are kept: samples, then minutes, then hours.
//!
//! Pure: no I/O and no clock. A minute or an hour keeps the least, the sum and the greatest of each figure, as whole
//! numbers; so a peak survives, and rolling in two steps gives exactly what rolling in one would.

pub mod fleet;

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{
    TELEMETRY_FIGURE_MAX, TELEMETRY_LATE_MS_MAX, TELEMETRY_MINUTES_MS_MAX, TELEMETRY_RAW_MS_MAX,
};
use muster_protocol::result::Telemetry;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// How finely a curve is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Each sample.
    Sample,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Step {
    /// Returns the finest step that is kept back to `since`.
    pub fn finest(since: Timestamp, now: Timestamp) -> Self {
        let back_ms = now.since_ms(since);
        if back_ms <= TELEMETRY_RAW_MS_MAX {
            Self::Sample
        } else if back_ms <= TELEMETRY_MINUTES_MS_MAX {
            Self::Minute
        } else {
            Self::Hour
        }
    }

    /// Returns its length; of samples, that of their rhythm.
    pub const fn ms(self) -> i64 {
        match self {
            Self::Sample => muster_protocol::limits::TELEMETRY_INTERVAL_MS.cast_signed(),
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
        }
    }

    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// Returns the beginning of the step that a moment lies in.
    pub fn floor(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Sample => at,
            Self::Minute | Self::Hour => at.plus_ms(-at.0.rem_euclid(self.ms())),
        }
    }
}

/// Returns where a sample lies on the curve: at its own time, unless that cannot be.
pub fn place(sample: &Telemetry, now: Timestamp) -> Timestamp {
    let is_near = now.since_ms(sample.at).unsigned_abs() <= TELEMETRY_LATE_MS_MAX.unsigned_abs();
    if is_near { sample.at } else { now }
}

/// Returns until when samples can be condensed: none can come any more that lies before.
pub fn settled(step: Step, now: Timestamp) -> Timestamp {
    step.floor(now.plus_ms(-TELEMETRY_LATE_MS_MAX))
}

/// One figure over a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// The least.
    pub min: u64,
    /// The sum over all samples.
    pub sum: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    fn of(value: u64) -> Self {
        let value = value.min(TELEMETRY_FIGURE_MAX);
        Self { min: value, sum: value, max: value }
    }

    fn merge(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

/// What an agent cost over a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolled {
    /// How many samples there were.
    pub samples: u64,
    /// CPU, in thousandths of a core.
    pub cpu: Spread,
    /// Resident memory in bytes.
    pub rss: Spread,
    /// Bytes read a second.
    pub read: Spread,
    /// Bytes written a second.
    pub written: Spread,
    /// The most threads.
    pub threads: u64,
    /// The most open files.
    pub fds: u64,
    /// The fullest outbox, in bytes.
    pub outbox: u64,
}

impl Rolled {
    /// Takes one sample.
    pub fn of(sample: &Telemetry) -> Self {
        Self {
            samples: 1,
            cpu: Spread::of(permille(sample.cpu_percent)),
            rss: Spread::of(sample.rss_bytes),
            read: Spread::of(sample.read_bytes_per_s),
            written: Spread::of(sample.written_bytes_per_s),
            threads: sample.threads.into(),
            fds: sample.fds.into(),
            outbox: sample.outbox_bytes.min(TELEMETRY_FIGURE_MAX),
        }
    }

    /// Takes in what was at other times of the same span.
    pub fn merge(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.cpu.merge(other.cpu);
        self.rss.merge(other.rss);
        self.read.merge(other.read);
        self.written.merge(other.written);
        self.threads = self.threads.max(other.threads);
        self.fds = self.fds.max(other.fds);
        self.outbox = self.outbox.max(other.outbox);
    }

    /// Returns the mean of one of its figures.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn mean(&self, figure: Spread) -> f64 {
        figure.sum as f64 / self.samples.max(1) as f64
    }
}

/// Percent with a decimal as a whole number; what is no number, or below nothing, is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped: a cast from a float saturates, and NaN becomes 0"
)]
fn permille(percent: f64) -> u64 {
    (percent * 10.0).round() as u64
}

/// Points of one curve, put together by step in whatever order they come.
#[derive(Debug)]
pub struct Roll {
    step: Step,
    points: BTreeMap<Timestamp, Rolled>,
}

impl Roll {
    /// Begins a curve.
    pub fn new(step: Step) -> Self {
        Self { step, points: BTreeMap::new() }
    }

    /// Takes in a point, of a step that is not coarser.
    pub fn add(&mut self, at: Timestamp, point: &Rolled) {
        let held = self.points.entry(self.step.floor(at));
        held.and_modify(|held| held.merge(point)).or_insert(*point);
    }

    /// Returns the points, the oldest first.
    pub fn points(self) -> impl Iterator<Item = (Timestamp, Rolled)> {
        self.points.into_iter()
    }
}

#[cfg(test)]
pub(crate) mod tests;
