//! Requests that mean the coordinator itself: it is profiled by the same request as an agent, and what
//! comes of it is stored like an agent's result.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use muster_profiler::{Capture, Captured, Scope, capture};
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits::{BLOB_CHUNK_BYTES_MAX, RESULT_BYTES_MAX};
use muster_protocol::request::profile::ProfileStart;
use muster_protocol::request::sign::Opened;
use muster_protocol::request::{Args, Verb};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{BlobChunk, Footer, State, Status};
use muster_protocol::wire::{self, WireError};
use muster_runtime::process::Meter;
use serde_bytes::ByteBuf;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::core::Core;
use crate::ingest::blobs;
use crate::self_telemetry;
use crate::store::{Chunk, Piece, StoreError, Write, WriteOutcome};

/// Why nothing could be stored.
#[derive(Debug, thiserror::Error)]
enum SelfProfileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Carries one out. What is no profile is declined.
pub fn start(core: &Arc<Core>, opened: &Opened) {
    let request = opened.body.id;
    let shared = Arc::clone(core);
    match opened.args.clone() {
        Args::ProfileStart(args) => {
            if args.during.is_some() {
                let reason = "no hunt runs on the coordinator: profile it for a time instead";
                return decline(core, request, reason.to_owned());
            }
            if let Some(reason) = capture::unsupported(&args) {
                return decline(core, request, reason);
            }
            // Known before the answer goes out: a cancel may follow at once.
            let cancel = core.tasks.stop_signal().child_token();
            held(core).insert(request, cancel.clone());
            core.tasks.spawn("own profile", async move {
                logged(request, profile(&shared, request, &args, &cancel).await);
                held(&shared).remove(&request);
            });
        }
        Args::HuntStart(_) => {
            let reason = "the coordinator hunts on no machine, it can only be profiled";
            decline(core, request, reason.to_owned());
        }
        // What has ended is not held any more, and stays as it ended.
        Args::Control(control) => match (control.known(), held(core).get(&control.about)) {
            (Some(Verb::Cancel), Some(cancel)) => cancel.cancel(),
            (Some(Verb::Cancel), None)
            | (Some(Verb::Pause | Verb::Drain | Verb::Resume) | None, _) => {}
        },
        Args::TrustRevoke(_) | Args::ListPart(_) => {}
    }
}

fn decline(core: &Arc<Core>, request: RequestId, reason: String) {
    let shared = Arc::clone(core);
    core.tasks.spawn("own request", async move {
        let mut declined = status(&shared, request, State::Declined);
        "unsupported".clone_into(&mut declined.code);
        declined.reason = reason;
        logged(request, tell(&shared, declined).await);
    });
}

/// Ends as failed what an earlier run of this process began and this one cannot continue.
pub async fn abandon(core: &Core) -> Result<(), StoreError> {
    for request in core.read(crate::store::Reader::own_unfinished).await? {
        let mut failed = status(core, request, State::Failed);
        failed.chunks = Some(0);
        "restarted".clone_into(&mut failed.code);
        "the coordinator was restarted while it was sampled".clone_into(&mut failed.reason);
        core.writer.write(Write::Status(Box::new(failed))).await?;
    }
    Ok(())
}

fn held(core: &Core) -> MutexGuard<'_, BTreeMap<RequestId, CancellationToken>> {
    core.self_profiles.lock().unwrap_or_else(PoisonError::into_inner)
}

fn logged(request: RequestId, done: Result<(), SelfProfileError>) {
    if let Err(error) = done {
        warn!(%request, %error, "what became of a request to the coordinator is not stored");
    }
}

async fn profile(
    core: &Arc<Core>,
    request: RequestId,
    args: &ProfileStart,
    cancel: &CancellationToken,
) -> Result<(), SelfProfileError> {
    let is_stopping = core.tasks.stop_signal();
    let lane = tokio::select! {
        lane = core.profiles.acquire() => lane.ok(),
        () = cancel.cancelled() => None,
    };
    let Some(_lane) = lane else {
        // A coordinator that stops says it at its next start.
        if is_stopping.is_cancelled() {
            return Ok(());
        }
        return tell(core, cancelled(core, request, "cancelled before it began")).await;
    };
    let started = core.clock.now();
    tell(core, status(core, request, State::Started)).await?;
    let (captured, partial) = match sample(core, args, cancel).await {
        Ok(sampled) => sampled,
        Err(reason) => {
            let mut failed = status(core, request, State::Failed);
            failed.chunks = Some(0);
            "system".clone_into(&mut failed.code);
            failed.reason = reason;
            return tell(core, failed).await;
        }
    };
    let chunks = keep(core, request, &captured).await?;
    // What was sampled until then is delivered; its footer says that it is partial.
    let mut ended = if partial && !is_stopping.is_cancelled() {
        cancelled(core, request, "cancelled while it ran")
    } else {
        status(core, request, State::Finished)
    };
    ended.chunks = Some(chunks);
    ended.footer = Some(Footer {
        profiles: captured.into_iter().map(|one| one.footer).collect(),
        started,
        ended: ended.at,
        ..Footer::default()
    });
    tell(core, ended).await
}

