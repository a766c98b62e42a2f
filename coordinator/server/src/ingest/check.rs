//! What a result must be before it is stored: everything from an endpoint is untrusted.

use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Kind, sign};
use muster_protocol::result::bounds::cut_text;
use muster_protocol::result::{
    BlobChunk, Bounded, FILE_BLOB, RowChunk, RowsError, Status, Telemetry, rows,
};
use muster_protocol::topology::{Class, RoutingKey};
use muster_protocol::wire;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{AttemptKey, Chunk, Piece, Write};
use crate::store::{Reader, StoreError};

/// Why a message goes to the dead letters; the word is counted.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The message is not what it must be.
    #[error("{0}")]
    Dead(&'static str),
    /// The same of a chunk of this attempt, which can never be complete without it.
    #[error("{0}")]
    Rejected(&'static str, Box<AttemptKey>),
    /// The store could not be asked; the message stays with the broker.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of a delivery without looking into its body.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The class whose queue it came from.
    pub class: Class,
    /// The routing key: the broker checked it against the publisher's rights.
    pub routing_key: &'a str,
    /// The `type` property.
    pub kind: &'a str,
    /// The publisher asked for copies under other keys, which RabbitMQ 3.10 does not check.
    pub has_cc: bool,
}

/// Checks what is known without the body: the key, and that its agent may speak.
pub fn check_outside(outside: Envelope<'_>, reader: &Reader) -> Result<RoutingKey, Refused> {
    if outside.has_cc {
        return Err(Refused::Dead("cc_header"));
    }
    let key: RoutingKey = outside.routing_key.parse().map_err(|_| Refused::Dead("routing_key"))?;
    if key.class != outside.class {
        return Err(Refused::Dead("class_differs"));
    }
    match (reader.is_revoked(&key.agent)?, key.request) {
        (None, _) => return Err(Refused::Dead("unknown_agent")),
        (Some(false), _) => {}
        // Its user is gone and its connections are closed, so this was in the queue before: what was asked of it when
        // it was still trusted is taken.
        (Some(true), Some(request)) if reader.is_expected(&request, &key.agent)? => {}
        (Some(true), _) => return Err(Refused::Dead("revoked_agent")),
    }
    Ok(key)
}

/// Checks the body of a delivery that passed [`check_outside`], and returns what is to be stored.
pub fn check_body(
    outside: Envelope<'_>,
    key: &RoutingKey,
    body: &[u8],
    reader: &Reader,
) -> Result<Write, Refused> {
    match (outside.class, outside.kind) {
        (Class::Telemetry, "telemetry") => {
            let mut sample: Telemetry = decode(body)?;
            if sample.agent != key.agent || key.request.is_some() {
                return Err(Refused::Dead("key_differs"));
            }
            if sample.cut() {
                return Err(Refused::Dead("over_bound"));
            }
            Ok(Write::Telemetry(Box::new(sample)))
        }
        (Class::Status, "status") => {
            let mut status: Status = decode(body)?;
            belongs(key, &status.agent, status.request, &status.attempt, reader)?;
            cut_text(&mut status.reason, limits::TEXT_BYTES_MAX);
            cut_text(&mut status.code, limits::TEXT_BYTES_MAX);
            cut_text(&mut status.host, limits::TEXT_BYTES_MAX);
            if status.cut() {
                return Err(Refused::Dead("over_bound"));
            }
            if status.chunks.is_some_and(|chunks| chunks > limits::SEQ_MAX) {
                return Err(Refused::Dead("seq_over_limit"));
            }
            Ok(Write::Status(Box::new(status)))
        }
        (Class::Rows, "rows.chunk") => rows_chunk(key, body, reader),
        (Class::Blobs, "blob.chunk") => blob_chunk(key, body, reader),
        _ => Err(Refused::Dead("unknown_type")),
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    wire::decode(body, limits::RESULT_BYTES_MAX).map_err(|error| match error {
        wire::WireError::TooBig { .. } => Refused::Dead("too_big"),
        _ => Refused::Dead("malformed"),
    })
}

/// The body must say what the broker-checked key says, about a request that is on record.
fn belongs(
    key: &RoutingKey,
    agent: &AgentId,
    request: RequestId,
    attempt: &Attempt,
    reader: &Reader,
) -> Result<(), Refused> {
    if *agent != key.agent || Some(request) != key.request {
        return Err(Refused::Dead("key_differs"));
    }
    if !reader.has_request(&request)? {
        return Err(Refused::Dead("unknown_request"));
    }
    if attempt.origin != request {
        return Err(Refused::Dead("unknown_attempt"));
    }
    Ok(())
}

fn rows_chunk(key: &RoutingKey, body: &[u8], reader: &Reader) -> Result<Write, Refused> {
    let chunk: RowChunk = decode(body)?;
    belongs(key, &chunk.agent, chunk.request, &chunk.attempt, reader)?;
    let run = || AttemptKey {
        request: chunk.request,
        agent: chunk.agent.clone(),
        attempt: chunk.attempt,
    };
    let reject = |reason| Err(Refused::Rejected(reason, Box::new(run())));
    if chunk.seq >= limits::SEQ_MAX {
        return reject("seq_over_limit");
    }
    if chunk.body.len() > limits::ROW_CHUNK_PACKED_BYTES_MAX {
        return reject("over_bound");
    }
    if rows::sha256(&chunk.body) != chunk.sha256 {
        return reject("sha256_differs");
    }
    // Decoded once to check it; stored packed. What only a newer coordinator can read is kept for it.
    match chunk.unpack() {
        Ok(_) => {}
        Err(RowsError::Newer { .. }) if is_named(&chunk) => {}
        Err(_) => return reject("malformed_rows"),
    }
    Ok(Write::Chunk(Chunk {
        body: encode(&chunk)?,
        request: chunk.request,
        agent: chunk.agent,
        attempt: chunk.attempt,
        seq: chunk.seq,
        rows: chunk.rows,
        blob: None,
        sha256: chunk.sha256.into_vec(),
    }))
}

fn blob_chunk(key: &RoutingKey, body: &[u8], reader: &Reader) -> Result<Write, Refused> {
    let chunk: BlobChunk = decode(body)?;
    belongs(key, &chunk.agent, chunk.request, &chunk.attempt, reader)?;
    let run = || AttemptKey {
        request: chunk.request,
        agent: chunk.agent.clone(),
        attempt: chunk.attempt,
    };
    let reject = |reason| Err(Refused::Rejected(reason, Box::new(run())));
    if chunk.seq >= limits::SEQ_MAX {
        return reject("seq_over_limit");
    }
    if chunk.kind.len() > limits::RESULT_NAME_BYTES_MAX {
        return reject("over_bound");
    }
    let bytes = chunk.data.len();
    let end = chunk.offset.checked_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    if bytes > limits::BLOB_CHUNK_BYTES_MAX
        || chunk.total > limits::BLOB_BYTES_MAX
        || end.is_none_or(|end| end > chunk.total)
        || chunk.blob_sha256.len() != 32
        || chunk.blob >= limits::BLOBS_MAX
        // Else a blob could have any number of pieces.
        || bytes == 0 && chunk.total > 0
    {
        return reject("blob_over_limit");
    }
    if rows::sha256(&chunk.data) != chunk.sha256 {
        return reject("sha256_differs");
    }
    if chunk.kind == FILE_BLOB && !is_asked_for(&chunk, reader)? {
        return reject("file_not_asked_for");
    }
    let piece = Piece::of(&chunk);
    Ok(Write::Chunk(Chunk {
        body: encode(&chunk)?,
        request: chunk.request,
        agent: chunk.agent,
        attempt: chunk.attempt,
        seq: chunk.seq,
        rows: 0,
        blob: Some(piece),
        sha256: chunk.sha256.into_vec(),
    }))
}

/// Encodes what is known of a message: what it holds beside that is not stored.
fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Refused> {
    wire::encode(message).map_err(|_| Refused::Dead("malformed"))
}

/// Returns whether the signed hunt asks for a file of this size.
fn is_asked_for(chunk: &BlobChunk, reader: &Reader) -> Result<bool, StoreError> {
    let request = reader.request(&chunk.request)?;
    let body = request.and_then(|request| sign::body_of(&request.sealed).ok());
    let start = body.filter(|body| body.kind == Kind::HuntStart);
    let start = start
        .and_then(|body| wire::decode::<HuntStart>(&body.args, limits::REQUEST_BYTES_MAX).ok());
    let asked = start.and_then(|start| start.asked().ok());
    let most = asked.and_then(|asked| asked.max_upload_bytes);
    Ok(most.is_some_and(|most| chunk.total <= most))
}

/// Returns whether a chunk names its artifact as one may be named.
fn is_named(chunk: &RowChunk) -> bool {
    let count = usize::try_from(chunk.rows).unwrap_or(usize::MAX);
    chunk.artifact.len() <= limits::RESULT_NAME_BYTES_MAX && count <= limits::ROW_CHUNK_ROWS_MAX
}

#[cfg(test)]
mod tests;
