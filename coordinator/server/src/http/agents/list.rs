//! `GET /agents`: the roster, filtered, sorted, by page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_api::{AgentState, AgentsPage, Page};
use serde::Deserialize;

use crate::core::Core;
use crate::http::error::ApiError;
use crate::http::extract::Asked;
use crate::http::page::length;
use crate::http::page::question::{Question, sort};
use crate::http::query;
use crate::roster;
use crate::roster::list::{Counted, Field, Filter, list as listed};
use crate::roster::order::{Direction, Key};

/// Which agents, in which order, and which page of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentsQuery {
    target: Option<String>,
    q: Option<String>,
    state: Option<String>,
    sort: Option<String>,
    facets: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /agents`
pub async fn list(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<AgentsQuery>,
) -> Result<Json<AgentsPage>, ApiError> {
    let states = AgentState::ALL.map(|state| (state.as_str(), state));
    let filter = Filter {
        target: query::target(asked.target.as_deref())?,
        text: query::search(asked.q.as_deref())?,
        states: query::words("state", asked.state.as_deref(), &states)?,
    };
    let (field, direction) =
        sort(asked.sort.as_deref(), &Field::ALL, (Field::Id, Direction::Ascending))?;
    let is_counted = query::is_set("facets", asked.facets.as_deref())?;
    let counted = if is_counted { Counted::Yes } else { Counted::No };
    let limit = length(asked.limit)?;
    let order = format!("{field:?} {direction:?}");
    let question = Question::new("agents", &(&asked.target, &asked.q, &asked.state, order));
    let after: Option<Key> = question.key(asked.cursor.as_deref())?;

    let (now, agents, blockage) = (core.clock.now(), core.roster.all(), core.broker.blockage());
    let make = move || {
        let (order, span) = ((field, direction), (after.as_ref(), limit));
        let found = listed(&agents, &filter, order, span, counted, now);
        let items = found.page.items.into_iter();
        let page = Page {
            items: items.map(|known| roster::brief(known, blockage.as_ref(), now)).collect(),
            next: found.page.next.map(|key| question.cursor(&key)),
            total: found.total,
            as_of: now.into(),
        };
        AgentsPage { page, facets: found.facets }
    };
    Ok(Json(core.aside(make).await?))
}
