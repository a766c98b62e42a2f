//! The one writer: takes what came, groups it, commits it, and only then says so.
//!
//! A group is what is waiting, up to a bound: under load many chunks share one fsync, alone a chunk waits for nothing. When
//! the disk is full or refuses, the group is tried again every second; nothing is dropped and nothing is acked.
//!
//! A write that can never succeed is refused by itself: at once where the cause is in what it says, after a few tries while
//! other writes succeed where the cause is not known.
//!
//! What is kept in memory follows the commits ([`News`]): it is told of a group after the commit and before the callers are, so
//! that it shows nothing that is not stored, and a caller finds what it has written.

use std::sync::{Arc, Mutex};

use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{STORE_GROUP_CHUNKS_MAX, STORE_TRIES_MAX};
use muster_protocol::result::{Status, Telemetry};
use muster_runtime::retry::{self, Retry};
use rusqlite::{Connection, ErrorCode, Transaction};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, trace};

use super::collections::rebuild;
use super::collections::touched::{Changed, Touched};
use super::ledger::chain;
use super::news::{Commit, News};
use super::notes::{self, NewNote};
use super::spent::{self, Sweep};
use super::{AttemptKey, Audit, Chunk, DataDir, DeadCount, NewAgent, Reader, Request, StoreError};
use super::{attempts, curves, dead, facts, lists, quarantine, requests, results, roster};

/// Chunks that wait for the writer at most; beyond it the senders wait.
const WAITING_MAX: usize = 400;
/// Statements that stay prepared: all that the writer has.
const STATEMENTS: usize = 128;

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
    /// A result of an attempt was refused, and why: the attempt has failed.
    Rejected(Box<AttemptKey>, &'static str),
    /// A self-sample.
    Telemetry(Box<Telemetry>),
    /// A request that is about to be published, and who asked.
    Request(Box<Request>, Audit),
    /// A note of a hunt or profile, and who asked.
    Note(Box<NewNote>, Audit),
    /// A request of which the broker has confirmed everything.
    Published(RequestId),
    /// A request that the broker has confirmed for this agent's queue.
    Sent(RequestId, AgentId),
    /// Parts of lists whose signed bytes are not needed any more.
    PartsOver(Vec<RequestId>),
    /// Where the stream has a request.
    Offset(RequestId, u64),
    /// Enrolled agents, and who asked.
    Agents(Vec<NewAgent>, Audit),
    /// A revoked agent, and who asked.
    Revoked(AgentId, Audit),
    /// What an operator did that left nothing else to store.
    Audit(Audit),
    /// Dead letters of one batch.
    Dead(Vec<DeadCount>),
    /// An agent in quarantine, why, and who asked.
    Quarantined(AgentId, String, Audit),
    /// An agent whose quarantine is lifted, and who asked.
    Released(AgentId, Audit),
    /// An agent whose results are about to be set aside.
    Held(AgentId),
    /// An agent of which all results that were set aside have been taken back.
    Drained(AgentId),
    /// The pieces of an older store whose blobs are durable.
    Swept(Sweep),
    /// Curves: minutes of samples, hours of minutes; what is too old goes.
    Condense,
    /// The read models of a request, made again from what they are made of.
    Rebuild(RequestId),
}

