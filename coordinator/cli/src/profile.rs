//! `muster profile`: take, list, show, cancel; its `views` and the [`bundle`] are the rest.

mod bundle;
mod compare;
mod documents;
mod lines;
mod series;
mod source;
mod top;
mod views;

pub(super) use self::lines::read as read_source;
pub(super) use self::source::Sources;

use muster_api::{By, Launched, ProfileAgentView, ProfileBrief, ProfileKindView, ProfileView};
use muster_protocol::ids::AgentId;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::request::{Args, Limits, Target, Verb};

use super::args::profile::{Blob, List, Profile, Take};
use super::client::{Client, Query};
use super::failure::{Exit, Failure};
use super::hunt::id_part;
use super::sign::{self, Ask};
use super::watch::{self, Watched};
use super::{Context, control, draft, hunt};
use crate::output::{Column, Document, Format, Show, listing};

/// How much longer than its window a profile may take.
const GRACE_S: u32 = 60;
/// Functions of the table after `take`.
const TOP_AFTER_TAKE: usize = 15;

const PROFILE: &[Column<ProfileView>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("issued", "issued", Show::Text, |one| one.issued.into()),
    Column::new("operator", "operator", Show::Text, |one| (&one.operator).into()),
    Column::new("target", "target", Show::Text, |one| (&one.target).into()),
    Column::new("kinds", "kinds", Show::Pairs, |one| (&one.kinds).into()),
    Column::new("seconds", "seconds", Show::Count, |one| one.seconds.into()),
    Column::new("hertz", "hertz", Show::Count, |one| one.hertz.into()),
    Column::new("targeted", "targeted", Show::Count, |one| one.targeted.into()),
    Column::new("finished", "states.finished", Show::Count, |one| one.states.finished.into()),
];

const LIST: &[Column<ProfileBrief>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("issued", "issued", Show::Text, |one| one.issued.into()),
    Column::new("operator", "operator", Show::Text, |one| (&one.operator).into()),
    Column::new("target", "target", Show::Text, |one| (&one.target).into()),
    Column::new("kinds", "kinds", Show::Pairs, |one| (&one.kinds).into()),
    Column::new("seconds", "seconds", Show::Count, |one| one.seconds.into()),
    Column::new("hertz", "hertz", Show::Count, |one| one.hertz.into()),
    Column::new("targeted", "targeted", Show::Count, |one| one.targeted.into()),
    Column::new("finished", "states.finished", Show::Count, |one| one.states.finished.into()),
];

const AGENTS: &[Column<Part>] = &[
    Column::new("agent", "agent", Show::Text, |one| (&one.agent.agent).into()),
    Column::new("host", "host", Show::Text, |one| (&one.agent.host).into()),
    Column::new("state", "state", Show::Text, |one| (&one.agent.state).into()),
    Column::new("kind", "kind", Show::Text, |one| (&one.taken.kind).into()),
    Column::new("from", "window_start", Show::Text, |one| one.taken.window_start.into()),
    Column::new("to", "window_end", Show::Text, |one| one.taken.window_end.into()),
    Column::new("samples", "samples", Show::Count, |one| one.taken.samples.into()),
    Column::new("lost", "lost", Show::Count, |one| one.taken.lost.into()),
    Column::new("cpu", "cpu_ms", Show::Duration, |one| one.taken.cpu_ms.into()),
    Column::new("sampling", "sampling_percent", Show::Percent, |one| {
        one.taken.sampling_percent.into()
    }),
    Column::new("partial", "partial", Show::Text, |one| one.taken.partial.into()),
    Column::new("size", "bytes", Show::Bytes, |one| one.taken.bytes.into()),
    Column::new("why", "reason", Show::Text, |one| (&one.agent.reason).into()),
];

/// One kind of what one agent took.
#[derive(Debug)]
struct Part {
    agent: ProfileAgentView,
    taken: ProfileKindView,
}

