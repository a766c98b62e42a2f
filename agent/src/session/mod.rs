//! The only way out of a collector.
//!
//! A collector is synchronous code on its own threads that sees its arguments and a session, nothing else.
//! The session alone enforces limits, cancels, accounts CPU and makes results durable, so a collector
//! holds no limit code and is tested by plain calls with a session that only remembers.

pub mod batch;
pub mod bucket;
pub mod cache;
pub mod fake;
pub mod fake_cache;
mod list;
pub mod live;
mod meter;
pub mod printer;
mod stop;
mod sys;
mod ticks;
pub mod upload;

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_profiler::Captured;
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::ids::RequestId;
use muster_protocol::result::ArtifactFooter;
use muster_protocol::wire::WireError;

use self::batch::Batch;
use self::cache::Cache;
use self::upload::{Content, Read, Sent};

/// Why a collector must stop. It returns this as soon as it sees it, from every thread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The operator cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The request's time is over.
    #[error("timed out after {0} s")]
    TimedOut(u32),
    /// A limit of the request that ends the run (rows, bytes) is reached.
    #[error("limit reached: {0}")]
    Limit(&'static str),
    /// Nothing has moved for too long, and no limit is the reason.
    #[error("nothing has moved for {0} s")]
    Stuck(u64),
    /// The process has no file descriptor left, or the kernel no memory, to open another file.
    #[error(
        "no file descriptor was free for {0} s: raise LimitNOFILE of the agent's service, or `ulimit -n`"
    )]
    NoDescriptors(u64),
    /// The agent shuts down; the collection goes on from its cursor at the next start.
    #[error("the agent shuts down")]
    Shutdown,
    /// The operator paused it; the collection goes on from its cursor when it is resumed.
    #[error("paused")]
    Paused,
    /// The journal is broken beyond waiting.
    #[error("journal: {0}")]
    Journal(String),
}

impl Stop {
    /// Returns whether another run goes on from the cursor: then nothing may be handed on that lies behind it.
    pub const fn is_resumed(&self) -> bool {
        matches!(self, Self::Shutdown | Self::Paused)
    }
}

/// How far a collection is. Only its collector knows what is in it; it becomes bytes when it becomes durable.
pub trait Checkpoint: Send + Sync + std::fmt::Debug {
    /// Returns where another run goes on: everything up to there is in the footer, and in the rows that were emitted
    /// before it.
    fn cursor(&self) -> Result<Vec<u8>, WireError>;

    /// Returns the figures up to there.
    fn footer(&self) -> Result<ArtifactFooter, WireError>;
}

/// What a collector is doing now, for telemetry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries seen.
    pub seen: u64,
    /// Files hashed.
    pub hashed: u64,
    /// File bytes read.
    pub bytes: u64,
    /// Where it is.
    pub path: Vec<u8>,
}

/// What tells one state of one file from any other: the content cannot change without this, short of a write to the disk
/// behind the kernel's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Size in bytes.
    pub size: u64,
    /// Change of content, nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Change of the inode, nanoseconds since 1970; a user cannot set it.
    pub ctime_ns: i128,
}

/// What is about to be spent, for the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Files that are opened.
    pub files: u32,
    /// Bytes that are read.
    pub bytes: u64,
}

/// How another collection of this agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// It has not begun; it may not be known yet.
    Pending,
    /// It runs.
    Running,
    /// It has ended, or never began here and never will.
    Ended,
}

/// What a thread can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A limit of the request: CPU, bytes or files a second.
    Limit,
    /// The outbox is full.
    Outbox,
    /// The journal cannot be written.
    Journal,
    /// Another thread of the collection.
    Peers,
    /// The kernel, to open a file or say what it is.
    Open,
    /// The kernel, to read a file.
    Read,
    /// The kernel, to list a folder.
    List,
    /// A processor: the thread was ready to run.
    Processor,
    /// Something that has no name here.
    Other,
}

impl Wait {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::Limit,
        Self::Outbox,
        Self::Journal,
        Self::Peers,
        Self::Open,
        Self::Read,
        Self::List,
        Self::Processor,
        Self::Other,
    ];

    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Outbox => "outbox",
            Self::Journal => "journal",
            Self::Peers => "peers",
            Self::Open => "open",
            Self::Read => "read",
            Self::List => "list",
            Self::Processor => "processor",
            Self::Other => "other",
        }
    }

    /// Returns the place in [`Wait::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A call that takes less did not wait: so long the kernel works on what it has at hand.
const WAIT_MIN: Duration = Duration::from_micros(50);

/// Makes a call that may block, and tells the session when it did.
pub fn blocking<T>(session: &dyn Session, why: Wait, call: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let value = call();
    let took = began.elapsed();
    if took >= WAIT_MIN {
        session.waited(why, took);
    }
    value
}

/// The clock of a thread that makes one call after the other: each takes the time since the one before, so that a call
/// costs one look at the clock and not two.
#[derive(Debug)]
pub struct Lap {
    at: Instant,
}

