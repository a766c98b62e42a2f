//! `muster agents preview`: which agents a target means now.

use muster_api::{FacetCount, Open, PreviewTarget, TargetPreview};
use muster_protocol::request::Target;

use crate::args::agents::Preview;
use crate::client::{Answer, Client};
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Show};
use crate::{Context, sign};

const SHOW: &[Column<TargetPreview>] = &[
    Column::new("matched", "matched", Show::Count, |one| one.matched.into()),
    Column::new("left out", "left_out", Show::Count, |one| one.left_out.into()),
    Column::new("revoked", "revoked", Show::Count, |one| one.revoked.into()),
    Column::new("goes by", "route", Show::Text, |one| one.route.as_ref().map(Open::as_str).into()),
    Column::new("states", "facets.state", Show::Text, |one| counts(&one.facets.state).into()),
    Column::new("systems", "facets.os", Show::Text, |one| counts(&one.facets.os).into()),
    Column::new("versions", "facets.version", Show::Text, |one| counts(&one.facets.version).into()),
    Column::new("first", "first", Show::Text, |one| first(one).into()),
];

/// Ids that a table names.
const FIRST_SHOWN: usize = 10;

pub(crate) fn run(context: &Context, flags: &Preview) -> Result<Exit, Failure> {
    let target = Target { expr: flags.target.clone(), sample_ppm: flags.sample };
    sign::check_target(&target)?;
    let preview: Document<TargetPreview> = ask(&context.client()?, &target)?;
    context.out.record(SHOW, &preview)?;
    Ok(if preview.view.matched == 0 { Exit::NothingMatched } else { Exit::Done })
}

/// Asks the coordinator.
pub(crate) fn ask<T: Answer>(client: &Client, target: &Target) -> Result<T, Failure> {
    let asked = PreviewTarget { expr: target.expr.clone(), sample_ppm: target.sample_ppm };
    client.post("/api/v1/targets/preview", &asked)
}

/// Writes values with how many agents have them.
pub(crate) fn counts(values: &[FacetCount]) -> String {
    let shown: Vec<_> = values.iter().map(|one| format!("{} {}", one.count, one.value)).collect();
    shown.join(", ")
}

/// Names the first agents.
pub(crate) fn first(preview: &TargetPreview) -> String {
    let ids = preview.first.iter().take(FIRST_SHOWN).map(|agent| agent.id.as_str());
    let more = if preview.matched > FIRST_SHOWN as u64 { ", …" } else { "" };
    ids.collect::<Vec<_>>().join(", ") + more
}
