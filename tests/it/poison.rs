//! Messages that the AMQP client library cannot parse, or must not hold: one endpoint publishes them with its own
//! credentials, and everybody else's results go on; the owner of the broker puts them before agents, and these go on.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_broker::{Connector, Start};
use muster_protocol::topology::{Class, DEAD, REQUESTS, RESULTS, directed_queue};
use serde_json::json;
use tests::doctor::check;
use tests::eventually::{eventually, pause};
use tests::fleet::Fleet;
use tests::raw_amqp::{Properties, Raw, entry, long, nested};

const LONG: Duration = Duration::from_mins(3);
/// Files of a hunt, and how many of them a slow one takes a second.
const FILES: usize = 120;
const SLOW: &str = "12";
/// A body that no class takes.
const BIG_BODY: usize = 20_000_000;

/// One way to be unreadable.
struct Poison {
    reason: &'static str,
    /// What comes behind `<class>.<agent>.`.
    tail: &'static [u8],
    properties: Vec<u8>,
    body_bytes: usize,
}

impl Poison {
    fn new(reason: &'static str, properties: &Properties) -> Self {
        Self { reason, tail: b"x", properties: properties.encode(), body_bytes: 9 }
    }
}

/// Each kind of it but the big body.
fn kinds() -> Vec<Poison> {
    let plain = Properties::default();
    let bad = || Some(b"a\xff\xfe".to_vec());
    let headers = |entries: Vec<u8>| Properties { headers: Some(entries), ..Properties::default() };
    let unparsable = "unparsable_properties";
    vec![
        Poison { tail: b"\xff\xfe", ..Poison::new("unparsable_key", &plain) },
        Poison::new(unparsable, &Properties { kind: bad(), ..plain.clone() }),
        Poison::new(unparsable, &Properties { message_id: bad(), ..plain.clone() }),
        Poison::new(unparsable, &Properties { content_type: bad(), ..plain.clone() }),
        Poison::new(unparsable, &headers(entry(b"\xff", b't', &[1]))),
        Poison::new("nested_headers", &headers(nested(b'F', 1_000))),
        Poison::new("nested_headers", &headers(nested(b'A', 1_000))),
        // Beyond the bound of a header these do not come to be looked at for their nesting.
        Poison::new("headers_too_big", &headers(nested(b'F', 18_000))),
        Poison::new("headers_too_big", &headers(nested(b'A', 20_000))),
        Poison::new("headers_too_big", &headers(entry(b"h", b'x', &long(&[b'z'; 100_000])))),
        Poison::new(
            "reserved_header",
            &headers(entry(b"x-muster-defect", b'S', &long(b"too_big"))),
        ),
    ]
}

fn big_body() -> Poison {
    Poison { body_bytes: BIG_BODY, ..Poison::new("too_big", &Properties::default()) }
}

/// Gives an agent the right to any key of its own, as every agent had before its rights were narrowed to ASCII: the filter
/// must not depend on them.
fn widen_rights(fleet: &Fleet, index: usize) {
    let (vhost, user) = (fleet.vhost.replace('/', "%2F"), &fleet.agents[index].id);
    let write = r"^(status|rows|blobs|telemetry)\.{username}\..*$";
    let topic = json!({"exchange": RESULTS, "write": write, "read": "^$"});
    fleet.broker.call("PUT", &format!("/api/topic-permissions/{vhost}/{user}"), &topic);
}

/// Connects with the credentials of an agent.
fn as_agent(fleet: &Fleet, index: usize) -> Raw<std::net::TcpStream> {
    let member = &fleet.agents[index];
    let password =
        std::fs::read_to_string(member.bundle.join("broker.password")).expect("a password");
    let port = fleet.broker.port();
    Raw::connect(port, &fleet.vhost, &member.id, password.trim()).expect("a connection")
}

/// Publishes poison as an agent's results.
fn poison<'a>(fleet: &Fleet, class: Class, kinds: impl IntoIterator<Item = &'a Poison>) -> u64 {
    let mut raw = as_agent(fleet, 0);
    for kind in kinds {
        let start = format!("{}.{}.", class.as_str(), fleet.agents[0].id);
        let key = [start.as_bytes(), kind.tail].concat();
        let body = vec![7; kind.body_bytes];
        raw.publish(RESULTS, &key, &kind.properties, &body).expect("the broker takes it");
    }
    raw.confirmed
}

/// Waits until `doctor` counts so many dead letters.
#[track_caller]
fn await_dead(fleet: &Fleet, count: u64) {
    eventually(&format!("{count} dead letters are counted"), LONG, || {
        let said = check(fleet, "dead_letters")["message"].as_str().expect("a message").to_owned();
        if said.starts_with(&format!("{count} results were refused")) { Ok(()) } else { Err(said) }
    });
}

fn launch(fleet: &Fleet, more: &[&str]) -> String {
    let root = fleet.path("tree").to_string_lossy().into_owned();
    let arguments = [&["hunt", "launch", "--root", &root], more].concat();
    fleet.json(&arguments)["id"].as_str().expect("an id").to_owned()
}

