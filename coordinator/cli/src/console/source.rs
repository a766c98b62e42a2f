//! `GET /console/source`: lines of the program that a profile is of, from the folder that was given. No other file is ever
//! opened: the path comes from a binary, and only names what was found in the folder.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::answer::{self, Refusal};
use super::views::SourceView;
use crate::failure::{Exit, Failure};
use crate::profile::{self, Sources};

/// Lines of the longest answer around one line.
const CONTEXT_MAX: usize = 2_000;

/// Which lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    file: String,
    line: Option<usize>,
    context: Option<usize>,
}

/// `GET /console/source?file=&line=&context=`
pub(super) async fn show(
    State(console): State<Arc<Console>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(asked) = asked.map_err(|error| {
        Failure::usage("this is not asked for so", error.body_text(), "?file=PATH&line=N")
    })?;
    let view = console.blocking(move |console| lines(console, asked)).await?;
    Ok(answer::ok(&view))
}

fn lines(console: &Console, asked: Asked) -> Result<SourceView, Refusal> {
    let Asked { file, line, context } = asked;
    let Some(folder) = console.source.as_deref() else {
        return Err(unread(&file, "the console has no folder of sources"));
    };
    let sources = if let Some(sources) = console.sources.get() {
        sources
    } else {
        let sources = Sources::of(folder)?;
        console.sources.get_or_init(|| sources)
    };
    let found = sources.find(&[&file]).remove(file.as_str());
    let found = found.ok_or_else(|| unread(&file, "it is not in the folder of --source"))?;
    let text = profile::read_source(&found)?;
    let total = text.lines().count();
    let (first, count) = match line {
        None => (1, total),
        Some(line) => {
            let around = context.unwrap_or(20).min(CONTEXT_MAX);
            let first = line.saturating_sub(around).max(1);
            (first, line.saturating_add(around).saturating_sub(first).saturating_add(1))
        }
    };
    let lines = text.lines().skip(first - 1).take(count).map(ToOwned::to_owned).collect();
    Ok(SourceView { file, first, lines, total })
}

fn unread(file: &str, why: &str) -> Refusal {
    let next = "start the console with the folder that the program was built from: --source DIR";
    let what = format!("no text of {file}");
    Refusal::new(StatusCode::NOT_FOUND, Failure::new(Exit::NothingMatched, what, why, next))
}
