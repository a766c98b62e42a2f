//! `GET /telemetry/fleet`: the fleet over time.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::{FleetCurve, FleetPoint, Spread};
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{FLEET_POINTS_MAX, TELEMETRY_MINUTES_MS_MAX};
use muster_protocol::when::Moment;

use super::error::ApiError;
use super::extract::Asked;
use super::telemetry::Span;
use crate::core::Core;
use crate::curves::Step;
use crate::curves::fleet::FleetRolled;
use crate::store::{Reader, StoreError};

/// How far an answer goes back when nothing is said.
const SINCE: Moment = Moment::Ago(3_600_000);

/// `GET /telemetry/fleet`
pub async fn curve(
    State(core): State<Arc<Core>>,
    Asked(span): Asked<Span>,
) -> Result<Json<FleetCurve>, ApiError> {
    let now = core.clock.now();
    let span = span.resolve(SINCE, now)?;
    let (step, step_ms) = resolution(span, now);
    let shared = Arc::clone(&core);
    let read = move |reader: &Reader| {
        let mut points = reader.fleet_curve((step.floor(span.0), span.1), step)?;
        if step == Step::Minute {
            points.extend(shared.fleet_minutes.read(reader, span, now)?);
        }
        Ok::<_, StoreError>(points)
    };
    let points = core.read(read).await.map_err(ApiError::from)?;
    Ok(Json(FleetCurve {
        step: step.as_str().to_owned(),
        step_ms: step_ms.unsigned_abs(),
        since: span.0.into(),
        until: span.1.into(),
        points: merged(points, step_ms).into_iter().map(|(at, point)| shown(at, &point)).collect(),
    }))
}

/// Chooses minutes where they are kept back to the beginning of a span, else hours; and how long the span of a point is, so
/// that there are at most [`FLEET_POINTS_MAX`].
fn resolution((since, until): (Timestamp, Timestamp), now: Timestamp) -> (Step, i64) {
    let is_kept = now.since_ms(since) <= TELEMETRY_MINUTES_MS_MAX;
    let step = if is_kept { Step::Minute } else { Step::Hour };
    let steps = until.since_ms(step.floor(since)) / step.ms() + 1;
    // Points begin at multiples of their length: one more may be touched.
    let most = i64::try_from(FLEET_POINTS_MAX).unwrap_or(i64::MAX).saturating_sub(1).max(1);
    let every = (steps.saturating_sub(1) / most).saturating_add(1);
    (step, step.ms().saturating_mul(every))
}

/// Merges points into longer ones that begin at multiples of their length.
fn merged(points: Vec<(Timestamp, FleetRolled)>, step_ms: i64) -> BTreeMap<Timestamp, FleetRolled> {
    let mut merged = BTreeMap::new();
    for (at, point) in points {
        let begin = at.plus_ms(-at.0.rem_euclid(step_ms.max(1)));
        let held = merged.entry(begin);
        held.and_modify(|held: &mut FleetRolled| held.merge(&point)).or_insert(point);
    }
    merged
}

/// Shows a point.
#[expect(clippy::cast_precision_loss, reason = "figures for people, far below what is exact")]
pub(super) fn shown(at: Timestamp, point: &FleetRolled) -> FleetPoint {
    let [cpu, rss, read, written] = point.figures;
    let spread = |[p50, p95, p99, max]: [u64; 4], unit: f64| {
        let of = |value: u64| value as f64 / unit;
        Spread { p50: of(p50), p95: of(p95), p99: of(p99), max: of(max) }
    };
    FleetPoint {
        at: at.into(),
        live: point.live,
        silent: point.silent,
        cpu_percent: spread(cpu, 10.0),
        rss_bytes: spread(rss, 1.0),
        read_bytes_per_s: spread(read, 1.0),
        written_bytes_per_s: spread(written, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const MINUTE_MS: i64 = 60_000;
    const DAY_MS: i64 = 86_400_000;

    /// Returns the step, how many of them a point is, and how many points a full curve has.
    fn points(back_ms: i64, until: Timestamp) -> (Step, i64, usize) {
        let since = NOW.plus_ms(-back_ms);
        let (step, step_ms) = resolution((since, until), NOW);
        let (mut all, mut at) = (Vec::new(), step.floor(since));
        while at < until {
            all.push((at, FleetRolled::default()));
            at = at.plus_ms(step.ms());
        }
        (step, step_ms / step.ms(), merged(all, step_ms).len())
    }

    #[test]
    fn no_answer_has_more_points_than_its_bound() {
        assert_eq!(points(60 * MINUTE_MS, NOW), (Step::Minute, 1, 61));
        for back_ms in [1, 30_000, 598 * MINUTE_MS, 599 * MINUTE_MS, 600 * MINUTE_MS, DAY_MS] {
            let (step, _, count) = points(back_ms, NOW);
            assert!(
                step == Step::Minute && (1..=FLEET_POINTS_MAX).contains(&count),
                "{back_ms}: {count}"
            );
        }
        for days in [3, 24, 25, 26, 49, 90, 4_000] {
            let (step, _, count) = points(days * DAY_MS, NOW);
            assert!(
                step == Step::Hour && (60..=FLEET_POINTS_MAX).contains(&count),
                "{days}: {count}"
            );
        }
        assert_eq!(points(2 * DAY_MS, NOW).1, 5);
    }

    #[test]
    fn a_point_that_stands_for_several_has_their_greatest() {
        let of =
            |cpu: u64| FleetRolled { live: cpu, figures: [[cpu; 4]; 4], ..FleetRolled::default() };
        let all = (0..6).map(|n| (Timestamp(n * MINUTE_MS), of(n.unsigned_abs()))).collect();
        let merged: Vec<_> = merged(all, 4 * MINUTE_MS).into_iter().collect();
        assert_eq!(merged, [(Timestamp(0), of(3)), (Timestamp(4 * MINUTE_MS), of(5))]);
        let point = shown(Timestamp(0), &of(125));
        assert!(
            (point.cpu_percent.p50 - 12.5).abs() < 1e-9
                && (point.rss_bytes.max - 125.0).abs() < 1e-9
        );
    }
}