/// Waits for a hunt, which must have every file of every agent.
#[track_caller]
fn await_whole(fleet: &Fleet, hunt: &str) {
    let shown = fleet.await_hunt(hunt, LONG);
    assert_eq!(shown["states"]["finished"], shown["targeted"], "{shown}");
    for (agent, rows) in fleet.rows(hunt) {
        let paths: BTreeSet<_> = rows.iter().map(|(path, _)| path).collect();
        assert!(paths.len() >= FILES, "{agent}: {} paths", paths.len());
        assert_eq!(paths.len(), rows.len(), "{agent}: each once");
    }
}

/// Returns how many messages lie in a queue, ready or not.
fn depth(fleet: &Fleet, queue: &str) -> u64 {
    let queue = fleet.broker.call("GET", &fleet.queue(queue), &json!({}));
    queue["messages"].as_u64().unwrap_or_default()
}

#[track_caller]
fn await_depth(fleet: &Fleet, queue: &str, is_good: impl Fn(u64) -> bool) -> u64 {
    eventually(&format!("{queue} fills or empties"), LONG, || {
        let messages = depth(fleet, queue);
        if is_good(messages) { Ok(messages) } else { Err(messages.to_string()) }
    })
}

/// No connection of the coordinator was ended by what it read.
#[track_caller]
fn assert_no_session_ended(fleet: &Fleet) {
    let log = fleet.said("coordinator");
    let ended: Vec<_> = log.lines().filter(|line| line.contains("the session with")).collect();
    assert_eq!(ended, Vec::<&str>::new());
}

#[test]
fn what_one_endpoint_sends_stops_no_class() {
    let mut fleet = Fleet::start(2);
    widen_rights(&fleet, 0);
    tests::swarm::trees::write(&fleet.path("tree"), FILES, 1).expect("a tree");
    let kinds = kinds();

    // Each kind in each class, while the coordinator consumes.
    let mut dead = 0;
    for class in Class::ALL {
        dead += poison(&fleet, class, &kinds);
    }
    for class in [Class::Status, Class::Blobs] {
        dead += poison(&fleet, class, [&big_body()]);
    }
    let hunt = launch(&fleet, &["--target", "all"]);
    await_whole(&fleet, &hunt);
    await_dead(&fleet, dead);
    assert_no_session_ended(&fleet);
    let doctor = check(&fleet, "broker");
    assert_eq!(doctor["verdict"], "ok", "{doctor}");

    // Three at the head of each queue, then in the middle of what honest agents have left there.
    let slow = launch(&fleet, &["--target", "all", "--fresh", "--max-files-per-s", SLOW]);
    eventually("the slow hunt runs", LONG, || {
        let states = &fleet.json(&["hunt", "show", &slow])["states"];
        if states["running"] == 2 { Ok(()) } else { Err(states.to_string()) }
    });
    fleet.kill_coordinator();
    for class in Class::ALL {
        dead += poison(&fleet, class, kinds.iter().step_by(4));
    }
    let rows = Class::Rows.queue();
    let before = depth(&fleet, rows);
    let before = await_depth(&fleet, rows, |messages| messages >= before + 2);
    for class in Class::ALL {
        dead += poison(&fleet, class, kinds.iter().chain([&big_body()]));
    }
    await_depth(&fleet, rows, |messages| messages >= before + kinds.len() as u64 + 3);
    fleet.start_coordinator();
    await_whole(&fleet, &slow);
    await_dead(&fleet, dead);

    // It is gone for good, not only this time.
    fleet.stop_coordinator();
    for class in [Class::Status, Class::Rows, Class::Blobs] {
        await_depth(&fleet, class.queue(), |messages| messages == 0);
    }
    fleet.start_coordinator();
    let hunt = launch(&fleet, &["--target", "all"]);
    await_whole(&fleet, &hunt);
    await_dead(&fleet, dead);
    assert_no_session_ended(&fleet);
    assert_kept(&fleet, dead);
}

/// Each dead letter tells why, and has what is left of the outside of its message.
fn assert_kept(fleet: &Fleet, count: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut link = Connector::new(fleet.broker.link(&fleet.vhost));
        let session = link.connect_once().await.expect("a connection");
        let mut consumer = session.consumer(DEAD, Start::Queue, 1_000).await.expect("a consumer");
        let mut reasons = BTreeSet::new();
        for _ in 0..count {
            let letter = tokio::time::timeout(LONG, consumer.next());
            let letter = letter.await.expect("a dead letter in time").expect("a dead letter");
            let header = |name: &str| letter.header(name).expect(name).to_vec();
            let reason = String::from_utf8(header("x-muster-reason")).expect("a word");
            let key = header("x-muster-key");
            let bytes: usize =
                String::from_utf8(header("x-muster-bytes")).unwrap().parse().unwrap();
            assert_eq!(header("x-muster-agent"), fleet.agents[0].id.as_bytes(), "{reason}");
            match reason.as_str() {
                "too_big" => assert_eq!((bytes, letter.body.len()), (BIG_BODY, 4_096)),
                "unparsable_key" => assert!(key.ends_with(b".\xff\xfe"), "{key:?}"),
                _ => assert!(header("x-muster-properties").len() > 4, "{reason}"),
            }
            if reason != "too_big" {
                assert_eq!((bytes, letter.body.as_slice()), (9, &[7; 9][..]), "{reason}");
            }
            reasons.insert(reason);
            letter.settle.ack().await.expect("an ack");
        }
        let sent = kinds().into_iter().chain([big_body()]).map(|kind| kind.reason.to_owned());
        assert_eq!(reasons, sent.collect());
        let all = muster_broker::Reason::ALL.map(|reason| reason.as_str().to_owned());
        assert_eq!(reasons, all.into_iter().collect());
        session.close().await;
    });
}

