//! `muster profile`: take, list, show, cancel; its `views` and the [`bundle`] are the rest.

mod bundle;
mod compare;
mod documents;
mod lines;
mod series;
mod source;
mod views;

use muster_protocol::ids::AgentId;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::request::{Args, Limits, Target};
use serde_json::Value;

use super::args::profile::{Blob, Profile, Take};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::hunt::id_part;
use super::sign::{self, Ask};
use super::watch::{self, Watched};
use super::{Context, control, hunt};
use crate::output::untyped::Column;
use crate::output::untyped::field;
use crate::output::{Format, Show};
use muster_api::By;

/// How much longer than its window a profile may take.
const GRACE_S: u32 = 60;
/// Functions of the table after `take`.
const TOP_AFTER_TAKE: usize = 15;

const LIST: &[Column] = &[
    Column::new("id", "id", Show::Text),
    Column::new("issued", "issued", Show::Text),
    Column::new("operator", "operator", Show::Text),
    Column::new("target", "target", Show::Text),
    Column::new("kinds", "kinds", Show::Pairs),
    Column::new("seconds", "seconds", Show::Count),
    Column::new("hertz", "hertz", Show::Count),
    Column::new("targeted", "targeted", Show::Count),
    Column::new("finished", "states.finished", Show::Count),
];

