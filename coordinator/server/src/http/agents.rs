//! `/agents`: enrol, show, quarantine, release, revoke; [`list`]: the list.
//! [`history`]: what one was asked for and has sent.

pub mod history;
pub mod list;

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use muster_broker::tls::{Authorities, AuthoritiesError};
use muster_protocol::address::Address;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::QUARANTINE_REASON_BYTES_MAX;
use muster_protocol::result::ReportedPolicy;
use muster_protocol::result::bounds::refuse_labels;
use serde_bytes::ByteBuf;

use super::error::ApiError;
use super::extract::{Given, Segments};
use super::guard::Caller;
use crate::broker::{self, ManagementError};
use crate::core::Core;
use crate::ingest::quarantine::{impose, lift};
use crate::roster;
use crate::store::fleet::{Known, Named};
use crate::store::{Audit, NewAgent, Reader, StoreError, Write};
use muster_api::{
    AgentView, BrokerAddress, EnrolAgents, Enrolled, EnrolledAgents, JournalView, PolicyView,
    QuarantineAgent,
};

/// Agents that one call enrols at most.
const ENROL_MAX: usize = 10_000;

/// `GET /agents/{id}`
pub async fn show(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
) -> Result<Json<AgentView>, ApiError> {
    shown(&core, find(&core, &id)?).await
}

/// Shows an agent, with what only the store has of it.
async fn shown(core: &Core, known: Arc<Known>) -> Result<Json<AgentView>, ApiError> {
    let (blockage, now) = (core.broker.blockage(), core.clock.now());
    let read = move |reader: &Reader| {
        let journals = reader.journals(&known.agent.id)?.into_iter();
        let journals = journals.map(|(journal, received)| JournalView {
            journal: journal.to_string(),
            last_seen: received.into(),
        });
        let policy = reader.policy(&known.agent.id)?;
        Ok::<_, StoreError>(AgentView {
            policy: policy.map(|(received, policy)| allowed(received, policy)),
            journals: journals.collect(),
            ..roster::view(&known, blockage.as_ref(), now)
        })
    };
    core.read(read).await.map(Json).map_err(ApiError::from)
}

/// Shows a policy.
fn allowed(received: Timestamp, policy: ReportedPolicy) -> PolicyView {
    let lossy = |folders: Vec<ByteBuf>| {
        folders.iter().map(|folder| String::from_utf8_lossy(folder).into_owned()).collect()
    };
    let folders = policy.folders.map(|folders| (lossy(folders.allow), lossy(folders.deny)));
    let (allow_roots, deny_roots) = folders.unzip();
    PolicyView {
        received: received.into(),
        capabilities: policy.capabilities,
        artifacts: policy.artifacts,
        shows_cmdline: policy.shows_cmdline,
        bounds: policy.bounds,
        allow_rules: policy.allow_rules,
        deny_rules: policy.deny_rules,
        allow_roots,
        deny_roots,
    }
}

/// Finds the one agent whose id is, or begins with, `prefix`.
pub fn find(core: &Core, prefix: &str) -> Result<Arc<Known>, ApiError> {
    let next = "muster agents list";
    match core.roster.find(prefix) {
        Named::One(known) => Ok(known),
        Named::None => Err(ApiError::missing("agent", prefix, next)),
        Named::Many(count, first) => Err(ApiError::usage(
            format!("{prefix:?} stands for {count} agents"),
            format!("among them {first}"),
            next,
        )),
    }
}

/// `POST /agents`
pub async fn enrol(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Given(asked): Given<EnrolAgents>,
) -> Result<Json<EnrolledAgents>, ApiError> {
    if asked.agents.is_empty() || asked.agents.len() > ENROL_MAX {
        let cause = format!("{} are asked for, 1 to {ENROL_MAX} are allowed", asked.agents.len());
        return Err(ApiError::usage("cannot enrol", cause, "split the list"));
    }
    let mut ids = Vec::with_capacity(asked.agents.len());
    let mut records = Vec::with_capacity(asked.agents.len());
    for agent in &asked.agents {
        let id = roster::mint(&agent.name).map_err(|error| {
            let next = "a name needs at least one letter or digit of ASCII";
            ApiError::usage(format!("cannot enrol {:?}", agent.name), error.to_string(), next)
        })?;
        if let Some(cause) = refuse_labels(&agent.labels) {
            let what = format!("cannot enrol {:?}", agent.name);
            return Err(ApiError::usage(what, cause, "remove some of its labels, or shorten it"));
        }
        let labels =
            serde_json::to_string(&agent.labels).map_err(|e| ApiError::bug(e.to_string()))?;
        records.push(NewAgent { id: id.clone(), name: agent.name.clone(), labels });
        ids.push(id);
    }
    let ca = authorities(&core).await?;
    let management = core.management.clone();
    let made = tokio::task::spawn_blocking(move || broker::enrol::enrol(&management, &ids)).await;
    let credentials = made
        .map_err(|problem| ApiError::bug(problem.to_string()))?
        .map_err(|error| of_broker("the broker does not make the agents' users", &error))?;
    let line = audit(&caller, "enrol", format!("{} agents", credentials.len()));
    core.writer.write(Write::Agents(records, line)).await.map_err(ApiError::from)?;
    let agents = asked.agents.into_iter().zip(credentials).map(|(agent, made)| Enrolled {
        id: made.agent.to_string(),
        name: agent.name,
        labels: agent.labels,
        password: made.password.reveal().to_owned(),
    });
    let broker = BrokerAddress { ca, ..address(&core) };
    Ok(Json(EnrolledAgents { broker, agents: agents.collect() }))
}