#[test]
fn what_one_endpoint_sends_stops_no_class_over_tls() {
    let fleet = Fleet::start_tls(1);
    widen_rights(&fleet, 0);
    tests::swarm::trees::write(&fleet.path("tree"), FILES, 1).expect("a tree");
    let mut dead = 0;
    for class in Class::ALL {
        dead += poison(&fleet, class, kinds().iter().chain([&big_body()]));
    }
    let hunt = launch(&fleet, &["--target", "all"]);
    await_whole(&fleet, &hunt);
    await_dead(&fleet, dead);
    assert_no_session_ended(&fleet);
}

/// Publishes poison into a queue, as the broker's administrator; returns how much.
fn poison_queue(fleet: &Fleet, queue: &str) -> usize {
    let (port, admin) = (fleet.broker.port(), fleet.broker.admin());
    let mut raw =
        Raw::connect(port, &fleet.vhost, admin, fleet.broker.password()).expect("a connection");
    // A stream of RabbitMQ 3.10 drops nested headers, so that these are only refused.
    let is_stream = queue == REQUESTS;
    let fit = |kind: &&Poison| kind.tail == b"x" && !(is_stream && kind.is_nested());
    let all = kinds();
    let mut count = 0;
    for kind in all.iter().filter(fit).chain([&big_body()]) {
        raw.publish("", queue.as_bytes(), &kind.properties, &vec![7; kind.body_bytes])
            .expect("the broker takes it");
        count += 1;
    }
    count
}

impl Poison {
    fn is_nested(&self) -> bool {
        // The name of the only entry, in all of which there is nesting.
        self.properties.get(6..8) == Some(b"\x01n")
    }
}

fn passed_over(fleet: &Fleet, index: usize) -> usize {
    fleet.said(&fleet.agents[index].id).matches("passed over a message").count()
}

#[track_caller]
fn await_passed_over(fleet: &Fleet, count: [usize; 2]) {
    eventually("the agents have passed over all of it", LONG, || {
        let found = [passed_over(fleet, 0), passed_over(fleet, 1)];
        if found == count { Ok(()) } else { Err(format!("{found:?} of {count:?}")) }
    });
}

#[test]
fn an_agent_passes_over_requests_that_it_cannot_read() {
    let mut fleet = Fleet::start(2);
    tests::swarm::trees::write(&fleet.path("tree"), FILES, 1).expect("a tree");
    let first = fleet.agents[0].id.clone();
    let own_queue = directed_queue(&first.parse().expect("an id"));

    // While the agents read, and behind requests that are good.
    await_whole(&fleet, &launch(&fleet, &["--target", "all"]));
    let mut stream = poison_queue(&fleet, REQUESTS);
    let mut own = poison_queue(&fleet, &own_queue);
    for target in [["--target", "all"], ["--agents", &first]] {
        await_whole(&fleet, &launch(&fleet, &target));
    }
    await_passed_over(&fleet, [stream + own, stream]);

    // While they are away, so that it is what they meet first: at the saved offset, and behind it.
    stream += poison_queue(&fleet, REQUESTS);
    await_passed_over(&fleet, [stream + own, stream]);
    fleet.kill_agent(0);
    fleet.kill_agent(1);
    fleet.stop_coordinator();
    stream += poison_queue(&fleet, REQUESTS);
    own += poison_queue(&fleet, &own_queue);
    fleet.start_agent(0);
    fleet.start_agent(1);
    fleet.start_coordinator();
    for target in [["--target", "all"], ["--agents", &first]] {
        await_whole(&fleet, &launch(&fleet, &target));
    }
    await_passed_over(&fleet, [stream + own, stream]);

    // None of it is met again, and none of it looks like another stream.
    for index in [0, 1] {
        fleet.stop_agent(index);
        fleet.start_agent(index);
    }
    await_whole(&fleet, &launch(&fleet, &["--target", "all"]));
    pause(Duration::from_secs(1));
    await_passed_over(&fleet, [stream + own, stream]);
    for member in &fleet.agents {
        let log = fleet.said(&member.id);
        let bad = ["another stream", "from its beginning", "connection lost", "no stream"];
        let bad: Vec<_> = bad.into_iter().filter(|text| log.contains(text)).collect();
        assert_eq!(bad, Vec::<&str>::new(), "{log}");
    }
    assert_no_session_ended(&fleet);
}
