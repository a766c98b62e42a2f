//! Deletes the pieces that a store of an older version kept beside the files of their blobs, in small steps.
//!
//! A step that a death undoes is done again; how far the sweep got is in the store.

use std::time::Duration;

use muster_protocol::limits::PIECE_SWEEP_PAUSE_MS;
use muster_runtime::retry;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::core::Core;
use crate::store::{StoreError, Write};

/// Sweeps until nothing is left, or until told to stop.
pub async fn run(core: &Core, stop: CancellationToken) {
    let mut steps = 0_u64;
    loop {
        let pause = match step(core).await {
            Ok(true) => Duration::from_millis(PIECE_SWEEP_PAUSE_MS),
            Ok(false) => break,
            Err(problem) => {
                warn!(error = %problem, "cannot delete pieces of blobs that are put together");
                retry::SWEEP.first()
            }
        };
        steps += 1;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
    if steps > 0 {
        info!(steps, "deleted the pieces of blobs that are put together");
    }
}

/// Takes one step; returns whether there may be another.
async fn step(core: &Core) -> Result<bool, StoreError> {
    let place = core.place.clone();
    let Some(sweep) = core.read(move |reader| reader.sweep(&place)).await? else {
        return Ok(false);
    };
    core.writer.write(Write::Swept(sweep)).await?;
    Ok(true)
}
