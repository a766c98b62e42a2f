use std::fmt::Write as _;
use std::path::Path;

use muster_protocol::clock::Clock;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::SILENT_MS_MAX;
use muster_protocol::request::{Control, Sealed, Verb};
use muster_protocol::result::{CollectionSample, Telemetry};
use serde_bytes::ByteBuf;

use super::families::TABLE;
use super::*;
use crate::curves::tests::sample;
use crate::store::fleet::Roster;
use crate::store::{Audit, DataDir, DeadCount, NewAgent, Request, Write, Writer};

/// An agent that takes so many thousandths of a core and ten times as much of everything else.
fn said(agent: &str, permille: u64, collections: &[(RequestId, &str)]) -> Write {
    let held = |(request, state): &(RequestId, &str)| CollectionSample {
        request: *request,
        state: (*state).to_owned(),
        age_ms: 0,
        seen: 0,
        hashed: 0,
        bytes: 0,
        cpu_ms: 0,
        throttled_ms: 0,
        path: ByteBuf::new(),
    };
    Write::Telemetry(Box::new(Telemetry {
        agent: AgentId::new(agent).unwrap(),
        host: "a \"host\"\nwith lines".into(),
        collections: collections.iter().map(held).collect(),
        ..sample(0, [permille, permille * 10, permille * 10, permille * 10])
    }))
}

fn request(kind: &str, id: RequestId, not_after: Timestamp, about: Option<RequestId>) -> Write {
    let body = ByteBuf::new();
    let request = Request {
        id,
        kind: kind.into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after,
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: Sealed {
            kind: kind.into(),
            id: String::new(),
            body: body.clone(),
            sig: body.clone(),
            cert: body,
        },
        control: about.map(|about| Control::new(about, Verb::Cancel, 1)),
        expected: vec![],
        revokes: vec![],
        names: vec![],
    };
    Write::Request(Box::new(request), Audit::default())
}

/// Enrols agents, writes what was long ago and what is now, and returns the answer.
fn scrape(
    folder: &Path,
    (old, new): (Vec<Write>, Vec<Write>),
    change: impl Fn(&mut Present),
) -> String {
    let place = DataDir::prepare(folder).unwrap();
    let clock = Clock::system();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start_at(&place, clock.clone()).unwrap();
        let agents = ["a-1", "a-2", "a-3", "a-4", "a-5", "a-6"].map(|id| NewAgent {
            id: AgentId::new(id).unwrap(),
            name: id.to_owned(),
            labels: "{}".into(),
        });
        clock.set_offset_ms(-2 * SILENT_MS_MAX);
        writer.write(Write::Agents(agents.into(), Audit::default())).await.unwrap();
        for write in old {
            writer.write(write).await.unwrap();
        }
        clock.set_offset_ms(0);
        for write in new {
            writer.write(write).await.unwrap();
        }
    });
    let mut present = Present {
        now: clock.now(),
        is_connected: true,
        is_blocked: false,
        is_writable: false,
        waiting: 0,
        own: BTreeSet::new(),
        counts: Snapshot::default(),
        agents: 0,
    };
    change(&mut present);
    let reader = place.reader().unwrap();
    metrics(&reader, &Roster::load(&reader).unwrap().all(), &present).unwrap()
}

/// Three live agents, a silent, a revoked and a new one.
fn fleet() -> (Vec<Write>, Vec<Write>) {
    let revoked = Write::Revoked(AgentId::new("a-5").unwrap(), Audit::default());
    let old = vec![said("a-4", 1_000, &[]), said("a-5", 1_000, &[])];
    let new = vec![said("a-3", 300, &[]), said("a-1", 100, &[]), said("a-2", 200, &[]), revoked];
    (old, new)
}

#[track_caller]
fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line}\n{text}");
    }
}

#[test]
fn every_metric_of_the_table_is_written_as_it_says_and_no_series_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (old, mut new) = fleet();
    new.push(Write::Dead(vec![DeadCount {
        class: "rows",
        reason: "wrong \"agent\"\\\n",
        agent: None,
        count: 1,
    }]));
    let text = scrape(folder.path(), (old, new), |present| present.agents = 10);
    let mut series = BTreeSet::new();
    let (mut declared, mut filled) = (Vec::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            declared.push(rest.split_once(' ').unwrap());
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
            assert!(series.insert(name), "twice: {line}");
            let family = name.split('{').next().unwrap();
            assert_eq!(declared.last().unwrap().0, family, "under its own head: {line}");
            filled.insert(family);
        }
    }
    let table: Vec<_> = TABLE.iter().map(|family| (family.name, family.kind.as_str())).collect();
    assert_eq!(declared, table);
    assert_eq!(filled.len(), TABLE.len(), "each has a series here");
    for family in TABLE {
        let is_counter = family.kind == families::Kind::Counter;
        assert_eq!(family.name.ends_with("_total"), is_counter, "{}", family.name);
    }
    holds(
        &text,
        &[
            "muster_broker_connected 1",
            "muster_store_writable 0",
            r#"muster_dead_letters_total{class="rows",reason="wrong \"agent\"\\\n"} 1"#,
        ],
    );
}

