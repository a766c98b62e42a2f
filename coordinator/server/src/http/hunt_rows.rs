//! `GET /hunts/{id}/results`: one JSON object a line, never all in memory; with `follow` as they are stored, until the
//! hunt is done.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_protocol::artifact::ioc::{self, IocList};
use muster_protocol::artifact::{HashKind, RowRef};
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::limits::{RESULTS_LOOK_MS_MAX, RESULTS_PACE_MS};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::error::ApiError;
use super::hunts::whole;
use crate::core::Core;
use crate::hunts::view::RequestSnapshot;
use crate::live::changes::Changes;
use crate::store::{DataDir, Reader, StoreError};
use muster_api::Found;

/// Chunks of rows that wait for a slow client.
const WAITING_MAX: usize = 8;

type Lines = mpsc::Sender<io::Result<Piece>>;

/// Which rows are wanted, and how.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    agent: Option<String>,
    limit: Option<u64>,
    #[serde(default)]
    follow: bool,
}

/// `GET /hunts/{id}/results`
pub async fn results(
    State(core): State<Arc<Core>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    // Before the first look: what is committed after it must lead to another.
    let changes = Changes::new(
        core.writer.commits(),
        Duration::from_millis(RESULTS_PACE_MS),
        Duration::from_millis(RESULTS_LOOK_MS_MAX),
    );
    // The first look is before the answer begins, so that a wrong id is an error and not an empty stream.
    let first = whole(&core, id).await?;
    let (lines, stream) = mpsc::channel(WAITING_MAX);
    let stop = core.tasks.stop_signal();
    let shared = Arc::clone(&core);
    core.tasks.spawn("rows", async move {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            () = lines.closed() => return,
            ended = send(&shared, first, changes, wanted, &lines) => ended,
        };
        let end =
            ended.map(|()| Piece::End).map_err(|error| io::Error::other(format!("{error:?}")));
        // The client may have gone.
        drop(lines.send(end).await);
    });
    Ok(([(CONTENT_TYPE, "application/jsonl")], Body::from_stream(until_the_end(stream)))
        .into_response())
}

/// A piece of the answer.
enum Piece {
    Rows(Bytes),
    /// Nothing is missing.
    End,
}

/// Turns pieces into a stream. The status is sent before the rows: one that ends without its end, because the coordinator
/// stops, is cut, so that its client does not take it for whole.
fn until_the_end(
    pieces: mpsc::Receiver<io::Result<Piece>>,
) -> impl futures_lite::Stream<Item = io::Result<Bytes>> {
    futures_lite::stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Ok(Piece::Rows(rows))) => Some((Ok(rows), Some(pieces))),
            Some(Ok(Piece::End)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(io::Error::other("the coordinator stops")), None)),
        }
    })
}

/// Sends what is stored: once, or until nothing more can come.
async fn send(
    core: &Core,
    first: RequestSnapshot,
    mut changes: Changes,
    wanted: Wanted,
    lines: &Lines,
) -> Result<(), ApiError> {
    let hunt = first.hunt()?.id;
    let mut rows = Rows {
        hunt: hunt.clone(),
        agent: wanted.agent,
        left: wanted.limit.unwrap_or(u64::MAX),
        next: BTreeMap::new(),
        lines: lines.clone(),
    };
    let mut now = first;
    loop {
        let is_last = !wanted.follow || now.hunt()?.done;
        let place = core.place.clone();
        rows = core
            .read(move |reader: &Reader| {
                rows.send(reader, &place, &now, is_last)?;
                Ok::<_, StoreError>(rows)
            })
            .await?;
        if is_last || rows.is_over() {
            return Ok(());
        }
        changes.next().await;
        now = whole(core, hunt.clone()).await?;
    }
}

/// The rows of one hunt on their way to one client.
struct Rows {
    hunt: String,
    agent: Option<String>,
    left: u64,
    /// The first chunk of each run that was not sent yet.
    next: BTreeMap<(AgentId, Attempt), u64>,
    lines: Lines,
}

impl Rows {
    /// Returns whether the client wants no more.
    fn is_over(&self) -> bool {
        self.left == 0 || self.lines.is_closed()
    }

    /// Sends what is stored and was not sent before; until the last time only up to the first chunk that is missing,
    /// so that each run's rows come in their order.
    fn send(
        &mut self,
        reader: &Reader,
        place: &DataDir,
        whole: &RequestSnapshot,
        is_last: bool,
    ) -> Result<(), StoreError> {
        let request = self.hunt.parse().map_err(|_| StoreError::Broken("hunt id".to_owned()))?;
        let ioc = whole.ioc(place)?;
        for (agent, host, run) in whole.counting() {
            if self.is_over() {
                break;
            }
            if self.agent.as_ref().is_some_and(|only| *only != agent.as_str()) {
                continue;
            }
            let key = (agent.clone(), run);
            let from = self.next.get(&key).copied().unwrap_or(0);
            let until = if is_last {
                u64::MAX
            } else {
                reader.stored_until(&request, &agent, &run, from)?
            };
            if until == from {
                continue;
            }
            let shape = Shape::new(&self.hunt, &agent, &host, whole, &ioc);
            let (left, lines) = (&mut self.left, &self.lines);
            reader.rows_between(&request, &agent, &run, from..until, |rows| {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rows.len());
                *left -= count as u64;
                let text = shape.lines(rows.iter().take(count))?;
                let is_heard = lines.blocking_send(Ok(Piece::Rows(Bytes::from(text)))).is_ok();
                Ok(is_heard && *left > 0)
            })?;
            self.next.insert(key, until);
        }
        Ok(())
    }
}

/// What the rows of one agent have in common.
struct Shape<'a> {
    hunt: &'a str,
    agent: &'a AgentId,
    host: &'a str,
    whole: &'a RequestSnapshot,
    ioc: &'a [IocList],
    is_clone: bool,
}

impl<'a> Shape<'a> {
    fn new(
        hunt: &'a str,
        agent: &'a AgentId,
        host: &'a str,
        whole: &'a RequestSnapshot,
        ioc: &'a [IocList],
    ) -> Self {
        Self { hunt, agent, host, whole, ioc, is_clone: whole.is_clone(agent) }
    }

    fn lines<'r>(&self, rows: impl Iterator<Item = RowRef<'r>>) -> Result<Vec<u8>, StoreError> {
        let uploaded = self.whole.uploaded(self.agent);
        let mut text = Vec::new();
        for row in rows {
            // Whatever the agent made of the list.
            let matched: Vec<_> = ioc::matches(self.ioc, row.digests()).collect();
            let is_here =
                row.digest(HashKind::Sha256).is_some_and(|sha256| uploaded.contains(sha256));
            let found = Found {
                hunt: self.hunt,
                agent: self.agent.as_str(),
                host: self.host,
                is_clone: self.is_clone,
                is_uploaded: is_here && !matched.is_empty(),
            };
            found
                .write(&row, &matched, &mut text)
                .map_err(|error| StoreError::Broken(error.to_string()))?;
            text.push(b'\n');
        }
        Ok(text)
    }
}
