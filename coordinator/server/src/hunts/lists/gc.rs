//! Garbage-collects long IOC lists: parts whose hunts have ended, and full-digest pieces that no hunt references.
//!
//! The full digests of a hunt that is on record stay: rows may arrive late, and each is compared with them whenever it is
//! shown. A crash at any point leaves garbage for the next run; it never deletes too much.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{LIST_GC_MS, LIST_GC_PIECES_MAX, LIST_UNNAMED_MS_MAX};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::core::Core;
use crate::store::{DataDir, Reader, StoreError, Write};

/// Collects at once and then every minute until told to stop.
pub async fn run(core: &Core, stop: CancellationToken) {
    loop {
        if let Err(problem) = collect(core).await {
            warn!(error = %problem, "cannot garbage-collect lists");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(LIST_GC_MS)) => {}
        }
    }
}

async fn collect(core: &Core) -> Result<(), StoreError> {
    let now = core.clock.now();
    let over = core.read(move |reader| reader.list_parts_over(now)).await?;
    if !over.is_empty() {
        let parts = over.len();
        core.writer.write(Write::PartsOver(over)).await?;
        info!(parts, "deleted list parts whose hunts have ended");
    }
    let place = core.place.clone();
    let pieces = core.read(move |reader| delete_unreferenced(reader, &place, now)).await?;
    if pieces > 0 {
        info!(pieces, "deleted list pieces that no hunt references");
    }
    Ok(())
}

/// Deletes pieces that no hunt references and unfinished drafts, once they are old; returns how many.
fn delete_unreferenced(
    reader: &Reader,
    place: &DataDir,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let folder = place.lists();
    let broken = |source: io::Error| StoreError::File { path: folder.clone(), source };
    let mut gone = 0;
    for entry in fs::read_dir(&folder).map_err(broken)? {
        let path = entry.map_err(broken)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(digest) = muster_protocol::hex::decode(name)
            && reader.is_named(&digest)?
        {
            continue;
        }
        let _held = place.hold_lists();
        if is_old(&path, now).map_err(broken)? {
            fs::remove_file(&path).map_err(broken)?;
            gone += 1;
        }
        if gone >= LIST_GC_PIECES_MAX {
            break;
        }
    }
    Ok(gone)
}

fn is_old(path: &Path, now: Timestamp) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(of) => Ok(now.since_ms(of.modified()?.into()) > LIST_UNNAMED_MS_MAX),
        // A draft that was renamed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