#[test]
fn the_fleet_is_what_its_live_agents_say() {
    let folder = tempfile::tempdir().unwrap();
    let text = scrape(folder.path(), fleet(), |_| {});
    holds(
        &text,
        &[
            r#"muster_agents{state="new"} 1"#,
            r#"muster_agents{state="live"} 3"#,
            r#"muster_agents{state="silent"} 1"#,
            r#"muster_agents{state="revoked"} 1"#,
            "muster_fleet_cpu_cores 0.6",
            "muster_fleet_resident_memory_bytes 6000",
            "muster_fleet_outbox_bytes 231",
            r#"muster_fleet_agent_cpu_cores{quantile="0.5"} 0.2"#,
            r#"muster_fleet_agent_cpu_cores{quantile="1"} 0.3"#,
            r#"muster_fleet_agent_read_bytes_per_second{quantile="0.95"} 3000"#,
        ],
    );
    assert!(!text.contains("agent=") && !text.contains("host"), "no agent by itself: {text}");
    let folder = tempfile::tempdir().unwrap();
    let text = scrape(folder.path(), (vec![], vec![]), |_| {});
    holds(&text, &["muster_fleet_cpu_cores 0"]);
    assert!(!text.contains("quantile="), "of nobody there is none: {text}");
}

#[test]
fn agents_have_series_of_their_own_only_when_asked_for_and_only_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let text = scrape(folder.path(), fleet(), |present| present.agents = 4);
    holds(
        &text,
        &[
            r#"muster_agent_live{agent="a-1"} 1"#,
            r#"muster_agent_live{agent="a-4"} 0"#,
            r#"muster_agent_cpu_cores{agent="a-3"} 0.3"#,
            "muster_agents_left_out 1",
        ],
    );
    let shown = text.matches("agent=\"").count();
    assert_eq!(shown, 4 + 4 * 3, "of a silent one nothing but that: {text}");
}

#[test]
fn a_request_is_in_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<_> = (0..6).map(|_| RequestId::new()).collect();
    let (later, before) = (Clock::system().now().plus_ms(60_000), Timestamp(1));
    let hunt = |n: usize, not_after| request("hunt.start", ids[n], not_after, None);
    let new = vec![
        hunt(0, before),
        hunt(1, later),
        hunt(2, later),
        hunt(3, before),
        request("hunt.cancel", RequestId::new(), later, Some(ids[2])),
        request("hunt.cancel", RequestId::new(), later, Some(ids[0])),
        request("profile.start", ids[4], later, None),
        request("profile.start", ids[5], later, None),
        said("a-1", 0, &[(ids[0], "running"), (ids[5], "queued"), (ids[5], "shoes")]),
    ];
    let text = scrape(folder.path(), (vec![], new), |present| present.own.extend([ids[4]]));
    holds(
        &text,
        &[
            r#"muster_hunts{state="running"} 1"#,
            r#"muster_hunts{state="cancelled"} 1"#,
            r#"muster_hunts{state="open"} 1"#,
            r#"muster_hunts{state="closed"} 1"#,
            r#"muster_profiles{state="running"} 2"#,
            r#"muster_profiles{state="open"} 0"#,
            r#"muster_fleet_collections{state="queued"} 1"#,
            r#"muster_fleet_collections{state="running"} 1"#,
        ],
    );
}

#[test]
fn what_came_in_is_shown_and_what_never_came_is_0() {
    let folder = tempfile::tempdir().unwrap();
    let text = scrape(folder.path(), (vec![], vec![]), |present| {
        present.counts.messages.insert(("rows", "stored"), 3);
        present.counts.bytes.insert("rows", 99);
        present.counts.ended.insert("failed", 2);
        present.counts.rows = 7;
    });
    holds(
        &text,
        &[
            r#"muster_ingest_messages_total{class="rows",outcome="stored"} 3"#,
            r#"muster_ingest_messages_total{class="blobs",outcome="conflict"} 0"#,
            r#"muster_ingest_bytes_total{class="rows"} 99"#,
            r#"muster_ingest_bytes_total{class="status"} 0"#,
            r#"muster_collections_ended_total{state="failed"} 2"#,
            r#"muster_collections_ended_total{state="finished"} 0"#,
            "muster_ingest_rows_total 7",
        ],
    );
}

/// The table on the page is written again where it differs, and the test fails once: look at the change, commit it.
#[test]
fn the_reference_page_has_the_table() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");
    let page = std::fs::read_to_string(file).unwrap();
    let head = "| metric | type | labels | what |\n|---|---|---|---|\n";
    let (prose, _) = page.split_once(head).unwrap();
    let mut made = [prose, head].concat();
    for Family { name, kind, labels, help } in TABLE {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (labels, kind) = (labels.join(", "), kind.as_str());
        writeln!(made, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
    }
    if page != made {
        std::fs::write(file, made).unwrap();
        panic!("docs/reference/metrics.md was not up to date; it is now");
    }
}