const AGENTS: &[Column] = &[
    Column::new("agent", "agent", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("kind", "kind", Show::Text),
    Column::new("from", "window_start", Show::Text),
    Column::new("to", "window_end", Show::Text),
    Column::new("samples", "samples", Show::Count),
    Column::new("lost", "lost", Show::Count),
    Column::new("cpu", "cpu_ms", Show::Duration),
    Column::new("sampling", "sampling_percent", Show::Percent),
    Column::new("partial", "partial", Show::Text),
    Column::new("size", "bytes", Show::Bytes),
    Column::new("why", "reason", Show::Text),
];

pub(super) fn run(context: &Context, verb: &Profile) -> Result<Exit, Failure> {
    match verb {
        Profile::Take(flags) => take(context, flags),
        Profile::List => list(context),
        Profile::Show(flags) => match flags.kind {
            Some(kind) => documents::show(context, flags, kind),
            None => show(context, &flags.profile),
        },
        Profile::Cancel { profile } => cancel(context, profile),
        Profile::Top(flags) => views::top(context, flags),
        Profile::Flame(flags) => views::flame(context, flags),
        Profile::Export(flags) => views::export(context, flags),
        Profile::Bundle(flags) => bundle::run(context, flags),
        Profile::Tree(flags) => compare::tree(context, flags),
        Profile::Lines(flags) => lines::run(context, flags),
        Profile::Diff(flags) => compare::diff(context, flags),
        Profile::Merge(flags) => compare::merge(context, flags),
    }
}

fn take(context: &Context, flags: &Take) -> Result<Exit, Failure> {
    let plan = series::Plan::of(flags)?;
    let client = context.client()?;
    let ask = ask(flags, &client)?;
    let launch =
        || client.submit::<Value>(&sign::seal(&context.settings.operator()?, ask.clone())?);
    let id_of = |launched: &Value| id_part(field(launched, "id").as_str().unwrap_or_default());
    if let Some(plan) = plan {
        let launch = || launch().and_then(|launched| id_of(&launched));
        return series::take(context, &client, plan, flags.window_s(), launch);
    }
    let launched = launch()?;
    let id = id_of(&launched)?;
    if flags.detach {
        hunt::print_launched(context, &launched, Some("muster profile show"))?;
        return Ok(Exit::Done);
    }
    let kinds: Vec<_> = flags.kinds.iter().map(|kind| kind.as_str()).collect();
    let (kinds, seconds, hertz) = (kinds.join(", "), flags.window_s(), flags.hertz);
    let whole = if flags.during.is_some() { "as long as it hunts, at most" } else { "for" };
    context.out.note(&format!("profile {id}: {kinds} {whole} {seconds} s at {hertz} hertz"));
    // When the hunt begins, nobody knows.
    let usual_s = flags.during.is_none().then(|| seconds.saturating_add(GRACE_S));
    match watch::watch_profile(context, &id, context.left(flags.wait).or(usual_s))? {
        Watched::Ended(view) => taken(context, &client, &id, &view),
        Watched::Detached => {
            context.out.note(&format!("detached; the profile goes on: muster profile show {id}"));
            Ok(Exit::Detached)
        }
        Watched::TimedOut => {
            context.out.note(&format!("not done in time; look again: muster profile show {id}"));
            Ok(Exit::TimedOut)
        }
    }
}

fn ask(flags: &Take, client: &Client) -> Result<Ask, Failure> {
    let during = match &flags.during {
        Some(typed) => Some(hunt::find(client, typed)?.id),
        None => None,
    };
    let during = during.map(|id| id.parse()).transpose();
    let start = ProfileStart {
        revision: 0,
        kinds: flags.kinds.clone(),
        seconds: flags.window_s(),
        during: during.map_err(|e| Failure::bug("the coordinator sent a broken id", e))?,
        hertz: flags.hertz,
    };
    Ok(Ask {
        args: Args::ProfileStart(start),
        target: target(flags, client)?,
        limits: Limits::default(),
        valid_ms: flags.expires,
    })
}

fn target(flags: &Take, client: &Client) -> Result<Target, Failure> {
    if flags.coordinator {
        return Ok(Target::agents(&[AgentId::coordinator()]));
    }
    if let Some(expr) = &flags.target {
        let target = Target { expr: expr.clone(), sample_ppm: flags.sample };
        sign::check_target(&target)?;
        return Ok(target);
    }
    let ids: Result<Vec<_>, _> = flags.agents.iter().map(|id| client.asked_id(id)).collect();
    Ok(Target::agents(&ids?))
}

/// Prints what a finished profile says, and where to go on.
fn taken(context: &Context, client: &Client, id: &str, view: &Value) -> Result<Exit, Failure> {
    let exit = Exit::from_code(field(view, "exit_code").as_i64().unwrap_or(1));
    if context.out.format != Format::Table {
        context.out.record_untyped(LIST, view)?;
        return Ok(exit);
    }
    let agents = field(view, "agents").as_array().cloned().unwrap_or_default();
    match agents.iter().find(|agent| has_blob(agent, None)) {
        Some(first) => {
            let agent = agent_part(field(first, "agent"))?;
            for kind in kinds_of(first) {
                let of = views::Of::new(id, &agent).with("kind", Some(kind.as_str()));
                if kind.has_stacks() {
                    views::print_top(context, client, &of, By::Function, TOP_AFTER_TAKE)?;
                } else {
                    context.out.note(&format!("next: muster profile show {id} --kind {kind}"));
                }
            }
            if kinds_of(first).iter().any(|kind| kind.has_stacks()) {
                context.out.note(&format!("next: muster profile flame {id} -o flame.svg"));
            }
        }
        None => context.out.note("nothing was sampled"),
    }
    if exit != Exit::Done || agents.len() > 1 {
        context.out.text(&hunt::coverage(view))?;
    }
    Ok(exit)
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let Value::Array(profiles) = context.client()?.get("/api/v1/profiles")? else {
        return Err(Failure::bug("the coordinator sent no list of profiles", ""));
    };
    context.out.list_untyped(LIST, &profiles)?;
    Ok(Exit::Done)
}

fn show(context: &Context, profile: &str) -> Result<Exit, Failure> {
    let (_, view) = find(&context.client()?, profile)?;
    context.out.record_untyped(LIST, &view)?;
    if context.out.format == Format::Table {
        context.out.text(&hunt::coverage(&view))?;
        context.out.list_untyped(AGENTS, &parts(&view))?;
    }
    Ok(Exit::Done)
}

fn cancel(context: &Context, profile: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (id, view) = find(&client, profile)?;
    let answer = control::send(context, &client, &view, Args::ProfileCancel)?;
    hunt::print_cancelled(context, &answer, &format!("muster profile show {id}"))
}

/// Returns a row for each agent and each kind that it has taken.
fn parts(view: &Value) -> Vec<Value> {
    let agents = field(view, "agents").as_array().map_or(&[][..], Vec::as_slice);
    let rows = agents.iter().flat_map(|agent| {
        let kinds = field(agent, "profiles").as_array().cloned().unwrap_or_default();
        let of_kind = |kind: &Value| {
            let mut row = agent.clone();
            if let (Some(row), Some(kind)) = (row.as_object_mut(), kind.as_object()) {
                row.extend(kind.clone());
            }
            row
        };
        let rows: Vec<_> = kinds.iter().map(of_kind).collect();
        if rows.is_empty() { vec![agent.clone()] } else { rows }
    });
    rows.collect()
}

/// Returns whether a blob of an agent is stored: of that kind, or of any.
fn has_blob(agent: &Value, kind: Option<ProfileKind>) -> bool {
    let profiles = field(agent, "profiles").as_array().map_or(&[][..], Vec::as_slice);
    profiles.iter().any(|one| {
        let is_meant = kind.is_none_or(|kind| field(one, "kind") == kind.as_str());
        is_meant && field(one, "bytes").as_u64().is_some_and(|bytes| bytes > 0)
    })
}

/// Returns the kinds of an agent's part that are stored.
fn kinds_of(agent: &Value) -> Vec<ProfileKind> {
    ProfileKind::ALL.into_iter().filter(|kind| has_blob(agent, Some(*kind))).collect()
}

/// Finds a profile by the unique beginning of its id.
fn find(client: &Client, prefix: &str) -> Result<(String, Value), Failure> {
    let view = client.get::<Value>(&format!("/api/v1/profiles/{}", id_part(prefix)?))?;
    let id = id_part(field(&view, "id").as_str().unwrap_or_default())?;
    Ok((id, view))
}

/// Finds the blob that is meant: of the agent that was named, else of the first that has one.
fn locate(client: &Client, blob: &Blob) -> Result<(String, String), Failure> {
    let (id, view) = find(client, &blob.profile)?;
    if let Some(agent) = &blob.agent {
        return Ok((id, client.agent_id(agent)?.to_string()));
    }
    let agents = field(&view, "agents").as_array().map_or(&[][..], Vec::as_slice);
    let Some(first) = agents.iter().find(|agent| has_blob(agent, blob.kind)) else {
        let next = format!("muster profile show {id}");
        let kind = blob.kind.map_or("samples", ProfileKind::as_str);
        let what = format!("this profile has no {kind}");
        return Err(Failure::new(
            Exit::NothingMatched,
            what,
            "no agent has sent its part (yet)",
            &next,
        ));
    };
    let agent = agent_part(field(first, "agent"))?;
    Ok((id, agent))
}

/// Checks an agent's id before it becomes a part of a path.
fn agent_part(id: &Value) -> Result<String, Failure> {
    let id = AgentId::new(id.as_str().unwrap_or_default());
    id.map(|id| id.to_string())
        .map_err(|e| Failure::bug("the coordinator sent a broken agent id", e))
}
