//! `GET /broker` and `GET /dead`: the broker as its management API shows it, and what was set aside.
//!
//! However many ask, the broker is asked once in a few seconds, and never for a list of all queues: with ten thousand of
//! them that takes it seconds. What waits in agents' own queues is what the last periodic look found.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{BROKER_LOOK_WAIT_MS_MAX, BROKER_SHOWN_MS_MIN};
use serde::Deserialize;

use super::error::ApiError;
use super::extract::Asked;
use super::page::question::Question;
use super::page::{cut, length};
use crate::broker::queues::DIRECTED_SHOWN;
use crate::broker::shown::{self, SharedQueues};
use crate::core::Core;
use crate::live::broker_health::{Look, Shown};
use crate::store::{Reader, StoreError};
use muster_api::{BrokerView, DeadView, Page};

/// `GET /broker`
pub async fn broker(State(core): State<Arc<Core>>) -> Json<BrokerView> {
    let shown = shown(&core).await;
    let mut view = BrokerView {
        link: core.health(),
        version: shown.version.clone(),
        trouble: shown.trouble.clone(),
        queues: shown.queues.clone(),
        directed_waiting: None,
        directed: Vec::new(),
        directed_as_of: None,
        as_of: shown.at.map(Into::into),
    };
    if let Some(look) = core.broker.last_look()
        && let Ok(found) = &look.found
    {
        add_directed(&mut view, &look, found.fullest.iter().map(shown::of).collect());
    }
    Json(view)
}

fn add_directed(view: &mut BrokerView, look: &Look, fullest: Vec<muster_api::QueueView>) {
    let count = fullest.len();
    // Where there may be more than are shown, how many is not known.
    view.directed_waiting = (count < DIRECTED_SHOWN).then_some(count as u64);
    view.directed = fullest;
    view.directed_as_of = Some(look.at.into());
}

/// Returns the figures of the broker, asked for now where they are old.
async fn shown(core: &Core) -> Arc<Shown> {
    let mut last = core.broker.shown.lock().await;
    let now = core.clock.now();
    let age = |shown: &Arc<Shown>| now.since_ms(shown.asked).unsigned_abs();
    if let Some(shown) = last.as_ref().filter(|shown| age(shown) < BROKER_SHOWN_MS_MIN) {
        return Arc::clone(shown);
    }
    let known = last.as_ref().map(|shown| shown.version.clone()).filter(|text| !text.is_empty());
    let management = core.management.hurried();
    let ask = move || {
        let version = known.map_or_else(|| shown::version(&management), Ok)?;
        shown::shared(&management).map(|shared| (version, shared))
    };
    let asked = tokio::task::spawn_blocking(ask);
    let wait = Duration::from_millis(BROKER_LOOK_WAIT_MS_MAX);
    let answer = match tokio::time::timeout(wait, asked).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(died)) => Err(died.to_string()),
        Err(_) => Err(format!("no answer within {BROKER_LOOK_WAIT_MS_MAX} ms")),
    };
    let shown = Arc::new(taken(answer, last.as_deref(), now));
    *last = Some(Arc::clone(&shown));
    shown
}

/// Takes an answer; where there is none, what was known before stays, with the reason.
fn taken(
    answer: Result<(String, SharedQueues), String>,
    last: Option<&Shown>,
    now: Timestamp,
) -> Shown {
    match answer {
        Ok((version, SharedQueues { queues, missing })) => {
            let trouble = if missing.is_empty() {
                String::new()
            } else {
                format!("missing: {}; muster broker apply makes them", missing.join(", "))
            };
            Shown { asked: now, at: Some(now), version, queues, trouble }
        }
        // What answers again may be another version.
        Err(trouble) => Shown {
            asked: now,
            at: last.and_then(|last| last.at),
            version: String::new(),
            queues: last.map(|last| last.queues.clone()).unwrap_or_default(),
            trouble,
        },
    }
}

/// What the list of dead letters is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadQuery {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /dead`
pub async fn dead(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<DeadQuery>,
) -> Result<Json<Page<DeadView>>, ApiError> {
    let limit = length(asked.limit)?;
    let question = Question::new("dead", &());
    let after: Option<(String, String)> = question.key(asked.cursor.as_deref())?;
    let dead: Result<_, StoreError> = core.read(Reader::dead).await;
    let mut dead = dead?;
    dead.sort();
    let total = dead.len() as u64;
    dead.retain(|(class, reason, ..)| {
        after.as_ref().is_none_or(|(of, why)| (class, reason) > (of, why))
    });
    let next = cut(&mut dead, limit).map(|(class, reason, ..)| question.cursor(&(class, reason)));
    let items = dead.into_iter().map(|(class, reason, count, last)| DeadView {
        class,
        reason,
        count,
        last: last.into(),
    });
    Ok(Json(Page { items: items.collect(), next, total, as_of: core.clock.now().into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_stays_with_the_reason_why_it_is_old() {
        let shared = SharedQueues { queues: Vec::new(), missing: vec!["rows".to_owned()] };
        let first = taken(Ok(("4.0.5".to_owned(), shared)), None, Timestamp(1));
        assert!(first.trouble.contains("missing: rows"), "{}", first.trouble);
        let then = taken(Err("no answer".to_owned()), Some(&first), Timestamp(9));
        assert_eq!(
            (then.at, then.asked, then.trouble.as_str()),
            (first.at, Timestamp(9), "no answer")
        );
        assert_eq!(taken(Err("no answer".to_owned()), None, Timestamp(9)).at, None);
    }
}
