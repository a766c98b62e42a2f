//! `muster profile show --kind`: what a process told of itself, which is no profile of stacks.

use muster_protocol::request::profile::ProfileKind;
use serde_json::Value;

use super::locate;
use super::views::Of;
use crate::Context;
use crate::args::profile::{Blob, Show as Flags};
use crate::failure::{Exit, Failure};
use crate::output::untyped::Column;
use crate::output::untyped::field;
use crate::output::{Format, Show, escape};

const THREADS: &[Column] = &[
    Column::new("tid", "tid", Show::Right),
    Column::new("thread", "name", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("system call", "syscall", Show::Text),
    Column::new("in the kernel", "kernel", Show::Text),
    Column::new("cpu", "cpu_ms", Show::Duration),
];

const TASKS: &[Column] = &[
    Column::new("task", "name", Show::Text),
    Column::new("age", "age_ms", Show::Duration),
    Column::new("polls", "polls", Show::Count),
    Column::new("busy", "busy_ms", Show::Duration),
    Column::new("idle", "idle_ms", Show::Duration),
];

/// Functions of a kernel stack that a table shows.
const KERNEL_SHOWN: usize = 4;

const COLLECTIONS: &[Column] = &[
    Column::new("request", "request", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("age", "age_ms", Show::Duration),
    Column::new("seen", "seen", Show::Count),
    Column::new("hashed", "hashed", Show::Count),
    Column::new("read", "bytes", Show::Bytes),
    Column::new("cpu", "cpu_ms", Show::Duration),
    Column::new("waited", "throttled_ms", Show::Duration),
    Column::new("path", "path", Show::Text),
];

const FIGURES: &[Column] = &[
    Column::new("at", "at", Show::Time),
    Column::new("version", "version", Show::Text),
    Column::new("cpu", "cpu_percent", Show::Percent),
    Column::new("memory", "rss_bytes", Show::Bytes),
    Column::new("threads", "threads", Show::Count),
    Column::new("files", "fds", Show::Count),
    Column::new("read", "read_bytes", Show::Bytes),
    Column::new("read/s", "read_bytes_per_s", Show::Bytes),
    Column::new("written", "written_bytes", Show::Bytes),
    Column::new("written/s", "written_bytes_per_s", Show::Bytes),
    Column::new("outbox", "outbox_messages", Show::Count),
    Column::new("outbox size", "outbox_bytes", Show::Bytes),
    Column::new("journal full", "journal_full", Show::Text),
    Column::new("stream offset", "stream_offset", Show::Count),
    Column::new("collections", "collections", Show::Count),
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
    let document: Value = serde_json::from_slice(&raw).map_err(|error| {
        let next = format!("muster profile export {id} --kind {kind} -o -");
        Failure::new(Exit::Bug, "the agent sent no such document", error.to_string(), &next)
    })?;
    if context.out.format == Format::Json {
        context.out.line(&format!("{document:#}"))?;
        return Ok(Exit::Done);
    }
    let moments = field(&document, "moments").as_array().map_or(&[][..], Vec::as_slice);
    match kind {
        ProfileKind::Tasks => tasks(context, moments)?,
        ProfileKind::Metrics => context.out.list_untyped(FIGURES, moments)?,
        _ => logs(context, &document)?,
    }
    Ok(Exit::Done)
}

/// Prints what ran at the beginning and at the end; for machines the threads of the end.
fn tasks(context: &Context, moments: &[Value]) -> Result<(), Failure> {
    if context.out.format != Format::Table {
        return context.out.list_untyped(THREADS, &threads(moments.last().unwrap_or(&Value::Null)));
    }
    for (moment, when) in moments.iter().zip(["at the beginning:", "at the end:"]) {
        context.out.line(when)?;
        context.out.list_untyped(THREADS, &threads(moment))?;
        if let Some(count @ 1..) = field(moment, "threads_left_out").as_u64() {
            context.out.line(&format!("and {count} more threads"))?;
        }
        context.out.line("")?;
        context.out.list_untyped(TASKS, &rows(moment, "tasks"))?;
        context.out.line("")?;
        let collections = rows(moment, "collections");
        if collections.is_empty() {
            context.out.line("no collection in flight\n")?;
        } else {
            context.out.list_untyped(COLLECTIONS, &collections)?;
            context.out.line("")?;
        }
    }
    Ok(())
}

fn rows(moment: &Value, name: &str) -> Vec<Value> {
    field(moment, name).as_array().cloned().unwrap_or_default()
}

/// Returns the threads, each with where it is in the kernel, innermost first.
fn threads(moment: &Value) -> Vec<Value> {
    let mut threads = rows(moment, "threads");
    for thread in &mut threads {
        let stack = rows(thread, "stack");
        let stack: Vec<_> = stack.iter().filter_map(Value::as_str).take(KERNEL_SHOWN).collect();
        let wchan = field(thread, "wchan").as_str().unwrap_or_default();
        let kernel = if stack.is_empty() { wchan.to_owned() } else { stack.join(" < ") };
        if let Some(thread) = thread.as_object_mut() {
            thread.insert("kernel".to_owned(), kernel.into());
        }
    }
    threads
}

fn logs(context: &Context, document: &Value) -> Result<(), Failure> {
    let lines = field(document, "lines").as_array().map_or(&[][..], Vec::as_slice);
    for line in lines {
        context.out.line(&escape::text(line.as_str().unwrap_or_default()))?;
    }
    if let Some(count @ 1..) = field(document, "forgotten").as_u64() {
        context.out.note(&format!("{count} earlier lines are not kept"));
    }
    Ok(())
}