impl Write {
    /// Returns the agents of which the roster shows what is written, but for samples; an agent that is not on it may be among them.
    fn agents(&self) -> Vec<&AgentId> {
        match self {
            Self::Agents(agents, _) => agents.iter().map(|agent| &agent.id).collect(),
            Self::Revoked(agent, _) | Self::Quarantined(agent, ..) | Self::Released(agent, _) => {
                vec![agent]
            }
            Self::Status(_)
            | Self::Chunk(_)
            | Self::Blob { .. }
            | Self::Contradiction(_)
            | Self::Rejected(..)
            | Self::Telemetry(_)
            | Self::Request(..)
            | Self::Note(..)
            | Self::Published(_)
            | Self::Sent(..)
            | Self::PartsOver(_)
            | Self::Offset(..)
            | Self::Audit(_)
            | Self::Dead(_)
            | Self::Held(_)
            | Self::Drained(_)
            | Self::Swept(_)
            | Self::Condense
            | Self::Rebuild(_) => Vec::new(),
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is stored.
    Inserted,
    /// It is stored, and its blob has all its pieces and is not put together yet.
    Complete,
    /// The same was stored before.
    Duplicate,
    /// Another chunk has its key: kept as a conflict.
    Conflict,
    /// A control of the same or a higher revision is on record: nothing is stored.
    Superseded,
    /// The attempt has used up its bytes: nothing is stored, and the attempt has failed.
    OverQuota,
    /// It can never be stored; the word says why.
    Refused(&'static str),
    /// The read models were made again; so many records differed.
    Differed(u64),
}

impl WriteOutcome {
    /// Returns whether the store holds something that it did not hold before.
    const fn has_stored(self) -> bool {
        !matches!(self, Self::Duplicate | Self::Superseded)
    }
}

/// Why a write is refused: the store does not take it.
const STORE_REFUSED: &str = "store_refused";

type Job = (Write, oneshot::Sender<WriteOutcome>);

/// The way to the writer's thread. Clones share it.
#[derive(Debug, Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    trouble: Arc<Mutex<Option<String>>>,
    commits: watch::Receiver<u64>,
    news: Arc<News>,
}

impl Writer {
    /// Starts the writer's thread; it ends when the last [`Writer`] is dropped.
    pub fn start(place: &DataDir) -> Result<Self, StoreError> {
        Self::start_at(place, Clock::system())
    }

    /// The same, by a clock that may be set.
    pub fn start_at(place: &DataDir, clock: Clock) -> Result<Self, StoreError> {
        let connection = place.connect()?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let store = Reader::new(connection, Arc::clone(&place.unreadable));
        let (jobs, inbox) = mpsc::channel(WAITING_MAX);
        let trouble = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&trouble);
        let (committed, commits) = watch::channel(0);
        let news = Arc::new(News::load(&place.reader()?)?);
        let heard = Arc::clone(&news);
        let thread = std::thread::Builder::new().name("store".into());
        let started =
            thread.spawn(move || run(store, inbox, &shared, (&committed, &heard), &clock));
        started.map_err(|source| StoreError::File { path: "thread".into(), source })?;
        Ok(Self { jobs, trouble, commits, news })
    }

    /// Writes and waits until it is durable; a refusal is an error.
    pub async fn write(&self, write: Write) -> Result<WriteOutcome, StoreError> {
        match self.begin(write).await?.await.map_err(|_| StoreError::Ended)? {
            WriteOutcome::Refused(why) => Err(StoreError::Refused(why)),
            landed => Ok(landed),
        }
    }

    /// Hands a write to the writer; the answer comes when it is durable, in the order of the calls.
    pub async fn begin(&self, write: Write) -> Result<oneshot::Receiver<WriteOutcome>, StoreError> {
        let (done, landed) = oneshot::channel();
        self.jobs.send((write, done)).await.map_err(|_| StoreError::Ended)?;
        Ok(landed)
    }

    /// Returns a number that changes with each commit that stored something; it means nothing else.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Returns what commits have changed, for who keeps something in memory.
    pub fn news(&self) -> &Arc<News> {
        &self.news
    }

    /// Returns how many writes wait for their turn.
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity().saturating_sub(self.jobs.capacity())
    }

    /// Returns why nothing can be written, while that is so.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().map_or(None, |trouble| trouble.clone())
    }
}

