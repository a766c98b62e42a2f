//! `muster doctor`: what is wrong, and what to do; the table of limits; what was set aside; and the read models made
//! again.

use muster_api::{Check, DeadView, Doctor, Rebuilt, Verdict};
use muster_protocol::limits;
use serde::Serialize;

use super::Context;
use super::args::Doctor as Flags;
use super::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show};

const CHECKS: &[Column<Check>] = &[
    Column::new("check", "name", Show::Text, |check| (&check.name).into()),
    Column::new("verdict", "verdict", Show::Text, |check| check.verdict.as_str().into()),
    Column::new("message", "message", Show::Text, |check| (&check.message).into()),
    Column::new("try", "try", Show::Text, |check| (&check.next).into()),
];

const LIMITS: &[Column<Limit>] = &[
    Column::new("limit", "name", Show::Text, |limit| (&limit.name).into()),
    Column::new("value", "value", Show::Count, |limit| limit.value.into()),
    Column::new("when reached", "when_reached", Show::Text, |limit| limit.when_reached.into()),
];

const REBUILT: &[Column<Rebuilt>] = &[
    Column::new("rebuilt", "rebuilt", Show::Count, |one| one.rebuilt.into()),
    Column::new("different", "different", Show::Count, |one| one.different.into()),
    Column::new("of", "of", Show::Pairs, |one| (&one.of).into()),
];

const DEAD: &[Column<DeadView>] = &[
    Column::new("class", "class", Show::Text, |dead| (&dead.class).into()),
    Column::new("reason", "reason", Show::Text, |dead| (&dead.reason).into()),
    Column::new("count", "count", Show::Count, |dead| dead.count.into()),
    Column::new("last", "last", Show::Text, |dead| dead.last.into()),
];

/// A line of the table of limits.
#[derive(Debug, Serialize)]
struct Limit {
    name: String,
    value: u64,
    when_reached: &'static str,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    if flags.limits {
        let table = limits::TABLE.iter().map(|limit| Limit {
            name: limit.name.to_ascii_lowercase(),
            value: limit.value,
            when_reached: limit.when_reached,
        });
        context.out.list(LIMITS, &Document::of_all(table)?)?;
        return Ok(Exit::Done);
    }
    if flags.rebuild {
        let rebuilt: Document<Rebuilt> = context.client()?.act("/api/v1/doctor/rebuild")?;
        context.out.record(REBUILT, &rebuilt)?;
        let is_well = rebuilt.view.different == 0;
        return Ok(if is_well { Exit::Done } else { Exit::Partial });
    }
    if flags.dead {
        let dead: Vec<Document<DeadView>> = context.client()?.list("/api/v1/dead")?;
        context.out.list(DEAD, &dead)?;
        return Ok(Exit::Done);
    }
    let Document { view: report, json } =
        context.client()?.get::<Document<Doctor>>("/api/v1/doctor")?;
    match context.out.format {
        Format::Json => context.out.json(&json)?,
        _ => context.out.list(CHECKS, &Document::of_all(report.checks)?)?,
    }
    // What is bad needs a hand; a warning does not.
    Ok(if report.verdict == Verdict::Bad { Exit::Partial } else { Exit::Done })
}
