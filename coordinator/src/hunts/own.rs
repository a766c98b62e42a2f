//! Requests that mean the coordinator itself: it is profiled by the same request as an agent, and what
//! comes of it is stored as an agent's result would be.

use std::sync::Arc;
use std::time::Duration;

use common::ids::{AgentId, Attempt, RequestId};
use common::limits::{BLOB_CHUNK_BYTES_MAX, RESULT_BYTES_MAX};
use common::profile::encode::encode;
use common::profile::{RawProfile, Sampler, Scope};
use common::request::Args;
use common::request::profile::{ProfileKind, ProfileStart};
use common::request::sign::Opened;
use common::result::rows::sha256;
use common::result::{BlobChunk, Footer, ProfileFooter, State, Status};
use common::wire::{self, WireError};
use serde_bytes::ByteBuf;
use tracing::warn;

use crate::core::Core;
use crate::ingest::blobs;
use crate::store::StoreError;
use crate::store::write::{Chunk, Write};

/// Kind of the blob.
const BLOB: &str = "profile.cpu";

/// Why nothing could be stored.
#[derive(Debug, thiserror::Error)]
enum OwnError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Starts one. What is no profile is declined.
pub fn start(core: &Arc<Core>, opened: &Opened) {
    let request = opened.body.id;
    let args = opened.args.clone();
    let shared = Arc::clone(core);
    core.tasks.spawn("own request", async move {
        let done = match args {
            Args::ProfileStart(args) if args.kinds.contains(&ProfileKind::Cpu) => {
                profile(&shared, request, &args).await
            }
            Args::ProfileStart(_) | Args::HuntStart(_) => {
                let mut declined = status(&shared, request, State::Declined);
                "unsupported".clone_into(&mut declined.code);
                "the coordinator takes CPU profiles of itself only"
                    .clone_into(&mut declined.reason);
                tell(&shared, declined).await
            }
            // A control starts nothing; the window that runs ends by itself.
            _ => Ok(()),
        };
        if let Err(error) = done {
            warn!(%request, %error, "the coordinator's own profile is not stored");
        }
    });
}

async fn profile(
    core: &Arc<Core>,
    request: RequestId,
    args: &ProfileStart,
) -> Result<(), OwnError> {
    let Ok(_lane) = core.profiles.acquire().await else { return Ok(()) };
    let started = core.clock.now();
    tell(core, status(core, request, State::Started)).await?;
    let (raw, bytes, partial) = match sample(core, args).await {
        Ok(sampled) => sampled,
        Err(reason) => {
            let mut failed = status(core, request, State::Failed);
            failed.chunks = Some(0);
            "system".clone_into(&mut failed.code);
            failed.reason = reason;
            return tell(core, failed).await;
        }
    };
    let chunks = keep(core, request, &bytes).await?;
    let mut ended = status(core, request, State::Finished);
    ended.chunks = Some(chunks);
    ended.footer = Some(Footer {
        profile: Some(footer(&raw, &bytes, partial)),
        started,
        ended: ended.at,
        ..Footer::default()
    });
    tell(core, ended).await
}

/// Samples this process until the seconds are over or the coordinator stops; then it is partial.
async fn sample(
    core: &Arc<Core>,
    args: &ProfileStart,
) -> Result<(RawProfile, Vec<u8>, bool), String> {
    let (hertz, clock) = (args.hertz, core.clock.clone());
    let open = move || Sampler::global().window(hertz, Scope::Process, &clock);
    let window = tokio::task::spawn_blocking(open).await.map_err(|error| error.to_string())?;
    let window = window.map_err(|error| error.to_string())?;
    let stop = core.tasks.stop_signal();
    let partial = tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(args.seconds.into())) => false,
        () = stop.cancelled() => true,
    };
    let finish = move || {
        let raw = window.finish();
        encode(&raw).map(|bytes| (raw, bytes, partial)).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(finish).await.map_err(|error| error.to_string())?
}

/// Stores the blob in chunks and lists it; returns how many chunks there are.
async fn keep(core: &Core, request: RequestId, bytes: &[u8]) -> Result<u64, OwnError> {
    let (mut seq, mut offset) = (0, 0);
    let (agent, attempt) = (AgentId::coordinator(), attempt(core, request));
    let mut last = None;
    for data in bytes.chunks(BLOB_CHUNK_BYTES_MAX) {
        let message = BlobChunk {
            agent: agent.clone(),
            request,
            attempt,
            seq,
            blob: 0,
            kind: BLOB.to_owned(),
            offset,
            total: bytes.len() as u64,
            blob_sha256: sha256(bytes),
            sha256: sha256(data),
            data: ByteBuf::from(data),
        };
        let chunk = Chunk {
            request,
            agent: agent.clone(),
            attempt,
            seq,
            rows: 0,
            blob: Some(0),
            sha256: message.sha256.to_vec(),
            body: wire::encode(&message)?,
        };
        debug_assert!(chunk.body.len() <= RESULT_BYTES_MAX, "a chunk fits a message");
        core.writer.write(Write::Chunk(chunk.clone())).await?;
        last = Some(chunk);
        offset += data.len() as u64;
        seq += 1;
    }
    if let Some(chunk) = last {
        blobs::assemble(core, &chunk).await?;
    }
    Ok(seq)
}

async fn tell(core: &Core, status: Status) -> Result<(), OwnError> {
    core.writer.write(Write::Status(Box::new(status))).await?;
    core.changed.notify_waiters();
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
        chunks: None,
        footer: None,
    }
}

fn attempt(core: &Core, request: RequestId) -> Attempt {
    Attempt { origin: request, journal: core.journal }
}

fn footer(profile: &RawProfile, bytes: &[u8], partial: bool) -> ProfileFooter {
    ProfileFooter {
        kind: ProfileKind::Cpu.as_str().to_owned(),
        window_start: profile.start,
        window_end: profile.end,
        hertz: profile.hertz,
        samples: profile.count(),
        lost: profile.lost,
        cpu_ms: profile.cpu_ms,
        partial,
        blob_sha256: sha256(bytes),
        blob_bytes: bytes.len() as u64,
    }
}
