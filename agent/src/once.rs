//! A sealed request without a broker: the offline collector, and what benches call.
//!
//! The same path as always (trust, journal, admission, session), with a journal in memory; rows are printed in the
//! place of the outbox, without being packed for a journey that they do not make.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use muster_profiler::Scope;
use muster_protocol::artifact::{self, RowRef, Value, json};
use muster_protocol::clock::{Clock, Nanoseconds};
use muster_protocol::hex;
use muster_protocol::ids::{AgentId, FleetId};
use muster_protocol::limits::{REQUEST_BYTES_MAX, RESULT_BYTES_MAX};
use muster_protocol::request::Bundle;
use muster_protocol::result::{Footer, State, Status};
use muster_protocol::wire::{self, WireError};
use muster_runtime::escape;
use tokio_util::sync::CancellationToken;

use crate::core::{Core, Parts, lock};
use crate::dispatch::dispatch;
use crate::hash_cache::HashCache;
use crate::identity::Identity;
use crate::intake::Source;
use crate::journal::{Journal, JournalError};
use crate::policy::Policy;
use crate::runner::Collectors;
use crate::session::printer::{Format, Printed, printer};

/// Which keys to trust, what to allow, and what to remember.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// The agent that answers; its id is what targets are matched on.
    pub agent: AgentId,
    /// The fleet; `None` takes the one that the request names, for a root signs for one fleet only.
    pub fleet: Option<FleetId>,
    /// The fleet root's public key.
    pub root: [u8; 32],
    /// What this machine allows.
    pub policy: Policy,
    /// The folder with what is known of files that were hashed before.
    pub cache: Option<PathBuf>,
}