fn run(
    mut store: Reader,
    mut inbox: mpsc::Receiver<Job>,
    trouble: &Mutex<Option<String>>,
    (commits, news): (&watch::Sender<u64>, &News),
    clock: &Clock,
) {
    while let Some(first) = inbox.blocking_recv() {
        let mut group = vec![first];
        while group.len() < STORE_GROUP_CHUNKS_MAX {
            match inbox.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        let mut tries = 0;
        let mut retry = Retry::new(retry::STORE);
        let number = news.number(clock.now());
        let (landed, changed, at) = loop {
            let now = clock.now();
            match commit(&mut store.connection, &group, number, now, tries) {
                Ok(Committed::All(landed, changed)) => break (landed, changed, now),
                Ok(Committed::NotYet) => {
                    tries += 1;
                    std::thread::park_timeout(retry.pause());
                }
                Err(problem) => {
                    say(trouble, Some(problem.to_string()));
                    std::thread::park_timeout(retry.pause());
                    // No caller is left that could come back for the answer.
                    if inbox.is_closed() && inbox.is_empty() {
                        return;
                    }
                }
            }
        };
        say(trouble, None);
        let writes = || group.iter().map(|(write, _)| write).zip(&landed);
        let agents = writes().flat_map(|(write, _)| write.agents()).chain(&changed.faulty);
        let stored = writes().filter(|(_, landed)| **landed == WriteOutcome::Inserted);
        let samples = stored.filter_map(|(write, _)| sample(write)).collect();
        let agents = agents.cloned().collect();
        news.publish(&store, Commit { number, at, changed: &changed, agents, samples });
        if landed.iter().any(|one| one.has_stored()) {
            commits.send_modify(|number| *number += 1);
        }
        for ((_, done), landed) in group.into_iter().zip(landed) {
            // The caller may have gone; what is stored is stored.
            if done.send(landed).is_err() {
                trace!("no caller waits for this write any more");
            }
        }
    }
}

/// Returns the sample that a write stores.
fn sample(write: &Write) -> Option<&Telemetry> {
    if let Write::Telemetry(sample) = write { Some(sample) } else { None }
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

/// What became of a group.
#[derive(Debug)]
enum Committed {
    /// Every write has its answer.
    All(Vec<WriteOutcome>, Changed),
    /// A write failed for a cause that is not known: nothing is committed, the same group is to be tried again.
    NotYet,
}

/// Runs a group in one transaction, each write in a savepoint of its own: one that cannot be written, ever, must not
/// keep the others from it. An error is the disk's and everybody's.
fn commit(
    connection: &mut Connection,
    group: &[Job],
    number: u64,
    now: Timestamp,
    tries: usize,
) -> Result<Committed, StoreError> {
    let mut transaction = connection.transaction()?;
    let mut touched = Touched::default();
    let mut landed = Vec::with_capacity(group.len());
    let (mut is_puzzled, mut has_written) = (false, false);
    for (write, _) in group {
        let savepoint = transaction.savepoint()?;
        match apply(&savepoint, write, now, &mut touched) {
            Ok(one) => {
                savepoint.commit()?;
                has_written = true;
                landed.push(one);
            }
            Err(problem) if may_pass(&problem) => return Err(problem),
            Err(problem) => {
                // Dropped, the savepoint is rolled back.
                drop(savepoint);
                is_puzzled |= !is_of_the_write(&problem) && tries + 1 < STORE_TRIES_MAX;
                error!(error = %problem, tries, "a write was refused by the store; the others go on");
                landed.push(refuse(&mut transaction, write, &mut touched)?);
            }
        }
    }
    // Where nothing else shows that the store can be written, something must.
    if !has_written {
        probe(&transaction)?;
    }
    if is_puzzled {
        transaction.rollback()?;
        return Ok(Committed::NotYet);
    }
    let changed = touched.settle(&transaction, number, now)?;
    transaction.commit()?;
    Ok(Committed::All(landed, changed))
}

/// Answers a write that can never succeed. A chunk that will be missing has its attempt fail at once.
fn refuse(
    transaction: &mut Transaction<'_>,
    write: &Write,
    touched: &mut Touched,
) -> Result<WriteOutcome, StoreError> {
    if let Write::Chunk(chunk) = write {
        touched.attempt(&chunk.run());
        let savepoint = transaction.savepoint()?;
        match attempts::fail(&savepoint, &chunk.run(), attempts::REJECTED, STORE_REFUSED) {
            Ok(_) => savepoint.commit()?,
            Err(problem) if may_pass(&problem) => return Err(problem),
            Err(problem) => error!(error = %problem, "the attempt could not be marked as failed"),
        }
    }
    Ok(WriteOutcome::Refused(STORE_REFUSED))
}

/// Writes something that is always allowed.
fn probe(transaction: &Connection) -> Result<(), StoreError> {
    transaction.execute("UPDATE curve_done SET minutes = minutes", [])?;
    Ok(())
}

/// Returns whether the same write may succeed later: the disk is full, away or busy.
pub(super) fn may_pass(problem: &StoreError) -> bool {
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

/// Returns whether the cause lies in what the write says, so that it fails each time.
fn is_of_the_write(problem: &StoreError) -> bool {
    match problem {
        StoreError::Broken(_) => true,
        StoreError::Database(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
            failure.code,
            ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch
        ),
        _ => false,
    }
}

fn apply(
    tx: &Connection,
    write: &Write,
    now: Timestamp,
    touched: &mut Touched,
) -> Result<WriteOutcome, StoreError> {
    let changed = match write {
        Write::Status(status) => {
            let landed = results::insert_status(tx, status, now)?;
            if landed == WriteOutcome::Inserted {
                touched.part(status.request, &status.agent);
            }
            return Ok(landed);
        }
        Write::Chunk(chunk) => {
            let landed = results::insert_chunk(tx, chunk, now)?;
            match landed {
                WriteOutcome::Duplicate => {}
                WriteOutcome::Inserted => touched.chunk(chunk),
                // A piece that is there already may be complete once more.
                _ => touched.attempt(&chunk.run()),
            }
            return Ok(landed);
        }
        Write::Blob { chunk, kind, sha256, bytes } => {
            touched.attempt(&chunk.run());
            results::insert_blob(tx, chunk, kind, sha256, *bytes)?
        }
        Write::Contradiction(chunk) => {
            touched.attempt(&chunk.run());
            results::insert_conflict(tx, chunk)?
        }
        Write::Rejected(run, why) => {
            touched.attempt(run);
            attempts::fail(tx, run, attempts::REJECTED, why)?
        }
        Write::Telemetry(sample) => {
            facts::learn(tx, sample, now)?;
            roster::insert_telemetry(tx, sample, now, touched)?
        }
        Write::Request(request, audit) => {
            let landed = requests::insert_request(tx, request, audit, now)?;
            if landed == WriteOutcome::Inserted {
                touched.begun(request.id);
                request.control.iter().for_each(|control| touched.request(control.about));
            }
            return Ok(landed);
        }
        Write::Note(new, audit) => {
            let landed = notes::insert(tx, new, audit, now)?;
            if landed == WriteOutcome::Inserted {
                touched.request(new.note.about);
            }
            return Ok(landed);
        }
        Write::Published(id) => {
            touched.request(*id);
            requests::mark_published(tx, id)?
        }
        Write::Sent(id, agent) => requests::mark_sent(tx, id, agent)?,
        Write::PartsOver(parts) => {
            let mut gone = 0;
            for part in parts {
                gone += lists::release(tx, part)?;
            }
            gone
        }
        Write::Offset(id, offset) => requests::learn_offset(tx, id, *offset)?,
        Write::Agents(agents, audit) => {
            chain::insert_audit(tx, audit, now)?;
            roster::insert_agents(tx, agents, now)?
        }
        Write::Revoked(agent, audit) => {
            chain::insert_audit(tx, audit, now)?;
            roster::revoke(tx, agent, now, touched)?
        }
        Write::Audit(audit) => {
            chain::insert_audit(tx, audit, now)?;
            1
        }
        Write::Dead(counts) => dead::count(tx, counts, now)?,
        Write::Quarantined(agent, cause, audit) => {
            chain::insert_audit(tx, audit, now)?;
            quarantine::impose(tx, agent, cause, now)?
        }
        Write::Released(agent, audit) => {
            chain::insert_audit(tx, audit, now)?;
            quarantine::lift(tx, agent)?
        }
        Write::Held(agent) => quarantine::hold(tx, agent, now)?,
        Write::Drained(agent) => quarantine::drained(tx, agent)?,
        Write::Swept(sweep) => spent::swept(tx, sweep)?,
        Write::Condense => curves::condense(tx, now)?,
        Write::Rebuild(id) => {
            let differed = rebuild::rebuild(tx, id)?;
            touched.request(*id);
            return Ok(WriteOutcome::Differed(differed));
        }
    };
    Ok(if changed == 0 { WriteOutcome::Duplicate } else { WriteOutcome::Inserted })
}