/// Samples this process until the seconds are over or it is told to stop; then it is partial.
async fn sample(
    core: &Arc<Core>,
    args: &ProfileStart,
    cancel: &CancellationToken,
) -> Result<(Vec<Captured>, bool), String> {
    let (asked, clock) = (args.clone(), core.clock.clone());
    let shared = Arc::clone(core);
    let open = move || {
        let mut meter = Meter::default();
        let report = self_telemetry::report(&shared, &mut meter);
        Capture::open(&asked, &Scope::Process, &clock, &report).map(|windows| (windows, meter))
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(|error| error.to_string())?;
    let (windows, mut meter) = opened.map_err(|error| error.to_string())?;
    let partial = tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(args.seconds.into())) => false,
        () = cancel.cancelled() => true,
    };
    let shared = Arc::clone(core);
    let finish = move || {
        let report = || self_telemetry::report(&shared, &mut meter);
        let captured = windows.finish(partial, report).map_err(|error| error.to_string())?;
        Ok((captured, partial))
    };
    tokio::task::spawn_blocking(finish).await.map_err(|error| error.to_string())?
}

/// Stores the blobs in chunks and lists them; returns how many chunks there are.
async fn keep(
    core: &Core,
    request: RequestId,
    captured: &[Captured],
) -> Result<u64, SelfProfileError> {
    let mut seq = 0;
    for (number, one) in (0..).zip(captured) {
        seq = keep_one(core, request, number, one, seq).await?;
    }
    Ok(seq)
}

/// Stores one blob, whose first chunk has the number `seq`; returns the number behind its last.
async fn keep_one(
    core: &Core,
    request: RequestId,
    number: u32,
    captured: &Captured,
    mut seq: u64,
) -> Result<u64, SelfProfileError> {
    let mut offset = 0;
    let (agent, attempt) = (AgentId::coordinator(), attempt(core, request));
    for data in captured.bytes.chunks(BLOB_CHUNK_BYTES_MAX) {
        let message = BlobChunk {
            agent: agent.clone(),
            request,
            attempt,
            seq,
            blob: number,
            kind: captured.kind.blob().to_owned(),
            offset,
            total: captured.bytes.len() as u64,
            blob_sha256: captured.footer.blob_sha256.clone(),
            sha256: sha256(data),
            data: ByteBuf::from(data),
        };
        let chunk = Chunk {
            request,
            agent: agent.clone(),
            attempt,
            seq,
            rows: 0,
            blob: Some(Piece::of(&message)),
            sha256: message.sha256.to_vec(),
            body: wire::encode(&message)?,
        };
        debug_assert!(chunk.body.len() <= RESULT_BYTES_MAX, "a chunk fits a message");
        if core.writer.write(Write::Chunk(chunk.clone())).await? == WriteOutcome::Complete {
            blobs::assemble(core, &chunk).await?;
        }
        offset += data.len() as u64;
        seq += 1;
    }
    Ok(seq)
}

async fn tell(core: &Core, status: Status) -> Result<(), SelfProfileError> {
    core.writer.write(Write::Status(Box::new(status))).await?;
    Ok(())
}

fn status(core: &Core, request: RequestId, state: State) -> Status {
    Status {
        agent: AgentId::coordinator(),
        request,
        attempt: attempt(core, request),
        state,
        at: core.clock.now(),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: None,
        footer: None,
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        machine: None,
        instance: None,
    }
}

fn cancelled(core: &Core, request: RequestId, reason: &str) -> Status {
    let mut cancelled = status(core, request, State::Cancelled);
    cancelled.chunks = Some(0);
    "cancelled".clone_into(&mut cancelled.code);
    reason.clone_into(&mut cancelled.reason);
    cancelled
}

fn attempt(core: &Core, request: RequestId) -> Attempt {
    Attempt { origin: request, journal: core.journal }
}
