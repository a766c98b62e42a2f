//! The list of hashes of a hunt, put together from the parts that the journal holds.
//!
//! Held are the first bytes of each digest, one behind the other as they were signed: 8 MB for a million. Nothing is put
//! into another form, and a look-up is a search in them.

use muster_protocol::artifact::ioc::{self, IocList, PART_WIDTH, SplitIocList};
use muster_protocol::limits::{IOC_HASHES_MAX, REQUEST_BYTES_MAX};
use muster_protocol::result::rows::sha256;
use muster_protocol::wire;

use crate::journal::Journal;

/// Reads every part, checks it against the digest by which the hunt names it, and joins them.
pub(super) fn gather(journal: &Journal, named: &SplitIocList) -> Result<Vec<IocList>, String> {
    let mut lists: Vec<IocList> = Vec::new();
    let room = usize::try_from(named.count).unwrap_or(0).min(IOC_HASHES_MAX);
    for part in &named.parts {
        let bytes = journal.part(part.id).map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("part {} is not there", part.id))?;
        if sha256(&bytes) != part.sha256 {
            return Err(format!("part {} is not what the hunt names", part.id));
        }
        let piece: IocList = wire::decode(&bytes, REQUEST_BYTES_MAX)
            .map_err(|error| format!("part {}: {error}", part.id))?;
        piece.check(PART_WIDTH).map_err(|why| format!("part {}: {why}", part.id))?;
        join(&mut lists, piece, room)?;
    }
    Ok(lists)
}

/// Adds a piece. The first of a kind makes room for all there may be: growing would hold the list twice.
fn join(lists: &mut Vec<IocList>, mut piece: IocList, room: usize) -> Result<(), String> {
    if lists.last().is_none_or(|last| last.kind != piece.kind) {
        let more = room.saturating_mul(piece.width()).saturating_sub(piece.digests.len());
        piece.digests.reserve_exact(more);
    }
    ioc::join(lists, piece)
}
