//! `GET /overview`: one document for the first page, made at most once a second for all who ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{OVERVIEW_CHECKS_MS_MIN, OVERVIEW_ITEMS_MAX, OVERVIEW_MS_MIN};

use super::error::ApiError;
use super::feeds::written;
use crate::core::Core;
use crate::doctor::{Seen, doctor};
use crate::hunts::listing::{self, Field, Filter, HuntState, Sources};
use crate::live::broker_health::{Blockage, Look};
use crate::live::overviews::{Checked, Made};
use crate::roster;
use crate::roster::order::Direction;
use crate::store::fleet::Known;
use crate::store::{List, Reader, StoreError};
use muster_api::{AgentBrief, AgentState, Doctor, FacetCount, Overview, Time, Verdict};

/// States of agents, in the order in which they are shown.
const STATES: [AgentState; 5] = [
    AgentState::Live,
    AgentState::Silent,
    AgentState::New,
    AgentState::Quarantined,
    AgentState::Revoked,
];

/// `GET /overview`
pub async fn overview(State(core): State<Arc<Core>>) -> Result<Response, ApiError> {
    let made = made(&core).await?;
    Ok(([(CONTENT_TYPE, "application/json")], made.json.to_string()).into_response())
}

/// Returns the document: the last one, where it is young enough.
pub(super) async fn made(core: &Arc<Core>) -> Result<Arc<Made>, ApiError> {
    let mut held = core.overviews.made.lock().await;
    let now = core.clock.now();
    let age = |made: &Arc<Made>| now.since_ms(made.at).unsigned_abs();
    if let Some(made) = held.as_ref().filter(|made| age(made) < OVERVIEW_MS_MIN) {
        return Ok(Arc::clone(made));
    }
    let checked = checked(core, now).await?;
    let shared = Arc::clone(core);
    let make = move |reader: &Reader| document(reader, &shared, &checked.report, now);
    let overview: Overview = core.read(make).await.map_err(ApiError::from)?;
    let json = written(&overview)?.into();
    let compared = written(&Overview { as_of: Time::default(), ..overview })?;
    let made = Arc::new(Made { at: now, json, compared });
    *held = Some(Arc::clone(&made));
    Ok(made)
}

/// Returns what the checks say: the last answer, where it is young enough. The broker is not asked for it.
async fn checked(core: &Arc<Core>, now: Timestamp) -> Result<Checked, ApiError> {
    let held = core.overviews.checked();
    let age = |checked: &Checked| now.since_ms(checked.at).unsigned_abs();
    if let Some(checked) = held.filter(|checked| age(checked) < OVERVIEW_CHECKS_MS_MIN) {
        return Ok(checked);
    }
    let not_yet = || Look { at: now, found: Err("not asked yet".to_owned()), growing: Vec::new() };
    let look = core.broker.last_look().unwrap_or_else(|| Arc::new(not_yet()));
    let (link, trouble) = (core.health(), core.writer.trouble());
    let (blockage, settings) = (core.broker.blockage(), core.broker.settings());
    let agents = core.roster.all();
    let examine = move |reader: &Reader| {
        let (blockage, settings) = (blockage.as_ref(), settings.as_deref());
        let seen = Seen { link: &link, blockage, look: &look, settings };
        doctor(reader, &agents, trouble.as_deref(), &seen, now)
    };
    let report: Result<Doctor, StoreError> = core.read(examine).await;
    let checked = Checked { at: now, report: Arc::new(report?) };
    core.overviews.set_checked(checked.clone());
    Ok(checked)
}

fn document(
    reader: &Reader,
    core: &Core,
    report: &Doctor,
    now: Timestamp,
) -> Result<Overview, StoreError> {
    let (agents, blockage) = (core.roster.all(), core.broker.blockage());
    reader.at_once(|reader| {
        let sources = Sources { reader, news: core.writer.news(), tallies: &core.tallies, now };
        let first = (None, OVERVIEW_ITEMS_MAX);
        let open = Filter { states: Some(vec![HuntState::Open]), ..Filter::default() };
        let latest = (Field::Issued, Direction::Descending);
        let hunts = listing::hunts(&sources, &open, latest, first)?;
        let profiles =
            listing::profiles(&sources, &Filter::default(), Direction::Descending, first)?;
        let dead = reader.dead()?.into_iter();
        let mut checks: Vec<_> = report.checks.clone();
        checks.retain(|check| check.verdict != Verdict::Ok);
        checks.sort_by_key(|check| std::cmp::Reverse(check.verdict));
        Ok(Overview {
            fleet: core.config.file.fleet.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            broker: core.health(),
            agents: by_state(&agents, now),
            hunts: hunts.items,
            hunts_open: hunts.total,
            hunts_total: reader.count_listed(List::Hunts)?,
            profiles: profiles.items,
            busiest: busiest(&agents, blockage.as_ref(), now),
            rows_per_s: core.counters.rows_per_s(now),
            dead_letters: dead.fold(0, |sum: u64, (_, _, count, _)| sum.saturating_add(count)),
            verdict: report.verdict,
            checks,
            as_of: now.into(),
        })
    })
}

fn by_state(agents: &[Arc<Known>], now: Timestamp) -> Vec<FacetCount> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for known in agents {
        *counts.entry(roster::state(&known.agent, now).as_str()).or_default() += 1;
    }
    let count = |state: AgentState| counts.get(state.as_str()).copied().unwrap_or(0);
    let of =
        |state: AgentState| FacetCount { value: state.as_str().to_owned(), count: count(state) };
    STATES.map(of).into()
}

/// Returns the live agents that use most CPU.
fn busiest(agents: &[Arc<Known>], blockage: Option<&Blockage>, now: Timestamp) -> Vec<AgentBrief> {
    let is_live = |known: &&Arc<Known>| roster::state(&known.agent, now) == AgentState::Live;
    let cpu = |known: &Known| known.said().map_or(0.0, |said| roster::finite(said.cpu_percent));
    let mut live: Vec<_> = agents.iter().filter(is_live).collect();
    live.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)).then_with(|| a.facts.id.cmp(&b.facts.id)));
    live.truncate(OVERVIEW_ITEMS_MAX);
    live.into_iter().map(|known| roster::brief(known, blockage, now)).collect()
}
