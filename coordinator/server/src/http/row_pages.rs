//! `GET /hunts/{id}/rows`: a part of the rows that a filter leaves, found within a bounded time. `GET /hunts/{id}/errors`: what
//! could not be read, in the same way.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use muster_protocol::artifact::Schema;
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::ROWS_BUDGET_MS;
use muster_protocol::request::Kind;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::hunts::find;
use super::page::length;
use super::page::question::{Question, sort};
use super::row_query::RowQuery;
use crate::core::Core;
use crate::hunts::view::rows::{Known, source};
use crate::roster::order::Direction;
use crate::rows::filter::Filter;
use crate::rows::sorted::{Order, Rank, SORTS};
use crate::rows::source::{Place, Source, view};
use crate::rows::walk::Looking;
use crate::store::{Reader, StoreError};
use muster_api::{HuntErrors, RowsPage};

/// The parameters that are no filter.
const OWN: [&str; 3] = ["cursor", "limit", "sort"];
/// The order that needs no sorting.
const WALK: &str = "walk";

/// What a cursor holds: the question stays the one that it was, however long its answers take.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct GoesOn {
    /// The moment that lengths of time count from.
    now: i64,
    /// Rows that were found before.
    found: u64,
    at: At,
}

/// Where an answer begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum At {
    /// At the beginning.
    First,
    /// At this row of the walk.
    Place(Place),
    /// Behind this one of the sorted rows; at the first of them where none is named. What is found so far goes on.
    Sorted(Option<Rank>),
}

/// A question, ready to be answered.
struct RowsAsked {
    source: Source,
    filter: Filter,
    order: Option<Order>,
    question: Question,
    goes: GoesOn,
    limit: usize,
    /// The moment of this answer.
    now: Timestamp,
}

/// `GET /hunts/{id}/rows`
pub async fn rows(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<Vec<(String, String)>>,
) -> Result<Json<RowsPage>, ApiError> {
    let query = RowQuery::read(asked, &OWN)?;
    let limit = query.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limit = length(limit)?;
    let shared = Arc::clone(&core);
    let asked =
        core.read(move |reader| RowsAsked::new(&shared, reader, &id, &query, limit)).await?;
    // A few at once: each of them has a processor for as long as it may work.
    let look = core.row_looks.acquire().await;
    let _look = look.map_err(|closed| ApiError::bug(closed.to_string()))?;
    let shared = Arc::clone(&core);
    let page = core.read(move |reader| asked.answer(&shared, reader)).await;
    Ok(Json(page?))
}

/// `GET /hunts/{id}/errors`
pub async fn errors(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<Vec<(String, String)>>,
) -> Result<Json<HuntErrors>, ApiError> {
    if let Some((name, _)) = asked.first() {
        let shown: String = name.chars().take(60).collect();
        let cause = format!("{shown:?} is no parameter of this");
        return Err(ApiError::usage(
            "errors are not filtered",
            cause,
            "muster hunt results --errno",
        ));
    }
    let shared = Arc::clone(&core);
    let read = move |reader: &Reader| {
        let hunt = find(reader, Kind::HuntStart, &id)?;
        Ok::<_, ApiError>(source(reader, &hunt, &Known::of(&shared))?.source)
    };
    let source = core.read(read).await?;
    let look = core.row_looks.acquire().await;
    let _look = look.map_err(|closed| ApiError::bug(closed.to_string()))?;
    let (found, now) = (core.rows.errors(source.hunt), core.clock.now());
    let look = move |reader: &Reader| {
        let until = Instant::now() + Duration::from_millis(ROWS_BUDGET_MS);
        let filter = Filter::default();
        let looking = Looking { reader, source: &source, filter: &filter };
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.go_on(&looking, until)?;
        let (causes, folders) = found.shown();
        Ok::<_, StoreError>(HuntErrors {
            hunt: source.named.clone(),
            causes,
            folders,
            looked_at: found.looked_at(),
            total: source.total(),
            complete: found.is_complete(),
            as_of: now.into(),
        })
    };
    Ok(Json(core.read(look).await?))
}

