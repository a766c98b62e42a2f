//! `muster agents`: enrol, list, show, revoke.

mod enrol;

use std::collections::BTreeMap;

use muster_api::{AgentState, AgentView, QuarantineAgent, TelemetryView};
use muster_protocol::ids::RequestId;
use muster_protocol::request::Target;
use muster_protocol::request::target::Facts;

use super::args::Agents;
use super::client::Client;
use super::failure::{Exit, Failure};
use super::{Context, sign};
use crate::output::{Column, Document, Format, Show, units};

const LIST: &[Column<Listed>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.agent.id).into()),
    Column::new("host", "host", Show::Text, |one| (&one.agent.host).into()),
    Column::new("state", "state", Show::Text, |one| one.agent.state.as_str().into()),
    Column::new("version", "version", Show::Text, |one| (&one.agent.version).into()),
    Column::new("last seen", "last_seen", Show::Text, |one| one.agent.last_seen.into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |one| one.cpu_percent.into()),
    Column::new("rss", "rss_bytes", Show::Bytes, |one| one.rss_bytes.into()),
    Column::new("running", "collections", Show::Count, |one| one.agent.collections.into()),
    Column::new("clone", "clone", Show::Text, |one| one.agent.clone.into()),
    Column::new("labels", "labels", Show::Pairs, |one| (&one.agent.labels).into()),
];

const SHOW: &[Column<Listed>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.agent.id).into()),
    Column::new("name", "name", Show::Text, |one| (&one.agent.name).into()),
    Column::new("state", "state", Show::Text, |one| one.agent.state.as_str().into()),
    Column::new("why", "cause", Show::Text, |one| (&one.agent.cause).into()),
    Column::new("host", "host", Show::Text, |one| (&one.agent.host).into()),
    Column::new("os", "os", Show::Text, |one| (&one.agent.os).into()),
    Column::new("arch", "arch", Show::Text, |one| (&one.agent.arch).into()),
    Column::new("version", "version", Show::Text, |one| (&one.agent.version).into()),
    Column::new("labels", "labels", Show::Pairs, |one| (&one.agent.labels).into()),
    Column::new("can do", "capabilities", Show::Pairs, |one| (&one.agent.capabilities).into()),
    Column::new("enrolled", "enrolled", Show::Text, |one| one.agent.enrolled.into()),
    Column::new("revoked", "revoked", Show::Text, |one| one.agent.revoked.into()),
    Column::new("quarantined", "quarantined", Show::Text, |one| one.agent.quarantined.into()),
    Column::new("cause", "quarantine", Show::Text, |one| one.agent.quarantine.as_deref().into()),
    Column::new("last seen", "last_seen", Show::Text, |one| one.agent.last_seen.into()),
    Column::new("clock offset, ms", "clock_offset_ms", Show::Text, |one| {
        one.agent.clock_offset_ms.into()
    }),
    Column::new("outbox", "outbox_bytes", Show::Bytes, |one| one.agent.outbox_bytes.into()),
    Column::new("journal full", "journal_full", Show::Text, |one| one.agent.journal_full.into()),
    Column::new("running", "collections", Show::Count, |one| one.agent.collections.into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |one| one.cpu_percent.into()),
    Column::new("rss", "rss_bytes", Show::Bytes, |one| one.rss_bytes.into()),
    Column::new("machine", "machine", Show::Text, |one| one.agent.machine.as_deref().into()),
    Column::new("clone", "clone", Show::Text, |one| one.agent.clone.into()),
    Column::new("notes", "notes", Show::Pairs, |one| (&one.agent.notes).into()),
];

pub(super) fn run(context: &Context, verb: &Agents) -> Result<Exit, Failure> {
    match verb {
        Agents::Enrol(flags) => enrol::run(context, flags),
        Agents::List { target, all, revoked } => {
            let which = match (all, revoked) {
                (true, _) => Which::All,
                (_, true) => Which::Revoked,
                _ => Which::Enrolled,
            };
            list(context, target.as_deref(), which)
        }
        Agents::Show { agent } => show(context, agent),
        Agents::Quarantine { agent, reason, yes } => quarantine(context, agent, reason, *yes),
        Agents::Release { agent } => release(context, agent),
        Agents::Revoke { agent, yes } => revoke(context, agent, *yes),
    }
}

/// Which agents are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Enrolled,
    Revoked,
    All,
}

/// An agent with its latest cost, where there is a sample of it.
#[derive(Debug)]
struct Listed {
    agent: AgentView,
    cpu_percent: Option<f64>,
    rss_bytes: Option<u64>,
}

