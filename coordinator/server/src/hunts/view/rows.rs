//! Where the rows of a hunt come from: the runs that count, as `rows` takes them. Of the read models alone: no event of the hunt
//! is read.

use std::collections::{BTreeMap, BTreeSet};

use muster_protocol::artifact;
use muster_protocol::artifact::ioc::IocList;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign;
use muster_protocol::result::FILE_BLOB;
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use super::identity::clone_among;
use crate::core::Core;
use crate::hunts::{current, lists};
use crate::live::parts::Parts;
use crate::rows::held::HeldRows;
use crate::rows::source::{Run, Source};
use crate::state;
use crate::store::{DataDir, News, Reader, StoreError, StoredRequest};

/// What the coordinator knows beside the store.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What agents last reported.
    pub news: &'a News,
    /// Where lists of hashes lie.
    pub place: &'a DataDir,
    /// What is kept between two answers.
    pub held: &'a HeldRows,
    /// The parts of the hunts that were asked for last.
    pub parts: &'a Parts,
    /// The moment.
    pub now: Timestamp,
}

impl<'a> Known<'a> {
    /// Takes what the running coordinator knows now.
    pub fn of(core: &'a Core) -> Self {
        Self {
            news: core.writer.news(),
            place: &core.place,
            held: &core.rows,
            parts: &core.parts,
            now: core.clock.now(),
        }
    }
}

/// The rows of a hunt at one moment.
#[derive(Debug)]
pub struct HuntRows {
    /// Where they come from.
    pub source: Source,
    /// Whether nothing more is to come by itself.
    pub is_done: bool,
}

/// Reads where the rows of a hunt come from. A long list of hashes is read once for all who ask.
pub fn source(
    reader: &Reader,
    request: &StoredRequest,
    known: &Known<'_>,
) -> Result<HuntRows, StoreError> {
    let body =
        sign::body_of(&request.sealed).map_err(|error| StoreError::Broken(error.to_string()))?;
    let args: HuntStart = wire::decode(&body.args, REQUEST_BYTES_MAX)?;
    let schema = artifact::find(&args.artifact).map(artifact::Artifact::schema);
    let schema = schema.ok_or_else(|| StoreError::Newer(format!("rows of {:?}", args.artifact)))?;
    let roots = args.asked()?.roots.into_iter().map(ByteBuf::into_vec).collect();
    let ioc = known.held.list(request.id, || ioc(known.place, &args))?;
    let (runs, is_done) = reader.at_once(|reader| runs(reader, request, known))?;
    let named = request.id.to_string();
    let source = Source { hunt: request.id, named, schema, roots, ioc, runs };
    Ok(HuntRows { source, is_done })
}

/// Returns the list of hashes of a hunt, whole digests where there was room for them.
fn ioc(place: &DataDir, args: &HuntStart) -> Result<Vec<IocList>, StoreError> {
    let asked = args.asked()?;
    if asked.list.is_none() { Ok(asked.ioc) } else { lists::whole(place, &asked.list) }
}

/// Returns the runs that count, by agent, and whether nothing more is to come.
fn runs(
    reader: &Reader,
    request: &StoredRequest,
    known: &Known<'_>,
) -> Result<(Vec<Run>, bool), StoreError> {
    let mut uploaded: BTreeMap<(AgentId, Attempt), BTreeSet<Vec<u8>>> = BTreeMap::new();
    for blob in reader.blobs(&request.id)?.into_iter().filter(|blob| blob.kind == FILE_BLOB) {
        uploaded.entry((blob.agent, blob.attempt)).or_default().insert(blob.sha256);
    }
    let faults = reader.faults()?;
    let parts = known.parts.of(reader, &current::summary(reader, &request.id)?)?;
    let fleet = known.news.fleet();
    let counted = || parts.iter().filter(|part| part.is_counted());
    let states = state::count(counted().map(|part| {
        let sample = fleet.get(&part.agent).and_then(|known| known.sample(&request.id));
        part.phase(known.now, request.not_after, sample)
    }));
    let runs = counted().filter_map(|part| {
        let attempt = part.attempt?;
        let faults = faults.get(&part.agent).map_or(&[][..], Vec::as_slice);
        let end = part.said.unwrap_or(known.now);
        let host = match part.host.as_str() {
            "" => fleet.get(&part.agent).map_or("", |known| known.facts.host.as_str()),
            host => host,
        };
        Some(Run {
            agent: part.agent.clone(),
            host: host.to_owned(),
            attempt,
            is_clone: clone_among(faults, request.issued, end).is_some(),
            uploaded: uploaded.remove(&(part.agent.clone(), attempt)).unwrap_or_default(),
            rows: part.rows,
        })
    });
    let mut runs: Vec<_> = runs.collect();
    runs.sort_by(|a, b| a.agent.cmp(&b.agent));
    Ok((runs, states.ended() == states.sum()))
}
