//! One agent's credentials, used to put records into the store that cannot be read again, or without end.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_broker::{Connector, Message, Publisher};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::limits::{ATTEMPTS_MAX, JOURNALS_HEARD_MAX};
use muster_protocol::result::State;
use muster_protocol::topology::{Class, RESULTS, RoutingKey};
use muster_protocol::wire;
use serde::Serialize;
use serde_json::Value;
use tests::doctor::check;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(3);
const FILES: usize = 20;
/// What the coordinator takes of a status or a sample.
const BODY_BYTES_MAX: usize = 262_144;

/// A sample that leaves out all that may be left out: stored with the defaults of the rest it is longer than it came.
#[derive(Serialize)]
struct Sample<'a> {
    agent: &'a AgentId,
    at: Timestamp,
    journal: JournalId,
    host: &'a str,
    labels: BTreeMap<String, String>,
}

/// The same of a status.
#[derive(Serialize)]
struct Status<'a> {
    agent: &'a AgentId,
    request: RequestId,
    attempt: Attempt,
    state: State,
    at: Timestamp,
    footer: Option<Footer>,
}

#[derive(Default, Serialize)]
struct Footer {
    files: Files,
}

#[derive(Default, Serialize)]
struct Files {
    roots_failed: BTreeMap<String, String>,
}

/// Grows what `encode` makes of a text until it is one byte under the cap.
fn just_under(encode: impl Fn(String) -> Vec<u8>) -> Vec<u8> {
    let room = BODY_BYTES_MAX - 1 - encode("x".repeat(BODY_BYTES_MAX / 2)).len();
    let body = encode("x".repeat(BODY_BYTES_MAX / 2 + room));
    assert_eq!(body.len(), BODY_BYTES_MAX - 1);
    body
}

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    wire::encode(message).expect("a message")
}

/// Two agents, one of which has fallen into the hands of an attacker, and a hunt of both.
struct Scene {
    fleet: Fleet,
    offender: AgentId,
    hunt: RequestId,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn start() -> Self {
        let mut fleet = Fleet::start(2);
        let offender = fleet.agents[0].id.parse().expect("an id");
        let root = fleet.path("tree");
        tests::swarm::trees::write(&root, FILES, 1).expect("a tree");
        fleet.kill_agent(0);
        let root = root.to_string_lossy().into_owned();
        let launched = fleet.json(&["hunt", "launch", "--root", &root, "--target", "all"]);
        let hunt = launched["id"].as_str().expect("an id").parse().expect("an id");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { fleet, offender, hunt, runtime }
    }

    fn publish(&self, messages: Vec<(Class, &str, Vec<u8>)>) {
        let password = self.fleet.agents[0].bundle.join("broker.password");
        let password = std::fs::read_to_string(password).expect("a password").trim().to_owned();
        let broker = &self.fleet.broker;
        self.runtime.block_on(async {
            let link = broker.link_as(&self.fleet.vhost, self.offender.as_str(), &password);
            let session = Connector::new(link).connect_once().await.expect("a connection");
            let publisher: Publisher = session.publisher().await.expect("a publisher");
            for (class, kind, body) in messages {
                let request = (class != Class::Telemetry).then_some(self.hunt);
                let key = RoutingKey { class, agent: self.offender.clone(), request };
                let message = Message {
                    exchange: RESULTS.to_owned(),
                    routing_key: key.to_string(),
                    kind: kind.to_owned(),
                    body,
                    ..Message::default()
                };
                publisher.publish(message).await.expect("published");
            }
            session.close().await;
        });
    }

    fn sample(&self, journal: JournalId, host: &str, label: String) -> Vec<u8> {
        let labels = BTreeMap::from([("x".to_owned(), label)]);
        let at = Clock::system().now();
        encode(&Sample { agent: &self.offender, at, journal, host, labels })
    }

    fn status(&self, journal: JournalId, state: State, root: String) -> Vec<u8> {
        let roots_failed = BTreeMap::from([(root, String::new())]);
        let attempt = Attempt { origin: self.hunt, journal };
        let (agent, request, at) = (&self.offender, self.hunt, Clock::system().now());
        let footer = Some(Footer { files: Files { roots_failed } });
        encode(&Status { agent, request, attempt, state, at, footer })
    }

    fn await_dead(&self, counted: &str) {
        eventually(counted, LONG, || {
            let said = check(&self.fleet, "dead_letters").to_string();
            if said.contains(counted) { Ok(()) } else { Err(said) }
        });
    }

