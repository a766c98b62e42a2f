//! `/hunts/{id}/events`: the hunt as it is, and again whenever something was committed that changes what is shown of it.
//!
//! All watchers of a hunt share one look ([`crate::hunts::watch`]). Changes of one second are one event; a client that reads
//! slowly misses those in between.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use muster_api::{EVENT_DONE, EVENT_PROGRESS};
use muster_protocol::request::Kind;

use super::error::ApiError;
use super::extract::Segments;
use super::hunts::find;
use crate::core::Core;
use crate::hunts::watch::watch;
use crate::live::watched::HuntWatch;
use crate::store::Reader;

/// `GET /hunts/{id}/events`
pub async fn events(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    // Before the stream begins, so that a wrong id is an error and not an empty stream.
    let prefix = id.clone();
    let found = move |reader: &Reader| find(reader, Kind::HuntStart, &prefix).map(|hunt| hunt.id);
    let hunt = core.read(found).await?;
    let Some(watching) = watch(&core, hunt).await? else {
        return Err(ApiError::missing("hunt", &id, "muster hunt list"));
    };
    Ok(Sse::new(stream(watching)).keep_alive(KeepAlive::default()).into_response())
}

/// Turns the views of one watcher into events: the present one, then each that is new when the client takes it.
fn stream(watching: HuntWatch) -> impl futures_lite::Stream<Item = Result<Event, Infallible>> {
    let begin = Some((watching.views, true));
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
