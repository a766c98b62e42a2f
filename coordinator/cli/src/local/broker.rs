//! `muster broker`: the broker's objects, straight from the configuration.

use std::path::Path;

use muster_broker::AmqpError;
use serde::Serialize;
use serde_json::Value;

use crate::Context;
use crate::args::{Apply, Broker};
use crate::failure::{Exit, Failure};
use crate::output::untyped::Column;
use crate::output::untyped::field;
use crate::output::{Format, Show};
use muster_server::broker::audit::AuditError;
use muster_server::broker::settings::{self, Advice};
use muster_server::broker::{self, Management, ManagementError, Roster, Stale, alarms};
use muster_server::config::{Config, ConfigError};
use muster_server::store::{Place, StoreError};

const ITEMS: &[Column] = &[
    Column::new("kind", "kind", Show::Text),
    Column::new("name", "name", Show::Text),
    Column::new("outcome", "outcome", Show::Text),
    Column::new("changed", "changes", Show::Pairs),
    Column::new("differs", "differences", Show::Pairs),
    Column::new("try", "remedy", Show::Text),
];

const FINDINGS: &[Column] = &[
    Column::new("probe", "probe", Show::Text),
    Column::new("outcome", "outcome", Show::Text),
    Column::new("expected", "expected", Show::Text),
    Column::new("verdict", "verdict", Show::Text),
    Column::new("agents", "agents", Show::Text),
    Column::new("why it matters", "why", Show::Text),
];

const QUEUES: &[Column] = &[
    Column::new("id", "id", Show::Text),
    Column::new("kind", "kind", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("messages", "messages", Show::Count),
    Column::new("unsettled", "unsettled", Show::Count),
    Column::new("bytes", "bytes", Show::Bytes),
    Column::new("consumers", "consumers", Show::Count),
    Column::new("full, %", "full_percent", Show::Count),
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
    print(context, &document(&report)?, &["items"], ITEMS)?;
    Ok(if report.is_complete() { Exit::Done } else { Exit::Partial })
}

/// Reads which agents are on record; none where the coordinator has not run yet.
fn roster(config: &Config) -> Result<Roster, Failure> {
    let broken = |error: StoreError| {
        let next = "run it as the coordinator's user, on its machine: apply brings each agent's queue and rights up to date";
        Failure::new(Exit::Unavailable, "the coordinator's store cannot be read", error, next)
    };
    let mut roster = Roster::default();
    let Some(place) = Place::existing(&config.data_dir).map_err(broken)? else {
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
    let findings = document(&report)?;
    print(context, &findings, &["findings"], FINDINGS)?;
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
    print(context, &document(&status)?, &["queues", "directed_fullest"], QUEUES)?;
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

fn document<T: Serialize>(report: &T) -> Result<Value, Failure> {
    serde_json::to_value(report).map_err(|e| Failure::bug("cannot write the report", e))
}

fn print(
    context: &Context,
    report: &Value,
    lists: &[&str],
    columns: &[Column],
) -> Result<(), Failure> {
    if context.out.format == Format::Json {
        return context.out.record_untyped(columns, report);
    }
    let lists = lists.iter().filter_map(|name| field(report, name).as_array());
    context.out.list_untyped(columns, &lists.flatten().cloned().collect::<Vec<_>>())
}

/// Nobody there and too old are 69; a wrong user or password, and a certificate that is not trusted, are refusals.
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
