//! A hunt as a whole, from the read models: nothing of it that is settled is read again.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign;
use muster_protocol::wire;

use super::controls;
use super::view::{exit_code, identity};
use crate::live::broker_health::Blockage;
use crate::live::tallies::Tallies;
use crate::store::{News, Reader, StoreError, StoredCollection, StoredRequest, Summary, Tally};
use muster_api::{ControlView, HuntView, Time};

/// What is shown of a hunt's arguments. They never change: decoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    artifact: String,
    roots: Vec<String>,
    hashes: Vec<String>,
    ioc: u64,
}

impl Signed {
    /// Decodes them.
    pub fn of(request: &StoredRequest) -> Result<Self, StoreError> {
        let body = sign::body_of(&request.sealed);
        let body = body.map_err(|error| StoreError::Broken(error.to_string()))?;
        let start: HuntStart = wire::decode(&body.args, REQUEST_BYTES_MAX)?;
        let asked = start.shown()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            artifact: start.artifact,
            roots: asked.roots.iter().map(|root| text(root)).collect(),
            hashes: asked.hashes.iter().map(|hash| hash.as_str().to_owned()).collect(),
            ioc: match asked.list.count {
                0 => asked.ioc.iter().map(|list| list.count() as u64).sum(),
                count => count,
            },
        })
    }
}

/// Shows a hunt as it is now.
pub fn read(
    reader: &Reader,
    sources: (&News, &Tallies),
    request: &StoredRequest,
    blockage: Option<&Blockage>,
    now: Timestamp,
) -> Result<HuntView, StoreError> {
    reader.at_once(|reader| read_within(reader, sources, request, blockage, now))
}

/// The same, within a reader's moment.
pub fn read_within(
    reader: &Reader,
    (news, tallies): (&News, &Tallies),
    request: &StoredRequest,
    blockage: Option<&Blockage>,
    now: Timestamp,
) -> Result<HuntView, StoreError> {
    let signed = Signed::of(request)?;
    let summary = summary(reader, &request.id)?;
    let change = summary.change.max(news.sampled(&summary.id));
    let tally = tallies.of(reader, news, &summary, now)?;
    let notes = notes(reader, &summary, &tally, blockage, now)?;
    let controls = controls::shown(reader, &summary.id)?;
    Ok(view(&signed, &summary, &tally, (change, notes), controls, now))
}

/// Returns the summary of a hunt or profile that is on record.
pub fn summary(reader: &Reader, id: &RequestId) -> Result<Summary, StoreError> {
    let missing = || StoreError::Broken(format!("no summary of {id}: muster doctor --rebuild"));
    reader.summary(id)?.ok_or_else(missing)
}

/// Shows a hunt.
pub fn view(
    signed: &Signed,
    summary: &Summary,
    tally: &Tally,
    (change, notes): (u64, Vec<String>),
    controls: Vec<ControlView>,
    now: Timestamp,
) -> HuntView {
    let states = tally.states;
    HuntView {
        id: summary.id.to_string(),
        change,
        as_of: now.into(),
        name: summary.noted.name.clone(),
        case: summary.noted.case.clone(),
        note: summary.noted.note.clone(),
        artifact: signed.artifact.clone(),
        operator: summary.operator.clone(),
        target: summary.target.clone(),
        roots: signed.roots.clone(),
        hashes: signed.hashes.clone(),
        ioc: signed.ioc,
        issued: summary.issued.into(),
        expires: summary.not_after.into(),
        route: summary.route.into(),
        published: summary.is_published,
        cancelled: summary.is_cancelled(),
        hold: summary.hold.into(),
        revision: summary.revision,
        controls,
        applied: tally.applied.clone(),
        ended_at: tally.ended_at.map(Time::from),
        outcome: states.outcome().unwrap_or_default(),
        targeted: states.sum(),
        states,
        progress: tally.progress,
        spent: tally.spent.clone(),
        done: states.ended() == states.sum(),
        exit_code: exit_code(&states),
        notes,
    }
}

/// Returns what holds a hunt up beside the agents, then what is wrong with their identities.
pub fn notes(
    reader: &Reader,
    summary: &Summary,
    tally: &Tally,
    blockage: Option<&Blockage>,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let is_done = tally.states.ended() == tally.states.sum();
    let open = blockage.filter(|blockage| blockage.until.is_none() && !is_done);
    let mut notes: Vec<_> = open.map(Blockage::sentence).into_iter().collect();
    let faults = reader.faults()?;
    let mut clones: Vec<(&AgentId, _)> = Vec::new();
    for (agent, faults) in &faults {
        let part = reader.stored_collection(&summary.id, agent)?;
        let Some(part) = part.filter(StoredCollection::is_counted) else { continue };
        let end = part.said.unwrap_or(now);
        clones.extend(identity::clone_among(faults, summary.issued, end).map(|f| (agent, f)));
    }
    notes.extend(identity::notes(&clones));
    Ok(notes)
}
