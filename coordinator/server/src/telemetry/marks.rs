//! Hunts and profiles on the time axis of a curve, from what the agent said of them.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits::{TELEMETRY_LATE_MS_MAX, TELEMETRY_MARKS_MAX};
use muster_protocol::request::Kind;
use muster_protocol::result::{State, Status, Telemetry};

use crate::store::{Reader, StoreError};
use muster_api::MarkView;

/// What one curve marks.
#[derive(Debug)]
pub struct Marks {
    /// The latest, the oldest of them first.
    pub shown: Vec<MarkView>,
    /// How many more there were.
    pub left_out: u64,
}

/// Collects what ran on an agent within a span.
pub fn marks(
    reader: &Reader,
    agent: &AgentId,
    heard: Option<&(Timestamp, Telemetry)>,
    (since, until): (Timestamp, Timestamp),
) -> Result<Marks, StoreError> {
    // Samples of an agent whose clock is wrong lie where they arrived; what ran must lie beside them.
    let offset = heard.map_or(0, |(received, said)| received.since_ms(said.at));
    let offset = if offset.abs() > TELEMETRY_LATE_MS_MAX { offset } else { 0 };
    // What ended within the span came after its beginning.
    let mut runs: BTreeMap<(RequestId, Attempt), MarkView> = BTreeMap::new();
    // The latest comes first, and it is the one that knows most.
    for (kind, status) in reader.statuses_of(agent, since)? {
        if let Some(mark) = of_status(&kind, &status, offset) {
            runs.entry((status.request, status.attempt)).or_insert(mark);
        }
    }
    let mut all: Vec<_> = runs.into_values().collect();
    let sampled = heard.map_or(until, |(_, said)| said.at.plus_ms(offset));
    for mark in running(reader, heard, offset)? {
        // The sample may be older than the final status.
        let is_told = |known: &MarkView| known.ended.is_none_or(|end| end.0 >= sampled);
        if !all.iter().any(|known| known.id == mark.id && is_told(known)) {
            all.push(mark);
        }
    }
    all.retain(|mark| mark.started.0 <= until && mark.ended.is_none_or(|end| end.0 >= since));
    all.sort_by(|a, b| a.started.cmp(&b.started).then_with(|| a.id.cmp(&b.id)));
    let left_out = all.len().saturating_sub(TELEMETRY_MARKS_MAX);
    Ok(Marks { shown: all.split_off(left_out), left_out: left_out as u64 })
}

fn word(kind: &str) -> Option<&'static str> {
    match kind {
        kind if kind == Kind::HuntStart.as_str() => Some("hunt"),
        kind if kind == Kind::ProfileStart.as_str() => Some("profile"),
        _ => None,
    }
}

/// What never ran has no place on a time axis.
fn of_status(kind: &str, status: &Status, offset: i64) -> Option<MarkView> {
    let footer = status.footer.clone().unwrap_or_default();
    // All kinds of a profile have one window.
    let window = footer.profiles.first().map(|one| (one.window_start, one.window_end));
    let said = |at: Timestamp| (at != Timestamp::default()).then_some(at);
    let (started, ended) = match window {
        Some((start, end)) => (said(start), said(end)),
        None => (said(footer.started), said(footer.ended)),
    };
    let started = match status.state {
        State::Declined | State::Queued => return None,
        State::Started | State::Progress => started.unwrap_or(status.at),
        State::Paused | State::Finished | State::Failed | State::Cancelled => started?,
    };
    let ended = status.state.is_final().then(|| ended.unwrap_or(status.at));
    Some(MarkView {
        id: status.request.to_string(),
        kind: word(kind)?.to_owned(),
        state: status.state.as_str().to_owned(),
        started: started.plus_ms(offset).into(),
        ended: ended.map(|at| at.plus_ms(offset).into()),
        cpu_ms: footer.cpu_user_ms.saturating_add(footer.cpu_system_ms),
        read_bytes: footer.artifact.map_or(0, |artifact| artifact.counters.bytes),
    })
}

/// What the latest sample shows as running: on a broadcast an agent says nothing else for the first seconds.
fn running(
    reader: &Reader,
    heard: Option<&(Timestamp, Telemetry)>,
    offset: i64,
) -> Result<Vec<MarkView>, StoreError> {
    let mut marks = Vec::new();
    let Some((_, said)) = heard else { return Ok(marks) };
    for sample in said.collections.iter().filter(|sample| sample.state == "running") {
        let Some(request) = reader.request(&sample.request)? else { continue };
        let Some(kind) = word(&request.kind) else { continue };
        let age_ms = i64::try_from(sample.age_ms).unwrap_or(i64::MAX);
        marks.push(MarkView {
            id: sample.request.to_string(),
            kind: kind.to_owned(),
            state: State::Started.as_str().to_owned(),
            started: said.at.plus_ms(age_ms.saturating_neg()).plus_ms(offset).into(),
            ended: None,
            cpu_ms: sample.cpu_ms,
            read_bytes: sample.bytes,
        });
    }
    Ok(marks)
}
