//! `muster audit`: what operators did ([`verify`]: and whether the log still says so).

mod verify;

use muster_api::AuditView;

use super::Context;
use super::args::{Audit as Flags, AuditVerb};
use super::failure::{Exit, Failure};
use crate::client::Query;
use crate::output::{Column, Document, Show};

const LINES: &[Column<AuditView>] = &[
    Column::new("at", "at", Show::Text, |line| line.at.into()),
    Column::new("token", "token", Show::Text, |line| (&line.token).into()),
    Column::new("operator", "operator", Show::Text, |line| (&line.operator).into()),
    Column::new("action", "action", Show::Text, |line| (&line.action).into()),
    Column::new("subject", "subject", Show::Text, |line| (&line.subject).into()),
    Column::new("detail", "detail", Show::Text, |line| (&line.detail).into()),
];

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    if let Some(AuditVerb::Verify) = flags.verb {
        return verify::run(context);
    }
    let (since, until) = (flags.since, flags.until);
    let path = Query::of("/api/v1/audit")
        .with("since", since.map(|at| at.to_string()).as_deref())
        .with("until", until.map(|at| at.to_string()).as_deref())
        .with("token", flags.token_name.as_deref())
        .with("operator", flags.operator.as_deref())
        .with("action", flags.action.as_deref())
        .with("subject", flags.subject.as_deref())
        .with("q", flags.search.as_deref());
    let most = flags.limit.unwrap_or(usize::MAX);
    let lines: Vec<Document<AuditView>> = context.client()?.list_up_to(&path.to_string(), most)?;
    context.out.list(LINES, &lines)?;
    Ok(Exit::Done)
}
