//! Kinds that are no stacks but documents: what runs, what it costs, what was said. JSON, as it is shown.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::capture::ProcessReport;
use crate::encode::FAULT;
use crate::wall::Place;
use crate::{sys, syscalls};
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::PROFILE_TASKS_THREADS_MAX;
use muster_protocol::result::Telemetry;
use muster_runtime::tasks::Running;
use muster_runtime::trace;

/// What runs in a process, at the beginning of a window and at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    /// At the beginning of the window, and at its end.
    pub moments: Vec<Moment>,
}

/// What runs in a process at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When, in milliseconds since 1970.
    pub at: Timestamp,
    /// The threads; of very many the first.
    pub threads: Vec<Thread>,
    /// How many more there were.
    pub threads_left_out: usize,
    /// The tasks of the async runtime.
    pub tasks: Vec<Task>,
    /// The collections that the process carries out.
    pub collections: Vec<Collection>,
}

/// The threads of this process.
#[derive(Debug)]
pub(super) struct Threads {
    list: Vec<Thread>,
    left_out: usize,
}

/// A thread of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// Its id in the kernel.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// The kernel's letter: `R` running, `S` waiting, `D` waiting uninterruptibly, …
    pub state: String,
    /// The system call that it waits in.
    pub syscall: String,
    /// Where in the kernel, when that may be known.
    pub wchan: String,
    /// The kernel's stack, innermost first, when that may be known.
    pub stack: Vec<String>,
    /// CPU time since it began.
    pub cpu_ms: u64,
}

/// A task of the async runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What it is for.
    pub name: Cow<'static, str>,
    /// Since it was spawned.
    pub age_ms: u64,
    /// How often it was polled.
    pub polls: u64,
    /// Time within polls.
    pub busy_ms: u64,
    /// Since the last poll; `null` while it is polled.
    pub idle_ms: Option<u64>,
}

/// A collection at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collection {
    /// The request.
    pub request: String,
    /// `queued` or `running`.
    pub state: String,
    /// Since it began.
    pub age_ms: u64,
    /// Entries seen.
    pub seen: u64,
    /// Files hashed.
    pub hashed: u64,
    /// File bytes read.
    pub bytes: u64,
    /// CPU of its own threads.
    pub cpu_ms: u64,
    /// Time it waited.
    pub throttled_ms: u64,
    /// Where it is, lossily.
    pub path: String,
}

/// What a process costs: at the beginning, since its start; at the end, rates over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// At the beginning of the window, and at its end.
    pub moments: Vec<Figures>,
}

/// What a process costs at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// When, in milliseconds since 1970.
    pub at: Timestamp,
    /// Version of the program.
    pub version: String,
    /// CPU in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Open file descriptors.
    pub fds: u32,
    /// Bytes read since its start.
    pub read_bytes: u64,
    /// Bytes written since its start.
    pub written_bytes: u64,
    /// Bytes read a second.
    pub read_bytes_per_s: u64,
    /// Bytes written a second.
    pub written_bytes_per_s: u64,
    /// Messages that wait in its outbox.
    pub outbox_messages: u64,
    /// Their size.
    pub outbox_bytes: u64,
    /// Whether it cannot write its journal.
    pub journal_full: bool,
    /// How far it has read the stream of requests.
    pub stream_offset: Option<u64>,
    /// How many collections wait or run.
    pub collections: usize,
}

/// What was logged last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// The lines, the oldest first.
    pub lines: Vec<String>,
    /// How many earlier lines are not kept.
    pub forgotten: u64,
}

impl Threads {
    /// Looks at every thread of this process, without waiting for any.
    pub(super) fn now() -> std::io::Result<Self> {
        let tasks = std::fs::read_dir("/proc/self/task")?;
        let tids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
        let mut tids: Vec<u32> = tids.collect();
        tids.sort_unstable();
        let left_out = tids.len().saturating_sub(PROFILE_TASKS_THREADS_MAX);
        tids.truncate(PROFILE_TASKS_THREADS_MAX);
        Ok(Self { list: tids.into_iter().filter_map(Thread::of).collect(), left_out })
    }
}

impl Moment {
    /// Puts the threads beside what the process tells of itself.
    pub(super) fn of(threads: Threads, said: &ProcessReport) -> Self {
        let ProcessReport { telemetry, tasks: running } = said;
        let collections = telemetry.collections.iter().map(|one| Collection {
            request: one.request.to_string(),
            state: one.state.clone(),
            age_ms: one.age_ms,
            seen: one.seen,
            hashed: one.hashed,
            bytes: one.bytes,
            cpu_ms: one.cpu_ms,
            throttled_ms: one.throttled_ms,
            path: String::from_utf8_lossy(&one.path).into_owned(),
        });
        Self {
            at: telemetry.at,
            threads: threads.list,
            threads_left_out: threads.left_out,
            tasks: running.iter().map(Task::of).collect(),
            collections: collections.collect(),
        }
    }
}

impl Thread {
    /// Looks at one; `None` when it is gone.
    fn of(tid: u32) -> Option<Self> {
        let folder = format!("/proc/self/task/{tid}");
        let read = |name| std::fs::read_to_string(Path::new(&folder).join(name)).ok();
        let stat = read("stat")?;
        // The name stands in parentheses and may hold any of them.
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|word| word.parse::<u64>().ok());
        let ticks = ticks(11)?.saturating_add(ticks(12)?);
        let place = read("syscall").and_then(|line| line.parse::<Place>().ok());
        let syscall = place.map(|place| place.call.map_or(FAULT.into(), syscalls::name));
        let stack = read("stack").unwrap_or_default();
        let wchan = read("wchan").filter(|wchan| wchan != "0").unwrap_or_default();
        Some(Self {
            tid,
            name: read("comm")?.trim_end().to_owned(),
            state: (*fields.first()?).to_owned(),
            syscall: syscall.unwrap_or_default().into_owned(),
            wchan,
            stack: stack.lines().filter_map(kernel_function).collect(),
            cpu_ms: ticks.saturating_mul(1_000) / sys::ticks_per_second().max(1),
        })
    }
}

/// Returns the function of a line of a kernel stack: `[<0>] futex_wait+0x6a/0xd0`.
fn kernel_function(line: &str) -> Option<String> {
    let (_, place) = line.split_once("] ")?;
    place.split('+').next().map(str::to_owned)
}

impl Task {
    fn of(task: &Running) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: Cow::Borrowed(task.name),
            age_ms: ms(task.age),
            polls: task.polls,
            busy_ms: ms(task.busy),
            idle_ms: task.idle.map(ms),
        }
    }
}

impl From<&Telemetry> for Figures {
    fn from(said: &Telemetry) -> Self {
        Self {
            at: said.at,
            version: said.version.clone(),
            cpu_percent: said.cpu_percent,
            rss_bytes: said.rss_bytes,
            threads: said.threads,
            fds: said.fds,
            read_bytes: said.read_bytes,
            written_bytes: said.written_bytes,
            read_bytes_per_s: said.read_bytes_per_s,
            written_bytes_per_s: said.written_bytes_per_s,
            outbox_messages: said.outbox_messages,
            outbox_bytes: said.outbox_bytes,
            journal_full: said.journal_full,
            stream_offset: said.stream_offset,
            collections: said.collections.len(),
        }
    }
}

impl Logs {
    /// Takes what is kept.
    pub(super) fn now() -> Self {
        let recent = trace::recent();
        Self { lines: recent.lines, forgotten: recent.forgotten }
    }
}
