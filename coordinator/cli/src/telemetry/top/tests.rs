use muster_protocol::clock::Timestamp;

use super::*;
use muster_api::RunningView;

fn sample(agent: &str, age_ms: u64, cpu: f64) -> TelemetryView {
    let state = if age_ms > 45_000 { AgentState::Silent } else { AgentState::Live };
    TelemetryView {
        agent: agent.to_owned(),
        host: "h".to_owned(),
        state,
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

#[test]
fn what_is_old_is_marked_and_does_not_count() {
    let samples = [sample("a-1", 4_000, 7.5), sample("a-2", 400_000, 99.0)];
    let text = table(&samples, &samples);
    assert!(text.contains("4 s ago") && text.contains("6 min 40 s ago"), "{text}");
    assert!(
        text.contains(" 7.5 %") && text.contains("(99.0 %)") && text.contains("silent"),
        "{text}"
    );
    assert!(text.contains("agents: 1 live, 1 silent"), "{text}");
    assert!(text.contains("( ) is how it was"), "{text}");
    let worst = text.lines().find(|line| line.trim_start().starts_with("max")).unwrap();
    assert!(worst.contains("7.5 %"), "the silent one does not count: {text}");
    assert!(text.contains("1: …") && text.contains("\\u{1b}[2Jend"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn quantiles_are_values_that_there_are() {
    let agents: Vec<_> = (1..=100).map(|n| sample(&format!("a-{n}"), 0, f64::from(n))).collect();
    let all: Vec<_> = agents.into_iter().chain([sample("coordinator", 0, 1_000.0)]).collect();
    let fleet = fleet(&all);
    let cpu: Vec<_> = fleet.quantiles.iter().map(|of| of.cpu_percent.unwrap()).collect();
    assert_eq!(cpu, [50.0, 95.0, 99.0, 100.0], "the coordinator is no agent");
}

#[test]
fn a_picture_fits_the_screen_and_grows_old() {
    let samples: Vec<_> = (0..100).map(|n| sample(&format!("a-{n}"), 40_000, 1.0)).collect();
    let aged = older(&samples, 6_000);
    assert!(
        aged.iter().all(|sample| sample.state == AgentState::Silent && sample.age_ms == 46_000)
    );
    let picture = frame("gone\n", &aged, None, Some((60, 24)));
    let lines: Vec<_> = picture.split("\r\n").collect();
    assert!(lines.len() <= 24, "{picture}");
    assert!(lines[0].contains("gone") && picture.contains("and 86 more"), "{picture}");
    let is_narrow = |line: &str| {
        line.replace("\x1b[K", "").replace("\x1b[H", "").replace("\x1b[J", "").chars().count() <= 60
    };
    assert!(lines.iter().all(|line| is_narrow(line)), "{picture}");
}
