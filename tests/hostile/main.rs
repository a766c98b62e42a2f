//! One compromised endpoint against a fleet of three: it sends all it can with the credentials of one agent, and
//! everybody else goes on.
//!
//! Half a minute by default; `MUSTER_HOSTILE_SECONDS` sets another time (`tests/run hostile` takes ten minutes).

use std::time::Duration;

use tests::attack::cost::{peak_rss, store_bytes};
use tests::attack::{Attacker, Target};
use tests::broker::Broker;
use tests::eventually::{eventually, pause};
use tests::fleet::Fleet;

/// An honest hunt ends within this, whatever is sent beside it.
const HUNT: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_mins(3);
const FILES: usize = 50;
/// Resident memory of the coordinator.
const RSS_BYTES_MAX: u64 = 300_000_000;

fn seconds() -> Duration {
    let seconds = std::env::var("MUSTER_HOSTILE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

fn launch(fleet: &Fleet, more: &[&str]) -> String {
    let root = fleet.path("tree").to_string_lossy().into_owned();
    let launched = fleet.json(&[&["hunt", "launch", "--root", &root], more].concat());
    launched["id"].as_str().expect("an id").to_owned()
}

/// Runs a hunt on the honest agents, which must end in time with every row.
fn honest_hunt(fleet: &Fleet) {
    let (second, third) = (fleet.agents[1].id.clone(), fleet.agents[2].id.clone());
    let hunt = launch(fleet, &["--agents", &format!("{second},{third}"), "--fresh"]);
    let shown = fleet.await_hunt(&hunt, HUNT);
    assert_eq!(shown["states"]["finished"], 2, "{shown}");
    let rows = fleet.rows(&hunt);
    for agent in [&second, &third] {
        assert!(rows[agent].len() >= FILES, "{agent}: {}", rows[agent].len());
    }
}

/// Every view answers.
fn look_at_everything(fleet: &Fleet, hunt: &str) {
    let (first, second) = (fleet.agents[0].id.as_str(), fleet.agents[1].id.as_str());
    for words in [
        &["agents", "list"][..],
        &["agents", "show", first],
        &["agents", "show", second],
        &["hunt", "list"],
        &["hunt", "show", hunt, "--agents"],
        &["hunt", "results", hunt],
        &["profile", "list"],
        &["telemetry", "show", first],
        &["telemetry", "top"],
        &["who-has", &"0".repeat(64)],
        &["broker", "status"],
    ] {
        let output = fleet.muster(words.iter().copied().chain(["--output", "json"]));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        // 2 and 1 speak of what was found; what follows is of the coordinator and the command line.
        assert!(code.is_some_and(|code| code < 64), "{words:?}: {code:?}\n{stderr}");
    }
    let doctor = fleet.muster(["doctor", "--output", "json"]);
    assert!(!doctor.stdout.is_empty(), "{}", String::from_utf8_lossy(&doctor.stderr));
    let health = ureq::get(format!("{}/healthz", fleet.url())).call().expect("health");
    assert_eq!(health.status(), 200);
}

#[test]
fn one_endpoint_harms_nobody() {
    let mut fleet = Fleet::start_with_this(Broker::start_as_shipped(), 3);
    tests::swarm::trees::write(&fleet.path("tree"), FILES, 1).expect("a tree");
    let hostile = fleet.agents[0].id.clone();
    fleet.stop_agent(0);
    let own_hunt = launch(&fleet, &["--target", "all"]);
    let foreign_hunt = launch(&fleet, &["--agents", &fleet.agents[1].id.clone()]);
    fleet.await_hunt(&foreign_hunt, HUNT);
    let bundle = fleet.agents[0].bundle.clone();
    let target = Target::of(&fleet, &hostile, &bundle, &own_hunt, &foreign_hunt);
    let before = store_bytes(&fleet);
    let attacker = Attacker::new(target, seconds());
    let attack = std::thread::spawn(move || attacker.attack());
    while !attack.is_finished() {
        honest_hunt(&fleet);
        look_at_everything(&fleet, &own_hunt);
        pause(Duration::from_secs(1));
    }
    let sent = attack.join().expect("an attack");
    println!("{sent:?}");
    assert!(sent.messages > 1_000, "{sent:?}");

    honest_hunt(&fleet);
    let rss = peak_rss(fleet.coordinator_pid());
    assert!(rss > 0, "its status");
    let grown = store_bytes(&fleet).saturating_sub(before);
    println!("the coordinator's peak: {rss} bytes; the store grew by {grown} bytes");
    assert!(rss <= RSS_BYTES_MAX, "{rss} bytes resident");
    let foreign = fleet.json(&["hunt", "show", &foreign_hunt]);
    assert_eq!((&foreign["targeted"], &foreign["states"]["finished"]), (&1.into(), &1.into()));
    eventually("doctor names the offender", LONG, || {
        let doctor = fleet.muster(["doctor", "--output", "json"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        if said.contains(&hostile) { Ok(()) } else { Err(said) }
    });

    // A restart meets no poison.
    fleet.stop_coordinator();
    fleet.start_coordinator();
    honest_hunt(&fleet);
    look_at_everything(&fleet, &own_hunt);
}
