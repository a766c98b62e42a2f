//! The one writer: takes what came, groups it, commits it, and only then says so.
//!
//! A group is what is waiting, up to a bound: under load many chunks share one fsync, alone a chunk waits for nothing. When
//! the disk is full or refuses, the group is tried again every second; nothing is dropped and nothing is acked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::Timestamp;
use common::ids::{AgentId, Attempt, KeyId, RequestId};
use common::limits::STORE_GROUP_CHUNKS_MAX;
use common::request::Sealed;
use common::result::{Status, Telemetry};
use common::wire;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, trace};

use super::{Place, StoreError};

/// Chunks that wait for the writer at most; beyond it the senders wait.
const WAITING_MAX: usize = 400;

/// A chunk of rows or of a blob, checked.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Of which request.
    pub request: RequestId,
    /// Of whom.
    pub agent: AgentId,
    /// Of which run.
    pub attempt: Attempt,
    /// Its position.
    pub seq: u64,
    /// How many rows; 0 for a piece of a blob.
    pub rows: u32,
    /// Which blob it is a piece of.
    pub blob: Option<u32>,
    /// SHA-256 of the payload.
    pub sha256: Vec<u8>,
    /// The whole message as sent.
    pub body: Vec<u8>,
}

/// A request as the coordinator keeps it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Its kind.
    pub kind: String,
    /// Who signed.
    pub operator: String,
    /// When.
    pub issued: Timestamp,
    /// Until when work may begin.
    pub not_after: Timestamp,
    /// Target, as text.
    pub target: String,
    /// 0 broadcast, 1 directed, 2 the coordinator itself.
    pub route: u8,
    /// The exact signed bytes.
    pub sealed: Sealed,
    /// The request that a control is about, and its revision.
    pub about: Option<(RequestId, u64)>,
    /// Whom to expect.
    pub expected: Vec<AgentId>,
}

/// A line of the audit log.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// Whose token.
    pub token: String,
    /// Who signed.
    pub operator: String,
    /// What was done.
    pub action: &'static str,
    /// To what.
    pub subject: String,
    /// More.
    pub detail: String,
}

/// A new agent.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Labels, as a JSON object.
    pub labels: String,
}

/// Something to write.
#[derive(Debug)]
pub enum Write {
    /// A status.
    Status(Box<Status>),
    /// A chunk.
    Chunk(Chunk),
    /// A blob whose file lies in place, verified.
    Blob {
        /// Any of its chunks, for the key.
        chunk: Chunk,
        /// What it is.
        kind: String,
        /// SHA-256 of the whole.
        sha256: Vec<u8>,
        /// Size.
        bytes: u64,
    },
    /// A stored chunk whose blob is whole and not what its digest says: the run has failed.
    Contradiction(Chunk),
    /// A self-sample.
    Telemetry(Box<Telemetry>),
    /// A request that is about to be published.
    Request(Box<Request>),
    /// A request that the broker has confirmed.
    Published(RequestId),
    /// Where the stream has a request.
    Offset(RequestId, u64),
    /// Enrolled agents.
    Agents(Vec<NewAgent>),
    /// A revoked agent.
    Revoked(AgentId),
    /// Keys that are never trusted again.
    RevokedKeys(Vec<KeyId>),
    /// A dead letter: its class and why.
    Dead(&'static str, &'static str),
    /// A line of the audit log.
    Audit(Audit),
    /// Telemetry older than this goes.
    Prune(Timestamp),
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// It is stored.
    New,
    /// It was stored before.
    Known,
    /// Another chunk has its key: kept as a conflict.
    Conflict,
}

type Job = (Write, oneshot::Sender<Landed>);

