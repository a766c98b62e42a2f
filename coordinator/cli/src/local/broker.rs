//! `muster broker`: the broker's objects, straight from the configuration.

use std::path::Path;

use muster_broker::AmqpError;
use serde::Serialize;

use crate::Context;
use crate::args::{Apply, Broker};
use crate::failure::{Exit, Failure};
use crate::output::{Cell, Column, Document, Format, Show, json_of};
use muster_server::broker::apply::{Item, Outcome};
use muster_server::broker::audit::{AuditError, Finding};
use muster_server::broker::settings::{self, Advice};
use muster_server::broker::status::QueueStatus;
use muster_server::broker::{self, Management, ManagementError, Roster, Stale, alarms};
use muster_server::config::{Config, ConfigError};
use muster_server::store::{DataDir, StoreError};

const ITEMS: &[Column<Item>] = &[
    Column::new("kind", "kind", Show::Text, |one| one.kind.into()),
    Column::new("name", "name", Show::Text, |one| (&one.name).into()),
    Column::new("outcome", "outcome", Show::Text, |one| one.outcome.as_str().into()),
    Column::new("changed", "changes", Show::Pairs, |one| changes(&one.outcome)),
    Column::new("differs", "differences", Show::Pairs, |one| differences(&one.outcome)),
    Column::new("try", "remedy", Show::Text, |one| remedy(&one.outcome)),
];

const FINDINGS: &[Column<Finding>] = &[
    Column::new("probe", "probe", Show::Text, |one| one.probe.into()),
    Column::new("outcome", "outcome", Show::Text, |one| one.outcome.into()),
    Column::new("expected", "expected", Show::Text, |one| one.expected.into()),
    Column::new("verdict", "verdict", Show::Text, |one| one.verdict.into()),
    Column::new("agents", "agents", Show::Text, |one| (&one.agents).into()),
    Column::new("why it matters", "why", Show::Text, |one| one.why.into()),
];

const QUEUES: &[Column<QueueStatus>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("kind", "kind", Show::Text, |one| (&one.kind).into()),
    Column::new("state", "state", Show::Text, |one| (&one.state).into()),
    Column::new("messages", "messages", Show::Count, |one| one.messages.into()),
    Column::new("unsettled", "unsettled", Show::Count, |one| one.unsettled.into()),
    Column::new("bytes", "bytes", Show::Bytes, |one| one.bytes.into()),
    Column::new("consumers", "consumers", Show::Count, |one| one.consumers.into()),
    Column::new("full, %", "full_percent", Show::Count, |one| one.full_percent.into()),
];

pub(crate) fn run(context: &Context, verb: &Broker) -> Result<Exit, Failure> {
    match verb {
        Broker::Apply(flags) => apply(context, flags),
        Broker::Audit(flags) => audit(context, flags.config.as_deref()),
        Broker::Status(flags) => status(context, flags.config.as_deref()),
    }
}

fn apply(context: &Context, flags: &Apply) -> Result<Exit, Failure> {
    let config = configuration(&context.settings.config(flags.config.config.as_deref()))?;
    let management = management(&config)?;
    // Read before anything is changed: whose queues and rights are right depends on it.
    let roster = roster(&config)?;
    let mut report = broker::apply(&management).map_err(|e| failed(&e))?;
    let stale = if flags.remove_stale { Stale::Remove } else { Stale::Report };
    report.items.extend(broker::agents(&management, &roster, stale).map_err(|e| failed(&e))?);
    print(context, &report, report.items.iter(), ITEMS)?;
    Ok(if report.is_complete() { Exit::Done } else { Exit::Partial })
}

/// Reads which agents are on record; none where the coordinator has not run yet.
fn roster(config: &Config) -> Result<Roster, Failure> {
    let broken = |error: StoreError| {
        let next = "run it as the coordinator's user, on its machine: apply brings each agent's queue and rights up to date";
        Failure::new(Exit::Unavailable, "the coordinator's store cannot be read", error, next)
    };
    let mut roster = Roster::default();
    let Some(place) = DataDir::existing(&config.data_dir).map_err(broken)? else {
        return Ok(roster);
    };
    let reader = place.reader().map_err(broken)?;
    roster.quarantined = reader.quarantined_ids().map_err(broken)?;
    for (agent, is_revoked) in reader.agent_ids().map_err(broken)? {
        let list = if is_revoked { &mut roster.revoked } else { &mut roster.enrolled };
        list.insert(agent);
    }
    Ok(roster)
}

fn audit(context: &Context, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = configuration(&context.settings.config(config))?;
    let management = management(&config)?;
    let link = config.file.broker.link(&config.folder, "muster broker audit");
    let link = link.map_err(|error| unusable(&error))?;
    let report = broker::audit::audit(&management, &link, &roster(&config)?).map_err(unaudited)?;
    print(context, &report, report.findings.iter(), FINDINGS)?;
    let count = |verdict: &str| report.findings.iter().filter(|f| f.verdict == verdict).count();
    for bad in report.findings.iter().filter(|finding| finding.verdict == "bad") {
        context.out.note(&format!(
            "{} is {}, should be {} ({}): {}",
            bad.probe, bad.outcome, bad.expected, bad.agents, bad.why
        ));
    }
    context.out.note(&format!(
        "RabbitMQ {} · {} probes as they should be · {} allowed and known · {} bad",
        report.broker,
        count("ok"),
        count("known"),
        count("bad")
    ));
    Ok(if report.is_clean() { Exit::Done } else { Exit::Partial })
}

