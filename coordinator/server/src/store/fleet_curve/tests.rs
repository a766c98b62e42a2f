use muster_protocol::clock::Clock;
use muster_protocol::limits::{TELEMETRY_HOURS_MS_MAX, TELEMETRY_LATE_MS_MAX};

use super::*;
use crate::curves::settled;
use crate::curves::tests::sample;
use crate::store::{Audit, DataDir, NewAgent, Write, Writer};

pub(crate) const START: i64 = 1_700_000_040_000;
pub(crate) const MINUTE: i64 = 60_000;

/// Nine agents, of which eight report every 20 s for two hours; agent n uses n thousandths of a core, and twice that in the
/// second hour. The coordinator reports, too.
pub(crate) async fn store(folder: &std::path::Path) -> (DataDir, Writer, Clock) {
    let place = DataDir::prepare(folder).unwrap();
    let clock = Clock::system();
    let at = |moment: i64| clock.set_offset_ms(moment - Clock::system().now().0);
    let writer = Writer::start_at(&place, clock.clone()).unwrap();
    let new = |n: u64| NewAgent {
        id: AgentId::new(&format!("a-{n}")).unwrap(),
        name: "a".into(),
        labels: "{}".into(),
    };
    at(START - MINUTE);
    writer.write(Write::Agents((1..=9).map(new).collect(), Audit::default())).await.unwrap();
    for step in 0..360 {
        let moment = START + step * 20_000;
        at(moment);
        let mut landing = Vec::new();
        for n in 0..=8 {
            let cpu = if step < 180 { n } else { 2 * n };
            let mut said = sample(moment, [cpu, n, 0, 5]);
            said.agent = if n == 0 { AgentId::coordinator() } else { new(n).id };
            landing.push(writer.begin(Write::Telemetry(Box::new(said))).await.unwrap());
        }
        for landed in landing {
            landed.await.unwrap();
        }
    }
    at(START + 120 * MINUTE);
    (place, writer, clock)
}

#[tokio::test]
async fn what_is_made_of_samples_is_what_condensing_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let (place, writer, clock) = store(folder.path()).await;
    let reader = place.reader().unwrap();
    let minutes: Vec<_> = (0..120).map(|n| Timestamp(START + n * MINUTE)).collect();
    let live: Vec<_> =
        minutes.iter().map(|at| reader.fleet_minute(*at).unwrap().unwrap()).collect();
    assert_eq!((live[0].live, live[0].silent), (8, 1));
    assert_eq!(live[0].figures, [[4, 8, 8, 8], [4, 8, 8, 8], [0; 4], [5; 4]]);
    assert_eq!(live[119].figures[0], [8, 16, 16, 16]);
    assert_eq!(reader.fleet_minute(Timestamp(START - MINUTE)).unwrap(), None);

    writer.write(Write::Condense).await.unwrap();
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let kept = reader.fleet_curve(all, Step::Minute).unwrap();
    assert!(kept.len() > 100, "{}", kept.len());
    let until = settled(Step::Minute, clock.now());
    for ((at, point), (expected_at, expected)) in kept.iter().zip(minutes.iter().zip(&live)) {
        assert_eq!((at, point), (expected_at, expected));
        assert!(*at < until);
    }
    let hours = reader.fleet_curve(all, Step::Hour).unwrap();
    assert_eq!(hours.last().unwrap().1.figures[3], [5; 4]);

    // The same again changes nothing, and what is too old goes.
    writer.write(Write::Condense).await.unwrap();
    assert_eq!(reader.fleet_curve(all, Step::Minute).unwrap(), kept);
    let long = START + TELEMETRY_HOURS_MS_MAX + TELEMETRY_LATE_MS_MAX + 200 * MINUTE;
    clock.set_offset_ms(long - Clock::system().now().0);
    writer.write(Write::Condense).await.unwrap();
    assert_eq!(reader.fleet_curve(all, Step::Minute).unwrap(), []);
    assert_eq!(reader.fleet_curve(all, Step::Hour).unwrap(), []);
}
