//! Somebody who has one agent's credentials and uses them against the others.

use muster_broker::{Connector, ConnectorConfig, Message};
use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash::{FILE_HASH, FileKind, FileStatus, Row};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{BlobChunk, RowChunk, State, Status};
use muster_protocol::topology::{Class, RESULTS, RoutingKey};
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use crate::fleet::Fleet;

/// Messages that are published before their confirms are waited for.
const BATCH: usize = 500;

/// The holder of one agent's broker user.
#[derive(Debug)]
pub struct Hostile {
    /// The agent.
    pub agent: AgentId,
    link: ConnectorConfig,
}

impl Hostile {
    /// Takes an agent's credentials (by index) from its bundle.
    ///
    /// # Panics
    /// When they are not there.
    pub fn of(fleet: &Fleet, index: usize) -> Self {
        let member = &fleet.agents[index];
        let password = std::fs::read_to_string(member.bundle.join("broker.password"));
        let password = password.expect("a password");
        let link = fleet.broker.link_as(&fleet.vhost, &member.id, password.trim());
        Self { agent: member.id.parse().expect("an id"), link }
    }

    /// Publishes everything, confirmed by the broker.
    ///
    /// # Panics
    /// When the broker does not take it.
    #[track_caller]
    pub fn send(&self, messages: &[Message]) {
        self.try_send(messages).expect("published");
    }

    /// Publishes until the broker takes no more.
    ///
    /// # Errors
    /// What the broker said.
    ///
    /// # Panics
    /// Without a runtime.
    pub fn try_send(&self, messages: &[Message]) -> Result<(), String> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut link = Connector::new(self.link.clone());
            let session = link.connect_once().await.map_err(|error| error.to_string())?;
            let publisher = session.publisher().await.map_err(|error| error.to_string())?;
            for batch in messages.chunks(BATCH) {
                publisher.publish_all(batch).await.map_err(|error| error.to_string())?;
            }
            session.close().await;
            Ok(())
        })
    }

    /// Makes a message under the agent's own key.
    pub fn message(&self, class: Class, request: RequestId, body: Vec<u8>) -> Message {
        let kind = match class {
            Class::Status => "status",
            Class::Rows => "rows.chunk",
            Class::Blobs => "blob.chunk",
            Class::Telemetry => "telemetry",
        };
        let key = RoutingKey { class, agent: self.agent.clone(), request: Some(request) };
        Message {
            exchange: RESULTS.to_owned(),
            routing_key: key.to_string(),
            kind: kind.to_owned(),
            body,
            persistent: true,
            ..Message::default()
        }
    }

    /// Makes a status of a run of its own.
    ///
    /// # Panics
    /// Never.
    pub fn status(&self, request: RequestId, journal: JournalId, state: State) -> Message {
        let status = Status {
            agent: self.agent.clone(),
            request,
            attempt: Attempt { origin: request, journal },
            state,
            at: Clock::system().now(),
            code: String::new(),
            reason: String::new(),
            revision: 0,
            chunks: state.is_final().then_some(0),
            footer: None,
            host: String::new(),
            machine: None,
            instance: None,
        };
        self.message(Class::Status, request, wire::encode(&status).expect("a status"))
    }

    /// Makes a chunk of one row.
    ///
    /// # Panics
    /// Never.
    pub fn rows(&self, request: RequestId, journal: JournalId, seq: u64) -> Message {
        let row = Row::bare(b"/planted".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        let body = Rows::of([row]).pack().expect("a row");
        let chunk = RowChunk {
            agent: self.agent.clone(),
            request,
            attempt: Attempt { origin: request, journal },
            seq,
            artifact: FILE_HASH.to_owned(),
            schema: 1,
            rows: 1,
            sha256: sha256(&body),
            body: ByteBuf::from(body),
        };
        self.message(Class::Rows, request, wire::encode(&chunk).expect("a chunk"))
    }

    /// Makes a piece of one byte of a blob of `total`.
    ///
    /// # Panics
    /// Never.
    pub fn piece(&self, request: RequestId, journal: JournalId, seq: u64, total: u64) -> Message {
        let data = [7];
        let chunk = BlobChunk {
            agent: self.agent.clone(),
            request,
            attempt: Attempt { origin: request, journal },
            seq,
            blob: 0,
            kind: "profile.cpu".to_owned(),
            offset: 0,
            total,
            blob_sha256: sha256(&data),
            sha256: sha256(&data),
            data: ByteBuf::from(data),
        };
        self.message(Class::Blobs, request, wire::encode(&chunk).expect("a chunk"))
    }
}