pub(super) fn run(context: &Context, verb: &Profile) -> Result<Exit, Failure> {
    match verb {
        Profile::Take(flags) => take(context, flags),
        Profile::List(flags) => list(context, flags),
        Profile::Show(flags) => match flags.kind {
            Some(kind) => documents::show(context, flags, kind),
            None => show(context, &flags.profile),
        },
        Profile::Cancel { profile } => cancel(context, profile),
        Profile::Top(flags) => top::run(context, flags),
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
    if let Some(path) = &flags.draft {
        return draft::take_profile(context, path, flags.yes);
    }
    let plan = series::Plan::of(flags)?;
    let client = context.client()?;
    let ask = ask(flags, &client)?;
    let launch = || client.submit(&sign::seal(&context.settings.operator()?, ask.clone())?);
    let id_of = |launched: &Document<Launched>| id_part(&launched.view.id);
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
        Watched::Ended(profile) => taken(context, &client, &id, &profile),
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

pub(super) fn ask(flags: &Take, client: &Client) -> Result<Ask, Failure> {
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
fn taken(
    context: &Context,
    client: &Client,
    id: &str,
    profile: &Document<ProfileView>,
) -> Result<Exit, Failure> {
    let exit = Exit::from_code(profile.view.exit_code.into());
    if context.out.format != Format::Table {
        context.out.record(PROFILE, profile)?;
        return Ok(exit);
    }
    let ProfileView { targeted, states, agents, .. } = &profile.view;
    match agents.iter().find(|agent| has_blob(agent, None)) {
        Some(first) => {
            let agent = agent_part(&first.agent)?;
            for kind in kinds_of(first) {
                let of = views::Of::new(id, &agent).with("kind", Some(kind.as_str()));
                if kind.has_stacks() {
                    top::print(context, client, &of, By::Function, TOP_AFTER_TAKE)?;
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
        context.out.text(&hunt::agents_coverage(*targeted, states))?;
    }
    Ok(exit)
}

fn list(context: &Context, flags: &List) -> Result<Exit, Failure> {
    let kinds: Vec<_> = flags.kind.iter().map(|kind| kind.as_str()).collect();
    let kinds = (!kinds.is_empty()).then(|| kinds.join(","));
    let path = Query::of("/api/v1/profiles")
        .with("agent", flags.agent.as_deref())
        .with("hunt", flags.hunt.as_deref())
        .with("kind", kinds.as_deref())
        .with("operator", flags.operator.as_deref())
        .with("since", flags.since.map(|since| since.to_string()).as_deref());
    let most = flags.limit.unwrap_or(usize::MAX);
    let profiles: Vec<Document<ProfileBrief>> =
        context.client()?.list_up_to(&path.to_string(), most)?;
    context.out.list(LIST, &profiles)?;
    Ok(Exit::Done)
}

fn show(context: &Context, profile: &str) -> Result<Exit, Failure> {
    let (_, profile) = find(&context.client()?, profile)?;
    context.out.record(PROFILE, &profile)?;
    if context.out.format == Format::Table {
        let ProfileView { targeted, states, agents, .. } = &profile.view;
        context.out.text(&hunt::agents_coverage(*targeted, states))?;
        context.out.text(&listing::table(AGENTS, &parts(agents)))?;
    }
    Ok(Exit::Done)
}

fn cancel(context: &Context, profile: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (id, profile) = find(&client, profile)?;
    let sent = control::send(context, &client, &profile.view, Verb::Cancel)?;
    hunt::print_cancelled(context, &sent.answer, &format!("muster profile show {id}"))
}

/// Returns a row for each agent and each kind that it has taken.
fn parts(agents: &[ProfileAgentView]) -> Vec<Part> {
    let parts = agents.iter().flat_map(|agent| {
        let nothing = agent.profiles.is_empty().then_some(&agent.shown);
        let taken = agent.profiles.iter().chain(nothing);
        taken.map(|taken| Part { agent: agent.clone(), taken: taken.clone() })
    });
    parts.collect()
}

/// Returns whether a blob of an agent is stored: of that kind, or of any.
fn has_blob(agent: &ProfileAgentView, kind: Option<ProfileKind>) -> bool {
    agent.profiles.iter().any(|one| {
        let is_meant = kind.is_none_or(|kind| one.kind == kind.as_str());
        is_meant && one.bytes > 0
    })
}

/// Returns the kinds of an agent's part that are stored.
fn kinds_of(agent: &ProfileAgentView) -> Vec<ProfileKind> {
    ProfileKind::ALL.into_iter().filter(|kind| has_blob(agent, Some(*kind))).collect()
}

/// Finds a profile by the unique beginning of its id.
pub(super) fn find(
    client: &Client,
    prefix: &str,
) -> Result<(String, Document<ProfileView>), Failure> {
    let profile: Document<ProfileView> =
        client.get(&format!("/api/v1/profiles/{}", id_part(prefix)?))?;
    Ok((id_part(&profile.view.id)?, profile))
}

/// Finds the blob that is meant: of the agent that was named, else of the first that has one.
fn locate(client: &Client, blob: &Blob) -> Result<(String, String), Failure> {
    let (id, profile) = find(client, &blob.profile)?;
    if let Some(agent) = &blob.agent {
        return Ok((id, client.agent_id(agent)?.to_string()));
    }
    let Some(first) = profile.view.agents.iter().find(|agent| has_blob(agent, blob.kind)) else {
        let next = format!("muster profile show {id}");
        let kind = blob.kind.map_or("samples", ProfileKind::as_str);
        let what = format!("this profile has no {kind}");
        let cause = "no agent has sent its part (yet)";
        return Err(Failure::new(Exit::NothingMatched, what, cause, &next));
    };
    Ok((id, agent_part(&first.agent)?))
}

/// Checks an agent's id before it becomes a part of a path.
fn agent_part(id: &str) -> Result<String, Failure> {
    AgentId::new(id)
        .map(|id| id.to_string())
        .map_err(|e| Failure::bug("the coordinator sent a broken agent id", e))
}
