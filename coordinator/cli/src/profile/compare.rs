//! `muster profile diff` and `merge`: views of several profiles.

use std::path::PathBuf;

use muster_api::views::{Change, Diff, Tree, TreeRow};
use muster_protocol::request::profile::ProfileKind;

use super::top;
use super::views::{self, Of};
use crate::args::profile::{Diff as DiffFlags, Merge, MergeFormat, Tree as TreeFlags};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::hunt::id_part;
use crate::output::{Column, Document, Format, Show, escape, units};
use crate::place::Place;
use crate::{Context, sign};

const CHANGES: &[Column<Change>] = &[
    Column::new("before", "flat_before", Show::Percent, |one| one.flat_before.into()),
    Column::new("after", "flat_after", Show::Percent, |one| one.flat_after.into()),
    Column::new("delta", "flat_delta", Show::Points, |one| one.flat_delta.into()),
    Column::new("with calls", "cum_delta", Show::Points, |one| one.cum_delta.into()),
    Column::new("function", "function", Show::Text, |one| (&one.function).into()),
    Column::new("file", "file", Show::Text, |one| (&one.file).into()),
];

pub(super) fn diff(context: &Context, flags: &DiffFlags) -> Result<Exit, Failure> {
    if flags.hunt.len() > 2 {
        let cause = format!("{} hunts for two profiles", flags.hunt.len());
        return Err(Failure::usage("too many hunts", cause, "--hunt BEFORE,AFTER"));
    }
    let drawn = flags.out.as_deref();
    let drawn = drawn.map(|out| views::canvas(context, Some(out), PathBuf::new)).transpose()?;
    let client = context.client()?;
    let hunts: Result<Vec<_>, _> = flags.hunt.iter().map(|hunt| id_part(hunt)).collect();
    let hunts = hunts?;
    let of = Of::selection()
        .with("before", Some(&part(&client, &flags.before)?))
        .with("of", Some(&part(&client, &flags.after)?))
        .with("hunt", hunts.last().map(String::as_str))
        .with("hunt_before", hunts.first().map(String::as_str))
        .with("kind", flags.kind.map(ProfileKind::as_str))
        .with("value", flags.value.as_deref())
        .with_all_frames(flags.all_frames);
    if let Some((place, picture)) = drawn {
        let svg = views::svg_text(client.bytes(&of.view("flame.svg"))?)?;
        let next = "red: a larger share than before; blue: a smaller one";
        place.put(context, &picture.draw(svg)?, next)?;
        return Ok(Exit::Done);
    }
    let Document { view: diff, json } = client.get::<Document<Diff>>(&of.view("diff"))?;
    if context.out.format == Format::Json {
        context.out.json(&json)?;
        return Ok(Exit::Done);
    }
    let (before, after) = (diff.before_total, diff.after_total);
    let [before, after] = [before, after].map(|total| units::amount(total, &diff.unit));
    context.out.note(&format!("{}: {before} before, {after} after; shares of each", diff.kind));
    if diff.rows.is_empty() {
        context.out.note("nothing has another share than before");
    }
    let shown = diff.rows.into_iter().take(flags.limit);
    context.out.list(CHANGES, &Document::of_all(shown)?)?;
    Ok(Exit::Done)
}

/// Completes what was typed for a profile, `ID` or `ID/AGENT`.
fn part(client: &Client, typed: &str) -> Result<String, Failure> {
    let (id, agent) = typed.split_once('/').map_or((typed, None), |(id, agent)| (id, Some(agent)));
    let (id, _) = super::find(client, id)?;
    match agent {
        Some(agent) => Ok(format!("{id}/{}", client.agent_id(agent)?)),
        None => Ok(id),
    }
}

