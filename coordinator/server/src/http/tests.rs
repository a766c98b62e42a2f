//! The API over a store of one's own, without a broker: what handlers do with what they are asked.

mod agents;
mod broker;
mod controls;
mod events;
mod files;
mod hosted;
mod later;
mod ledger;
mod malformed;
mod notes;
mod overview;
mod rows;
mod search;
mod telemetry;
mod viewer;

use std::sync::Arc;

use muster_broker::Password;
use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash::{self, FILE_HASH, FileKind, FileStatus, Row};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, Attempt, FleetId, JournalId, KeyId, RequestId};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey, Trust};
use muster_protocol::request::target::Target;
use muster_protocol::request::trust::{Certificate, Grant};
use muster_protocol::request::{Args, Body, Capability, Kind, Limits, Sealed};
use muster_protocol::result::{RowChunk, State, Status, rows as wire_rows};
use muster_protocol::wire;
use muster_runtime::tasks::Tasks;
use serde_bytes::ByteBuf;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::broker::management::Management;
use crate::config::{Config, ConfigFile};
use crate::core::Core;
use crate::store::{Audit, Chunk, DataDir, Request, Write, Writer};

/// The hunt that most of them ask for.
pub(super) const HUNT: RequestId = RequestId::from_bytes([1; 16]);
/// The token for everything.
pub(super) const TOKEN: &str = "secret";

/// The token that is for reading only.
pub(super) const VIEWER: &str = "looks";

const CONFIG: &str = r#"
    fleet = "7b1c6f0e-8b6c-4d52-9a53-1d3f2c0a9b11"
    root = "ROOT"
    management_url = "http://127.0.0.1:1"
    [broker]
    host = "127.0.0.1"
    user = "muster"
    password_file = "broker.password"
"#;

/// The key of the fleet.
fn root() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// The key of an operator, who is ada.
pub(super) fn operator() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

pub(super) fn certificate(core: &Core) -> Certificate {
    let issued = core.clock.now();
    let capabilities = [Capability::Hunt, Capability::Stop].map(|it| it.as_str().to_owned());
    let grant = Grant {
        fleet: core.config.file.fleet,
        key: ByteBuf::from(operator().public()),
        name: "ada".to_owned(),
        capabilities: capabilities.into(),
        issued,
        not_after: issued.plus_ms(86_400_000),
    };
    root().certify(&grant).unwrap()
}

/// Signs a request for everyone, as ada.
pub(super) fn signed(core: &Core, args: &Args) -> Sealed {
    let (fleet, issued) = (core.config.file.fleet, core.clock.now());
    let (target, limits) = (Target::all(), Limits::default());
    let draft = Draft { fleet, target, limits, issued, valid_ms: 3_600_000 };
    let body = draft.body(operator().id(), args).unwrap();
    operator().seal(&body, Some(&certificate(core))).unwrap()
}

/// A request that is being put together.
type Asking = ureq::RequestBuilder<ureq::typestate::WithoutBody>;

/// A coordinator's API that answers on a port of its own.
pub(super) struct Api {
    pub(super) core: Arc<Core>,
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) url: String,
    _folder: tempfile::TempDir,
}

impl Api {
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// The same, with more tables in its configuration.
    pub(super) fn with(more: &str) -> Self {
        Self::at("", more)
    }

