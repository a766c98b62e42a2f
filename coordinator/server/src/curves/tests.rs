use proptest::prelude::*;

use super::*;

/// A sample of these figures.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(crate) fn sample(at: i64, figures: [u64; 4]) -> Telemetry {
    let [cpu_permille, rss, read, written] = figures;
    let json = serde_json::json!({
        "agent": "a-1", "at": at, "journal": uuid::Uuid::from_bytes([2; 16]),
        "cpu_percent": cpu_permille as f64 / 10.0, "rss_bytes": rss,
        "read_bytes_per_s": read, "written_bytes_per_s": written,
        "threads": 3, "fds": 9, "outbox_bytes": 77,
    });
    serde_json::from_value(json).unwrap()
}

fn rolled(
    step: Step,
    points: impl IntoIterator<Item = (Timestamp, Rolled)>,
) -> Vec<(Timestamp, Rolled)> {
    let mut roll = Roll::new(step);
    for (at, point) in points {
        roll.add(at, &point);
    }
    roll.points().collect()
}

prop_compose! {
    fn points()(
        points in prop::collection::vec((0..10 * HOUR_MS, prop::array::uniform4(0_u64..1 << 40)), 0..200)
    ) -> Vec<(Timestamp, Rolled)> {
        points.into_iter().map(|(at, figures)| (Timestamp(at), Rolled::of(&sample(at, figures)))).collect()
    }
}

proptest! {
    #[test]
    fn two_steps_are_exactly_one_step_in_any_order(all in points(), turn in any::<prop::sample::Index>()) {
        let direct = rolled(Step::Hour, all.clone());
        let mut turned = all.clone();
        if !turned.is_empty() {
            let by = turn.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        prop_assert_eq!(&rolled(Step::Hour, rolled(Step::Minute, turned)), &direct);

        // Nothing is lost: neither a sample, nor a sum, nor the peak.
        prop_assert_eq!(direct.iter().map(|(_, p)| p.samples).sum::<u64>(), all.len() as u64);
        let peak = |points: &[(Timestamp, Rolled)]| points.iter().map(|(_, p)| p.cpu.max).max();
        let sum = |points: &[(Timestamp, Rolled)]| points.iter().map(|(_, p)| p.rss.sum).sum::<u64>();
        prop_assert_eq!((peak(&direct), sum(&direct)), (peak(&all), sum(&all)));
        for (at, point) in &direct {
            prop_assert_eq!(at.0 % HOUR_MS, 0);
            for figure in [point.cpu, point.rss, point.read, point.written] {
                let mean = figure.sum / point.samples;
                prop_assert!(figure.min <= mean && mean <= figure.max);
            }
        }
    }
}

#[test]
fn figures_that_cannot_be_are_bounded() {
    let point = |percent: f64| {
        let mut odd = sample(0, [0, u64::MAX, u64::MAX, u64::MAX]);
        odd.cpu_percent = percent;
        odd.outbox_bytes = u64::MAX;
        Rolled::of(&odd)
    };
    assert_eq!(point(f64::NAN).cpu.sum, 0);
    assert_eq!(point(-5.0).cpu.sum, 0);
    assert_eq!(point(f64::INFINITY).cpu.sum, TELEMETRY_FIGURE_MAX);
    assert_eq!(point(12.34).cpu.sum, 123);
    let odd = point(0.0);
    assert_eq!([odd.rss.sum, odd.read.max, odd.outbox], [TELEMETRY_FIGURE_MAX; 3]);
    // An hour of them, one a second, is still a number that the store can hold.
    assert!(TELEMETRY_FIGURE_MAX.checked_mul(3_600).is_some_and(|sum| i64::try_from(sum).is_ok()));
}

#[test]
fn a_sample_lies_at_its_own_time_unless_that_cannot_be() {
    let now = Timestamp(1_000_000_000);
    let placed = |offset: i64| place(&sample(now.0 + offset, [0; 4]), now).since_ms(now);
    assert_eq!(
        [placed(0), placed(-60_000), placed(TELEMETRY_LATE_MS_MAX)],
        [0, -60_000, TELEMETRY_LATE_MS_MAX]
    );
    assert_eq!([placed(-TELEMETRY_LATE_MS_MAX - 1), placed(TELEMETRY_LATE_MS_MAX + 1)], [0, 0]);
    assert_eq!(place(&sample(i64::MIN, [0; 4]), now), now);
}

#[test]
fn the_finest_step_that_reaches_back_is_taken() {
    let now = Timestamp(1_000_000_000_000);
    let step = |ago: i64| Step::finest(now.plus_ms(-ago), now).as_str();
    assert_eq!([step(0), step(TELEMETRY_RAW_MS_MAX)], ["sample", "sample"]);
    assert_eq!(
        [step(TELEMETRY_RAW_MS_MAX + 1), step(TELEMETRY_MINUTES_MS_MAX)],
        ["minute", "minute"]
    );
    assert_eq!(step(TELEMETRY_MINUTES_MS_MAX + 1), "hour");
}