fn list(context: &Context, target: Option<&str>, which: Which) -> Result<Exit, Failure> {
    let expr = target.unwrap_or("all").to_owned();
    let target = Target { expr, sample_ppm: None };
    sign::check_target(&target)?;
    let client = context.client()?;
    let mut agents = matching(&client, &target)?;
    let all = agents.len();
    let is_revoked = |agent: &AgentView| agent.state == AgentState::Revoked;
    agents.retain(|agent| {
        which == Which::All || is_revoked(&agent.view) == (which == Which::Revoked)
    });
    let costs = Costs::fetch(&client)?;
    let agents: Vec<_> = agents.into_iter().map(|agent| costs.add_to(agent)).collect();
    context.out.list(LIST, &agents)?;
    // One broker, one cause: it is the same for all that have one.
    let causes = agents.iter().map(|one| &one.view.agent.cause);
    let causes: Vec<_> = causes.filter(|cause| !cause.is_empty()).collect();
    if let Some(cause) = causes.first() {
        context.out.note(&format!("{} silent: {cause}", causes.len()));
    }
    if which == Which::Enrolled && agents.len() < all {
        let hidden = units::count((all - agents.len()) as u64);
        context.out.note(&format!("revoked and not shown: {hidden}; add --all or --revoked"));
    }
    Ok(if agents.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches the agents that an expression means.
pub(super) fn matching(
    client: &Client,
    target: &Target,
) -> Result<Vec<Document<AgentView>>, Failure> {
    let mut agents: Vec<Document<AgentView>> = client.list("/api/v1/agents")?;
    // The id of a request decides a sample only, and a list has none.
    let request = RequestId::new();
    agents.retain(|agent| target.matches(&facts(&agent.view), &request).unwrap_or(false));
    Ok(agents)
}

fn facts(agent: &AgentView) -> Facts {
    Facts {
        id: agent.id.clone(),
        host: agent.host.clone(),
        os: agent.os.clone(),
        arch: agent.arch.clone(),
        version: agent.version.clone(),
        labels: agent.labels.clone(),
    }
}

/// The latest samples, by agent.
#[derive(Debug)]
struct Costs(BTreeMap<String, TelemetryView>);

impl Costs {
    fn fetch(client: &Client) -> Result<Self, Failure> {
        let samples: Vec<TelemetryView> = client.get("/api/v1/telemetry")?;
        Ok(Self(samples.into_iter().map(|sample| (sample.agent.clone(), sample)).collect()))
    }

    /// Adds what an agent costs, in its document as well.
    fn add_to(&self, agent: Document<AgentView>) -> Document<Listed> {
        let Document { view: agent, mut json } = agent;
        let sample = self.0.get(&agent.id);
        if let (Some(json), Some(sample)) = (json.as_object_mut(), sample) {
            json.insert("cpu_percent".to_owned(), sample.cpu_percent.into());
            json.insert("rss_bytes".to_owned(), sample.rss_bytes.into());
        }
        let cpu_percent = sample.map(|sample| sample.cpu_percent);
        let rss_bytes = sample.map(|sample| sample.rss_bytes);
        Document { view: Listed { agent, cpu_percent, rss_bytes }, json }
    }
}

fn show(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let agent = client.get(&format!("/api/v1/agents/{id}"))?;
    context.out.record(SHOW, &Costs::fetch(&client)?.add_to(agent))?;
    Ok(Exit::Done)
}

fn revoke(context: &Context, agent: &str, is_sure: bool) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let question =
        format!("Revoke {id}? Its broker user is deleted; it must be enrolled again to come back.");
    confirm(context, &question, is_sure)?;
    let answer = client.act(&format!("/api/v1/agents/{id}/revoke"))?;
    shown(context, answer, &format!("{id} is revoked"))
}

fn quarantine(
    context: &Context,
    agent: &str,
    reason: &str,
    is_sure: bool,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let question = format!("Quarantine {id}? The broker shuts it out until it is released.");
    confirm(context, &question, is_sure)?;
    let asked = QuarantineAgent { reason: reason.to_owned() };
    let answer = client.post(&format!("/api/v1/agents/{id}/quarantine"), &asked)?;
    shown(context, answer, &format!("{id} is in quarantine; muster agents release {id} lifts it"))
}

fn release(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let answer = client.act(&format!("/api/v1/agents/{id}/release"))?;
    shown(context, answer, &format!("{id} may connect again; what was set aside is taken back"))
}

/// Notes what was done; the agent itself is shown where the output is for programs.
fn shown(context: &Context, agent: Document<AgentView>, note: &str) -> Result<Exit, Failure> {
    context.out.note(note);
    if context.out.format != Format::Table {
        context.out.record(SHOW, &Costs(BTreeMap::new()).add_to(agent))?;
    }
    Ok(Exit::Done)
}

/// Asks before something that cannot be taken back.
pub(super) fn confirm(context: &Context, question: &str, is_sure: bool) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    match context.out.ask(question) {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Failure::new(Exit::Refused, "nothing was done", "the answer was no", ""))
        }
        None => {
            let cause = format!("{question} There is no terminal to ask on");
            Err(Failure::usage("not without a yes", cause, "add --yes"))
        }
    }
}
