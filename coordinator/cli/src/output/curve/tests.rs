use muster_protocol::clock::Timestamp;

use super::*;

const MINUTE: i64 = 60_000;
const START: i64 = 1_704_103_200_000;

fn point(at: i64, cpu: f64) -> PointView {
    PointView {
        at: Timestamp(at).into(),
        samples: 1,
        cpu_percent_min: cpu,
        cpu_percent: cpu,
        cpu_percent_max: cpu,
        rss_bytes_min: 12_000_000,
        rss_bytes: 12_000_000,
        rss_bytes_max: 12_000_000,
        read_bytes_per_s_min: 0,
        read_bytes_per_s: 5,
        read_bytes_per_s_max: 5,
        written_bytes_per_s_min: 0,
        written_bytes_per_s: 0,
        written_bytes_per_s_max: 0,
        threads: 3,
        fds: 9,
        outbox_bytes: 0,
    }
}

fn mark(kind: &str, id: &str, from: i64, until: Option<i64>) -> MarkView {
    MarkView {
        id: id.to_owned(),
        kind: kind.to_owned(),
        state: if until.is_some() { "finished" } else { "started" }.to_owned(),
        started: Timestamp(START + from).into(),
        ended: until.map(|at| Timestamp(START + at).into()),
        cpu_ms: 61_000,
        read_bytes: 4_000_000,
    }
}

/// Ten minutes of samples, of which two minutes are missing; a hunt, one that runs on, and a profile.
fn view() -> CurveView {
    let samples = (1..=60).map(|n| START + n * 10_000);
    let samples = samples.filter(|at| !(START + 6 * MINUTE..START + 8 * MINUTE).contains(at));
    let cpu = |at: i64| if at == START + 3 * MINUTE { 98.0 } else { 1.0 };
    CurveView {
        agent: "web-1-ab12".into(),
        host: "web<1>\u{1b}[2J".into(),
        step: "sample".into(),
        step_ms: 10_000,
        since: Timestamp(START).into(),
        until: Timestamp(START + 10 * MINUTE).into(),
        points: samples.map(|at| point(at, cpu(at))).collect(),
        marks: vec![
            mark("hunt", "0199aaaa-1111", MINUTE, Some(4 * MINUTE)),
            mark("profile", "0199aaaa-2222", 2 * MINUTE, Some(2 * MINUTE + 30_000)),
            mark("hunt", "0199aaaa-3333", 9 * MINUTE, None),
        ],
        marks_left_out: 0,
    }
}

#[test]
fn the_terminal_shows_peaks_gaps_marks_and_time() {
    let text = terminal(&view(), 100);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let lines: Vec<_> = text.lines().collect();
    let cpu = lines.iter().position(|line| line.contains("CPU")).unwrap();
    assert!(lines[cpu].contains("peak 98 %") && lines[cpu].contains("last 1.0 %"), "{text}");
    // The peak reaches the top row, in the third of ten minutes.
    let top: Vec<char> = lines[cpu + 1].chars().collect();
    let peak = top.iter().rposition(|c| *c == '█' || *c == '▇').unwrap();
    assert!((36..42).contains(&peak), "{peak}\n{text}");
    // Where nothing came there is nothing, not even a zero.
    let bottom: Vec<char> = lines[cpu + 5].chars().collect();
    assert_eq!(bottom[12 + 88 * 7 / 10], ' ', "{text}");
    assert_eq!(bottom[12 + 88 / 2], '▁', "{text}");
    assert!(text.contains("hunts ") && text.contains("profiles "), "{text}");
    assert!(text.contains("0199aaaa-1") && text.contains("▸"), "{text}");
    assert!(text.contains("10:02") && text.contains("UTC"), "{text}");
    assert!(text.contains(
        "hunt     0199aaaa-1111  finished  10:01:00 to 10:04:00, cpu 1 min 1 s, read 4.0 MB"
    ));
    assert!(text.contains("hunt     0199aaaa-3333  started   10:09:00 to …"), "{text}");
}

#[test]
fn an_empty_curve_is_drawn_too() {
    let empty = CurveView { points: vec![], marks: vec![], ..view() };
    assert!(terminal(&empty, 5).contains("no samples"));
    let page = svg(&empty);
    assert!(page.contains("no samples") && page.contains("no sample came"), "{page}");
}

#[test]
fn the_page_is_well_formed_fetches_nothing_and_escapes_what_endpoints_say() {
    let page = svg(&view());
    assert!(page.starts_with("<svg ") && page.ends_with("</svg>\n"));
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http") && !elsewhere.contains("script"), "{page}");
    assert!(page.contains("web&lt;1&gt;\\u{1b}[2J") && !page.contains('\u{1b}'), "{page}");
    for tag in ["g", "text", "pattern", "defs", "style", "svg", "title"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    // A line for each unbroken stretch of each panel, one gap on each, and every mark by its id.
    assert_eq!(page.matches("<polyline").count(), 6);
    assert_eq!(page.matches("no sample came").count(), 3);
    for id in ["hunt 0199aaaa-1", "profile 0199aaaa-2", "hunt 0199aaaa-3"] {
        assert!(page.contains(id), "{id}");
    }
    assert!(page.contains("peak 98 % at 10:03:00"), "{page}");
    let minutes = CurveView { step: "minute".into(), step_ms: 60_000, ..view() };
    assert!(svg(&minutes).contains("class=\"band\""));
}
