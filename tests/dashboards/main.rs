//! `/metrics` and what is shown of it: a real Prometheus scrapes a real fleet with the configuration that we ship, and
//! every query of the Grafana dashboard has an answer.

mod prometheus;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_server::http::metrics::{families, text};
use serde_json::{Value, json};
use tests::eventually::eventually;
use tests::fleet::Fleet;

use prometheus::{Prometheus, Series};

const SOON: Duration = Duration::from_secs(30);
/// Files of the tree that the hunt is about.
const FILES: usize = 20;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/dashboards").join(name)
}

/// Whether two whole numbers are the same.
fn is(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() < 0.5
}

/// Every query of the dashboard with the title of its panel, as Grafana would send it.
fn queries() -> Vec<(String, String)> {
    let text = fs::read_to_string(shipped("muster.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut queries = Vec::new();
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        if let Some(values) = variable["definition"].as_str() {
            let words = values.strip_prefix("label_values(").and_then(|rest| rest.split_once(','));
            queries.push(("variable".to_owned(), words.expect("label_values").0.to_owned()));
        }
    }
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            let query = target["expr"].as_str().expect("a query");
            let query = query.replace("$job", "muster").replace("$__rate_interval", "1m");
            assert!(!query.contains('$'), "a variable that Grafana would not know: {query}");
            queries.push((title.to_owned(), query));
        }
    }
    queries
}

/// Puts a result onto the broker that no agent would send.
fn poison(fleet: &Fleet) {
    let id = &fleet.agents[0].id;
    let message = json!({
        "properties": {"type": "rows"}, "payload": "no MessagePack", "payload_encoding": "string",
        "routing_key": format!("rows.{id}.01890000-0000-7000-8000-000000000000"),
    });
    let vhost = fleet.vhost.replace('/', "%2F");
    let path = format!("/api/exchanges/{vhost}/results/publish");
    let answer = fleet.broker.call("POST", &path, &message);
    assert_eq!(answer["routed"], true, "{answer}");
}

/// Gives single agents series of their own.
fn with_agents(fleet: &mut Fleet) {
    fleet.stop_coordinator();
    let config = fleet.path("home").join("coordinator.toml");
    let text = fs::read_to_string(&config).expect("coordinator.toml");
    fs::write(&config, format!("{text}\n[metrics]\nagents = 1\n")).expect("coordinator.toml");
    fleet.start_coordinator();
}

#[test]
fn every_query_of_the_dashboard_has_an_answer_from_a_real_prometheus() {
    let mut fleet = Fleet::start(2);
    with_agents(&mut fleet);
    let token = fleet.path("home").join("metrics.token");
    let prometheus = Prometheus::start(&shipped("prometheus.yml"), &token, &fleet.url());
    eventually("the coordinator is scraped", SOON, || {
        match &prometheus.ask("up{job=\"muster\"}")?[..] {
            [one] if is(one.value, 1.0) => Ok(()),
            other => Err(format!("{other:?}: {}", prometheus.targets())),
        }
    });
    poison(&fleet);
    let tree = fleet.path("tree");
    fs::create_dir(&tree).expect("a folder");
    for n in 0..FILES {
        fs::write(tree.join(n.to_string()), n.to_string()).expect("a file");
    }
    let tree = tree.to_string_lossy().into_owned();
    let hunt = fleet.json(&["hunt", "launch", "--target", "all", "--root", &tree]);
    fleet.await_hunt(hunt["id"].as_str().expect("an id"), SOON);

    let queries = queries();
    assert!(queries.len() > 20 && queries.iter().any(|(title, _)| title == "variable"));
    for (title, query) in &queries {
        eventually(&format!("panel {title:?}: {query}"), SOON, || {
            let series = prometheus.ask(query)?;
            if series.is_empty() {
                return Err("no data".to_owned());
            }
            let odd = series.iter().find(|one| !one.value.is_finite());
            odd.map_or(Ok(()), |odd| Err(format!("{odd:?}")))
        });
    }
    says_what_is_so(&prometheus);
    names_are_those_of_the_table(&prometheus);
}

/// Compares some figures with what the fleet did.
fn says_what_is_so(prometheus: &Prometheus) {
    let expected = [
        ("muster_agents{state=\"live\"}", 2.0),
        ("muster_hunts", 1.0),
        ("sum(muster_dead_letters_total{class=\"rows\"})", 1.0),
        ("sum(muster_collections_ended_total{state=\"finished\"})", 2.0),
        ("count(muster_agent_live)", 1.0),
        ("muster_agents_left_out", 1.0),
        ("muster_broker_connected", 1.0),
    ];
    for (query, value) in expected {
        eventually(query, SOON, || {
            let series = prometheus.ask(query)?;
            let sum: f64 = series.iter().map(|one| one.value).sum();
            if is(sum, value) { Ok(()) } else { Err(format!("{sum}, not {value}: {series:?}")) }
        });
    }
    let files = f64::from(u32::try_from(FILES).expect("a few"));
    eventually("the rows are counted", SOON, || {
        match &prometheus.ask("muster_ingest_rows_total")?[..] {
            [one] if one.value >= 2.0 * files => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// Nothing that Prometheus has stored of us is missing in the reference, which is made of the table.
fn names_are_those_of_the_table(prometheus: &Prometheus) {
    let known: BTreeSet<_> = families::TABLE.iter().map(|family| family.name).collect();
    // What a scrape says of itself.
    let of_scrape = |name: &str| name == "up" || name.starts_with("scrape_");
    let stored = prometheus.ask("{job=\"muster\"}").expect("all series");
    let names: BTreeSet<_> =
        stored.iter().map(Series::name).filter(|name| !of_scrape(name)).collect();
    assert!(names.len() > 30, "{names:?}");
    let strange: Vec<_> = names.iter().filter(|name| !known.contains(**name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn a_token_is_needed_and_the_one_for_metrics_opens_nothing_else() {
    let fleet = Fleet::start(0);
    let read = |name: &str| {
        fs::read_to_string(fleet.path("home").join(name)).expect("a token").trim().to_owned()
    };
    let ask = |path: &str, token: Option<&str>| {
        let client = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut request = client.get(format!("{}{path}", fleet.url()));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().expect("an answer");
        let kind = answer
            .headers()
            .get("content-type")
            .map(|kind| kind.to_str().expect("text").to_owned());
        let body = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), kind.unwrap_or_default(), body)
    };
    let (operators, own) = (read("token"), read("metrics.token"));
    for (token, status) in
        [(None, 401), (Some("wrong"), 401), (Some(own.as_str()), 200), (Some(&operators), 200)]
    {
        assert_eq!(ask("/metrics", token).0, status, "{token:?}");
    }
    let (_, kind, body) = ask("/metrics", Some(&own));
    assert_eq!(kind, text::CONTENT_TYPE);
    assert!(body.contains("\nmuster_broker_connected ") && !body.contains("agent=\""), "{body}");
    for path in ["/api/v1/fleet", "/api/v1/agents", "/api/v1/openapi.json"] {
        let (status, _, body) = ask(path, Some(&own));
        assert!(status == 403 && body.contains("/metrics only"), "{path}: {status} {body}");
        assert_eq!(ask(path, Some(&operators)).0, 200, "{path}");
    }
}
