//! `GET /hunts/{id}/results`: the rows that a filter leaves, one a line as JSON or CSV, never all in memory; with `follow`
//! as they are stored, until the hunt is done. It ends when its reader goes away.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_protocol::artifact::RowRef;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::limits::{RESULTS_LOOK_MS_MAX, RESULTS_PACE_MS};
use muster_protocol::request::Kind;

use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::hunts::find;
use super::pieces::{self, Piece, Pieces};
use super::query::no_format;
use super::row_query::RowQuery;
use crate::core::Core;
use crate::hunts::view::rows::{HuntRows, Known, source};
use crate::live::changes::Changes;
use crate::rows::filter::Filter;
use crate::rows::source::{Run, Source, view};
use crate::rows::walk::Looking;
use crate::store::{Reader, StoreError};
use muster_api::csv;

/// The parameters that are no filter.
const OWN: [&str; 3] = ["limit", "follow", "format"];

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated, with a head.
    Csv,
}

impl Format {
    fn read(asked: Option<&str>) -> Result<Self, ApiError> {
        match asked {
            None | Some("jsonl") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            Some(other) => Err(no_format("rows are not written so", other, "jsonl or csv")),
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// Which rows are wanted, and how.
#[derive(Debug)]
struct Wanted {
    filter: Filter,
    format: Format,
    limit: u64,
    follow: bool,
}

impl Wanted {
    fn read(query: &RowQuery, source: &Source, now: Timestamp) -> Result<Self, ApiError> {
        let follow = match query.own("follow") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let cause = format!("follow is {other:?}");
                return Err(ApiError::usage("follow is true or false", cause, "follow=true"));
            }
        };
        Ok(Self {
            filter: Filter::read(&query.filter, source.schema, &source.roots, now)?,
            format: Format::read(query.own("format"))?,
            limit: query.number("limit")?.unwrap_or(u64::MAX),
            follow,
        })
    }
}

/// `GET /hunts/{id}/results`
pub async fn results(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let query = RowQuery::read(asked, &OWN)?;
    // Before the first look: what is committed after it must lead to another.
    let changes = Changes::new(
        core.writer.commits(),
        Duration::from_millis(RESULTS_PACE_MS),
        Duration::from_millis(RESULTS_LOOK_MS_MAX),
    );
    // The first look is before the answer begins, so that a wrong id or filter is an error and not an empty stream.
    let first = look(&core, id).await?;
    let wanted = Wanted::read(&query, &first.source, core.clock.now())?;
    let format = wanted.format;
    let (lines, body) = pieces::body();
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
    Ok(([(CONTENT_TYPE, format.content_type())], body).into_response())
}

async fn look(core: &Arc<Core>, id: String) -> Result<HuntRows, ApiError> {
    let shared = Arc::clone(core);
    let look = move |reader: &Reader| {
        let hunt = find(reader, Kind::HuntStart, &id)?;
        Ok::<_, ApiError>(source(reader, &hunt, &Known::of(&shared))?)
    };
    core.read(look).await
}

/// Sends what is stored: once, or until nothing more can come.
async fn send(
    core: &Arc<Core>,
    first: HuntRows,
    mut changes: Changes,
    wanted: Wanted,
    lines: &Pieces,
) -> Result<(), ApiError> {
    let follow = wanted.follow;
    let mut rows = Rows { left: wanted.limit, wanted, next: BTreeMap::new(), lines: lines.clone() };
    rows.begin(&first.source).await;
    let mut now = first;
    loop {
        let hunt = now.source.named.clone();
        let is_last = !follow || now.is_done;
        rows = core
            .read(move |reader: &Reader| {
                rows.send(reader, &now.source, is_last)?;
                Ok::<_, StoreError>(rows)
            })
            .await?;
        if is_last || rows.is_over() {
            return Ok(());
        }
        changes.next().await;
        now = look(core, hunt).await?;
    }
}

/// The rows of one hunt on their way to one client.
struct Rows {
    wanted: Wanted,
    left: u64,
    /// The first chunk of each run that was not sent yet.
    next: BTreeMap<(AgentId, Attempt), u64>,
    lines: Pieces,
}

impl Rows {
    /// Sends what stands before the first row.
    async fn begin(&self, source: &Source) {
        if self.wanted.format == Format::Csv {
            let head = Piece::Part(Bytes::from(csv::head(source.schema)));
            // The client may have gone.
            drop(self.lines.send(Ok(head)).await);
        }
    }

    /// Returns whether the client wants no more.
    fn is_over(&self) -> bool {
        self.left == 0 || self.lines.is_closed()
    }

    /// Sends what is stored and was not sent before; until the last time only up to the first chunk that is missing,
    /// so that each run's rows come in their order.
    fn send(&mut self, reader: &Reader, source: &Source, is_last: bool) -> Result<(), StoreError> {
        let Self { wanted, left, next, lines } = self;
        let looking = Looking { reader, source, filter: &wanted.filter };
        for run in source.runs.iter().filter(|run| wanted.filter.may_have(source, run)) {
            if *left == 0 || lines.is_closed() {
                break;
            }
            let key = (run.agent.clone(), run.attempt);
            let from = next.get(&key).copied().unwrap_or(0);
            let until = if is_last {
                u64::MAX
            } else {
                reader.stored_until(&source.hunt, &run.agent, &run.attempt, from)?
            };
            if until == from {
                continue;
            }
            looking.run(run, from..until, |rows| {
                let text = written(source, run, wanted.format, rows, left)?;
                // Of a chunk without a row that is meant nothing is sent: the client may have gone all the same.
                let is_heard = if text.is_empty() {
                    !lines.is_closed()
                } else {
                    lines.blocking_send(Ok(Piece::Part(Bytes::from(text)))).is_ok()
                };
                Ok(is_heard && *left > 0)
            })?;
            next.insert(key, until);
        }
        Ok(())
    }
}

/// Writes rows of one run, as many as are left to send.
fn written(
    source: &Source,
    run: &Run,
    format: Format,
    rows: &mut dyn Iterator<Item = RowRef<'_>>,
    left: &mut u64,
) -> Result<Vec<u8>, StoreError> {
    let mut text = Vec::new();
    for row in rows.take(usize::try_from(*left).unwrap_or(usize::MAX)) {
        *left = left.saturating_sub(1);
        match format {
            Format::JsonLines => {
                source.write(run, &row, &mut text)?;
                text.push(b'\n');
            }
            Format::Csv => {
                let mut line = Vec::new();
                source.write(run, &row, &mut line)?;
                text.extend_from_slice(csv::line(source.schema, &view(&line)?).as_bytes());
            }
        }
    }
    Ok(text)
}
