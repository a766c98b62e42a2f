//! `muster broker`: the broker's objects, straight from the configuration.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::args::Broker;
use super::failure::{Exit, Failure};
use crate::broker::{self, Management, ManagementError};
use crate::config::{Config, ConfigError};
use crate::output::listing::field;
use crate::output::{Column, Format, Show};

const ITEMS: &[Column] = &[
    Column::new("kind", "kind", Show::Text),
    Column::new("name", "name", Show::Text),
    Column::new("outcome", "outcome", Show::Text),
    Column::new("differs", "differences", Show::Pairs),
    Column::new("try", "remedy", Show::Text),
];

const QUEUES: &[Column] = &[
    Column::new("id", "id", Show::Text),
    Column::new("kind", "kind", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("messages", "messages", Show::Count),
    Column::new("unsettled", "unsettled", Show::Count),
    Column::new("bytes", "bytes", Show::Bytes),
    Column::new("consumers", "consumers", Show::Count),
];

pub(super) fn run(context: &Context, verb: &Broker) -> Result<Exit, Failure> {
    let (Broker::Apply(flags) | Broker::Status(flags)) = verb;
    let management = management(&context.settings.config(flags.config.as_deref()))?;
    match verb {
        Broker::Apply(_) => {
            let report = broker::apply(&management).map_err(|e| failed(&e))?;
            print(context, &document(&report)?, &["items"], ITEMS)?;
            Ok(if report.is_complete() { Exit::Done } else { Exit::Partial })
        }
        Broker::Status(_) => {
            let status = broker::status(&management).map_err(|e| failed(&e))?;
            print(context, &document(&status)?, &["queues", "directed_fullest"], QUEUES)?;
            context.out.note(&format!(
                "RabbitMQ {} · {} directed queues · {} dead letters",
                status.broker, status.directed_queues, status.dead_letters
            ));
            Ok(Exit::Done)
        }
    }
}

/// Reads a configuration.
pub(super) fn configuration(path: &Path) -> Result<Config, Failure> {
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

fn management(path: &Path) -> Result<Management, Failure> {
    let config = configuration(path)?;
    Management::of(&config).map_err(|error| {
        let next = "see password_file and ca_file in [broker] of coordinator.toml";
        Failure::usage("the broker's credentials cannot be used", error, next)
    })
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
        return context.out.record(columns, report);
    }
    let lists = lists.iter().filter_map(|name| field(report, name).as_array());
    context.out.list(columns, &lists.flatten().cloned().collect::<Vec<_>>())
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
