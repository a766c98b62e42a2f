//! The files of a hunt whose content was sent: each content once of each agent, by page.
//!
//! A page is read from an index. Where its files lay is looked for in the rows of the runs that sent them, as far as these are not
//! too many: what a page costs does not grow with the hunt.

use std::collections::BTreeMap;

use muster_api::HuntFile;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{FILE_PATHS_MAX, UPLOAD_NAMES_ROWS_MAX};
use muster_protocol::result::FILE_BLOB;

use super::names::Names;
use crate::store::fleet::Roster;
use crate::store::{BlobKey, CountedBlob, Reader, StoreError};

/// A page of a hunt's files.
#[derive(Debug)]
pub struct Files {
    /// The files, by agent and digest.
    pub items: Vec<HuntFile>,
    /// The last of them, where the list goes on.
    pub next: Option<BlobKey>,
    /// How many files the hunt has.
    pub total: u64,
}

/// Lists the files that the counting runs of a hunt have sent, after one of them: at most so many.
pub fn files(
    reader: &Reader,
    roster: &Roster,
    hunt: &RequestId,
    (after, limit): (Option<&BlobKey>, usize),
) -> Result<Files, StoreError> {
    let mut sent = reader.counted_blobs(hunt, FILE_BLOB, after, limit.saturating_add(1))?;
    let has_more = sent.len() > limit;
    sent.truncate(limit);
    let next = sent.last().filter(|_| has_more).map(CountedBlob::key);
    let items = shown(reader, roster, hunt, &sent)?;
    Ok(Files { items, next, total: reader.count_blobs(hunt, FILE_BLOB)? })
}

/// Shows files of one agent after the other.
fn shown(
    reader: &Reader,
    roster: &Roster,
    hunt: &RequestId,
    sent: &[CountedBlob],
) -> Result<Vec<HuntFile>, StoreError> {
    let mut names = Names::new(UPLOAD_NAMES_ROWS_MAX);
    let mut files = Vec::with_capacity(sent.len());
    for of_agent in sent.chunk_by(|a, b| a.blob.agent == b.blob.agent) {
        let Some(CountedBlob { blob, host }) = of_agent.first() else { continue };
        let mut paths: BTreeMap<&[u8], Vec<String>> =
            of_agent.iter().map(|one| (one.blob.sha256.as_slice(), Vec::new())).collect();
        let run = (hunt, &blob.agent, &blob.attempt);
        let is_whole = names.gather(reader, run, &mut paths, FILE_PATHS_MAX)?;
        let known = roster.get(&blob.agent).filter(|_| host.is_empty());
        let host = known.map_or_else(|| host.clone(), |known| known.facts.host.clone());
        files.extend(of_agent.iter().map(|CountedBlob { blob, .. }| HuntFile {
            hunt: hunt.to_string(),
            agent: blob.agent.to_string(),
            host: host.clone(),
            sha256: muster_protocol::hex::encode(&blob.sha256),
            size: blob.bytes,
            paths: paths.remove(blob.sha256.as_slice()).unwrap_or_default(),
            paths_partial: !is_whole,
        }));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
