//! Kinds that are no stacks but documents: what runs, what it costs, what was said. JSON, as it is shown.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

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
#[derive(Debug, Serialize)]
pub(super) struct Tasks {
    pub(super) moments: Vec<Moment>,
}

/// What runs in a process at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Moment {
    /// When, in milliseconds since 1970.
    at: Timestamp,
    threads: Vec<Thread>,
    threads_left_out: usize,
    tasks: Vec<Task>,
    collections: Vec<Collection>,
}

/// The threads of this process.
#[derive(Debug)]
pub(super) struct Threads {
    list: Vec<Thread>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct Thread {
    tid: u32,
    name: String,
    /// The kernel's letter: `R` running, `S` waiting, `D` waiting uninterruptibly, …
    state: String,
    /// The system call that it waits in.
    syscall: String,
    /// Where in the kernel, when that may be known.
    wchan: String,
    /// The kernel's stack, innermost first, when that may be known.
    stack: Vec<String>,
    cpu_ms: u64,
}

#[derive(Debug, Serialize)]
struct Task {
    name: &'static str,
    age_ms: u64,
    polls: u64,
    busy_ms: u64,
    /// Since the last poll; `null` while it is polled.
    idle_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Collection {
    request: String,
    state: String,
    age_ms: u64,
    seen: u64,
    hashed: u64,
    bytes: u64,
    cpu_ms: u64,
    throttled_ms: u64,
    path: String,
}

/// What a process costs: at the beginning, since its start; at the end, rates over the window.
#[derive(Debug, Serialize)]
pub(super) struct Metrics {
    pub(super) moments: Vec<Figures>,
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    at: Timestamp,
    version: String,
    cpu_percent: f64,
    rss_bytes: u64,
    threads: u32,
    fds: u32,
    read_bytes: u64,
    written_bytes: u64,
    read_bytes_per_s: u64,
    written_bytes_per_s: u64,
    outbox_messages: u64,
    outbox_bytes: u64,
    journal_full: bool,
    stream_offset: Option<u64>,
    collections: usize,
}

/// What was logged last.
#[derive(Debug, Serialize)]
pub(super) struct Logs {
    lines: Vec<String>,
    forgotten: u64,
}

impl Threads {
    /// Looks at every thread of this process. Waits for nobody.
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
            name: task.name,
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