/// The way to the writer's thread. Clones share it.
#[derive(Debug, Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Writer {
    /// Starts the writer's thread; it ends when the last [`Writer`] is dropped.
    pub fn start(place: &Place) -> Result<Self, StoreError> {
        let connection = place.connect()?;
        let (jobs, inbox) = mpsc::channel(WAITING_MAX);
        let trouble = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&trouble);
        let thread = std::thread::Builder::new().name("store".into());
        let started = thread.spawn(move || run(connection, inbox, &shared));
        started.map_err(|source| StoreError::File { path: "thread".into(), source })?;
        Ok(Self { jobs, trouble })
    }

    /// Writes and waits until it is durable.
    pub async fn write(&self, write: Write) -> Result<Landed, StoreError> {
        self.begin(write).await?.await.map_err(|_| StoreError::Ended)
    }

    /// Hands a write to the writer; the answer comes when it is durable, in the order of the calls.
    pub async fn begin(&self, write: Write) -> Result<oneshot::Receiver<Landed>, StoreError> {
        let (done, landed) = oneshot::channel();
        self.jobs.send((write, done)).await.map_err(|_| StoreError::Ended)?;
        Ok(landed)
    }

    /// Says why nothing can be written, while that is so.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().map_or(None, |trouble| trouble.clone())
    }
}

fn run(
    mut connection: Connection,
    mut inbox: mpsc::Receiver<Job>,
    trouble: &Mutex<Option<String>>,
) {
    while let Some(first) = inbox.blocking_recv() {
        let mut group = vec![first];
        while group.len() < STORE_GROUP_CHUNKS_MAX {
            match inbox.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        let landed = loop {
            match commit(&mut connection, &group) {
                Ok(landed) => break landed,
                Err(problem) => {
                    say(trouble, Some(problem.to_string()));
                    std::thread::park_timeout(Duration::from_secs(1));
                    // Nobody is left who could ever come back for the answer.
                    if inbox.is_closed() && inbox.is_empty() {
                        return;
                    }
                }
            }
        };
        say(trouble, None);
        for ((_, done), landed) in group.into_iter().zip(landed) {
            // A refused write is answered by dropping `done`. Whoever asked may have gone; what is stored is stored.
            if landed.is_some_and(|landed| done.send(landed).is_err()) {
                trace!("nobody waits for this write any more");
            }
        }
    }
}

fn say(trouble: &Mutex<Option<String>>, now: Option<String>) {
    let Ok(mut held) = trouble.lock() else { return };
    match (&*held, &now) {
        (None, Some(why)) => error!(error = %why, "the store cannot be written; everything waits"),
        (Some(_), None) => info!("the store can be written again"),
        _ => {}
    }
    *held = now;
}

/// Runs a group in one transaction, each write in a savepoint of its own: one that cannot be written, ever, must not
/// keep the others from it. Its answer is `None`. An error is the disk's and everybody's.
fn commit(connection: &mut Connection, group: &[Job]) -> Result<Vec<Option<Landed>>, StoreError> {
    let mut transaction = connection.transaction()?;
    let now = common::clock::Clock::system().now();
    let mut landed = Vec::with_capacity(group.len());
    for (write, _) in group {
        let savepoint = transaction.savepoint()?;
        match apply(&savepoint, write, now) {
            Ok(one) => {
                savepoint.commit()?;
                landed.push(Some(one));
            }
            Err(problem) if may_pass(&problem) => return Err(problem),
            Err(problem) => {
                // Dropped, the savepoint is rolled back.
                error!(error = %problem, "a write was refused by the store; the others go on");
                landed.push(None);
            }
        }
    }
    transaction.commit()?;
    Ok(landed)
}

/// Tells whether the same write may succeed later: the disk is full, away or busy.
fn may_pass(problem: &StoreError) -> bool {
    let StoreError::Database(rusqlite::Error::SqliteFailure(failure, _)) = problem else {
        return false;
    };
    matches!(
        failure.code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
    )
}

fn apply(tx: &Connection, write: &Write, now: Timestamp) -> Result<Landed, StoreError> {
    let changed = match write {
        Write::Status(status) => insert_status(tx, status)?,
        Write::Chunk(chunk) => return insert_chunk(tx, chunk, now),
        Write::Blob { chunk, kind, sha256, bytes } => tx
            .prepare_cached("INSERT OR IGNORE INTO blob VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                chunk.request.as_bytes(),
                chunk.agent.as_str(),
                chunk.attempt.origin.as_bytes(),
                chunk.attempt.journal.as_bytes(),
                chunk.blob,
                kind,
                sha256,
                signed(*bytes),
            ])?,
        Write::Telemetry(sample) => insert_telemetry(tx, sample, now)?,
        Write::Request(request) => insert_request(tx, request)?,
        Write::Published(id) => tx
            .prepare_cached("UPDATE request SET is_published = 1 WHERE id = ?1")?
            .execute([id.as_bytes()])?,
        Write::Contradiction(chunk) => insert_conflict(tx, chunk)?,
        Write::Offset(id, offset) => learn_offset(tx, id, *offset)?,
        Write::Agents(agents) => {
            let mut insert =
                tx.prepare_cached("INSERT INTO agent VALUES (?1, ?2, ?3, ?4, NULL)")?;
            for agent in agents {
                insert.execute(params![agent.id.as_str(), agent.name, agent.labels, now.0])?;
            }
            agents.len()
        }
        Write::Revoked(agent) => tx
            .prepare_cached("UPDATE agent SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL")?
            .execute(params![agent.as_str(), now.0])?,
        Write::RevokedKeys(keys) => {
            let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO revoked_key VALUES (?1)")?;
            for key in keys {
                insert.execute([key.to_string()])?;
            }
            keys.len()
        }
        Write::Dead(class, reason) => tx
            .prepare_cached(
                "INSERT INTO dead VALUES (?1, ?2, 1, ?3)
                 ON CONFLICT DO UPDATE SET count = count + 1, last = ?3",
            )?
            .execute(params![class, reason, now.0])?,
        Write::Audit(line) => tx
            .prepare_cached(
                "INSERT INTO audit (at, token, operator, action, subject, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                now.0,
                line.token,
                line.operator,
                line.action,
                line.subject,
                line.detail,
            ])?,
        Write::Prune(before) => {
            tx.prepare_cached("DELETE FROM telemetry WHERE received < ?1")?.execute([before.0])?
        }
    };
    Ok(if changed == 0 { Landed::Known } else { Landed::New })
}

