use std::time::Instant;

use muster_protocol::request::Target;

use super::*;
use crate::store::fleet::tests::known;

const NOW: Timestamp = Timestamp(2_000);

/// A fleet of so many agents: every third a database, every fifth revoked, every seventh in quarantine.
fn fleet(count: u32) -> Vec<Arc<Known>> {
    let agent = |n: u32| {
        known(&format!("a-{n:05}"), |agent, said| {
            agent.revoked = (n.is_multiple_of(5)).then_some(Timestamp(1));
            if n.is_multiple_of(7) {
                agent.quarantine =
                    Some(crate::store::Quarantine { since: Timestamp(1), cause: "x".into() });
            }
            said.host = format!("host-{:05}.example.net", n * 7_919 % count);
            said.version = format!("0.{}.0", n % 12);
            said.cpu_percent = f64::from(n % 100) / 3.0;
            said.rss_bytes = u64::from(n % 50) << 20;
            said.labels
                .insert("role".into(), if n.is_multiple_of(3) { "db" } else { "web" }.into());
            said.labels.insert("rack".into(), (n % 60).to_string());
        })
    };
    (0..count).map(agent).collect()
}

fn filter(expr: &str, text: &str, states: &[AgentState]) -> Filter {
    let target = Target { expr: expr.to_owned(), sample_ppm: None };
    Filter {
        target: Some(target.matcher().unwrap()),
        text: (!text.is_empty()).then(|| text.to_owned()),
        states: (!states.is_empty()).then(|| states.to_vec()),
    }
}

/// Reads a list to its end; returns the ids.
fn whole(agents: &[Arc<Known>], filter: &Filter, order: (Field, Direction)) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let listed = list(agents, filter, order, (after.as_ref(), 7), Counted::No, NOW);
        ids.extend(listed.page.items.iter().map(|known| known.facts.id.clone()));
        after = listed.page.next;
        if after.is_none() {
            assert_eq!(ids.len() as u64, listed.total);
            return ids;
        }
    }
}

#[test]
fn what_is_listed_is_what_all_filters_leave_in_every_order() {
    let agents = fleet(200);
    let some = filter("label:role=db and not version:0.3.*", "", &[AgentState::Live]);
    let is_left =
        |n: u32| n.is_multiple_of(3) && n % 12 != 3 && !n.is_multiple_of(5) && !n.is_multiple_of(7);
    let expected: Vec<_> = (0..200).filter(|n| is_left(*n)).map(|n| format!("a-{n:05}")).collect();
    for (_, field) in Field::ALL {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut ids = whole(&agents, &some, (field, direction));
            if field == Field::Id {
                assert_eq!(ids.is_sorted(), direction == Direction::Ascending);
            }
            ids.sort();
            assert_eq!(ids, expected, "{field:?} {direction:?}");
        }
    }
    let by_cpu = whole(&agents, &Filter::default(), (Field::Cpu, Direction::Descending));
    assert_eq!(by_cpu[..2], ["a-00099", "a-00199"]);
    let found =
        whole(&agents, &filter("all", "host-0001", &[]), (Field::Host, Direction::Ascending));
    assert_eq!(found.len(), 10);
}

#[test]
fn facets_count_what_the_filter_leaves() {
    let agents = fleet(210);
    let order = (Field::Id, Direction::Ascending);
    let listed =
        list(&agents, &filter("label:role=db", "", &[]), order, (None, 1), Counted::Yes, NOW);
    let facets = listed.facets.unwrap();
    assert_eq!(listed.total, 70);
    assert_eq!(facets.state.iter().map(|state| state.count).sum::<u64>(), 70);
    let states: Vec<_> = facets.state.iter().map(|one| (one.value.as_str(), one.count)).collect();
    assert_eq!(states, [("live", 48), ("quarantined", 8), ("revoked", 14)]);
    assert_eq!(facets.os.len(), 1);
    let keys: Vec<_> =
        facets.labels.iter().map(|label| (label.key.as_str(), label.count)).collect();
    assert_eq!(keys, [("rack", 70), ("role", 70)]);
    assert_eq!(facets.labels[1].values.len(), 1);
    let all = list(&agents, &Filter::default(), order, (None, 1), Counted::Yes, NOW);
    let racks = &all.facets.unwrap().labels[0];
    let shown: u64 = racks.values.iter().map(|value| value.count).sum();
    assert_eq!((racks.values.len(), racks.count, shown), (50, 210, 180), "the rarest are left out");
}

/// Not a test: prints what a question costs. `cargo test -- --ignored --nocapture ten_thousand`
#[test]
#[ignore = "a measurement"]
fn ten_thousand_agents() {
    let agents = fleet(10_000);
    let cases = [
        ("all by id", Filter::default(), Field::Id),
        ("all by cpu", Filter::default(), Field::Cpu),
        ("target by host", filter("label:role=db and not version:0.3.*", "", &[]), Field::Host),
        ("text by version", filter("all", "host-0", &[AgentState::Live]), Field::Version),
    ];
    for (name, filter, field) in &cases {
        for counted in [Counted::No, Counted::Yes] {
            let mut took: Vec<_> = (0..21)
                .map(|_| {
                    let began = Instant::now();
                    let order = (*field, Direction::Descending);
                    let listed = list(&agents, filter, order, (None, 500), counted, NOW);
                    assert_eq!(listed.page.items.len(), 500);
                    began.elapsed()
                })
                .collect();
            took.sort();
            println!("{name}, facets {counted:?}: median {:?}, worst {:?}", took[10], took[20]);
        }
    }
}
