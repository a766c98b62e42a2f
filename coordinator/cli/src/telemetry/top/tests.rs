use muster_protocol::clock::Timestamp;

use super::*;
use muster_api::{FleetPoint, RunningView, Spread};

fn sample(agent: &str, age_ms: u64, cpu: f64) -> TelemetryView {
    let state = if age_ms > 45_000 { AgentState::Silent } else { AgentState::Live };
    TelemetryView {
        agent: agent.to_owned(),
        host: "h".to_owned(),
        state: state.into(),
        at: Timestamp(0).into(),
        received: Timestamp(0).into(),
        age_ms,
        cpu_percent: cpu,
        rss_bytes: 12_000_000,
        threads: 3,
        fds: 9,
        read_bytes: 5,
        written_bytes: 5,
        read_bytes_per_s: 1_000,
        written_bytes_per_s: 0,
        outbox_messages: 0,
        outbox_bytes: 0,
        journal_full: false,
        collections: vec![RunningView {
            request: "r".to_owned(),
            state: "running".to_owned(),
            age_ms: 1,
            seen: 1,
            hashed: 1,
            bytes: 1,
            cpu_ms: 1,
            throttled_ms: 1,
            path: format!("/{}/\u{1b}[2Jend", "x".repeat(100)),
        }],
    }
}

fn summed(live: u64, silent: u64, cpu: [f64; 4]) -> Fleet {
    let spread = |[p50, p95, p99, max]: [f64; 4]| Spread { p50, p95, p99, max };
    fleet(&FleetPoint {
        at: Timestamp(0).into(),
        live,
        silent,
        cpu_percent: spread(cpu),
        rss_bytes: spread([1e6, 2e6, 3e6, 4e6]),
        read_bytes_per_s: Spread::default(),
        written_bytes_per_s: Spread::default(),
    })
}

#[test]
fn what_is_old_is_marked() {
    let samples = [sample("a-1", 4_000, 7.5), sample("a-2", 400_000, 99.0)];
    let fleet = summed(1, 1, [7.5; 4]);
    let text = table(&samples, (2, &fleet), 0);
    assert!(text.contains("4 s ago") && text.contains("6 min 40 s ago"), "{text}");
    assert!(
        text.contains(" 7.5 %") && text.contains("(99.0 %)") && text.contains("silent"),
        "{text}"
    );
    assert!(text.contains("agents: 1 live, 1 silent\n") && !text.contains("more"), "{text}");
    let later = table(&samples, (3, &fleet), 12_000);
    assert!(later.contains("and 1 more") && later.contains("1 silent, 12 s ago"), "{later}");
    assert!(text.contains("( ) is how it was"), "{text}");
    let worst = text.lines().find(|line| line.trim_start().starts_with("max")).unwrap();
    assert!(worst.contains("7.5 %"), "{text}");
    assert!(text.contains("1: …") && text.contains("\\u{1b}[2Jend"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn quantiles_are_the_coordinators_and_none_where_none_is_live() {
    let quantiles = summed(4, 0, [1.0, 2.0, 3.0, 4.5]).quantiles;
    let cpu: Vec<_> = quantiles.iter().map(|of| of.cpu_percent.unwrap()).collect();
    assert_eq!((quantiles[3].rss_bytes, cpu), (Some(4_000_000), vec![1.0, 2.0, 3.0, 4.5]));
    let quantiles = summed(0, 2, [0.0; 4]).quantiles;
    assert!(quantiles.iter().all(|of| of.cpu_percent.is_none() && of.rss_bytes.is_none()));
}

#[test]
fn a_picture_fits_the_screen_and_grows_old() {
    let shown: Vec<_> = (0..100).map(|n| sample(&format!("a-{n}"), 40_000, 1.0)).collect();
    let samples = Samples { shown, total: 100, fleet: summed(100, 0, [1.0; 4]) };
    let aged = older(&samples, 6_000);
    let is_old =
        |sample: &TelemetryView| sample.state == AgentState::Silent && sample.age_ms == 46_000;
    assert!(aged.shown.iter().all(is_old));
    let picture = frame("gone\n", &aged, 6_000, Some((60, 24)));
    let lines: Vec<_> = picture.split("\r\n").collect();
    assert!(lines.len() <= 24, "{picture}");
    assert!(lines[0].contains("gone") && picture.contains("and 86 more"), "{picture}");
    let is_narrow = |line: &str| {
        line.replace("\x1b[K", "").replace("\x1b[H", "").replace("\x1b[J", "").chars().count() <= 60
    };
    assert!(lines.iter().all(|line| is_narrow(line)), "{picture}");
}
