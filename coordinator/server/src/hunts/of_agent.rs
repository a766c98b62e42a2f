//! What one agent was asked for and has sent. Only that agent's records are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_api::{AgentRequest, AgentUpload, Time};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits::UPLOAD_NAMES_ROWS_MAX;
use muster_protocol::request::Kind;
use muster_protocol::result::FILE_BLOB;

use super::names::Names;
use super::parts::Moment;
use crate::live::broker_health::Blockage;
use crate::state::Phase;
use crate::store::fleet::{Fleet, Known};
use crate::store::summaries::Brief;
use crate::store::{Reader, StoreError, StoredCollection, Summary, Upload, UploadKey};

/// Which of an agent's requests are listed: all that is given holds.
#[derive(Debug, Default)]
pub struct Filter {
    /// `hunt`, `profile`.
    pub kinds: Option<Vec<&'static str>>,
    /// States of the agent's part.
    pub states: Option<Vec<&'static str>>,
}

/// A page of an agent's requests.
#[derive(Debug)]
pub struct Requests {
    /// The requests, the latest first.
    pub items: Vec<AgentRequest>,
    /// The last of them, where the list goes on.
    pub next: Option<RequestId>,
    /// How many the filter leaves.
    pub total: u64,
}

/// Lists the hunts and profiles that an agent was expected for, or has answered.
pub fn requests(
    reader: &Reader,
    known: &Arc<Known>,
    filter: &Filter,
    (after, limit): (Option<RequestId>, usize),
    (blockage, now): (Option<&Blockage>, Timestamp),
) -> Result<Requests, StoreError> {
    let agent = &known.agent.id;
    let fleet = Fleet::from([(agent.clone(), Arc::clone(known))]);
    let mut found = Requests { items: Vec::new(), next: None, total: 0 };
    let mut last = None;
    reader.visit_collections_of(agent, |request, part| {
        let Some(summary) = reader.summary(&request)?.filter(|_| part.is_counted()) else {
            return Ok(true);
        };
        let moment = Moment::of(&summary, now, &fleet, blockage);
        let (kind, phase) = (word(&summary.kind), moment.phase(&part));
        let holds = |words: &Option<Vec<&'static str>>, word: &str| {
            words.as_ref().is_none_or(|words| words.contains(&word))
        };
        if !holds(&filter.kinds, kind) || !holds(&filter.states, phase.as_str()) {
            return Ok(true);
        }
        found.total += 1;
        if after.is_some_and(|after| request >= after) {
            return Ok(true);
        }
        if found.items.len() < limit {
            found.items.push(shown(&summary, &part, &moment, phase));
            last = Some(request);
        } else {
            found.next = last;
        }
        Ok(true)
    })?;
    Ok(found)
}

fn word(kind: &str) -> &'static str {
    if kind == Kind::HuntStart.as_str() { "hunt" } else { "profile" }
}

fn shown(
    summary: &Summary,
    part: &StoredCollection,
    moment: &Moment<'_>,
    phase: Phase,
) -> AgentRequest {
    let done = part.done(moment.sample(part));
    let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
    AgentRequest {
        id: summary.id.to_string(),
        kind: word(&summary.kind).to_owned(),
        operator: summary.operator.clone(),
        target: summary.target.clone(),
        subject: summary.brief.as_ref().map(subject).unwrap_or_default(),
        issued: summary.issued.into(),
        state: phase.as_str().to_owned(),
        code: moment.why(part, phase).0,
        started: time(part.started),
        ended: time(part.ended),
        rows: part.rows,
        matched: done.matched,
        errors: done.errors,
        cpu_ms: done.cpu_ms,
        bytes_read: done.bytes,
    }
}

/// Returns what a request is about: the first root of a hunt, else its artifact; the kinds of a profile.
fn subject(brief: &Brief) -> String {
    if !brief.kinds.is_empty() {
        return brief.kinds.join(", ");
    }
    if brief.root.is_empty() {
        return brief.artifact.clone();
    }
    String::from_utf8_lossy(&brief.root).into_owned()
}

/// Shows uploads of an agent. Where a file lay is found in the rows of the run that sent it, as far as these are not too many.
pub fn uploads(
    reader: &Reader,
    agent: &AgentId,
    uploads: &[Upload],
) -> Result<Vec<AgentUpload>, StoreError> {
    let runs: BTreeSet<(RequestId, Attempt)> =
        uploads.iter().map(|upload| (upload.key.request, upload.key.attempt())).collect();
    let mut received = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut looked = Names::new(UPLOAD_NAMES_ROWS_MAX);
    for (request, run) in runs {
        received.insert((request, run), reader.blobs_received(&request, agent, &run)?);
        let files = uploads.iter().filter(|upload| {
            upload.kind == FILE_BLOB && (upload.key.request, upload.key.attempt()) == (request, run)
        });
        let mut wanted: BTreeMap<&[u8], Vec<String>> =
            files.map(|file| (file.sha256.as_slice(), Vec::new())).collect();
        looked.gather(reader, (&request, agent, &run), &mut wanted, 1)?;
        for (sha256, found) in wanted {
            let name = found.into_iter().next();
            names.extend(name.map(|name| ((request, run, sha256.to_vec()), name)));
        }
    }
    let shown = |upload: &Upload| {
        let UploadKey { request, blob, .. } = upload.key;
        let run = upload.key.attempt();
        let kind = upload.kind.strip_prefix("profile.").unwrap_or(&upload.kind).to_owned();
        let name = if upload.kind == FILE_BLOB {
            names.get(&(request, run, upload.sha256.clone())).cloned().unwrap_or_default()
        } else {
            kind.clone()
        };
        let received = received.get(&(request, run)).and_then(|blobs| blobs.get(&blob));
        AgentUpload {
            request: request.to_string(),
            kind,
            name,
            bytes: upload.bytes,
            sha256: muster_protocol::hex::encode(&upload.sha256),
            received: received.filter(|at| at.0 != 0).map(|at| Time::from(*at)),
        }
    };
    Ok(uploads.iter().map(shown).collect())
}

#[cfg(test)]
pub(super) mod tests;
