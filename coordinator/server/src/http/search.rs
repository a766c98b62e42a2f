//! `GET /search?q=…`: what has an id that begins so, or a name, host, label, target or root with the text in it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use muster_protocol::artifact::HashKind;
use muster_protocol::hex;
use muster_protocol::limits::SEARCH_HITS_MAX;
use muster_protocol::request::Kind;
use serde::Deserialize;

use super::error::ApiError;
use super::extract::Asked;
use super::query::search as searched;
use crate::core::Core;
use crate::store::fleet::Known;
use crate::store::{Reader, StoreError, Summary};
use muster_api::{Search, SearchHit};

/// What is searched for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    q: String,
}

/// `GET /search`
pub async fn search(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<SearchQuery>,
) -> Result<Json<Search>, ApiError> {
    let Some(text) = searched(Some(asked.q.trim()))? else {
        let cause = "q is empty";
        return Err(ApiError::usage("cannot search for that", cause, "q=TEXT: an id, a name, …"));
    };
    let agents = core.roster.all();
    let found: Result<_, StoreError> = core.read(move |reader| find(reader, &agents, &text)).await;
    Ok(Json(found?))
}

/// What was found. Where an id begins so it comes before where only the text is in it.
#[derive(Debug, Default)]
struct Hits {
    by_id: Vec<SearchHit>,
    by_text: Vec<SearchHit>,
}

impl Hits {
    /// Adds one; returns whether there is room for more.
    fn add(&mut self, kind: &str, id: String, text: String, is_by_id: bool) -> bool {
        let hits = if is_by_id { &mut self.by_id } else { &mut self.by_text };
        // One more than is shown tells that there is more.
        if hits.len() <= SEARCH_HITS_MAX {
            hits.push(SearchHit { kind: kind.to_owned(), id, text });
        }
        self.by_id.len() <= SEARCH_HITS_MAX
    }
}

fn find(reader: &Reader, agents: &[Arc<Known>], text: &str) -> Result<Search, StoreError> {
    let mut hits = Hits::default();
    let is_digest = hex::decode(text)
        .is_some_and(|bytes| HashKind::ALL.iter().any(|kind| kind.bytes() == bytes.len()));
    if is_digest {
        hits.add("digest", text.to_owned(), "who has this digest?".to_owned(), true);
    }
    for known in agents.iter().filter(|known| known.holds(text)) {
        let facts = &known.facts;
        let is_by_id = facts.id.starts_with(text);
        let words = [&known.agent.name, &facts.host];
        let words: Vec<_> =
            words.into_iter().filter(|word| !word.is_empty()).map(String::as_str).collect();
        if !hits.add("agent", facts.id.clone(), words.join(" on "), is_by_id) {
            break;
        }
    }
    for (kind, noun) in [(Kind::HuntStart, "hunt"), (Kind::ProfileStart, "profile")] {
        reader.visit_summaries(kind, |summary| {
            if !summary.matches(text) {
                return Ok(true);
            }
            let id = summary.id.to_string();
            let is_by_id = id.starts_with(text);
            Ok(hits.add(noun, id, described(&summary), is_by_id))
        })?;
    }
    let mut all = hits.by_id;
    all.extend(hits.by_text);
    let truncated = all.len() > SEARCH_HITS_MAX;
    all.truncate(SEARCH_HITS_MAX);
    Ok(Search { hits: all, truncated })
}

/// Returns what a request is about, of whom and by whom.
fn described(summary: &Summary) -> String {
    let brief = summary.brief.clone().unwrap_or_default();
    let subject = if brief.root.is_empty() {
        [brief.artifact, brief.kinds.join(",")].concat()
    } else {
        String::from_utf8_lossy(&brief.root).into_owned()
    };
    format!("{subject} of {}, by {}", summary.target, summary.operator)
}
