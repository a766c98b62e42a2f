use super::*;
use crate::store::fleet::tests::known;

const NOW: Timestamp = Timestamp(2_000);

fn fleet() -> Vec<Arc<Known>> {
    let agent = |n: u32| {
        known(&format!("a-{n:03}"), |agent, said| {
            agent.revoked = (n.is_multiple_of(10)).then_some(Timestamp(1));
            said.labels
                .insert("role".into(), if n.is_multiple_of(2) { "db" } else { "web" }.into());
        })
    };
    (0..200).map(agent).collect()
}

fn target(expr: &str, sample_ppm: Option<u32>) -> Target {
    Target { expr: expr.to_owned(), sample_ppm }
}

#[test]
fn a_preview_accounts_for_every_agent() {
    let agents = fleet();
    let shown = previewed(&agents, &target("label:role=db", None), None, NOW).unwrap();
    assert_eq!((shown.matched, shown.revoked, shown.left_out), (80, 20, 100));
    assert_eq!(shown.first.len(), PREVIEW_AGENTS_MAX);
    assert_eq!(shown.first[0].id, "a-002");
    assert_eq!(shown.facets.labels[0].count, 80);
    assert_eq!(shown.route, Some(Route::Broadcast.into()));
    let named = previewed(&agents, &target("id:a-001 or id:a-010", None), None, NOW).unwrap();
    assert_eq!((named.matched, named.revoked, named.route), (1, 1, Some(Route::Directed.into())));
    let own = previewed(&agents, &target("id:coordinator", None), None, NOW).unwrap();
    assert_eq!((own.matched, own.route), (1, Some(Route::Coordinator.into())));
}

#[test]
fn a_sample_is_taken_as_a_launch_does_and_is_the_same_each_time() {
    let agents = fleet();
    let sampled = target("all", Some(250_000));
    let shown = previewed(&agents, &sampled, None, NOW).unwrap();
    assert!((20..70).contains(&shown.matched), "{}", shown.matched);
    assert_eq!(shown.matched + shown.left_out, 180);
    assert_eq!(previewed(&agents, &sampled, None, NOW).unwrap(), shown);
    let id = RequestId::from_bytes([0; 16]);
    let is_meant = |known: &&Arc<Known>| {
        known.agent.revoked.is_none() && sampled.matches(&known.facts, &id).unwrap()
    };
    assert_eq!(agents.iter().filter(is_meant).count() as u64, shown.matched);
}

#[test]
fn what_does_not_parse_is_marked() {
    let error = previewed(&fleet(), &target("label:db and and os:linux", None), None, NOW);
    assert_eq!(error.unwrap_err().at, 13);
    previewed(&fleet(), &target("all", Some(0)), None, NOW).unwrap_err();
}
