//! `/hunts/{id}/events`: the hunt as it is, and again whenever something was committed that changes what is shown of it.
//!
//! One task looks at a hunt for all of its watchers, and ends with the last of them. Changes of one second are one event; a
//! client that reads slowly misses those in between.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use muster_api::{EVENT_DONE, EVENT_PROGRESS};
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{EVENTS_LOOK_MS_MAX, EVENTS_PACE_MS};

use super::error::ApiError;
use super::hunts::whole;
use crate::core::Core;
use crate::live::changes::Changes;
use crate::live::watched::{Shown, Views};

/// `GET /hunts/{id}/events`
pub async fn events(
    State(core): State<Arc<Core>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    // Before the first look: what is committed after it must lead to another.
    let changes = Changes::new(
        core.writer.commits(),
        Duration::from_millis(EVENTS_PACE_MS),
        Duration::from_millis(EVENTS_LOOK_MS_MAX),
    );
    // Also before the stream begins, so that a wrong id is an error and not an empty stream.
    let (hunt, first) = look(&core, id).await?;
    let (views, is_first) = core.watched.join(hunt, first);
    if is_first {
        let shared = Arc::clone(&core);
        core.tasks.spawn("watch", async move { keep_looking(&shared, hunt, changes).await });
    }
    Ok(Sse::new(stream(views)).keep_alive(KeepAlive::default()).into_response())
}

async fn look(core: &Core, id: String) -> Result<(RequestId, Shown), ApiError> {
    let hunt = whole(core, id).await?.hunt()?;
    let json = serde_json::to_string(&hunt).map_err(|error| ApiError::bug(error.to_string()))?;
    let id = hunt.id.parse().map_err(|_| ApiError::bug("hunt id".to_owned()))?;
    Ok((id, Shown { json, is_done: hunt.done }))
}

/// Looks at a hunt until it has ended, nobody watches it any more, or the coordinator stops.
async fn keep_looking(core: &Core, hunt: RequestId, mut changes: Changes) {
    let stop = core.tasks.stop_signal();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = changes.next() => {}
        }
        if !core.watched.has_watchers(&hunt) {
            return;
        }
        let Ok((_, shown)) = look(core, hunt.to_string()).await else { break };
        if !core.watched.show(&hunt, shown) {
            return;
        }
    }
    core.watched.end(&hunt);
}

/// Turns the views of one watcher into events: the present one, then each that is new when the client takes it.
fn stream(views: Views) -> impl futures_lite::Stream<Item = Result<Event, Infallible>> {
    let begin = Some((views, true));
    futures_lite::stream::unfold(begin, |watching| async move {
        let (mut views, is_first) = watching?;
        if !is_first {
            views.changed().await.ok()?;
        }
        let shown = Arc::clone(&views.borrow_and_update());
        let name = if shown.is_done { EVENT_DONE } else { EVENT_PROGRESS };
        let event = Event::default().event(name).data(&shown.json);
        Some((Ok(event), (!shown.is_done).then_some((views, false))))
    })
}