/// One row a run for the last status before the end, one for the end; the later moment wins, the first end stays.
fn insert_status(tx: &Connection, status: &Status) -> Result<usize, StoreError> {
    let body = wire::encode(status)?;
    let sql = if status.state.is_final() {
        "INSERT OR IGNORE INTO status VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)"
    } else {
        "INSERT INTO status VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)
         ON CONFLICT DO UPDATE SET state = ?5, at = ?6, body = ?7 WHERE at <= ?6"
    };
    Ok(tx.prepare_cached(sql)?.execute(params![
        status.request.as_bytes(),
        status.agent.as_str(),
        status.attempt.origin.as_bytes(),
        status.attempt.journal.as_bytes(),
        status.state.as_str(),
        status.at.0,
        body,
    ])?)
}

fn insert_chunk(tx: &Connection, chunk: &Chunk, now: Timestamp) -> Result<Landed, StoreError> {
    let (request, agent) = (chunk.request.as_bytes(), chunk.agent.as_str());
    let (origin, journal) = (chunk.attempt.origin.as_bytes(), chunk.attempt.journal.as_bytes());
    let known: Option<Vec<u8>> = tx
        .prepare_cached(
            "SELECT sha256 FROM chunk
             WHERE request = ?1 AND agent = ?2 AND origin = ?3 AND journal = ?4 AND seq = ?5",
        )?
        .query_row(params![request, agent, origin, journal, signed(chunk.seq)], |row| row.get(0))
        .optional()?;
    match known {
        Some(sha256) if sha256 == chunk.sha256 => Ok(Landed::Known),
        Some(_) => {
            insert_conflict(tx, chunk)?;
            Ok(Landed::Conflict)
        }
        None => {
            tx.prepare_cached(
                "INSERT INTO chunk VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                request,
                agent,
                origin,
                journal,
                signed(chunk.seq),
                chunk.rows,
                chunk.blob,
                chunk.sha256,
                chunk.body,
                now.0,
            ])?;
            Ok(Landed::New)
        }
    }
}