/// Why a sealed request could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// Not a sealed request.
    #[error(
        "this is no sealed request\n  cause: {0}\n  try:   make one with `muster hunt seal … --out FILE`"
    )]
    NotSealed(#[from] WireError),
    /// The journal in memory.
    #[error("out of memory for results: {0}")]
    Journal(#[from] JournalError),
    /// The reader of the rows is gone, or the disk behind it is full.
    #[error("cannot write rows\n  cause: {0}\n  try:   check the disk or the pipe behind stdout")]
    Output(#[from] io::Error),
}

/// Runs the request in `file`, writes each row to `out`, and returns the final status.
pub async fn once(
    file: impl Read,
    trusted: Trusted,
    stop: impl Future<Output = ()>,
    format: Format,
    out: &mut dyn Write,
) -> Result<Status, OnceError> {
    let records = Bundle::records(file)?;
    let named = || {
        let start = records.last().map_or(&[][..], |start| start.body.as_slice());
        let body: Result<muster_protocol::request::Body, _> =
            wire::decode(start, REQUEST_BYTES_MAX);
        body.map(|body| body.fleet)
    };
    let fleet = trusted.fleet.map_or_else(named, Ok)?;
    let scope = Scope::AgentAndUntagged(trusted.agent.clone());
    let clock = Clock::system();
    let identity = Identity::of_this_machine();
    let cache = trusted.cache.map(|folder| HashCache::new(folder, identity.machine_id.clone()));
    let agent = Parts {
        agent: trusted.agent,
        fleet,
        root: trusted.root,
        identity,
        labels: std::collections::BTreeMap::new(),
        // There is no coordinator to send files to.
        policy: Policy { max_upload_bytes: None, ..trusted.policy },
        clock: clock.clone(),
        journal: Journal::in_memory()?,
    };
    let collectors = Collectors { scope, clock, sampler: crate::telemetry::sample };
    let mut core = Core::new(agent, Box::new(collectors))?;
    let (printer, printed) = printer(format);
    core.printer = Some(printer);
    core.cache = cache.map(Arc::new);
    let core = Arc::new(core);
    lock(&core.admission).open();
    for request in records {
        core.take(&request, Source::Directed)?;
    }
    let token = CancellationToken::new();
    let written = async {
        // Also when writing fails: without it the lanes would go on without a reader.
        let _ended = token.clone().drop_guard();
        write_all(&core, printed, stop, out).await
    };
    let (last, ()) = tokio::join!(written, dispatch(Arc::clone(&core), token.clone()));
    last
}

/// Writes rows as they come; returns the final status once everything before it is written.
async fn write_all(
    core: &Core,
    mut printed: Printed,
    stop: impl Future<Output = ()>,
    out: &mut dyn Write,
) -> Result<Status, OnceError> {
    let mut stop = std::pin::pin!(stop);
    let mut is_stopped = false;
    let mut changes = core.journal.outbox_changes();
    loop {
        changes.borrow_and_update();
        if let Some(last) = final_status(core)? {
            // The thread that set it had handed over everything before.
            while let Ok(piece) = printed.try_next() {
                out.write_all(&piece)?;
            }
            return Ok(last);
        }
        tokio::select! {
            biased;
            () = &mut stop, if !is_stopped => {
                for run in lock(&core.runs).values() {
                    run.session.request_stop(crate::session::Stop::Cancelled);
                }
                is_stopped = true;
            }
            Some(piece) = printed.next() => {
                out.write_all(&piece)?;
                printed.give_back(piece);
            }
            // The journal lives as long as the core.
            _ = changes.changed() => {}
        }
    }
}

/// Takes the statuses off the outbox and returns the final one, if it is there.
fn final_status(core: &Core) -> Result<Option<Status>, OnceError> {
    let mut last = None;
    for is_chunks in [false, true] {
        while let Some(message) = core.journal.outbox_next(is_chunks, &BTreeSet::new())? {
            core.journal.outbox_confirmed(&message)?;
            if !is_chunks {
                let status: Status = wire::decode(&message.body, RESULT_BYTES_MAX)?;
                last = Some(status).filter(|status| status.state.is_final()).or(last);
            }
        }
    }
    Ok(last)
}

/// Returns the exit code that a final status means.
pub fn exit_code(status: &Status) -> u8 {
    match (status.state, status.code.as_str()) {
        (State::Finished, _) => 0,
        (State::Declined, "not_matched") => 3,
        (State::Declined, _) => 77,
        (State::Failed, "timeout") => 124,
        _ => 2,
    }
}

/// Shows a footer with that of its artifact laid open.
pub fn footer_json(footer: &Footer) -> serde_json::Result<serde_json::Value> {
    let mut shown = serde_json::to_value(footer)?;
    if let (Some(own), Some(artifact)) = (&footer.artifact, shown.get_mut("artifact"))
        && let Some(artifact) = artifact.as_object_mut()
    {
        artifact.remove("body");
        let known = artifact::find(&own.artifact);
        let opened = known.and_then(|known| known.footer_json(&own.body).ok());
        artifact.insert("footer".to_owned(), opened.unwrap_or_default());
    }
    Ok(shown)
}

/// Writes a row as one JSON object on a line.
pub fn jsonl(row: &RowRef<'_>, text: &mut Vec<u8>) -> io::Result<()> {
    json::object(row, text)?;
    text.push(b'\n');
    Ok(())
}

/// Writes a row as one JSON object of which a terminal obeys nothing.
pub fn jsonl_on_screen(row: &RowRef<'_>, text: &mut Vec<u8>) -> io::Result<()> {
    let mut line = Vec::new();
    jsonl(row, &mut line)?;
    text.extend_from_slice(
        muster_runtime::escape::json(&String::from_utf8_lossy(&line)).as_bytes(),
    );
    Ok(())
}

/// Writes a row as a line for people, of the columns that its schema names for it; what a file name may hold is escaped.
pub fn table(row: &RowRef<'_>, text: &mut Vec<u8>) -> io::Result<()> {
    for (n, name) in row.schema().table.iter().enumerate() {
        if n > 0 {
            text.push(b' ');
        }
        match row.get(name) {
            _ if *name == "digest" => {
                let digests: Vec<_> =
                    row.digests().map(|(_, digest)| hex::encode(digest)).collect();
                text.extend_from_slice(digests.join(" ").as_bytes());
            }
            Value::Word(word) => write!(text, "{word:<12}")?,
            Value::Signed(number) => write!(text, "{number:>12}")?,
            Value::Unsigned(number) => write!(text, "{number:>12}")?,
            Value::Bytes(bytes) => text.extend_from_slice(escape::bytes(bytes).as_bytes()),
            Value::Bool(is_so) => write!(text, "{is_so}")?,
            Value::Time(ns) => write!(text, "{}", Nanoseconds(ns))?,
            Value::Digest(_) | Value::Nothing => text.push(b'-'),
        }
    }
    text.push(b'\n');
    Ok(())
}
