//! The curve of one agent as a picture: what it cost, and what ran meanwhile, over one time axis.
//!
//! * `terminal`: in block characters. `svg`: a page by itself, that fetches nothing.
//! * `ticks`: round numbers and times for the axes. `lanes`: spans that do not cover each other.

mod lanes;
mod svg;
mod terminal;
mod ticks;

pub use svg::draw as svg;
pub use terminal::draw as terminal;

use crate::output::units;
use muster_api::{CurveView, MarkView, PointView};

/// What one panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Cpu,
    Memory,
    Read,
}

impl Figure {
    const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Read];

    const fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU, % of a core",
            Self::Memory => "resident memory",
            Self::Read => "read, bytes a second",
        }
    }

    /// Returns the least, the mean and the greatest of a point.
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    fn spread(self, point: &PointView) -> [f64; 3] {
        match self {
            Self::Cpu => [point.cpu_percent_min, point.cpu_percent, point.cpu_percent_max],
            Self::Memory => {
                [point.rss_bytes_min, point.rss_bytes, point.rss_bytes_max].map(|n| n as f64)
            }
            Self::Read => {
                [point.read_bytes_per_s_min, point.read_bytes_per_s, point.read_bytes_per_s_max]
                    .map(|n| n as f64)
            }
        }
    }

    fn shown(self, value: f64) -> String {
        match self {
            Self::Cpu if value >= 9.95 => format!("{value:.0} %"),
            Self::Cpu => format!("{value:.1} %"),
            Self::Memory => bytes(value),
            Self::Read => format!("{}/s", bytes(value)),
        }
    }

    /// Returns the latest value, the mean and the peak of the whole curve, for people.
    fn summary(self, points: &[PointView]) -> String {
        let Some(latest) = points.last() else { return "no samples".to_owned() };
        let peak = points.iter().map(|p| self.spread(p)[2]).fold(0.0, f64::max);
        let samples: u64 = points.iter().map(|p| p.samples).sum();
        #[expect(clippy::cast_precision_loss, reason = "a picture")]
        let mean = points.iter().map(|p| self.spread(p)[1] * p.samples as f64).sum::<f64>()
            / samples.max(1) as f64;
        let [_, last, _] = self.spread(latest);
        format!("last {}, mean {}, peak {}", self.shown(last), self.shown(mean), self.shown(peak))
    }

    /// Returns the greatest value that there is, at least a little.
    fn top(self, points: &[PointView]) -> f64 {
        let peak = points.iter().map(|p| self.spread(p)[2]).fold(0.0, f64::max);
        peak.max(if self == Self::Cpu { 1.0 } else { 1_000.0 })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates"
)]
fn bytes(value: f64) -> String {
    units::bytes(value.round() as u64)
}

/// Splits points where something is missing between two of them.
fn unbroken(view: &CurveView) -> Vec<&[PointView]> {
    // A sample may be late by a bit; one that is missing leaves twice the distance.
    let gap_ms = i64::try_from(view.step_ms).unwrap_or(i64::MAX).saturating_mul(7) / 4;
    let is_next = |a: &PointView, b: &PointView| b.at.0.since_ms(a.at.0) <= gap_ms;
    view.points.chunk_by(is_next).collect()
}

/// Returns the middle of what a point stands for, in milliseconds since 1970.
fn middle(view: &CurveView, point: &PointView) -> i64 {
    let half = if view.step == "sample" { 0 } else { view.step_ms / 2 };
    point.at.0.plus_ms(i64::try_from(half).unwrap_or(0)).0
}

/// Returns how many characters of the ids of these marks tell them apart, at least eight.
fn id_length(marks: &[MarkView]) -> usize {
    let mut ids: Vec<_> = marks.iter().map(|mark| mark.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let common = |pair: &[&str]| match pair {
        [a, b] => a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let longest = ids.windows(2).map(common).max().unwrap_or(0);
    (longest + 1).max(8)
}

fn short(id: &str, length: usize) -> &str {
    id.get(..length).unwrap_or(id)
}

/// Names what a point is.
fn step_words(view: &CurveView) -> String {
    match view.step.as_str() {
        "sample" => format!("{} samples", view.points.len()),
        step => format!("{} points of one {step}, least to greatest", view.points.len()),
    }
}

#[cfg(test)]
mod tests;