fn insert_conflict(tx: &Connection, chunk: &Chunk) -> Result<usize, StoreError> {
    let sql = "INSERT OR IGNORE INTO conflict VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    Ok(tx.prepare_cached(sql)?.execute(params![
        chunk.request.as_bytes(),
        chunk.agent.as_str(),
        chunk.attempt.origin.as_bytes(),
        chunk.attempt.journal.as_bytes(),
        signed(chunk.seq),
        chunk.sha256,
    ])?)
}

/// Notes where the stream has a request. The one at offset 0 tells one stream from another: when it is new, the stream
/// was made anew and the places in the old one mean nothing.
fn learn_offset(tx: &Connection, id: &RequestId, offset: u64) -> Result<usize, StoreError> {
    if offset == 0 {
        tx.prepare_cached(
            "UPDATE request SET stream_offset = NULL WHERE EXISTS
             (SELECT 1 FROM request WHERE stream_offset = 0 AND id <> ?1)",
        )?
        .execute([id.as_bytes()])?;
    }
    Ok(tx
        .prepare_cached("UPDATE request SET stream_offset = ?2 WHERE id = ?1")?
        .execute(params![id.as_bytes(), signed(offset)])?)
}

fn insert_telemetry(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let body = wire::encode(sample)?;
    let agent = sample.agent.as_str();
    tx.prepare_cached("INSERT OR REPLACE INTO heard VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        agent,
        sample.journal.as_bytes(),
        now.0,
        body
    ])?;
    tx.prepare_cached("INSERT INTO telemetry VALUES (?1, ?2, ?3)")?
        .execute(params![agent, now.0, body])?;
    // The sample is also the receipt for requests: by offset on the stream, by id on the directed queue.
    if let Some(offset) = sample.stream_offset {
        // An offset of another stream is no receipt; where either side does not know its stream, it is taken for one.
        let epoch = sample.stream_epoch.as_ref().map(RequestId::as_bytes);
        tx.prepare_cached(
            "UPDATE expected SET is_seen = 1 WHERE agent = ?1 AND is_seen = 0 AND request IN
             (SELECT id FROM request WHERE stream_offset <= ?2)
             AND NOT EXISTS (SELECT 1 FROM request WHERE stream_offset = 0 AND id <> ?3)",
        )?
        .execute(params![agent, signed(offset), epoch])?;
    }
    let ids = sample.directed.iter().chain(sample.collections.iter().map(|c| &c.request));
    for id in ids {
        tx.prepare_cached(
            "UPDATE expected SET is_seen = 1 WHERE request = ?1 AND agent = ?2 AND is_seen = 0",
        )?
        .execute(params![id.as_bytes(), agent])?;
    }
    Ok(1)
}

fn insert_request(tx: &Connection, request: &Request) -> Result<usize, StoreError> {
    let (about, revision) = request.about.unzip();
    let changed = tx
        .prepare_cached("INSERT OR IGNORE INTO request VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, NULL, ?9, ?10)")?
        .execute(params![
            request.id.as_bytes(), request.kind, request.operator, request.issued.0,
            request.not_after.0, request.target, request.route, wire::encode(&request.sealed)?,
            about.as_ref().map(RequestId::as_bytes), revision.map(signed),
        ])?;
    if changed > 0 {
        let mut insert =
            tx.prepare_cached("INSERT OR IGNORE INTO expected (request, agent) VALUES (?1, ?2)")?;
        for agent in &request.expected {
            insert.execute(params![request.id.as_bytes(), agent.as_str()])?;
        }
    }
    Ok(changed)
}

/// SQLite's integers are signed; ours that are not stay far below the end.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
