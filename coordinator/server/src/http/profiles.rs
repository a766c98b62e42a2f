//! `/profiles`: list, show, and the blob of one agent as it came.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_protocol::ids::AgentId;
use muster_protocol::request::Kind;
use muster_protocol::request::profile::ProfileKind;
use serde::Deserialize;

use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::hunts::{find, find_profiled, page};
use super::page::length;
use super::page::question::{Question, sort};
use super::profile_views::{Heading, Look, render};
use super::query::{moment, words};
use crate::core::Core;
use crate::hunts::current;
use crate::hunts::listing::{self, Filter, Sources};
use crate::hunts::view::RequestSnapshot;
use crate::profiles::profile::Profile;
use crate::profiles::symbols::Symbols;
use crate::roster::order::{Direction, Key};
use crate::store::Reader;
use muster_api::{Page, ProfileBrief, ProfileView};

/// Which profiles, and which page of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfilesQuery {
    agent: Option<String>,
    hunt: Option<String>,
    kind: Option<String>,
    operator: Option<String>,
    since: Option<String>,
    sort: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// `GET /profiles`
pub async fn list(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<ProfilesQuery>,
) -> Result<Json<Page<ProfileBrief>>, ApiError> {
    let now = core.clock.now();
    let kinds = ProfileKind::ALL.map(|kind| (kind.as_str(), kind.as_str()));
    let kinds = words("kind", asked.kind.as_deref(), &kinds)?;
    let agent = match asked.agent.as_deref() {
        None => None,
        Some(AgentId::COORDINATOR) => Some(AgentId::coordinator()),
        Some(prefix) => Some(super::agents::find(&core, prefix)?.agent.id.clone()),
    };
    let filter = Filter {
        operator: asked.operator.clone(),
        since: moment("since", asked.since.as_deref(), now)?,
        agent,
        kinds: kinds.map(|kinds| kinds.into_iter().map(str::to_owned).collect()),
        ..Filter::default()
    };
    let ((), order) = sort(asked.sort.as_deref(), &[("issued", ())], ((), Direction::Descending))?;
    let question = Question::new(
        "profiles",
        &(&asked.agent, &asked.hunt, &asked.kind, &asked.operator, &asked.since, &asked.sort),
    );
    let (limit, after) = (length(asked.limit)?, question.key::<Key>(asked.cursor.as_deref())?);
    let shared = Arc::clone(&core);
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let hunt = asked.hunt.as_deref().map(|hunt| find(reader, Kind::HuntStart, hunt));
            let filter = Filter { hunt: hunt.transpose()?.map(|hunt| hunt.id), ..filter };
            let (news, tallies) = (shared.writer.news(), &shared.tallies);
            let sources = Sources { reader, news, tallies, now };
            let span = (after.as_ref(), limit);
            Ok::<_, ApiError>(listing::profiles(&sources, &filter, order, span)?)
        })
    };
    Ok(Json(page(core.read(read).await?, &question, now)))
}

/// Returns the first page of them all.
pub(super) async fn first(core: &Arc<Core>) -> Result<Page<ProfileBrief>, ApiError> {
    let all = Asked(ProfilesQuery::default());
    Ok(list(State(Arc::clone(core)), all).await?.0)
}

/// `GET /profiles/{id}`
pub async fn show(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<ProfileView>, ApiError> {
    Ok(Json(profiled(&core, id, None).await?.profile()?))
}

/// Reads a profile: the part of one agent where only that is asked for; of a hunt the parts of those that sent profiles by themselves,
/// for it may have ten thousand others.
async fn profiled(
    core: &Arc<Core>,
    id: String,
    agent: Option<AgentId>,
) -> Result<RequestSnapshot, ApiError> {
    let (shared, now) = (Arc::clone(core), core.clock.now());
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let request = find_profiled(reader, &id)?;
            let agents = match agent {
                Some(agent) => vec![agent],
                None if request.kind == Kind::HuntStart.as_str() => {
                    reader.profiled_agents(&request.id)?
                }
                None => {
                    return Ok(RequestSnapshot::read(reader, &shared.roster, request, now)?);
                }
            };
            let summary = current::summary(reader, &request.id)?;
            let tally = shared.tallies.of(reader, shared.writer.news(), &summary, now)?;
            let some = RequestSnapshot::read_of(reader, &shared.roster, request, &agents, now)?;
            Ok::<_, ApiError>(some.counting_as(tally.states))
        })
    };
    Ok(core.read(read).await?.during(core.broker.blockage()))
}

/// `GET /profiles/{id}/{agent}/{view}`; the agent `-` is the first that has a blob.
pub async fn view(
    State(core): State<Arc<Core>>,
    Segments((id, agent, view)): Segments<(String, String, String)>,
    Asked(look): Asked<Look>,
) -> Result<Response, ApiError> {
    let agent = match agent.as_str() {
        "-" => None,
        AgentId::COORDINATOR => Some(AgentId::coordinator()),
        prefix => Some(super::agents::find(&core, prefix)?.agent.id.clone()),
    };
    let profiled = profiled(&core, id.clone(), agent.clone()).await?;
    let kind = look.kind.clone();
    let blob = profiled.blob_of(agent.as_ref(), kind.as_deref())?.ok_or_else(|| {
        let next = "muster profile show, which says what each agent answered";
        let whose = agent.as_ref().map_or("any agent", AgentId::as_str);
        let what = kind.map_or("profile of".to_owned(), |kind| format!("profile {kind:?} of"));
        ApiError::missing(&what, whose, next)
    })?;
    let path = core.place.blob(&blob.sha256);
    let profile = profiled.profile()?;
    let symbols = core.place.symbols();
    let work = move || {
        let raw = std::fs::read(&path).map_err(|error| ApiError::bug(format!("blob: {error}")))?;
        if view == "raw" {
            return Ok(
                ([(CONTENT_TYPE, "application/octet-stream")], Bytes::from(raw)).into_response()
            );
        }
        let kind = blob.kind.strip_prefix("profile.").unwrap_or(&blob.kind);
        if kind.parse::<ProfileKind>().is_ok_and(|kind| !kind.has_stacks()) {
            let next = format!("muster profile show {} --kind {kind}", profile.id);
            let cause = format!("{kind} is a document, its only view is raw");
            return Err(ApiError::usage("this is no profile of stacks", cause, &next));
        }
        let agent = blob.agent.as_str();
        let resolved = resolve(&raw, &symbols, agent)?;
        render(resolved, &view, &look, &Heading::new(kind, agent, how(&profile)))
    };
    core.view(work).await?
}

/// Names the addresses of a profile as it came.
pub fn resolve(raw: &[u8], symbols: &std::path::Path, agent: &str) -> Result<Profile, ApiError> {
    let resolved = Profile::resolve(raw, &Symbols::new(symbols)).map_err(|error| {
        let next = "take another; if it happens again, look at the agent's version";
        ApiError::usage("this profile cannot be read", error.to_string(), next)
    })?;
    Ok(resolved.of_agent(agent))
}

/// Returns how a profile was taken.
fn how(profile: &ProfileView) -> String {
    let ProfileView { id, seconds, hertz, .. } = profile;
    format!("profile {id}: {seconds} s at {hertz} hertz")
}
