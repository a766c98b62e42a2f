//! Any bytes of an agent through ingest's checks into a store, and then every view of it.

use std::collections::BTreeSet;
use std::path::Path;

use muster_api::{AgentView, BrokerHealth};
use muster_protocol::artifact::file_hash::{self, Upload};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, Attempt, FleetId, JournalId, RequestId};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Limits, Target};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{BlobChunk, RowChunk, Status, Telemetry};
use muster_protocol::topology::{Class, RoutingKey};
use muster_protocol::wire;
use muster_server::curves::Step;
use muster_server::doctor::{Seen, doctor};
use muster_server::http::metrics::{Present, metrics};
use muster_server::hunts::files::files;
use muster_server::hunts::view::RequestSnapshot;
use muster_server::ingest::check::{Envelope, check_body, check_outside};
use muster_server::live::broker_health::Look;
use muster_server::live::counters::Snapshot;
use muster_server::roster;
use muster_server::store::fleet::Roster;
use muster_server::store::{Audit, DataDir, NewAgent, Reader, Request, Write, Writer};
use muster_server::telemetry::marks::marks;
use muster_server::who_has::who_has;
use serde_bytes::ByteBuf;
use tests::fuzz::{Answer, fuzz};

const AGENT: &str = "web-1-ab12";
const HUNT_ID: [u8; 16] = [9; 16];

fn hunt_id() -> RequestId {
    RequestId::from_bytes(HUNT_ID)
}

fn agent() -> AgentId {
    AGENT.parse().unwrap()
}

fn attempt() -> Attempt {
    Attempt { origin: hunt_id(), journal: JournalId::from_bytes([1; 16]) }
}

/// A store that knows one agent and one hunt, which asks for files.
struct Scene {
    _folder: tempfile::TempDir,
    reader: Reader,
    writer: Writer,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let writer = Writer::start(&place).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let new = NewAgent { id: agent(), name: "web-1".into(), labels: "{}".into() };
        runtime.block_on(async {
            writer.write(Write::Agents(vec![new], Audit::default())).await.unwrap();
            writer.write(Write::Request(Box::new(hunt()), Audit::default())).await.unwrap();
        });
        let reader = place.reader().unwrap();
        Self { _folder: folder, reader, writer, runtime }
    }

    /// Takes a message as ingest does, and asks every view when it was taken.
    fn take(&self, class: Class, body: &[u8]) -> Answer {
        let request = (class != Class::Telemetry).then_some(hunt_id());
        let key = RoutingKey { class, agent: agent(), request }.to_string();
        let kind = match class {
            Class::Status => "status",
            Class::Rows => "rows.chunk",
            Class::Blobs => "blob.chunk",
            Class::Telemetry => "telemetry",
        };
        let outside = Envelope { class, routing_key: &key, kind, has_cc: false };
        let write = check_outside(outside, &self.reader)
            .and_then(|key| check_body(outside, &key, body, &self.reader))
            .map_err(|refused| refused.to_string())?;
        if let Write::Chunk(chunk) = &write {
            assert!(chunk.body.len() <= body.len() + 1_024, "stored is what is known of it");
        }
        let landed = self.runtime.block_on(async {
            self.writer.begin(write).await.unwrap().await.expect("every write has its answer")
        });
        assert_eq!(self.writer.trouble(), None);
        look(&self.reader);
        match landed {
            muster_server::store::WriteOutcome::Refused(why) => Err(why.to_owned()),
            _ => Ok(()),
        }
    }
}

