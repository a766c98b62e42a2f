use std::collections::BTreeMap;

use muster_protocol::limits::TELEMETRY_LATE_MS_MAX;
use proptest::prelude::*;

use super::*;
use crate::curves::tests::sample;

const START: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn store() -> Reader {
    let connection = Connection::open_in_memory().unwrap();
    let roster = "CREATE TABLE agent (id TEXT, enrolled INTEGER, revoked INTEGER);";
    connection.execute_batch(&[TABLES, fleet_curve::TABLES, roster].concat()).unwrap();
    Reader::new(connection, std::sync::Arc::default())
}

fn agent() -> AgentId {
    AgentId::new("a-1").unwrap()
}

fn rows(reader: &Reader, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    reader.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// What may happen to a store.
#[derive(Debug, Clone)]
enum Happening {
    /// Time goes on.
    Later(i64),
    /// A sample comes, so much older than its arrival; some of them again.
    Sample { late: i64, again: bool, figures: [u64; 4] },
    /// The curves are condensed, once or twice.
    Condense(usize),
}

fn step() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0..30_000_i64).prop_map(Happening::Later),
        // Longer than the rhythm, so that there are gaps.
        1 => (0..20 * 60_000_i64).prop_map(Happening::Later),
        6 => (0..TELEMETRY_LATE_MS_MAX, any::<bool>(), prop::array::uniform4(0_u64..1 << 40))
            .prop_map(|(late, again, figures)| Happening::Sample { late, again, figures }),
        2 => (1..3_usize).prop_map(Happening::Condense),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is late, comes twice or is missing, and whenever it is condensed: what is read is what was kept.
    #[test]
    fn what_is_read_is_what_came(steps in prop::collection::vec(step(), 1..120)) {
        let reader = store();
        let mut now = Timestamp(START);
        let mut kept: BTreeMap<Timestamp, Rolled> = BTreeMap::new();
        for step in steps {
            match step {
                Happening::Later(ms) => now = now.plus_ms(ms),
                Happening::Condense(times) => {
                    for _ in 0..times {
                        condense(&reader.connection, now).unwrap();
                    }
                }
                Happening::Sample { late, again, figures } => {
                    let said = sample(now.0 - late, figures);
                    for _ in 0..=usize::from(again) {
                        insert(&reader.connection, &said, now).unwrap();
                    }
                    let spacing = TELEMETRY_SPACING_MS;
                    let near = said.at.plus_ms(1 - spacing)..said.at.plus_ms(spacing);
                    if kept.range(near).next().is_none() {
                        kept.insert(said.at, Rolled::of(&said));
                    }
                }
            }
        }
        let all = (Timestamp(0), now.plus_ms(1));
        for step in [Step::Minute, Step::Hour] {
            let mut expected = Roll::new(step);
            for (at, point) in &kept {
                expected.add(*at, point);
            }
            let read = reader.curve(&agent(), all, step).unwrap();
            prop_assert_eq!(read, expected.points().collect::<Vec<_>>());
        }
        // Single samples are kept for hours, and no longer than that after the last condensation.
        let recent = now.plus_ms(-TELEMETRY_RAW_MS_MAX);
        let raw = reader.curve(&agent(), (recent, all.1), Step::Sample).unwrap();
        prop_assert_eq!(raw, kept.range(recent..).map(|(at, point)| (*at, *point)).collect::<Vec<_>>());
    }

    /// A clock that jumps about neither stops the condensation nor breaks its bounds, nor invents anything.
    #[test]
    fn a_clock_that_jumps_breaks_nothing(
        jumps in prop::collection::vec((-40 * HOUR_MS..40 * HOUR_MS, 0_u64..1_000), 1..60)
    ) {
        let reader = store();
        let mut now = Timestamp(START);
        let mut peak = 0;
        for (jump, cpu) in &jumps {
            now = now.plus_ms(*jump);
            insert(&reader.connection, &sample(now.0, [*cpu; 4]), now).unwrap();
            condense(&reader.connection, now).unwrap();
            peak = peak.max(*cpu);
        }
        let count = i64::try_from(jumps.len()).unwrap();
        for table in ["curve_sample", "curve_minute", "curve_hour"] {
            prop_assert!(rows(&reader, table) <= count);
        }
        let all = (Timestamp(0), Timestamp(i64::MAX));
        for step in [Step::Sample, Step::Minute, Step::Hour] {
            let read = reader.curve(&agent(), all, step).unwrap();
            prop_assert!(read.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(read.iter().all(|(_, point)| point.cpu.max <= peak && point.samples > 0));
            prop_assert!(read.iter().map(|(_, point)| point.samples).sum::<u64>() <= jumps.len() as u64);
        }
    }
}

#[test]
fn what_is_old_goes_and_its_peak_stays() {
    let reader = store();
    let tx = &reader.connection;
    let (minute, day) = (60_000, 24 * HOUR_MS);
    let mut now = Timestamp(START);
    let peak = Timestamp(START + 5 * minute);
    // Three days, a sample a minute; one of them is a peak.
    for _ in 0..3 * day / minute {
        let cpu = if now == peak { 987 } else { 1 };
        insert(tx, &sample(now.0, [cpu, 5, 5, 5]), now).unwrap();
        condense(tx, now).unwrap();
        now = now.plus_ms(minute);
    }
    let an_hour = 60;
    assert!((119..=121).contains(&rows(&reader, "curve_sample")));
    let minutes = rows(&reader, "curve_minute");
    assert!((48 * an_hour - 16..=49 * an_hour).contains(&minutes), "{minutes}");
    assert!((71..=73).contains(&rows(&reader, "curve_hour")));
    let hours = reader.curve(&agent(), (Timestamp(0), now), Step::Hour).unwrap();
    assert_eq!(hours.iter().map(|(_, point)| point.samples).sum::<u64>(), 3 * 24 * 60);
    assert_eq!(hours.iter().map(|(_, point)| point.cpu.max).max(), Some(987));
    assert_eq!(hours.iter().filter(|(_, point)| point.cpu.max == 987).count(), 1);

    // An agent that is never heard of again is forgotten in the end.
    now = now.plus_ms(TELEMETRY_HOURS_MS_MAX + HOUR_MS);
    condense(tx, now).unwrap();
    for table in ["curve", "curve_sample", "curve_minute", "curve_hour"] {
        assert_eq!(rows(&reader, table), 0, "{table}");
    }
}

#[test]
fn an_agent_that_talks_too_much_fills_nothing() {
    let reader = store();
    for ms in 0..10_000 {
        let now = Timestamp(START + ms);
        insert(&reader.connection, &sample(now.0, [1; 4]), now).unwrap();
    }
    assert_eq!(rows(&reader, "curve_sample"), 10);
}