impl Lap {
    /// Begins with now.
    pub fn begin() -> Self {
        Self { at: Instant::now() }
    }

    /// Restarts, and returns the time that has passed; it is not attributed to anything.
    pub fn restart(&mut self) -> Duration {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.at);
        self.at = now;
        took
    }

    /// Ends a call that may have blocked, and tells the session when it did; see [`blocking`].
    pub fn ends(&mut self, session: &dyn Session, why: Wait) {
        let took = self.restart();
        if took >= WAIT_MIN {
            session.waited(why, took);
        }
    }

    /// Returns the last look at the clock.
    pub fn at(&self) -> Instant {
        self.at
    }
}

/// Marks the calling thread as working for the collection until it is dropped: CPU accounting, profile
/// tag, priority.
#[derive(Debug)]
pub struct ThreadScope<'a> {
    leave: Option<&'a dyn Leave>,
}

/// What a session does when one of its threads ends; implemented by sessions.
pub trait Leave: std::fmt::Debug {
    /// Ends the accounting of the calling thread.
    fn leave(&self);
}

impl<'a> ThreadScope<'a> {
    /// Makes a scope that tells `leave` at its end.
    pub fn new(leave: Option<&'a dyn Leave>) -> Self {
        Self { leave }
    }
}

impl Drop for ThreadScope<'_> {
    fn drop(&mut self) {
        if let Some(leave) = self.leave {
            leave.leave();
        }
    }
}

/// What a collector may do. Shared by all threads of one collection.
pub trait Session: Sync {
    /// Returns the cursor at which an earlier run of this attempt stopped, `None` at the first.
    fn resume(&self) -> Option<Vec<u8>>;

    /// Enters the calling thread into the collection. Every thread of a collector begins with it; a thread that was
    /// entered before stays entered as long as the first scope.
    fn enter_thread(&self) -> ThreadScope<'_>;

    /// Fails when the collection must stop. Cheap: to be called at least once per 64 KiB read and per entry.
    fn check(&self) -> Result<(), Stop>;

    /// Takes a cost into the accounts of the limits, and returns until when the calling thread must [`Self::pause`] for
    /// it. Fails when the request does not allow it. To be called before the spending, at least once a file and once
    /// per 1 MiB within a file.
    fn ask(&self, cost: Cost) -> Result<Option<Instant>, Stop>;

    /// Waits until then, or until the collection must stop.
    fn pause(&self, until: Instant) -> Result<(), Stop>;

    /// Waits until the limits allow the cost, or the collection must stop.
    fn spend(&self, cost: Cost) -> Result<(), Stop> {
        self.ask(cost)?.map_or(Ok(()), |until| self.pause(until))
    }

    /// Ends the collection: every thread hears it, and the first call counts.
    fn end(&self, stop: Stop);

    /// Notes which path the calling thread works on, before anything that may block. Cheap: a copy.
    fn set_current_path(&self, path: &[u8]);

    /// Notes what the calling thread has waited for; see [`blocking`].
    fn waited(&self, why: Wait, time: Duration);

    /// Returns how another request stands on this agent.
    fn standing(&self, request: RequestId) -> Result<RequestState, Stop>;

    /// Returns how many more rows the request allows.
    fn rows_left(&self) -> usize;

    /// Emits rows in order together with the checkpoint that includes them; from one thread at a time.
    /// Waits when the outbox is full. When the collection must stop, takes them all the same, and then fails: what was
    /// found until then counts.
    fn rows(&self, rows: Batch, at: Arc<dyn Checkpoint>) -> Result<(), Stop>;

    /// Emits rows from behind the last cursor, with the figures of all that was done: they become durable with the final
    /// status, and no run goes on from there. Once, and last: at the end of a collection that had to stop, or of one that
    /// cannot go on in its midst and begins again after the agent has died.
    fn last_rows(&self, rows: Batch, at: Arc<dyn Checkpoint>) -> Result<(), Stop>;

    /// Emits blobs whole, all of them or none; their footers go into the final status. Works also when
    /// the collection must stop: what was sampled until then counts.
    fn blobs(&self, blobs: Vec<Captured>) -> Result<(), Stop>;

    /// Sends the content of a file, piece by piece, as a blob of its own. A file that changes meanwhile never arrives
    /// whole. From one thread at a time, before the rows whose cursor passes the file.
    fn upload(&self, content: &Content<'_>, read: &mut Read<'_>) -> Result<Sent, Stop>;

    /// Notes where the collector is. Cheap; the last call counts.
    fn progress(&self, progress: Progress);

    /// Returns the list of hashes that came in parts, or what is wrong with it.
    fn list(&self, named: &SplitIocList) -> Result<Vec<IocList>, String>;

    /// Returns what is known of files that were hashed before, where anything is.
    fn cache(&self) -> Option<&dyn Cache>;
}
