//! Lists of hashes that are too long for a hunt's own record.
//!
//! Agents get the first bytes of each digest, as signed `list.part` records before the hunt. The coordinator keeps the
//! whole digests, in pieces that the signed hunt names by their SHA-256: what an agent takes for a match is looked up in
//! them.
//!
//! * [`gc`]: deletes what no hunt needs any more.

pub mod gc;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use muster_protocol::artifact::ioc::{self, IocList, IocPartRef, SplitIocList};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{HTTP_BODY_BYTES_MAX, REQUEST_BYTES_MAX};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Body, Kind, sign};
use muster_protocol::result::rows::sha256;
use muster_protocol::wire;

use super::error::{LaunchError, ListError};
use crate::store::{DataDir, Reader, StoreError, StoredRequest, files};
use muster_api::{ListPiece, Route};

/// Keeps a piece of the whole digests of a list.
pub fn keep(place: &DataDir, bytes: &[u8]) -> Result<ListPiece, ListError> {
    let piece: IocList = wire::decode(bytes, HTTP_BODY_BYTES_MAX)
        .map_err(|error| ListError::Malformed(error.to_string()))?;
    piece.check(piece.kind.bytes()).map_err(ListError::Malformed)?;
    let digest = sha256(bytes);
    let path = place.list(&digest);
    let held = place.hold_lists();
    let put = files::put(&path, bytes).and_then(|()| refresh(&path));
    put.map_err(|source| StoreError::File { path, source })?;
    drop(held);
    let hashes = u64::try_from(piece.count()).unwrap_or(u64::MAX);
    Ok(ListPiece { sha256: muster_protocol::hex::encode(&digest), hashes })
}

/// Reads the whole digests of a list.
pub fn whole(place: &DataDir, named: &SplitIocList) -> Result<Vec<IocList>, StoreError> {
    let mut lists = Vec::new();
    for digest in &named.whole {
        let path = place.list(digest);
        let bytes = std::fs::read(&path)
            .map_err(|source| StoreError::File { path: path.clone(), source })?;
        let broken = |why: String| StoreError::Broken(format!("{}: {why}", path.display()));
        if sha256(&bytes) != *digest {
            return Err(broken("it is not what the hunt names".to_owned()));
        }
        ioc::join(&mut lists, wire::decode(&bytes, HTTP_BODY_BYTES_MAX)?).map_err(broken)?;
    }
    Ok(lists)
}

/// Checks the list of a hunt that is about to be launched: it must be on record as a whole, and on the
/// way to the same agents.
pub fn check(
    reader: &Reader,
    place: &DataDir,
    body: &Body,
    list: &SplitIocList,
) -> Result<(), LaunchError> {
    let refused = LaunchError::IncompleteList;
    for part in &list.parts {
        let known = reader.request(&part.id)?;
        let known = known.filter(|known| known.kind == Kind::ListPart.as_str());
        let Some(known) = known else {
            return Err(refused(format!("part {} was not launched", part.id)));
        };
        if known.is_let_go() {
            return Err(refused(format!("part {} is of a hunt that is over, and gone", part.id)));
        }
        let of =
            sign::body_of(&known.sealed).map_err(|error| StoreError::Broken(error.to_string()))?;
        if sha256(&of.args) != part.sha256 {
            return Err(refused(format!("part {} is not the one that is named", part.id)));
        }
        // A sample is another one for each request, so parts have none.
        if of.target.expr != body.target.expr || of.target.sample_ppm.is_some() {
            return Err(refused(format!("part {} went to other agents", part.id)));
        }
    }
    for digest in &list.whole {
        let path = place.list(digest);
        let held = place.hold_lists();
        let is_here = path.try_exists();
        let is_here =
            is_here.and_then(|here| if here { refresh(&path) } else { Ok(()) }.map(|()| here));
        drop(held);
        if !is_here.map_err(|source| StoreError::File { path, source })? {
            let digest = muster_protocol::hex::encode(digest);
            return Err(refused(format!("the piece {digest} of its whole digests is not here")));
        }
    }
    Ok(())
}

/// Restarts the time for which a piece is kept: no hunt names it until that hunt is on record.
fn refresh(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

/// Where parts of a hunt's list are not published yet: the hunt itself must wait there.
#[derive(Debug, Default)]
pub struct MissingParts {
    /// The stream lacks a part.
    pub is_stream: bool,
    /// The queues of these agents lack one.
    pub agents: BTreeSet<AgentId>,
}

/// Returns where parts of the list that a request names are not published yet.
pub fn missing_parts(reader: &Reader, request: &StoredRequest) -> Result<MissingParts, StoreError> {
    let mut missing = MissingParts::default();
    if request.kind != Kind::HuntStart.as_str() {
        return Ok(missing);
    }
    for IocPartRef { id, .. } in parts(request)? {
        if reader.request(&id)?.is_none_or(|part| part.is_published) {
            continue;
        }
        if request.route == Route::Directed {
            missing.agents.extend(reader.unsent(&id)?);
        } else {
            missing.is_stream = true;
        }
    }
    Ok(missing)
}

fn parts(request: &StoredRequest) -> Result<Vec<IocPartRef>, StoreError> {
    let body = sign::body_of(&request.sealed).map_err(|e| StoreError::Broken(e.to_string()))?;
    let start: HuntStart = wire::decode(&body.args, REQUEST_BYTES_MAX)?;
    Ok(start.asked()?.list.parts)
}
