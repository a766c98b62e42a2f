//! `/symbols`: the programs and debug companions that profiles get their names from.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::{Extension, Json};
use futures_lite::StreamExt;
use tokio::sync::mpsc;

use super::agents::audit;
use super::error::ApiError;
use super::guard::Caller;
use crate::core::Core;
use crate::profiles::symbols::{Added, Symbols, SymbolsError};
use crate::store::Write;
use muster_api::SymbolsView;

/// Pieces of a file that wait for the disk.
const WAITING_MAX: usize = 8;

/// `GET /symbols`
pub async fn list(State(core): State<Arc<Core>>) -> Result<Json<Vec<SymbolsView>>, ApiError> {
    let symbols = Symbols::new(&core.place.symbols());
    let added = tokio::task::spawn_blocking(move || symbols.added()).await;
    let added = added
        .map_err(|problem| ApiError::bug(problem.to_string()))?
        .map_err(|error| refusal(&error))?;
    Ok(Json(added.into_iter().map(view).collect()))
}

/// `POST /symbols`: the file itself is the body.
pub async fn add(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<SymbolsView>, ApiError> {
    let symbols = Symbols::new(&core.place.symbols());
    let (pieces, mut inbox) = mpsc::channel(WAITING_MAX);
    let write = move || symbols.add(std::iter::from_fn(|| inbox.blocking_recv()));
    let writing = tokio::task::spawn_blocking(write);
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| error.to_string());
        // The writer may have seen enough.
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    drop(pieces);
    let added = writing.await.map_err(|problem| ApiError::bug(problem.to_string()))?;
    let added = view(added.map_err(|error| refusal(&error))?);
    let line = audit(&caller, "symbols", added.id.clone());
    core.writer.write(Write::Audit(line)).await.map_err(ApiError::from)?;
    Ok(Json(added))
}

fn view(added: Added) -> SymbolsView {
    SymbolsView { id: added.build_id, bytes: added.bytes, added: added.at.into() }
}

fn refusal(error: &SymbolsError) -> ApiError {
    let what = "this file is not added to the symbols";
    match error {
        SymbolsError::NoBuildId => {
            let next = "give a program, a library or its debug companion, linked with --build-id";
            ApiError::usage(what, error.to_string(), next)
        }
        SymbolsError::TooLarge => {
            let next = "objcopy --only-keep-debug makes a companion without code";
            ApiError::usage(what, error.to_string(), next)
        }
        SymbolsError::Full => {
            let next = "delete old files from the folder `symbols` of the coordinator's data";
            ApiError::usage(what, error.to_string(), next)
        }
        SymbolsError::Cut(_) => ApiError::again(what, error.to_string(), "send it again"),
        SymbolsError::File { .. } => {
            let next = "make room on the coordinator's disk; see its log";
            ApiError::away(what, error.to_string(), next)
        }
    }
}