fn unaudited(error: AuditError) -> Failure {
    let (exit, next) = match &error {
        AuditError::Management(error) => return failed(error),
        AuditError::Blocked(reason) => (Exit::Unavailable, alarms::remedy(reason)),
        AuditError::Interrupted => (Exit::Detached, "its user is removed; run it again"),
        AuditError::Silent { .. } | AuditError::Runtime(_) => (
            Exit::Unavailable,
            "see host, port and tls in [broker] of coordinator.toml; run it again",
        ),
    };
    Failure::new(exit, "the audit came to no result", error, next)
}

fn status(context: &Context, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = configuration(&context.settings.config(config))?;
    let management = management(&config)?;
    let mut status = broker::status(&management).map_err(|e| failed(&e))?;
    match advice(&config, &management, &status) {
        Ok(advice) => status.settings = advice,
        Err(why) => context.out.note(&format!("the broker's settings were not looked at: {why}")),
    }
    print(context, &status, status.queues.iter().chain(&status.directed_fullest), QUEUES)?;
    if let Some(reason) = &status.blocked {
        context.out.note(&format!("{}: {}", alarms::sentence(reason), alarms::remedy(reason)));
    }
    for advice in &status.settings {
        context.out.note(&format!("add {}", advice.sentence()));
    }
    context.out.note(&format!(
        "RabbitMQ {} · {} directed queues · {} dead letters",
        status.broker, status.directed_queues, status.dead_letters
    ));
    Ok(Exit::Done)
}

/// Looks at the settings that the API cannot change.
fn advice(
    config: &Config,
    management: &Management,
    status: &broker::Status,
) -> Result<Vec<Advice>, String> {
    if let Some(reason) = &status.blocked {
        return Err(alarms::sentence(reason));
    }
    let link = config.file.broker.link(&config.folder, "muster broker status");
    let link = link.map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let checked = settings::check(management.hurried(), link, status.directed_queues);
    let checked = runtime.map_err(|error| error.to_string())?.block_on(Box::pin(checked));
    checked.map_err(|error| error.to_string())
}

/// Reads a configuration.
pub(crate) fn configuration(path: &Path) -> Result<Config, Failure> {
    Config::read(path).map_err(|error| match error {
        ConfigError::File { path, source } => Failure::file("read", &path, &source),
        ConfigError::Content { path, why } => {
            let what = format!("{} cannot be used", path.display());
            Failure::usage(
                what,
                why,
                "correct the file; `muster init` writes a fresh one elsewhere",
            )
        }
    })
}

fn management(config: &Config) -> Result<Management, Failure> {
    Management::of(config).map_err(|error| unusable(&error))
}

fn unusable(error: &AmqpError) -> Failure {
    let next = "see password_file and ca_file in [broker] of coordinator.toml";
    Failure::usage("the broker's credentials cannot be used", error, next)
}

/// Prints a whole report as JSON, else the list in it.
fn print<'a, T: Clone + Serialize + 'a>(
    context: &Context,
    report: &impl Serialize,
    list: impl Iterator<Item = &'a T>,
    columns: &[Column<T>],
) -> Result<(), Failure> {
    if context.out.format == Format::Json {
        return context.out.json(&json_of(report)?);
    }
    context.out.list(columns, &Document::of_all(list.cloned())?)
}

fn changes(outcome: &Outcome) -> Cell<'_> {
    match outcome {
        Outcome::Changed { changes } => changes.into(),
        _ => Cell::Nothing,
    }
}

fn differences(outcome: &Outcome) -> Cell<'_> {
    match outcome {
        Outcome::Differs { differences, .. } => differences.into(),
        _ => Cell::Nothing,
    }
}

fn remedy(outcome: &Outcome) -> Cell<'_> {
    match outcome {
        Outcome::Differs { remedy, .. } | Outcome::Stale { remedy } => remedy.into(),
        _ => Cell::Nothing,
    }
}

/// Returns the failure of a call: a broker that is away or too old is 69; a wrong user or password, and a certificate
/// that is not trusted, are refusals.
fn failed(error: &ManagementError) -> Failure {
    let (exit, what) = match error {
        ManagementError::NoBroker { .. } => (Exit::Unavailable, "cannot reach the broker"),
        ManagementError::Untrusted { .. } => (Exit::Refused, "the broker is not trusted"),
        ManagementError::WrongPassword { .. } => {
            (Exit::Refused, "the broker refuses the coordinator's user")
        }
        ManagementError::TooOld { .. } => (Exit::Unavailable, "the broker is too old"),
        ManagementError::NoVhost { .. } => {
            (Exit::Unavailable, "the broker lacks the fleet's virtual host")
        }
        ManagementError::Refused { .. } | ManagementError::Unexpected { .. } => {
            (Exit::Unavailable, "the broker does not do what it was asked")
        }
    };
    Failure::new(exit, what, error, &error.hint())
}