    /// Asks every view, and checks that the honest agent's part of the hunt is whole.
    fn assert_all_is_well(&self) {
        let hunt = self.hunt.to_string();
        let honest = self.fleet.agents[1].id.clone();
        eventually("the honest agent has finished", LONG, || {
            let parts = self.fleet.json(&["hunt", "show", &hunt, "--agents"]);
            let text = parts.to_string();
            let is_done = |part: &Value| part["agent"] == honest && part["state"] == "finished";
            let parts = parts.as_array().cloned().unwrap_or_default();
            if parts.iter().any(is_done) { Ok(()) } else { Err(text) }
        });
        assert_eq!(self.fleet.rows(&hunt)[honest.as_str()].len(), FILES);
        assert_eq!(self.fleet.json(&["hunt", "list"]).as_array().map(Vec::len), Some(1));
        let agents = self.fleet.json(&["agents", "list"]);
        assert_eq!(agents.as_array().map(Vec::len), Some(2), "{agents}");
        assert_eq!(check(&self.fleet, "unreadable_records")["verdict"], "ok");
        self.fleet.json(&["profile", "list"]);
        // New work is taken up.
        let root = self.fleet.path("tree").to_string_lossy().into_owned();
        let target = format!("id:{honest}");
        let next = self.fleet.json(&["hunt", "launch", "--root", &root, "--target", &target]);
        let shown = self.fleet.await_hunt(next["id"].as_str().expect("an id"), LONG);
        assert_eq!(shown["states"]["finished"], 1, "{shown}");
    }
}

#[test]
fn a_record_that_could_not_be_read_again_is_refused_before_it_is_stored() {
    let mut scene = Scene::start();
    let journal = JournalId::new();
    let sample = just_under(|label| scene.sample(journal, "h", label));
    let status = |state| just_under(|root| scene.status(journal, state, root));
    scene.publish(vec![
        (Class::Telemetry, "telemetry", sample),
        (Class::Status, "status", status(State::Started)),
        // A second one of the same run meets what was stored of the first.
        (Class::Status, "status", status(State::Started)),
        (Class::Status, "status", status(State::Finished)),
    ]);
    scene.await_dead("1 of telemetry (over_bound)");
    scene.await_dead("3 of status (over_bound)");
    scene.assert_all_is_well();
    scene.fleet.kill_coordinator();
    scene.fleet.start_coordinator();
    scene.assert_still_shown();
}

impl Scene {
    fn assert_still_shown(&self) {
        assert_eq!(self.fleet.json(&["agents", "list"]).as_array().map(Vec::len), Some(2));
        assert_eq!(self.fleet.json(&["hunt", "list"]).as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn names_that_an_agent_makes_up_do_not_fill_the_store() {
    let scene = Scene::start();
    let samples = (0..500).map(|_| scene.sample(JournalId::new(), "h", String::new()));
    let last = scene.sample(JournalId::new(), "the-last-of-them", String::new());
    let samples: Vec<_> = samples.chain([last]).collect();
    scene.publish(samples.into_iter().map(|body| (Class::Telemetry, "telemetry", body)).collect());
    let root = || "/x".to_owned();
    let runs = (0..60).map(|_| scene.status(JournalId::new(), State::Started, root()));
    let runs: Vec<_> = runs.collect();
    scene.publish(runs.into_iter().map(|body| (Class::Status, "status", body)).collect());
    eventually("all samples are stored", LONG, || {
        let shown = scene.fleet.json(&["agents", "list"]).to_string();
        if shown.contains("the-last-of-them") { Ok(()) } else { Err(shown) }
    });
    let refused = 60 - ATTEMPTS_MAX;
    scene.await_dead(&format!("{refused} of status (too_many_attempts)"));
    let store = scene.fleet.path("home").join("data").join("muster.sqlite");
    let store = rusqlite::Connection::open(store).expect("the store");
    let count = |sql: &str| {
        let count = store.query_row(sql, [scene.offender.as_str()], |row| row.get::<_, i64>(0));
        usize::try_from(count.expect("a count")).expect("a count")
    };
    assert_eq!(count("SELECT count(*) FROM heard WHERE agent = ?1"), JOURNALS_HEARD_MAX);
    assert_eq!(count("SELECT count(*) FROM attempt WHERE agent = ?1"), ATTEMPTS_MAX);
    scene.assert_all_is_well();
}