    /// The same, with names that it answers to.
    pub(super) fn at(hosts: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let token = |name: &str, secret: &str, only: &str| {
            let digest = muster_protocol::hex::encode(&Sha256::digest(secret));
            format!("[[tokens]]\nname = \"{name}\"\nsha256 = \"{digest}\"\n{only}\n")
        };
        let viewer = token("eve", VIEWER, "role = \"viewer\"");
        let root = muster_protocol::hex::encode(&root().public());
        let known = CONFIG.replace("ROOT", &root);
        let config =
            [hosts, &known, &token("ada", TOKEN, "role = \"admin\""), &viewer, more].concat();
        let file: ConfigFile = toml::from_str(&config).unwrap();
        let config = Config::new(file, folder.path().to_owned()).unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let writer = Writer::start(&place).unwrap();
        let management = Management::new("http://127.0.0.1:1", "muster", Password::new("x"), "/");
        let trust = Trust { fleet: config.file.fleet, root: config.root, revoked: [].into() };
        let core = Core::new(config, place, writer, management, trust, Tasks::new());
        let core = Arc::new(core);
        let tcp = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let router = super::router(Arc::clone(&core));
        let stop = core.tasks.stop_signal();
        let entered = runtime.enter();
        core.tasks.spawn("api", async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = super::listen::serve(tcp, None, router) => {}
            }
        });
        drop(entered);
        Self { core, runtime, url, _folder: folder }
    }

    pub(super) fn write(&self, write: Write) {
        self.runtime.block_on(self.core.writer.write(write)).unwrap();
    }

    /// Asks with a token; returns the answer.
    pub(super) fn ask(&self, token: &str, path: &str) -> ureq::http::Response<ureq::Body> {
        self.ask_with(token, path, |request| request)
    }

    /// The same, with what else there is to say.
    pub(super) fn ask_with(
        &self,
        token: &str,
        path: &str,
        more: impl FnOnce(Asking) -> Asking,
    ) -> ureq::http::Response<ureq::Body> {
        let url = format!("{}/api/v1{path}", self.url);
        let request = more(ureq::get(url).header("Authorization", format!("Bearer {token}")));
        request.config().http_status_as_error(false).build().call().unwrap()
    }

    /// Posts a document; returns the status.
    pub(super) fn post(&self, token: &str, path: &str, body: &Value) -> u16 {
        let url = format!("{}/api/v1{path}", self.url);
        let request = ureq::post(url).header("Authorization", format!("Bearer {token}"));
        let request = request.header("Content-Type", "application/json");
        let request = request.config().http_status_as_error(false).build();
        request.send(body.to_string()).unwrap().status().as_u16()
    }

    /// Launches signed bytes; returns status and document.
    pub(super) fn launch(&self, sealed: &Sealed) -> (u16, Value) {
        let url = format!("{}/api/v1/requests", self.url);
        let request = ureq::post(url).header("Authorization", format!("Bearer {TOKEN}"));
        let request = request.config().http_status_as_error(false).build();
        let mut answer = request.send(&wire::encode(sealed).unwrap()[..]).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    /// Asks; returns status and document.
    pub(super) fn get(&self, path: &str) -> (u16, Value) {
        let mut answer = self.ask(TOKEN, path);
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Asks for what must be there.
    pub(super) fn well(&self, path: &str) -> Value {
        let (status, document) = self.get(path);
        assert_eq!(status, 200, "{path}: {document}");
        document
    }

    /// Asks for what must be refused; returns the cause, which a person is told with what to do next.
    pub(super) fn refused(&self, status: u16, path: &str) -> String {
        let (answered, document) = self.get(path);
        assert_eq!(answered, status, "{path}: {document}");
        for line in ["error", "cause", "try"] {
            assert!(document[line].as_str().is_some_and(|text| !text.is_empty()), "{document}");
        }
        document["cause"].as_str().unwrap().to_owned()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let stop = self.core.tasks.clone();
        self.runtime.block_on(stop.finish());
    }
}

pub(super) fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

/// A hunt of some agents for files below `/srv`.
pub(super) fn hunt(id: RequestId, agents: &[&str]) -> Write {
    let spec = file_hash::Args { roots: vec![ByteBuf::from("/srv")], ..file_hash::Args::default() };
    let start = HuntStart::files(&spec).unwrap();
    request(id, Kind::HuntStart, wire::encode(&start).unwrap(), agents)
}

/// A signed request, as far as anything but signatures is concerned.
pub(super) fn request(id: RequestId, kind: Kind, args: Vec<u8>, agents: &[&str]) -> Write {
    let now = Clock::system().now();
    let body = Body {
        kind,
        id,
        key: KeyId::of(&[2; 32]),
        fleet: FleetId::from_bytes([3; 16]),
        issued: now,
        not_after: now.plus_ms(3_600_000),
        target: Target::all(),
        limits: Limits::default(),
        args: ByteBuf::from(args),
    };
    let sealed = Sealed {
        kind: kind.as_str().to_owned(),
        id: id.to_string(),
        body: ByteBuf::from(wire::encode(&body).unwrap()),
        sig: ByteBuf::new(),
        cert: ByteBuf::new(),
    };
    let request = Request {
        id,
        kind: kind.as_str().to_owned(),
        operator: "ada".to_owned(),
        issued: body.issued,
        not_after: body.not_after,
        target: "all".to_owned(),
        route: muster_api::Route::Broadcast,
        sealed,
        control: None,
        expected: agents.iter().map(|name| agent(name)).collect(),
        revokes: vec![],
        names: vec![],
    };
    Write::Request(Box::new(request), Audit { action: "launch", ..Audit::default() })
}

pub(super) fn attempt(hunt: RequestId, journal: u8) -> Attempt {
    Attempt { origin: hunt, journal: JournalId::from_bytes([journal; 16]) }
}

/// A file below the root.
pub(super) fn file(name: &str, size: u64, status: FileStatus, errno: i32) -> Row {
    let bare = Row::bare(format!("/srv/{name}").into_bytes(), FileKind::Regular, status, errno);
    Row { size, ino: 1, ..bare }
}

/// A chunk of files.
pub(super) fn chunk(hunt: RequestId, name: &str, journal: u8, seq: u64, files: Vec<Row>) -> Write {
    let rows = Rows::of(files);
    let body = rows.pack().unwrap();
    let sha256 = wire_rows::sha256(&body);
    let message = RowChunk {
        agent: agent(name),
        request: hunt,
        attempt: attempt(hunt, journal),
        seq,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows: u32::try_from(rows.len()).unwrap(),
        sha256: sha256.clone(),
        body: ByteBuf::from(body),
    };
    Write::Chunk(Chunk {
        request: hunt,
        agent: message.agent.clone(),
        attempt: message.attempt,
        seq,
        rows: message.rows,
        blob: None,
        sha256: sha256.into_vec(),
        body: wire::encode(&message).unwrap(),
    })
}

/// The end of a part.
pub(super) fn ended(hunt: RequestId, name: &str, journal: u8, chunks: u64) -> Write {
    Write::Status(Box::new(Status {
        agent: agent(name),
        request: hunt,
        attempt: attempt(hunt, journal),
        state: State::Finished,
        at: Timestamp(1),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(chunks),
        footer: None,
        host: format!("host-of-{name}"),
        machine: None,
        instance: None,
    }))
}
