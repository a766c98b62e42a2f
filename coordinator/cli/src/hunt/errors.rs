//! `muster hunt errors`: what could not be read, and why.

use muster_api::{ErrorCause, ErrorFolder, HuntErrors};

use super::find;
use crate::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show, escape, units};

const CAUSES: &[Column<ErrorCause>] = &[
    Column::new("status", "status", Show::Text, |one| (&one.status).into()),
    Column::new("errno", "errno", Show::Right, |one| one.errno.map(i64::from).into()),
    Column::new("name", "name", Show::Text, |one| (&one.name).into()),
    Column::new("rows", "count", Show::Count, |one| one.count.into()),
    Column::new("agents", "agents", Show::Count, |one| one.agents.into()),
    Column::new("meaning", "meaning", Show::Text, |one| (&one.meaning).into()),
    Column::new("example", "example", Show::Text, |one| example(one).into()),
];

const FOLDERS: &[Column<ErrorFolder>] = &[
    Column::new("rows", "count", Show::Count, |one| one.count.into()),
    Column::new("agents", "agents", Show::Count, |one| one.agents.into()),
    Column::new("folder", "path", Show::Text, |one| (&one.path).into()),
];

fn example(cause: &ErrorCause) -> Option<&str> {
    cause.examples.first().map(|example| example.path.as_str())
}

pub(super) fn run(context: &Context, hunt: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = find(&client, hunt)?.id;
    let path = format!("/api/v1/hunts/{id}/errors");
    let mut last = 0;
    let errors: Document<HuntErrors> = loop {
        let errors: Document<HuntErrors> = client.get(&path)?;
        if errors.view.complete {
            break errors;
        }
        if errors.view.looked_at == last {
            let cause = "it does not go on looking";
            return Err(Failure::bug("the coordinator does not come to an end", cause));
        }
        last = errors.view.looked_at;
    };
    if context.out.format == Format::Json {
        context.out.json(&errors.json)?;
        return Ok(Exit::Done);
    }
    let HuntErrors { causes, folders, looked_at, .. } = errors.view;
    if context.out.format != Format::Table {
        context.out.list(CAUSES, &Document::of_all(causes)?)?;
        return Ok(Exit::Done);
    }
    let sum: u64 = causes.iter().fold(0, |sum, cause| sum.saturating_add(cause.count));
    let (sum, rows) = (units::count(sum), units::count(looked_at));
    context.out.line(&escape::text(&format!("{sum} of {rows} rows could not be read")))?;
    if !causes.is_empty() {
        context.out.line("")?;
        context.out.list(CAUSES, &Document::of_all(causes)?)?;
        context.out.line("")?;
        context.out.list(FOLDERS, &Document::of_all(folders)?)?;
    }
    Ok(Exit::Done)
}
