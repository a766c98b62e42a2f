//! What must not be carried out is not, end to end: published past the coordinator, straight onto the agent's ways in,
//! by somebody who has the broker but not the keys.

use std::collections::BTreeSet;
use std::time::Duration;

use common::amqp::{Link, Message};
use common::clock::Clock;
use common::ids::FleetId;
use common::request::hunt::{FileHash, HashKind, HuntStart};
use common::request::sign::{Draft, SigningKey};
use common::request::trust::{Certificate, Grant};
use common::request::{Args, Body, Kind, Limits, Sealed, Target};
use common::{hex, wire};
use serde_bytes::ByteBuf;
use tests::eventually::eventually;
use tests::fleet::Fleet;

/// The fleet's own keys, as its operator has them.
pub(super) struct Keys {
    pub(super) fleet: FleetId,
    root: SigningKey,
    pub(super) operator: SigningKey,
    pub(super) certificate: Certificate,
}

fn seed(table: &toml::Table) -> SigningKey {
    let bytes = hex::decode(table["seed"].as_str().expect("a seed")).expect("hexadecimal");
    SigningKey::from_seed(&bytes.try_into().expect("32 bytes"))
}

pub(super) fn keys(fleet: &Fleet) -> Keys {
    use base64::Engine;
    let read = |name: &str| -> toml::Table {
        let text = std::fs::read_to_string(fleet.path("home").join(name)).expect("a key file");
        text.parse().expect("TOML")
    };
    let (root, operator) = (read("root.key"), read("operator.key"));
    let text = operator["certificate"].as_str().expect("a certificate");
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    Keys {
        fleet: operator["fleet"].as_str().expect("a fleet").parse().expect("an id"),
        root: seed(&root),
        operator: seed(&operator),
        certificate: wire::decode(&bytes, 10_000).expect("a certificate"),
    }
}

fn body(keys: &Keys, root: &str, change: impl FnOnce(&mut Body)) -> Body {
    let args = Args::HuntStart(HuntStart {
        revision: 0,
        artifact: "file_hash".into(),
        file_hash: FileHash {
            roots: vec![ByteBuf::from(root)],
            hashes: vec![HashKind::Sha256],
            ..FileHash::default()
        },
        spread_s: 0,
        progress_s: 0,
    });
    let draft = Draft {
        fleet: keys.fleet,
        target: Target::all(),
        limits: Limits::default(),
        issued: Clock::system().now(),
        valid_ms: 3_600_000,
    };
    let mut body = draft.body(keys.operator.id(), &args).expect("a body");
    change(&mut body);
    body
}

#[test]
fn nothing_forged_is_carried_out_and_each_refusal_is_counted() {
    let fleet = Fleet::start_with(1, |bundle| {
        std::fs::write(bundle.join("policy.toml"), "deny_roots = [\"/etc\"]\n").expect("a policy");
    });
    let keys = keys(&fleet);
    let root = fleet.path("tree");
    tests::swarm::trees::write(&root, 5, 1).expect("a tree");
    let root = root.to_string_lossy().into_owned();
    let seal = |body: &Body| keys.operator.seal(body, Some(&keys.certificate)).expect("sealed");
    let day = 86_400_000;
    let stranger = SigningKey::from_seed(&[9; 32]);
    let own_grant = Grant {
        fleet: keys.fleet,
        key: ByteBuf::from(stranger.public()),
        name: "mallory".into(),
        kinds: Kind::ALL.to_vec(),
        issued: Clock::system().now(),
        not_after: Clock::system().now().plus_ms(day),
    };
    let by_stranger = || body(&keys, &root, |body| body.key = stranger.id());
    let own_certificate = stranger.certify(&own_grant).expect("a certificate");
    let good = || seal(&body(&keys, &root, |_| {}));

    let mut forged: Vec<(&str, Sealed)> = vec![
        ("unsigned", Sealed { sig: ByteBuf::new(), ..good() }),
        ("wrong key", stranger.seal(&by_stranger(), Some(&keys.certificate)).expect("sealed")),
        (
            "certified by itself",
            stranger.seal(&by_stranger(), Some(&own_certificate)).expect("sealed"),
        ),
        ("without certificate", Sealed { cert: ByteBuf::new(), ..good() }),
        ("altered kind", Sealed { kind: "profile.start".into(), ..good() }),
        ("unknown kind", Sealed { kind: "hunt.explode".into(), ..good() }),
        ("wrong fleet", seal(&body(&keys, &root, |body| body.fleet = FleetId::new()))),
        (
            "expired",
            seal(&body(&keys, &root, |body| {
                body.issued = body.issued.plus_ms(-2 * day);
                body.not_after = body.not_after.plus_ms(-day);
            })),
        ),
        (
            "not yet valid",
            seal(&body(&keys, &root, |body| {
                body.issued = body.issued.plus_ms(day);
                body.not_after = body.not_after.plus_ms(day);
            })),
        ),
        ("root that policy forbids", seal(&body(&keys, "/etc", |_| {}))),
        ("over the cap", {
            let mut huge = good();
            huge.body.extend(vec![0; 600_000]);
            huge
        }),
        (
            "signed by the root, which signs no hunts",
            keys.root
                .seal(
                    &body(&keys, &root, |body| {
                        body.key = keys.root.id();
                    }),
                    None,
                )
                .expect("sealed"),
        ),
    ];
    let mut altered = good();
    altered.body[40] ^= 1;
    forged.push(("altered byte", altered));
    let mut truncated = good();
    truncated.body.truncate(60);
    forged.push(("truncated", truncated));

    let directed = common::topology::directed_queue(&fleet.agents[0].id.parse().expect("an id"));
    let ids: BTreeSet<String> = forged.iter().map(|(_, sealed)| sealed.id.clone()).collect();
    assert_eq!(ids.len(), forged.len());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut link = Link::new(fleet.broker.link("/"));
        let session = link.connect_once().await.expect("a connection");
        let publisher = session.publisher().await.expect("a publisher");
        for (n, (_, sealed)) in forged.iter().enumerate() {
            let queue = if n % 2 == 0 { directed.as_str() } else { common::topology::REQUESTS };
            publisher.publish(Message::request(sealed, queue)).await.expect("published");
        }
        session.close().await;
    });
    // The agent answers each once; the coordinator knows none of them, so each answer is a counted dead letter. What
    // was over before this agent's journal began is not answered: it was never meant for it.
    let answered = forged.len() as u64 - 1;
    eventually("every refusal is counted", Duration::from_mins(1), || {
        let status = fleet.json(&["broker", "status"]);
        let dead = status["dead_letters"].as_u64().unwrap_or(0);
        if dead >= answered { Ok(()) } else { Err(format!("{dead} of {answered}")) }
    });
    // And it still does what is asked properly: none of them did it harm, and nothing else ran.
    let launched = fleet.json(&["hunt", "launch", "--root", &root, "--target", "all"]);
    let hunt = launched["id"].as_str().expect("an id");
    fleet.await_hunt(hunt, Duration::from_mins(1));
    assert_eq!(fleet.rows(hunt).values().map(Vec::len).sum::<usize>(), 5);
    let log =
        std::fs::read_to_string(fleet.path(&format!("{}.log", fleet.agents[0].id))).expect("a log");
    assert!(log.contains("code=\"expired\""), "{log}");
    let ended: Vec<_> = log.lines().filter(|line| line.contains("collection ended")).collect();
    assert_eq!(ended.len(), 1, "only the proper one ran: {ended:?}");
    assert!(ended[0].contains(hunt), "{ended:?}");
}
