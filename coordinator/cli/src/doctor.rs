//! `muster doctor`: what is wrong, and what to do; and the table of limits.

use muster_protocol::limits;
use serde_json::{Value, json};

use super::Context;
use super::args::Doctor;
use super::failure::{Exit, Failure};
use crate::output::listing::field;
use crate::output::{Column, Format, Show};

const CHECKS: &[Column] = &[
    Column::new("check", "name", Show::Text),
    Column::new("verdict", "verdict", Show::Text),
    Column::new("message", "message", Show::Text),
    Column::new("try", "try", Show::Text),
];

const LIMITS: &[Column] = &[
    Column::new("limit", "name", Show::Text),
    Column::new("value", "value", Show::Count),
    Column::new("when reached", "when_reached", Show::Text),
];

pub(super) fn run(context: &Context, flags: &Doctor) -> Result<Exit, Failure> {
    if flags.limits {
        let table: Vec<Value> = limits::TABLE
            .iter()
            .map(|limit| {
                let name = limit.name.to_ascii_lowercase();
                json!({"name": name, "value": limit.value, "when_reached": limit.when_reached})
            })
            .collect();
        context.out.list(LIMITS, &table)?;
        return Ok(Exit::Done);
    }
    let report = context.client()?.get("/api/v1/doctor")?;
    let checks = field(&report, "checks").as_array().cloned().unwrap_or_default();
    match context.out.format {
        Format::Json => context.out.record(CHECKS, &report)?,
        _ => context.out.list(CHECKS, &checks)?,
    }
    // What is bad needs a hand; a warning does not.
    Ok(if field(&report, "verdict") == "bad" { Exit::Partial } else { Exit::Done })
}
