//! What must not be carried out is not, end to end: published past the coordinator, straight onto the agent's ways in,
//! by somebody who has the broker but not the keys, or the keys but not the right.
//!
//! Each thing on the list comes by the stream and by the agent's own queue. The agent answers it once, `declined` with
//! its code; the coordinator has no such request on record, so the answer becomes a dead letter, which is counted.
//! That nothing was carried out is seen in three places: no collection ended, no answer tells of a chunk, and the folder
//! that all of it asks for was not opened, which is watched.

mod canary_dir;
mod forge;
mod impostor;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use muster_broker::{Connector, Message, Session, Start};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::request::Sealed;
use muster_protocol::result::{State, Status};
use muster_protocol::topology::{DEAD, REQUESTS, directed_queue};
use muster_protocol::wire;
use tests::eventually::eventually;
use tests::fleet::Fleet;

use self::canary_dir::Bait;
use self::forge::Forge;

const LONG: Duration = Duration::from_mins(2);
/// Files of the tree that the proper hunts are about.
const FILES: usize = 40;

/// The list: what it is, the request, and the code of the answer. What has no code is not even answered.
fn list(
    forge: &Forge,
    proper: &Sealed,
    running: &str,
    (forbidden, above): (&Path, &Path),
) -> Vec<(&'static str, Sealed, Option<&'static str>)> {
    let mut list = vec![
        ("unsigned", forge.unsigned(), "unsigned"),
        ("wrong key", forge.wrong_key(), "bad_signature"),
        ("a key without the root's certificate", forge.without_certificate(), "bad_certificate"),
        (
            "a key with a certificate of its own making",
            forge.certified_by_itself(),
            "bad_certificate",
        ),
        (
            "a key that the root certified for other kinds",
            forge.kind_not_granted(),
            "kind_not_allowed",
        ),
        ("the root's own key, which signs no hunts", forge.by_the_root(), "bad_certificate"),
        ("a revoked key", forge.revoked_key(), "revoked_key"),
        ("altered byte", forge.altered_byte(), "bad_signature"),
        ("altered kind", forge.altered_kind(), "bad_signature"),
        ("altered id", forge.altered_id(), "altered"),
        ("wrong fleet", forge.wrong_fleet(), "wrong_fleet"),
        ("expired", forge.expired(), "expired"),
        ("not yet valid", forge.not_yet_valid(), "not_yet_valid"),
        ("a lower revision", forge.cancel(running, 0), "lower_revision"),
        ("an unknown field", forge.unknown_field(), "malformed"),
        ("an unknown field in the arguments", forge.unknown_argument(), "malformed"),
        ("over a size cap", forge.over_the_cap(), "too_big"),
        ("truncated", forge.truncated(), "bad_signature"),
        ("truncated before it was signed", forge.truncated_and_signed(), "malformed"),
        ("unknown kind", forge.unknown_kind(), "unknown_kind"),
        ("deeply nested MessagePack", forge.deeply_nested(), "malformed"),
        (
            "deeply nested MessagePack in the arguments",
            forge.deeply_nested_arguments(),
            "malformed",
        ),
        ("a root that the local policy forbids", forge.hunt_of(forbidden), "policy"),
        ("a root above one that the local policy forbids", forge.hunt_of(above), "policy"),
    ]
    .into_iter()
    .map(|(what, sealed, code)| (what, sealed, Some(code)))
    .collect::<Vec<_>>();
    list.push(("replayed", proper.clone(), None));
    list
}

