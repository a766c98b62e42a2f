//! `muster profile show --kind`: what a process told of itself, which is no profile of stacks.

use muster_profiler::documents::{Collection, Figures, Logs, Metrics, Moment, Task, Tasks, Thread};
use muster_protocol::request::profile::ProfileKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::locate;
use super::views::Of;
use crate::Context;
use crate::args::profile::{Blob, Show as Flags};
use crate::failure::{Exit, Failure};
use crate::output::listing::table;
use crate::output::{Column, Document, Format, Show, escape};

const THREADS: &[Column<Placed>] = &[
    Column::new("tid", "tid", Show::Right, |one| one.thread.tid.into()),
    Column::new("thread", "name", Show::Text, |one| (&one.thread.name).into()),
    Column::new("state", "state", Show::Text, |one| (&one.thread.state).into()),
    Column::new("system call", "syscall", Show::Text, |one| (&one.thread.syscall).into()),
    Column::new("in the kernel", "kernel", Show::Text, |one| (&one.kernel).into()),
    Column::new("cpu", "cpu_ms", Show::Duration, |one| one.thread.cpu_ms.into()),
];

const TASKS: &[Column<Task>] = &[
    Column::new("task", "name", Show::Text, |one| one.name.as_ref().into()),
    Column::new("age", "age_ms", Show::Duration, |one| one.age_ms.into()),
    Column::new("polls", "polls", Show::Count, |one| one.polls.into()),
    Column::new("busy", "busy_ms", Show::Duration, |one| one.busy_ms.into()),
    Column::new("idle", "idle_ms", Show::Duration, |one| one.idle_ms.into()),
];

/// A thread, with where it is in the kernel, innermost first.
#[derive(Debug, Serialize)]
struct Placed {
    #[serde(flatten)]
    thread: Thread,
    kernel: String,
}

/// Functions of a kernel stack that a table shows.
const KERNEL_SHOWN: usize = 4;

const COLLECTIONS: &[Column<Collection>] = &[
    Column::new("request", "request", Show::Text, |one| (&one.request).into()),
    Column::new("state", "state", Show::Text, |one| (&one.state).into()),
    Column::new("age", "age_ms", Show::Duration, |one| one.age_ms.into()),
    Column::new("seen", "seen", Show::Count, |one| one.seen.into()),
    Column::new("hashed", "hashed", Show::Count, |one| one.hashed.into()),
    Column::new("read", "bytes", Show::Bytes, |one| one.bytes.into()),
    Column::new("cpu", "cpu_ms", Show::Duration, |one| one.cpu_ms.into()),
    Column::new("waited", "throttled_ms", Show::Duration, |one| one.throttled_ms.into()),
    Column::new("path", "path", Show::Text, |one| (&one.path).into()),
];

const FIGURES: &[Column<Figures>] = &[
    Column::new("at", "at", Show::Time, |one| one.at.0.into()),
    Column::new("version", "version", Show::Text, |one| (&one.version).into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |one| one.cpu_percent.into()),
    Column::new("memory", "rss_bytes", Show::Bytes, |one| one.rss_bytes.into()),
    Column::new("threads", "threads", Show::Count, |one| one.threads.into()),
    Column::new("files", "fds", Show::Count, |one| one.fds.into()),
    Column::new("read", "read_bytes", Show::Bytes, |one| one.read_bytes.into()),
    Column::new("read/s", "read_bytes_per_s", Show::Bytes, |one| one.read_bytes_per_s.into()),
    Column::new("written", "written_bytes", Show::Bytes, |one| one.written_bytes.into()),
    Column::new("written/s", "written_bytes_per_s", Show::Bytes, |one| {
        one.written_bytes_per_s.into()
    }),
    Column::new("outbox", "outbox_messages", Show::Count, |one| one.outbox_messages.into()),
    Column::new("outbox size", "outbox_bytes", Show::Bytes, |one| one.outbox_bytes.into()),
    Column::new("journal full", "journal_full", Show::Text, |one| one.journal_full.into()),
    Column::new("stream offset", "stream_offset", Show::Count, |one| one.stream_offset.into()),
    Column::new("collections", "collections", Show::Count, |one| one.collections.into()),
];

