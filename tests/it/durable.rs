//! Durable first, told afterwards: what a power cut would show and no kill can.
//!
//! The processes run under `strace`. A chunk is known by its SHA-256, which stands in the journal's and the store's
//! write-ahead logs and on the wire alike.

use std::time::Duration;

use tests::eventually::eventually;
use tests::fault;
use tests::fleet::Fleet;
use tests::frames::{Basic, Frame, frames};
use tests::oracle;
use tests::swarm::trees;
use tests::syscall_trace::{self, Call};

const LONG: Duration = Duration::from_mins(3);

/// What says on the wire that a message carries a chunk: the field's name, and 32 bytes.
const DIGEST_FIELD: &[u8] = b"\xa6sha256\xc4\x20";

/// Runs a hunt that takes some seconds, so that there are several chunks, and checks its rows.
fn hunt(fleet: &Fleet) {
    let root = fleet.path("tree");
    trees::write(&root, 100, 7).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let root = root.to_string_lossy().into_owned();
    let launch = ["hunt", "launch", "--root", &root, "--target", "all", "--max-files-per-s", "20"];
    let hunt = fleet.json(&launch)["id"].as_str().expect("an id").to_owned();
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], shown["targeted"], "{shown}");
    fault::assert_exactly_once(fleet, &hunt, &manifest);
}

/// The chunks of rows among the messages, by digest.
fn chunks(frames: &[Frame]) -> Vec<(&Frame, &[u8])> {
    let digest = |frame| match frame {
        &Frame { what: Basic::Message { ref routing_key, ref body, .. }, .. }
            if routing_key.starts_with("rows.") =>
        {
            let at = body.windows(DIGEST_FIELD.len()).position(|bytes| bytes == DIGEST_FIELD);
            let at = at.expect("a digest in a chunk") + DIGEST_FIELD.len();
            Some((frame, &body[at..at + 32]))
        }
        _ => None,
    };
    frames.iter().filter_map(digest).collect()
}

/// Returns when a digest that was written to a log became durable: the end of the first sync after its write.
fn durable(calls: &[Call], log: &str, digest: &[u8]) -> Option<usize> {
    let of_log = || calls.iter().filter(|call| call.on.ends_with(log));
    let holds = |call: &&Call| call.bytes.windows(32).any(|bytes| bytes == digest);
    let written = of_log().filter(|call| !call.is_read() && !call.is_sync()).find(holds)?;
    of_log().filter(|call| call.is_sync() && call.began > written.ended).map(|c| c.ended).min()
}

#[test]
fn a_chunk_is_durable_in_the_journal_before_it_is_published() {
    let mut fleet = Fleet::start(1);
    fleet.kill_agent(0);
    let trace = fleet.path("agent.strace");
    fleet.start_agent_under(0, &syscall_trace::traced(&trace));
    let pid = fleet.agent_pid(0);
    hunt(&fleet);
    fleet.stop_agent(0);
    let calls = eventually("strace has seen the end", LONG, || {
        syscall_trace::read(&trace, pid).ok_or_else(|| "not yet".to_owned())
    });
    let sent = frames(&calls, fleet.broker.port(), false);
    let chunks = chunks(&sent);
    assert!(chunks.len() >= 3, "{} chunks are too few to say anything", chunks.len());
    for (published, digest) in chunks {
        let durable = durable(&calls, "/journal.sqlite-wal", digest);
        let durable = durable.expect("a sync of the journal after a chunk was written to it");
        assert!(
            durable < published.began,
            "published by call {}, durable by call {durable}",
            published.began
        );
    }
}

#[test]
fn a_chunk_is_durable_in_the_store_before_it_is_acked() {
    let mut fleet = Fleet::start(1);
    fleet.kill_coordinator();
    let trace = fleet.path("coordinator.strace");
    fleet.start_coordinator_under(&syscall_trace::traced(&trace));
    let pid = fleet.coordinator_pid();
    hunt(&fleet);
    fleet.stop_coordinator();
    let calls = eventually("strace has seen the end", LONG, || {
        syscall_trace::read(&trace, pid).ok_or_else(|| "not yet".to_owned())
    });
    let received = frames(&calls, fleet.broker.port(), true);
    let sent = frames(&calls, fleet.broker.port(), false);
    let chunks = chunks(&received);
    assert!(chunks.len() >= 3, "{} chunks are too few to say anything", chunks.len());
    for (delivered, digest) in chunks {
        let Basic::Message { tag: delivery, .. } = delivered.what else { unreachable!() };
        let is_its_ack = |frame: &&Frame| match frame.what {
            Basic::Ack { tag, multiple } => {
                (&frame.connection, frame.channel) == (&delivered.connection, delivered.channel)
                    && (tag == delivery || multiple && tag > delivery)
            }
            Basic::Message { .. } => false,
        };
        let acked = sent.iter().find(is_its_ack).expect("an ack of a chunk that is stored");
        let durable = durable(&calls, "/muster.sqlite-wal", digest);
        let durable = durable.expect("a sync of the store after a chunk was written to it");
        assert!(durable < acked.began, "acked by call {}, durable by call {durable}", acked.began);
    }
}