#[test]
fn nothing_on_the_list_is_carried_out_and_each_has_its_answer() {
    let fleet = Fleet::start_with(1, |bundle| {
        let folder = bundle.parent().and_then(Path::parent).expect("the fleet's folder");
        let policy = format!("deny_roots = [{:?}]\n", folder.join("baits/forbidden"));
        std::fs::write(bundle.join("policy.toml"), policy).expect("a policy");
    });
    let baits = fleet.path("baits");
    let (open, forbidden) = (baits.join("open"), baits.join("forbidden"));
    let bait = Bait::put(&[&baits, &open, &forbidden]);
    let root = fleet.path("tree");
    tests::swarm::trees::write(&root, FILES, 1).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    let forge = Forge::new(&fleet, &open);
    let launch = |more: &[&str]| {
        let arguments = [&["hunt", "launch", "--root", &root, "--target", "all"], more].concat();
        fleet.json(&arguments)["id"].as_str().expect("an id").to_owned()
    };
    let first = launch(&[]);
    fleet.await_hunt(&first, LONG);
    // Slow enough to be running while everything comes.
    let second = launch(&["--max-files-per-s", "4"]);
    eventually("the slow hunt runs", LONG, || {
        let states = &fleet.json(&["hunt", "show", &second])["states"];
        if states["running"] == 1 { Ok(()) } else { Err(states.to_string()) }
    });
    fleet.muster_ok(["trust", "revoke", &forge.revoked.id().to_string(), "--yes"]);
    eventually("the agent knows of the revocation", LONG, || {
        let is_known = log(&fleet).contains("kind=trust.revoke");
        if is_known { Ok(()) } else { Err("it does not".to_owned()) }
    });

    let list = on_broker(&fleet, async |session| {
        let proper = request_in_stream(session, &first).await;
        let list = list(&forge, &proper, &second, (&forbidden, &baits));
        let own_queue = directed_queue(&fleet.agents[0].id.parse().expect("an id"));
        let publisher = session.publisher().await.expect("a publisher");
        for queue in [REQUESTS, &own_queue] {
            for (_, sealed, _) in &list {
                publisher.publish(Message::request(sealed, queue)).await.expect("published");
            }
        }
        list
    });
    let ids: BTreeSet<_> = list.iter().map(|(_, sealed, _)| &sealed.id).collect();
    assert_eq!(ids.len(), list.len(), "each has an id of its own");

    // The agent still does what is asked properly, and does it after all that came before.
    let states = fleet.await_hunt(&second, LONG)["states"].clone();
    assert_eq!(states["finished"], 1, "a lower revision cancels nothing: {states}");
    let third = launch(&[]);
    fleet.await_hunt(&third, LONG);
    let answered: Vec<_> = list.iter().filter(|(_, _, code)| code.is_some()).collect();
    let counted = format!("{} of status (unknown_request)", answered.len());
    eventually("every answer is a dead letter, and counted", LONG, || {
        let doctor = fleet.muster(["doctor", "--output", "json"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        if said.contains(&counted) { Ok(()) } else { Err(format!("{counted}: {said}")) }
    });
    let answers = on_broker(&fleet, async |session| dead_letters(session, answered.len()).await);
    for (what, sealed, code) in answered {
        let answer = answers.get(&sealed.id).unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(Some(answer.code.as_str()), *code, "{what}: {answer:?}");
        assert_eq!(answer.state, State::Declined, "{what}: {answer:?}");
        assert_eq!(
            (answer.agent.as_str(), answer.chunks),
            (fleet.agents[0].id.as_str(), Some(0)),
            "{what}"
        );
    }

    // Nothing else ran, and nothing ran twice.
    let log = log(&fleet);
    let ended: Vec<_> = log.lines().filter(|line| line.contains("collection ended")).collect();
    assert_eq!(ended.len(), 3, "only the proper ones ran: {ended:?}");
    for hunt in [&first, &second, &third] {
        assert_eq!(
            ended.iter().filter(|line| line.contains(hunt.as_str())).count(),
            1,
            "{ended:?}"
        );
        assert_eq!(fleet.rows(hunt).values().map(Vec::len).sum::<usize>(), FILES);
    }
    let again = log.lines().filter(|line| line.contains("came before") && line.contains(&first));
    assert_eq!(again.count(), 2, "the replays, by both ways: {log}");
    assert_eq!(bait.touched(), Vec::<String>::new());
    // The watch does tell of a hunt.
    let open = open.to_string_lossy();
    let hunt = fleet.json(&["hunt", "launch", "--root", &open, "--target", "all"]);
    fleet.await_hunt(hunt["id"].as_str().expect("an id"), LONG);
    assert!(bait.touched().len() > 1);
}

fn log(fleet: &Fleet) -> String {
    let path = fleet.path(&format!("{}.log", fleet.agents[0].id));
    std::fs::read_to_string(path).expect("a log")
}

/// Does something as the broker's administrator.
fn on_broker<T>(fleet: &Fleet, work: impl AsyncFnOnce(&Session) -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut link = Connector::new(fleet.broker.link(&fleet.vhost));
        let session = link.connect_once().await.expect("a connection");
        let value = work(&session).await;
        session.close().await;
        value
    })
}

/// Takes the bytes of a request from the stream, as anybody can who reads it.
async fn request_in_stream(session: &Session, id: &str) -> Sealed {
    let mut consumer = session.consumer(REQUESTS, Start::StreamFirst, 10).await.expect("a stream");
    loop {
        let next = tokio::time::timeout(LONG, consumer.next()).await.expect("the request");
        let delivery = next.expect("a delivery");
        let sealed = delivery.sealed();
        delivery.settle.ack().await.expect("an ack");
        if sealed.id == id {
            return sealed;
        }
    }
}

/// Takes so many dead letters, which must be statuses of different requests.
async fn dead_letters(session: &Session, count: usize) -> BTreeMap<String, Status> {
    let mut consumer = session.consumer(DEAD, Start::Queue, 10).await.expect("the queue");
    let mut letters = BTreeMap::new();
    for _ in 0..count {
        let next = tokio::time::timeout(LONG, consumer.next()).await.expect("a dead letter");
        let delivery = next.expect("a delivery");
        assert_eq!(delivery.header("x-muster-reason"), Some(&b"unknown_request"[..]));
        let status: Status = wire::decode(&delivery.body, RESULT_BYTES_MAX).expect("a status");
        delivery.settle.ack().await.expect("an ack");
        let id = status.request.to_string();
        assert!(letters.insert(id, status).is_none(), "answered twice");
    }
    letters
}