pub(super) fn show(context: &Context, flags: &Flags, kind: ProfileKind) -> Result<Exit, Failure> {
    if kind.has_stacks() {
        let next = format!("muster profile top {} --kind {kind}", flags.profile);
        let cause = format!("{kind} is a profile of stacks");
        return Err(Failure::new(Exit::Usage, "nothing to show as text", cause, &next));
    }
    let client = context.client()?;
    let (profile, agent) = (flags.profile.clone(), flags.agent.clone());
    let blob = Blob { profile, agent, kind: Some(kind), value: None };
    let (id, agent) = locate(&client, &blob)?;
    let raw = client.bytes(&Of::new(&id, &agent).with("kind", Some(kind.as_str())).view("raw"))?;
    match kind {
        ProfileKind::Tasks => {
            let document = decoded::<Tasks>(&raw, &id, kind)?;
            print(context, &document, |tasks| print_tasks(context, &tasks.moments))?;
        }
        ProfileKind::Metrics => {
            let document = decoded::<Metrics>(&raw, &id, kind)?;
            print(context, &document, |metrics| {
                let moments = metrics.moments.iter().cloned();
                context.out.list(FIGURES, &Document::of_all(moments)?)
            })?;
        }
        _ => {
            let document = decoded::<Logs>(&raw, &id, kind)?;
            print(context, &document, |logs| print_logs(context, logs))?;
        }
    }
    Ok(Exit::Done)
}

fn decoded<T: DeserializeOwned>(
    raw: &[u8],
    id: &str,
    kind: ProfileKind,
) -> Result<Document<T>, Failure> {
    serde_json::from_slice(raw).map_err(|error| {
        let next = format!("muster profile export {id} --kind {kind} -o -");
        Failure::new(Exit::Bug, "the agent sent no such document", error.to_string(), &next)
    })
}

/// Prints a document as it came where JSON is asked for.
fn print<T>(
    context: &Context,
    document: &Document<T>,
    otherwise: impl FnOnce(&T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    match context.out.format {
        Format::Json => context.out.json(&document.json),
        _ => otherwise(&document.view),
    }
}

/// Prints what ran at the beginning and at the end; for machines the threads of the end.
fn print_tasks(context: &Context, moments: &[Moment]) -> Result<(), Failure> {
    if context.out.format != Format::Table {
        let last = moments.last().map(threads).unwrap_or_default();
        return context.out.list(THREADS, &Document::of_all(last)?);
    }
    for (moment, when) in moments.iter().zip(["at the beginning:", "at the end:"]) {
        context.out.line(when)?;
        context.out.text(&table(THREADS, &threads(moment)))?;
        if moment.threads_left_out > 0 {
            context.out.line(&format!("and {} more threads", moment.threads_left_out))?;
        }
        context.out.line("")?;
        context.out.text(&table(TASKS, &moment.tasks))?;
        context.out.line("")?;
        if moment.collections.is_empty() {
            context.out.line("no collection in flight\n")?;
        } else {
            context.out.text(&table(COLLECTIONS, &moment.collections))?;
            context.out.line("")?;
        }
    }
    Ok(())
}

fn threads(moment: &Moment) -> Vec<Placed> {
    let placed = moment.threads.iter().cloned().map(|thread| {
        let stack: Vec<_> = thread.stack.iter().take(KERNEL_SHOWN).map(String::as_str).collect();
        let kernel = if stack.is_empty() { thread.wchan.clone() } else { stack.join(" < ") };
        Placed { thread, kernel }
    });
    placed.collect()
}

fn print_logs(context: &Context, logs: &Logs) -> Result<(), Failure> {
    for line in &logs.lines {
        context.out.line(&escape::text(line))?;
    }
    if logs.forgotten > 0 {
        context.out.note(&format!("{} earlier lines are not kept", logs.forgotten));
    }
    Ok(())
}