pub(super) fn merge(context: &Context, flags: &Merge) -> Result<Exit, Failure> {
    // What cannot be drawn is said before anything is asked for.
    let canvas = || {
        let usual = || PathBuf::from("merged.svg");
        views::canvas(context, flags.out.as_deref(), usual)
    };
    let drawn = (flags.format == MergeFormat::Flame).then(canvas).transpose()?;
    let client = context.client()?;
    let named: Result<Vec<_>, _> =
        flags.profiles.iter().map(|typed| part(&client, typed)).collect();
    let named = named?;
    let hunt = flags.hunt.as_deref().map(id_part).transpose()?;
    let since = flags.since.map(|seconds| seconds.to_string());
    let of = Of::selection()
        .with("of", (!named.is_empty()).then(|| named.join(",")).as_deref())
        .with("hunt", hunt.as_deref())
        .with("target", target(flags, &client)?.as_deref())
        .with("since_s", since.as_deref())
        .with("kind", flags.kind.map(ProfileKind::as_str))
        .with("value", flags.value.as_deref())
        .with_all_frames(flags.all_frames);
    let (view, ending, next) = match flags.format {
        MergeFormat::Top => {
            top::print(context, &client, &of, flags.by, flags.limit)?;
            return Ok(Exit::Done);
        }
        MergeFormat::Flame => ("flame.svg", "svg", "open it in a browser"),
        MergeFormat::Pprof => ("pprof", "pb.gz", "go tool pprof -top FILE"),
        MergeFormat::Folded => ("folded", "folded", "a line a stack, with its count"),
        MergeFormat::Callgrind => ("callgrind", "callgrind", "kcachegrind FILE"),
        MergeFormat::Speedscope => ("speedscope", "speedscope.json", "open it in speedscope"),
    };
    if let Some((place, picture)) = drawn {
        let svg = views::svg_text(client.bytes(&of.view(view))?)?;
        place.put(context, &picture.draw(svg)?, next)?;
        return Ok(Exit::Done);
    }
    let bytes = client.bytes(&of.view(view))?;
    let usual = || PathBuf::from(format!("merged.{ending}"));
    Place::of(context.out, flags.out.as_deref(), usual).put(context, &bytes, next)?;
    Ok(Exit::Done)
}

/// Writes the agents that are meant as one expression.
fn target(flags: &Merge, client: &Client) -> Result<Option<String>, Failure> {
    let mut parts = Vec::new();
    if !flags.agents.is_empty() {
        let ids: Result<Vec<_>, _> = flags.agents.iter().map(|id| client.agent_id(id)).collect();
        let ids: Vec<_> = ids?.iter().map(|id| format!("id:{id}")).collect();
        parts.push(ids.join(" or "));
    }
    parts.extend(flags.labels.iter().map(|label| format!("label:{label}")));
    parts.extend(flags.target.clone());
    if parts.is_empty() {
        return Ok(None);
    }
    let expr = parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" and ");
    sign::check_target(&muster_protocol::request::Target { expr: expr.clone(), sample_ppm: None })?;
    Ok(Some(expr))
}

pub(super) fn tree(context: &Context, flags: &TreeFlags) -> Result<Exit, Failure> {
    let client = context.client()?;
    let of = Of::find(&client, &flags.blob)?
        .with("depth", Some(&flags.depth.to_string()))
        .with("min_percent", Some(&(f64::from(flags.min) / 10_000.0).to_string()))
        .with_all_frames(flags.all_frames);
    let Document { view: tree, json } = client.get::<Document<Tree>>(&of.view("tree"))?;
    match context.out.format {
        Format::Json => context.out.json(&json)?,
        Format::Table => context.out.text(&drawn(&tree))?,
        Format::Jsonl | Format::Csv => context.out.list(ROWS, &Document::of_all(tree.rows)?)?,
    }
    Ok(Exit::Done)
}

const ROWS: &[Column<TreeRow>] = &[
    Column::new("depth", "depth", Show::Count, |one| one.depth.into()),
    Column::new("cum %", "cum_percent", Show::Percent, |one| one.cum_percent.into()),
    Column::new("flat %", "flat_percent", Show::Percent, |one| one.flat_percent.into()),
    Column::new("function", "function", Show::Text, |one| (&one.function).into()),
    Column::new("file", "file", Show::Text, |one| (&one.file).into()),
    Column::new("line", "line", Show::Text, |one| one.line.into()),
];

/// Writes the tree: share, own share, and the function with as many bars before it as calls lead to it.
fn drawn(tree: &Tree) -> String {
    let mut lines = vec![format!("{:>7} {:>7}", "total", "own")];
    lines.extend(tree.rows.iter().map(branch));
    if tree.left_out > 0 {
        let count = units::count(tree.left_out as u64);
        lines.push(format!("{count} smaller or deeper calls are not shown: --min, --depth"));
    }
    lines.join("\n") + "\n"
}

fn branch(row: &TreeRow) -> String {
    let bars = "│ ".repeat(row.depth.saturating_sub(1));
    let (function, file) = (escape::text(&row.function), escape::text(&row.file));
    let name = file.rsplit('/').next().unwrap_or_default();
    let line = row.line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = if name.is_empty() { String::new() } else { format!("  {name}{line}") };
    let inlined = if row.inlined { "  (inlined)" } else { "" };
    let (cum, flat) = (row.cum_percent, row.flat_percent);
    format!("{cum:>5.1} % {flat:>5.1} %  {bars}{function}{place}{inlined}")
}
