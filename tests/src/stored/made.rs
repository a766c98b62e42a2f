//! Records of a made-up fleet: agents, samples, hunts and what agents send of them. The same
//! numbers make the same records.

use std::time::Duration;

use muster_api::Route;
use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, FleetId, JournalId, RequestId};
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Limits, Target};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{Footer, RowChunk, Spent, State, Status, Telemetry};
use muster_protocol::wire;
use muster_server::store::{Chunk, Request};
use serde_bytes::ByteBuf;

/// How long a request of the fleet may begin.
pub const VALID: Duration = Duration::from_hours(24);
/// What waits are put down to.
const CAUSES: [&str; 8] = ["limit", "outbox", "journal", "peers", "open", "read", "list", "other"];
const ROLES: [&str; 6] = ["web", "db", "cache", "build", "edge", "mail"];
const SITES: [&str; 4] = ["fra", "iad", "sin", "gru"];
const VERSIONS: [&str; 4] = ["0.1.0", "0.1.0", "0.1.0", "0.0.9"];

/// One of a few words, by a number.
fn one_of(words: &[&'static str], number: u32) -> &'static str {
    let at = usize::try_from(number).unwrap_or_default() % words.len();
    words[at]
}

/// The name that an agent was enrolled by.
pub fn name(n: u32) -> String {
    format!("{}-{n:05}", one_of(&ROLES, n))
}

/// The id of an agent.
pub fn agent(n: u32) -> AgentId {
    AgentId::new(&format!("{}-ab12", name(n))).expect("an id")
}

/// The name of an agent's machine.
pub fn host(n: u32) -> String {
    format!("{}.{}.example.net", name(n), one_of(&SITES, n / 7))
}

/// The one run of a request on an agent.
pub fn attempt(of: RequestId, n: u32) -> Attempt {
    Attempt { origin: of, journal: JournalId::from_bytes(u128::from(n + 1).to_be_bytes()) }
}

/// Makes the id of a request from its time, so that ids sort by time, and a number.
pub fn request_id(at: Timestamp, number: u64) -> RequestId {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.0.to_be_bytes()[2..]);
    bytes[6] = 0x70;
    // Spread, so that beginnings of ids differ as those of minted ids do.
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bytes[8..].copy_from_slice(&spread.to_be_bytes());
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    RequestId::from_bytes(bytes)
}

/// Makes a request, signed by a key that no fleet knows.
pub fn request(
    id: RequestId,
    args: &Args,
    issued: Timestamp,
    expected: Vec<AgentId>,
    target: &str,
) -> Request {
    let key = SigningKey::from_seed(&[3; 32]);
    let valid_ms = i64::try_from(VALID.as_millis()).expect("a length");
    let draft = Draft {
        fleet: FleetId::from_bytes([4; 16]),
        target: Target::all(),
        limits: Limits::default(),
        issued,
        valid_ms,
    };
    let mut body = draft.body(key.id(), args).expect("a body");
    body.id = id;
    Request {
        id,
        kind: body.kind.as_str().to_owned(),
        operator: one_of(&["ana", "ben", "chen"], u32::from(id.as_bytes()[15])).to_owned(),
        issued,
        not_after: issued.plus_ms(valid_ms),
        target: target.to_owned(),
        route: Route::Broadcast,
        sealed: key.seal(&body, None).expect("a request"),
        control: None,
        expected,
        revokes: Vec::new(),
        names: Vec::new(),
    }
}

/// Makes a chunk of rows.
pub fn chunk(of: RequestId, n: u32, seq: u64, rows: &Rows) -> Chunk {
    let count = u32::try_from(rows.len()).expect("a chunk's rows");
    let body = rows.clone().pack().expect("rows");
    let message = RowChunk {
        agent: agent(n),
        request: of,
        attempt: attempt(of, n),
        seq,
        artifact: file_hash::FILE_HASH.to_owned(),
        schema: rows.schema().version,
        rows: count,
        sha256: sha256(&body),
        body: ByteBuf::from(body),
    };
    Chunk {
        request: of,
        agent: agent(n),
        attempt: attempt(of, n),
        seq,
        rows: count,
        blob: None,
        sha256: message.sha256.to_vec(),
        body: wire::encode(&message).expect("a chunk"),
    }
}

/// Makes a status without figures.
pub fn status(of: RequestId, n: u32, state: State, at: Timestamp) -> Box<Status> {
    Box::new(Status {
        agent: agent(n),
        request: of,
        attempt: attempt(of, n),
        state,
        at,
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: state.is_final().then_some(0),
        footer: None,
        host: host(n),
        machine: None,
        instance: None,
    })
}

/// Makes the figures of a run that began at `started` and sent `rows` rows, of which some failed
/// and some matched; `n` makes them differ.
pub fn footer(n: u32, started: Timestamp, rows: u64, (failed, matched): (u64, u64)) -> Footer {
    let figure = u64::from(n % 977);
    let mut files = file_hash::Footer {
        seen: rows.max(1_000) + figure,
        hashed: rows.max(900).saturating_sub(failed),
        bytes_read: 5_000_000 + figure * 1_000_000,
        slowest_path: ByteBuf::from(format!("/var/lib/images/{n}.qcow2")),
        slowest_ms: 40 + figure,
        matched,
        ..file_hash::Footer::default()
    };
    if failed > 0 {
        files.failed.insert("denied".to_owned(), failed);
    }
    Footer {
        artifact: Some(files.sealed().expect("a footer")),
        started,
        ended: started.plus_ms(i64::from(n % 30_000)),
        cpu_user_ms: 200 + figure,
        cpu_system_ms: 90,
        throttled_ms: figure / 2,
        rows,
        spent: Spent {
            threads_ms: 9_000,
            waits_ms: CAUSES.map(|cause| (cause.to_owned(), 100 + figure)).into(),
            ..Spent::default()
        },
        ..Footer::default()
    }
}

/// Makes a sample; `round` makes those of one agent differ.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub fn sample(n: u32, round: u64, at: Timestamp) -> Box<Telemetry> {
    let noise =
        |below: u64| (u64::from(n) * 7_919 + round * 104_729).wrapping_mul(2_654_435_761) % below;
    let journal = JournalId::from_bytes(u128::from(n + 1).to_be_bytes());
    let rack = format!("r{:02}", n % 40);
    let json = serde_json::json!({
        "agent": agent(n), "at": at, "journal": journal,
        "version": one_of(&VERSIONS, n), "host": host(n), "os": "linux",
        "arch": one_of(&["x86_64", "x86_64", "aarch64"], n),
        "labels": {"role": one_of(&ROLES, n), "site": one_of(&SITES, n / 7), "rack": rack},
        "capabilities": ["file_hash", "processes", "profile.cpu", "profile.wall", "profile.heap"],
        "cpu_percent": noise(400) as f64 / 10.0, "rss_bytes": 12_000_000 + noise(4_000_000),
        "threads": 6, "fds": 20 + noise(9),
        "read_bytes": round * 1_000_000, "written_bytes": round * 1_000,
        "read_bytes_per_s": noise(2_000_000), "written_bytes_per_s": noise(100_000),
        "outbox_messages": noise(3), "outbox_bytes": noise(70_000),
    });
    Box::new(serde_json::from_value(json).expect("a sample"))
}