/// A wrong password of the coordinator at the broker is a refusal (77), as in `muster broker apply`.
fn of_broker(what: &str, error: &ManagementError) -> ApiError {
    match error {
        ManagementError::WrongPassword { .. } | ManagementError::Untrusted { .. } => {
            ApiError::refused(what, error.to_string(), &error.hint())
        }
        _ => ApiError::away(what, error.to_string(), &error.hint()),
    }
}

fn address(core: &Core) -> BrokerAddress {
    let file = &core.config.file;
    // It was read when the configuration was.
    let other = file.agents_broker.as_deref().and_then(|text| text.parse::<Address>().ok());
    let (host, port) = match other {
        Some(other) => other.or_port(file.broker.port),
        None => (file.broker.host.clone(), file.broker.port),
    };
    BrokerAddress { host, port, vhost: file.broker.vhost.clone(), tls: file.broker.tls, ca: None }
}

/// Reads what agents need to trust the broker: the coordinator's own file, before anything is made.
async fn authorities(core: &Core) -> Result<Option<String>, ApiError> {
    let Some(path) = core.config.broker_ca().filter(|_| core.config.file.broker.tls) else {
        return Ok(None);
    };
    let read = move || {
        Authorities::read(Some(&path))?;
        std::fs::read_to_string(&path)
            .map_err(|error| AuthoritiesError::File { path, cause: error.to_string() })
    };
    let read = tokio::task::spawn_blocking(read).await;
    let text = read.map_err(|problem| ApiError::bug(problem.to_string()))?;
    text.map(Some).map_err(|error| {
        let next = "correct ca_file in [broker] of coordinator.toml";
        ApiError::away("agents would not trust the broker", error.to_string(), next)
    })
}

/// `POST /agents/{id}/revoke`
pub async fn revoke(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Result<Json<AgentView>, ApiError> {
    let known = find(&core, &id)?;
    let agent = &known.agent;
    let (management, of): (_, AgentId) = (core.management.clone(), agent.id.clone());
    let revoked =
        tokio::task::spawn_blocking(move || broker::enrol::revoke(&management, &of)).await;
    revoked
        .map_err(|problem| ApiError::bug(problem.to_string()))?
        .map_err(|error| of_broker("the broker does not revoke the agent", &error))?;
    let line = audit(&caller, "revoke", agent.id.to_string());
    core.writer.write(Write::Revoked(agent.id.clone(), line)).await.map_err(ApiError::from)?;
    if agent.quarantine.is_some() {
        // What was set aside is judged like what else the agent had sent before.
        let line = audit(&caller, "release", agent.id.to_string());
        core.writer.write(Write::Released(agent.id.clone(), line)).await.map_err(ApiError::from)?;
        core.held.lift(&agent.id);
    }
    shown(&core, find(&core, agent.id.as_str())?).await
}

/// `POST /agents/{id}/quarantine`
pub async fn quarantine(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
    Given(asked): Given<QuarantineAgent>,
) -> Result<Json<AgentView>, ApiError> {
    if asked.reason.is_empty() || asked.reason.len() > QUARANTINE_REASON_BYTES_MAX {
        let cause = format!("1 to {QUARANTINE_REASON_BYTES_MAX} bytes are allowed");
        return Err(ApiError::usage("a quarantine needs a reason", cause, "--reason TEXT"));
    }
    let known = find(&core, &id)?;
    let agent = &known.agent;
    if agent.revoked.is_some() {
        let cause = format!("{} has no rights any more", agent.id);
        return Err(ApiError::usage("the agent is revoked", cause, "muster agents list"));
    }
    let mut line = audit(&caller, "quarantine", agent.id.to_string());
    line.detail.clone_from(&asked.reason);
    impose(&core, &agent.id, asked.reason, line).await.map_err(ApiError::from)?;
    shown(&core, find(&core, agent.id.as_str())?).await
}

/// `POST /agents/{id}/release`
pub async fn release(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Result<Json<AgentView>, ApiError> {
    let known = find(&core, &id)?;
    let agent = &known.agent;
    if agent.quarantine.is_none() || agent.revoked.is_some() {
        let cause = format!("{} is {}", agent.id, roster::state(agent, core.clock.now()).as_str());
        return Err(ApiError::usage("the agent is not in quarantine", cause, "muster agents list"));
    }
    let line = audit(&caller, "release", agent.id.to_string());
    lift(&core, &agent.id, line).await.map_err(|error| {
        let what = "the broker does not let the agent in again";
        ApiError::away(what, error.to_string(), "muster broker status, then run the command again")
    })?;
    shown(&core, find(&core, agent.id.as_str())?).await
}

/// Notes what an operator did.
pub(super) fn audit(caller: &Caller, action: &'static str, subject: String) -> Audit {
    Audit { token: caller.0.clone(), action, subject, ..Audit::default() }
}
