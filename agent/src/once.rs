//! A sealed request without a broker: the offline collector, and what benches call.
//!
//! The same path as always (trust, journal, session, outbox), with a journal in memory and a printer in the place
//! of the broker. Rows go to `out`, nothing else does.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::ids::{AgentId, FleetId};
use common::limits::{REQUEST_BYTES_MAX, RESULT_BYTES_MAX, ROW_CHUNK_BYTES_MAX};
use common::profile::Scope;
use common::request::Sealed;
use common::result::rows::unpack;
use common::result::{Row, RowChunk, State, Status};
use common::wire::{self, WireError};
use tokio_util::sync::CancellationToken;

use crate::core::{Core, Parts, lock};
use crate::dispatch::dispatch;
use crate::identity::Identity;
use crate::intake::Source;
use crate::journal::{Journal, JournalError};
use crate::policy::Policy;
use crate::runner::Collectors;

/// Whom to trust and what to allow.
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

/// Runs the request in `bytes`, hands each row to `print`, and returns the final status.
pub async fn once(
    bytes: &[u8],
    trusted: Trusted,
    stop: impl Future<Output = ()>,
    print: &mut dyn FnMut(&Row) -> io::Result<()>,
) -> Result<Status, OnceError> {
    let sealed: Sealed = wire::decode(bytes, REQUEST_BYTES_MAX + ROW_CHUNK_BYTES_MAX)?;
    let named = || {
        let body: Result<common::request::Body, _> = wire::decode(&sealed.body, REQUEST_BYTES_MAX);
        body.map(|body| body.fleet)
    };
    let fleet = trusted.fleet.map_or_else(named, Ok)?;
    let scope = Scope::AgentAndUntagged(trusted.agent.clone());
    let clock = Clock::system();
    let core = Arc::new(Core::new(
        Parts {
            agent: trusted.agent,
            fleet,
            root: trusted.root,
            identity: Identity::of_this_machine(),
            labels: std::collections::BTreeMap::new(),
            policy: trusted.policy,
            clock: clock.clone(),
            journal: Journal::in_memory()?,
        },
        Box::new(Collectors { scope, clock }),
    )?);
    lock(&core.admission).open();
    core.take(&sealed, Source::Directed)?;
    let token = CancellationToken::new();
    let printed = async {
        let mut stop = std::pin::pin!(stop);
        let mut is_stopped = false;
        let last = loop {
            if let Some(status) = drain(&core, print)? {
                break status;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
                () = &mut stop, if !is_stopped => {
                    for run in lock(&core.runs).values() {
                        run.session.halt(crate::session::Stop::Cancelled);
                    }
                    is_stopped = true;
                }
            }
        };
        token.cancel();
        Ok(last)
    };
    let (last, ()) = tokio::join!(printed, dispatch(Arc::clone(&core), token.clone()));
    last
}

/// Prints the chunks that are there; returns the last word once everything before it is printed.
fn drain(
    core: &Core,
    print: &mut dyn FnMut(&Row) -> io::Result<()>,
) -> Result<Option<Status>, OnceError> {
    let none = BTreeSet::new();
    let mut last = None;
    // The status first: what it counts is then surely among the chunks.
    while let Some(message) = core.journal.outbox_next(false, &none)? {
        let status: Status = wire::decode(&message.body, RESULT_BYTES_MAX)?;
        core.journal.outbox_confirmed(&message)?;
        if status.state.is_final() {
            last = Some(status);
        }
    }
    while let Some(message) = core.journal.outbox_next(true, &none)? {
        if message.kind == "rows.chunk" {
            let chunk: RowChunk = wire::decode(&message.body, RESULT_BYTES_MAX)?;
            for row in unpack(&chunk.body, chunk.rows)? {
                print(&row)?;
            }
        }
        core.journal.outbox_confirmed(&message)?;
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

/// Writes a row as one JSON object.
pub fn jsonl(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let mut object = serde_json::Map::new();
    put_path(&mut object, "path", &row.path);
    object.insert("kind".to_owned(), row.kind.as_str().into());
    object.insert("status".to_owned(), row.status.as_str().into());
    object.insert("errno".to_owned(), row.errno.into());
    object.insert("size".to_owned(), row.size.into());
    for (name, ns) in [("mtime", row.mtime_ns), ("ctime", row.ctime_ns), ("atime", row.atime_ns)] {
        object.insert(name.to_owned(), time(ns).into());
    }
    object.insert("btime".to_owned(), row.btime_ns.map(time).into());
    let numbers = [("mode", row.mode), ("uid", row.uid), ("gid", row.gid)];
    object.extend(numbers.map(|(name, n)| (name.to_owned(), n.into())));
    let numbers = [("nlink", row.nlink), ("dev", row.dev), ("ino", row.ino)];
    object.extend(numbers.map(|(name, n)| (name.to_owned(), n.into())));
    if let Some(target) = &row.link_target {
        put_path(&mut object, "link_target", target);
    }
    for (kind, digest) in &row.digests {
        object.insert(kind.as_str().to_owned(), common::hex::encode(digest).into());
    }
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}

/// Writes a row as a line for people; what a file name may hold is escaped.
pub fn table(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let digests = row.digests.iter().map(|(_, digest)| common::hex::encode(digest));
    let digests = digests.collect::<Vec<_>>().join(" ");
    let path = String::from_utf8_lossy(&row.path);
    let path: String = path.chars().flat_map(escaped).collect();
    writeln!(out, "{:<12} {:>12} {digests} {path}", row.status.as_str(), row.size)
}

/// Control and bidirectional characters as escapes, everything else as it is.
fn escaped(c: char) -> Vec<char> {
    let is_bidi =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || is_bidi { c.escape_unicode().collect() } else { vec![c] }
}

fn put_path(object: &mut serde_json::Map<String, serde_json::Value>, name: &str, path: &[u8]) {
    use base64::Engine as _;
    object.insert(name.to_owned(), String::from_utf8_lossy(path).into());
    if std::str::from_utf8(path).is_err() {
        let exact = base64::engine::general_purpose::STANDARD.encode(path);
        object.insert(format!("{name}_b64"), exact.into());
    }
}

fn time(ns: i64) -> String {
    common::clock::Timestamp(ns.div_euclid(1_000_000)).to_string()
}