/// Asks every view; none may fail, and none may meet a record that it cannot read.
fn look(reader: &Reader) {
    let now = Clock::system().now();
    let roster = Roster::load(reader).unwrap();
    let agents = roster.all();
    for known in &agents {
        let text = serde_json::to_string(&roster::view(known, None, now)).unwrap();
        serde_json::from_str::<AgentView>(&text).unwrap();
    }
    let request = |id| reader.request(id).unwrap().unwrap();
    let whole = RequestSnapshot::read(reader, &roster, request(&hunt_id()), now).unwrap();
    whole.hunt().unwrap();
    whole.parts_shown();
    files(reader, &roster, &hunt_id(), (None, 100)).unwrap();
    for (agent, _, run) in whole.counting() {
        reader.rows(&hunt_id(), &agent, &run, |_| Ok(true)).unwrap();
    }
    who_has(reader, &roster, &["ab".repeat(32)], || true).unwrap();
    let heard = reader.heard(&agent()).unwrap();
    let span = (Timestamp(0), now);
    marks(reader, &agent(), heard.as_ref(), span).unwrap();
    reader.curve(&agent(), span, Step::Hour).unwrap();
    let link = BrokerHealth {
        connected: true,
        address: String::new(),
        since: Timestamp(0).into(),
        cause: None,
        blocked: None,
    };
    let seen_queues = Look { at: now, found: Err("not asked".to_owned()), growing: Vec::new() };
    let seen = Seen { link: &link, blockage: None, look: &seen_queues, settings: None };
    doctor(reader, &agents, None, &seen, now).unwrap();
    let present = Present {
        now,
        is_connected: true,
        is_blocked: false,
        is_writable: true,
        waiting: 0,
        own: BTreeSet::new(),
        counts: Snapshot::default(),
        agents: 10,
    };
    metrics(reader, &agents, &present).unwrap();
    assert_eq!(reader.unreadable().counts().len(), 0);
}

fn hunt() -> Request {
    let upload = Upload { max_file_bytes: 1 << 20, max_bytes: 1 << 30 };
    let file_hash = file_hash::Args {
        roots: vec![ByteBuf::from("/")],
        upload: Some(Box::new(upload)),
        ..file_hash::Args::default()
    };
    let start = HuntStart::files(&file_hash).unwrap();
    let key = SigningKey::from_seed(&[3; 32]);
    let draft = Draft {
        fleet: FleetId::from_bytes([4; 16]),
        target: Target::all(),
        limits: Limits::default(),
        issued: Timestamp(0),
        valid_ms: 1,
    };
    let body = draft.body(key.id(), &Args::HuntStart(start)).unwrap();
    Request {
        id: hunt_id(),
        kind: "hunt.start".into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after: Timestamp(i64::MAX),
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: key.seal(&body, None).unwrap(),
        control: None,
        expected: vec![agent()],
        revokes: vec![],
        names: vec![],
    }
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)).unwrap()
}

/// What an agent sends, as if it came from this scene's agent.
fn statuses() -> Vec<Vec<u8>> {
    let ours = |name| {
        let status: Status = wire::decode(&golden(name), RESULT_BYTES_MAX).unwrap();
        let (agent, request, attempt) = (agent(), hunt_id(), attempt());
        wire::encode(&Status { agent, request, attempt, ..status }).unwrap()
    };
    ["status-1.bin", "status-2.bin", "status-3.bin", "status-4.bin"].map(ours).into()
}

fn samples() -> Vec<Vec<u8>> {
    let ours = |name| {
        let sample: Telemetry = wire::decode(&golden(name), RESULT_BYTES_MAX).unwrap();
        wire::encode(&Telemetry { agent: agent(), ..sample }).unwrap()
    };
    ["telemetry-1.bin", "telemetry-2.bin"].map(ours).into()
}

fn chunks() -> Vec<Vec<u8>> {
    let ours = |name| {
        let chunk: RowChunk = wire::decode(&golden(name), RESULT_BYTES_MAX).unwrap();
        let (agent, request, attempt) = (agent(), hunt_id(), attempt());
        wire::encode(&RowChunk { agent, request, attempt, ..chunk }).unwrap()
    };
    ["rows-1.bin", "rows-2.bin"].map(ours).into()
}

fn pieces() -> Vec<Vec<u8>> {
    let data = ByteBuf::from(vec![1; 10]);
    let piece = |kind: &str| BlobChunk {
        agent: agent(),
        request: hunt_id(),
        attempt: attempt(),
        seq: 7,
        blob: 0,
        kind: kind.into(),
        offset: 0,
        total: 10,
        blob_sha256: sha256(&data),
        sha256: sha256(&data),
        data: data.clone(),
    };
    ["profile.cpu", "file"].map(|kind| wire::encode(&piece(kind)).unwrap()).into()
}

#[test]
fn what_an_agent_sends_never_takes_a_view_down() {
    let scene = Scene::new();
    fuzz("stored.telemetry", 4, &samples(), |bytes| scene.take(Class::Telemetry, bytes));
    fuzz("stored.status", 4, &statuses(), |bytes| scene.take(Class::Status, bytes));
    fuzz("stored.rows", 4, &chunks(), |bytes| scene.take(Class::Rows, bytes));
    fuzz("stored.blobs", 4, &pieces(), |bytes| scene.take(Class::Blobs, bytes));
}