/// Reads the order; nothing is the walk.
fn order(asked: Option<&str>, schema: &'static Schema) -> Result<Option<Order>, ApiError> {
    let sorts = SORTS.iter().filter_map(|name| Some((*name, Some(schema.place(name)?))));
    let known: Vec<_> = std::iter::once((WALK, None)).chain(sorts).collect();
    let (place, direction) = sort(asked, &known, (None, Direction::Ascending))?;
    let is_descending = direction == Direction::Descending;
    if place.is_none() && is_descending {
        let cause = format!("sort is \"-{WALK}\"");
        return Err(ApiError::usage("this list has no such order", cause, "sort=walk"));
    }
    Ok(place.map(|place| Order { place, is_descending }))
}

impl RowsAsked {
    fn new(
        core: &Core,
        reader: &Reader,
        id: &str,
        query: &RowQuery,
        limit: usize,
    ) -> Result<Self, ApiError> {
        let hunt = find(reader, Kind::HuntStart, id)?;
        let source = source(reader, &hunt, &Known::of(core))?.source;
        let order = order(query.own("sort"), source.schema)?;
        let sort = query.own("sort").unwrap_or(WALK);
        let question = Question::new("rows", &(&source.named, sort, &query.filter));
        let now = core.clock.now();
        let goes = question.key(query.own("cursor"))?;
        let goes = goes.unwrap_or(GoesOn { now: now.0, found: 0, at: At::First });
        let then = Timestamp(goes.now);
        let filter = Filter::read(&query.filter, source.schema, &source.roots, then)?;
        Ok(Self { source, filter, order, question, goes, limit, now })
    }

    fn answer(&self, core: &Core, reader: &Reader) -> Result<RowsPage, StoreError> {
        let until = Instant::now() + Duration::from_millis(ROWS_BUDGET_MS);
        match self.order {
            None => self.walked(reader, until),
            Some(order) => self.sorted(core, reader, order, until),
        }
    }

    fn looking<'a>(&'a self, reader: &'a Reader) -> Looking<'a> {
        Looking { reader, source: &self.source, filter: &self.filter }
    }

    fn cursor(&self, found: u64, at: At) -> String {
        self.question.cursor(&GoesOn { now: self.goes.now, found, at })
    }

    fn walked(&self, reader: &Reader, until: Instant) -> Result<RowsPage, StoreError> {
        let from = match &self.goes.at {
            At::Place(place) => Some(place),
            At::First | At::Sorted(_) => None,
        };
        let stretch = self.looking(reader).walk(from, self.limit, until)?;
        let found = self.goes.found.saturating_add(stretch.rows.len() as u64);
        let is_complete = stretch.next.is_none();
        let next = stretch.next.map(|place| self.cursor(found, At::Place(place)));
        let known = if is_complete { Some(found) } else { self.known() };
        self.page(&stretch.rows, next, stretch.looked_at, known, is_complete)
    }

    fn sorted(
        &self,
        core: &Core,
        reader: &Reader,
        order: Order,
        until: Instant,
    ) -> Result<RowsPage, StoreError> {
        let (after, begins) = match &self.goes.at {
            At::Sorted(after) => (after.as_ref(), false),
            At::First | At::Place(_) => (None, true),
        };
        // The same question of another moment is another one: its lengths of time count from there.
        let named = self.question.cursor(&self.goes.now);
        let sorting = core.rows.sorting(&named, begins);
        let mut sorting = sorting.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_at = sorting.go_on(&self.looking(reader), order, until)?;
        let part = sorting.part(after, self.limit, looked_at);
        let next = match (part.is_complete, part.after) {
            (false, _) => Some(self.cursor(0, At::Sorted(after.cloned()))),
            (true, Some(last)) => Some(self.cursor(0, At::Sorted(Some(last)))),
            (true, None) => None,
        };
        self.page(&part.rows, next, part.looked_at, part.found.or(self.known()), part.is_complete)
    }

    /// Returns how many rows are meant where that needs no look at them.
    fn known(&self) -> Option<u64> {
        let meant = self.source.runs.iter().filter(|run| self.filter.may_have(&self.source, run));
        let count = || meant.fold(0, |sum: u64, run| sum.saturating_add(run.rows));
        self.filter.has_every_row().then(count)
    }

    fn page(
        &self,
        rows: &[Vec<u8>],
        next: Option<String>,
        looked_at: u64,
        found: Option<u64>,
        complete: bool,
    ) -> Result<RowsPage, StoreError> {
        Ok(RowsPage {
            rows: rows.iter().map(|line| view(line)).collect::<Result<_, _>>()?,
            next,
            total: self.source.total(),
            looked_at,
            found,
            complete,
            as_of: self.now.into(),
        })
    }
}
