//! `muster agents`: enrol, list, show, quarantine, release, revoke.
//!
//! * [`history`]: what one was asked for and has sent. [`preview`]: whom a target means. [`policy`]: what one may do.

mod enrol;
mod history;
mod policy;
pub(super) mod preview;

use muster_api::{AgentBrief, AgentState, AgentView, Page, QuarantineAgent, TargetPreview};
use muster_protocol::request::Target;

use super::args::Agents;
use super::args::agents::List;
use super::client::{Client, Query};
use super::failure::{Exit, Failure};
use super::{Context, sign};
use crate::output::{Column, Document, Format, Show, units};

const AGENTS: &str = "/api/v1/agents";

const LIST: &[Column<AgentBrief>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("host", "host", Show::Text, |one| (&one.host).into()),
    Column::new("state", "state", Show::Text, |one| one.state.as_str().into()),
    Column::new("version", "version", Show::Text, |one| (&one.version).into()),
    Column::new("last seen", "last_seen", Show::Text, |one| one.last_seen.into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |one| one.cpu_percent.into()),
    Column::new("rss", "rss_bytes", Show::Bytes, |one| one.rss_bytes.into()),
    Column::new("running", "collections", Show::Count, |one| one.collections.into()),
    Column::new("clone", "clone", Show::Text, |one| one.clone.into()),
    Column::new("labels", "labels", Show::Pairs, |one| (&one.labels).into()),
];

const SHOW: &[Column<AgentView>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("name", "name", Show::Text, |one| (&one.name).into()),
    Column::new("state", "state", Show::Text, |one| one.state.as_str().into()),
    Column::new("why", "cause", Show::Text, |one| (&one.cause).into()),
    Column::new("host", "host", Show::Text, |one| (&one.host).into()),
    Column::new("os", "os", Show::Text, |one| (&one.os).into()),
    Column::new("arch", "arch", Show::Text, |one| (&one.arch).into()),
    Column::new("version", "version", Show::Text, |one| (&one.version).into()),
    Column::new("labels", "labels", Show::Pairs, |one| (&one.labels).into()),
    Column::new("can do", "capabilities", Show::Pairs, |one| (&one.capabilities).into()),
    Column::new("policy", "policy", Show::Text, |one| policy::line(one).into()),
    Column::new("folders", "policy.allow_roots", Show::Text, |one| policy::folders(one).into()),
    Column::new("enrolled", "enrolled", Show::Text, |one| one.enrolled.into()),
    Column::new("revoked", "revoked", Show::Text, |one| one.revoked.into()),
    Column::new("quarantined", "quarantined", Show::Text, |one| one.quarantined.into()),
    Column::new("cause", "quarantine", Show::Text, |one| one.quarantine.as_deref().into()),
    Column::new("last seen", "last_seen", Show::Text, |one| one.last_seen.into()),
    Column::new("clock offset, ms", "clock_offset_ms", Show::Text, |one| {
        one.clock_offset_ms.into()
    }),
    Column::new("outbox", "outbox_bytes", Show::Bytes, |one| one.outbox_bytes.into()),
    Column::new("journal full", "journal_full", Show::Text, |one| one.journal_full.into()),
    Column::new("running", "collections", Show::Count, |one| one.collections.into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |one| one.cpu_percent.into()),
    Column::new("rss", "rss_bytes", Show::Bytes, |one| one.rss_bytes.into()),
    Column::new("machine", "machine", Show::Text, |one| one.machine.as_deref().into()),
    Column::new("clone", "clone", Show::Text, |one| one.clone.into()),
    Column::new("journals", "journals", Show::Text, |one| policy::journals(one).into()),
    Column::new("stream", "stream", Show::Text, |one| policy::stream(one).into()),
    Column::new("notes", "notes", Show::Pairs, |one| (&one.notes).into()),
];

/// The states of agents that are part of the fleet.
const ENROLLED: &str = "new,live,silent,quarantined";

