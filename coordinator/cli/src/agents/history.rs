//! `muster agents requests` and `uploads`: what one agent was asked for and has sent.

use muster_api::{AgentRequest, AgentUpload};

use super::AGENTS;
use crate::Context;
use crate::args::agents::{Requests, Uploads};
use crate::client::Query;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Show};

const REQUESTS: &[Column<AgentRequest>] = &[
    Column::new("id", "id", Show::Text, |one| (&one.id).into()),
    Column::new("kind", "kind", Show::Text, |one| (&one.kind).into()),
    Column::new("about", "subject", Show::Text, |one| (&one.subject).into()),
    Column::new("operator", "operator", Show::Text, |one| (&one.operator).into()),
    Column::new("issued", "issued", Show::Text, |one| one.issued.into()),
    Column::new("state", "state", Show::Text, |one| (&one.state).into()),
    Column::new("code", "code", Show::Text, |one| (&one.code).into()),
    Column::new("started", "started", Show::Text, |one| one.started.into()),
    Column::new("ended", "ended", Show::Text, |one| one.ended.into()),
    Column::new("rows", "rows", Show::Count, |one| one.rows.into()),
    Column::new("matched", "matched", Show::Count, |one| one.matched.into()),
    Column::new("errors", "errors", Show::Count, |one| one.errors.into()),
    Column::new("cpu", "cpu_ms", Show::Duration, |one| one.cpu_ms.into()),
    Column::new("read", "bytes_read", Show::Bytes, |one| one.bytes_read.into()),
];

const UPLOADS: &[Column<AgentUpload>] = &[
    Column::new("request", "request", Show::Text, |one| (&one.request).into()),
    Column::new("kind", "kind", Show::Text, |one| (&one.kind).into()),
    Column::new("name", "name", Show::Text, |one| (&one.name).into()),
    Column::new("size", "bytes", Show::Bytes, |one| one.bytes.into()),
    Column::new("sha256", "sha256", Show::Text, |one| (&one.sha256).into()),
    Column::new("received", "received", Show::Text, |one| one.received.into()),
];

pub(super) fn requests(context: &Context, flags: &Requests) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(&flags.agent)?;
    let joined = |words: &[String]| (!words.is_empty()).then(|| words.join(","));
    let query = Query::of(format!("{AGENTS}/{id}/requests"))
        .with("kind", joined(&flags.kind).as_deref())
        .with("state", joined(&flags.state).as_deref());
    let most = flags.limit.unwrap_or(usize::MAX);
    let found: Vec<Document<AgentRequest>> = client.list_up_to(&query.to_string(), most)?;
    context.out.list(REQUESTS, &found)?;
    Ok(if found.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

pub(super) fn uploads(context: &Context, flags: &Uploads) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(&flags.agent)?;
    let most = flags.limit.unwrap_or(usize::MAX);
    let path = format!("{AGENTS}/{id}/uploads");
    let found: Vec<Document<AgentUpload>> = client.list_up_to(&path, most)?;
    context.out.list(UPLOADS, &found)?;
    Ok(if found.is_empty() { Exit::NothingMatched } else { Exit::Done })
}