pub(super) fn run(context: &Context, verb: &Agents) -> Result<Exit, Failure> {
    match verb {
        Agents::Enrol(flags) => enrol::run(context, flags),
        Agents::List(flags) => list(context, flags),
        Agents::Show { agent } => show(context, agent),
        Agents::Requests(flags) => history::requests(context, flags),
        Agents::Uploads(flags) => history::uploads(context, flags),
        Agents::Preview(flags) => preview::run(context, flags),
        Agents::Quarantine { agent, reason, yes } => quarantine(context, agent, reason, *yes),
        Agents::Release { agent } => release(context, agent),
        Agents::Revoke { agent, yes } => revoke(context, agent, *yes),
    }
}

fn list(context: &Context, flags: &List) -> Result<Exit, Failure> {
    let target = flags.target.as_deref();
    if let Some(expr) = target {
        sign::check_target(&Target { expr: expr.to_owned(), sample_ppm: None })?;
    }
    let named: Vec<_> = flags.state.iter().map(|state| state.as_str()).collect();
    let states = match (flags.all, flags.revoked, named.is_empty()) {
        (true, ..) => None,
        (_, true, _) => Some(AgentState::Revoked.as_str().to_owned()),
        (.., true) => Some(ENROLLED.to_owned()),
        (.., false) => Some(named.join(",")),
    };
    let asked = Query::of(AGENTS).with("target", target).with("q", flags.search.as_deref());
    let query = asked.clone().with("state", states.as_deref()).with("sort", flags.sort.as_deref());
    let client = context.client()?;
    let most = flags.limit.unwrap_or(usize::MAX);
    let agents: Vec<Document<AgentBrief>> = client.list_up_to(&query.to_string(), most)?;
    context.out.list(LIST, &agents)?;
    // One broker, one cause: it is the same for all that have one.
    let causes = agents.iter().map(|one| &one.view.cause);
    let causes: Vec<_> = causes.filter(|cause| !cause.is_empty()).collect();
    if let Some(cause) = causes.first() {
        context.out.note(&format!("{} silent: {cause}", causes.len()));
    }
    if states.as_deref() == Some(ENROLLED) {
        let query =
            asked.with("state", Some(AgentState::Revoked.as_str())).with("limit", Some("1"));
        let revoked: Page<AgentBrief> = client.get(&query.to_string())?;
        if revoked.total > 0 {
            let hidden = units::count(revoked.total);
            context.out.note(&format!("revoked and not shown: {hidden}; add --all or --revoked"));
        }
    }
    Ok(if agents.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches the agents that an expression means, whatever the sample.
pub(super) fn matching(client: &Client, target: &Target) -> Result<Vec<AgentBrief>, Failure> {
    client.list(&Query::of(AGENTS).with("target", Some(&target.expr)).to_string())
}

/// Asks how many agents a request would be for now.
pub(super) fn targeted(client: &Client, target: &Target) -> Result<u64, Failure> {
    Ok(preview::ask::<TargetPreview>(client, target)?.matched)
}

fn show(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let agent: Document<AgentView> = context.client()?.agent(agent)?;
    context.out.record(SHOW, &agent)?;
    Ok(Exit::Done)
}

fn revoke(context: &Context, agent: &str, is_sure: bool) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let question =
        format!("Revoke {id}? Its broker user is deleted; it must be enrolled again to come back.");
    confirm(context, &question, is_sure)?;
    let answer = client.act(&format!("/api/v1/agents/{id}/revoke"))?;
    shown(context, &answer, &format!("{id} is revoked"))
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
    shown(context, &answer, &format!("{id} is in quarantine; muster agents release {id} lifts it"))
}

fn release(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let answer = client.act(&format!("/api/v1/agents/{id}/release"))?;
    shown(context, &answer, &format!("{id} may connect again; what was set aside is taken back"))
}

/// Notes what was done; the agent itself is shown where the output is for programs.
fn shown(context: &Context, agent: &Document<AgentView>, note: &str) -> Result<Exit, Failure> {
    context.out.note(note);
    if context.out.format != Format::Table {
        context.out.record(SHOW, agent)?;
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
