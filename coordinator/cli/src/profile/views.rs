//! `muster profile top`, `flame`, `export`: the coordinator makes the view, here it is printed or written.

use std::path::{Path, PathBuf};

use muster_protocol::request::profile::ProfileKind;
use serde_json::Value;

use super::locate;
use crate::Context;
use crate::args::profile::{Blob, Export, ExportFormat, Flame, Top};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::untyped::Column;
use crate::output::untyped::field;
use crate::output::{Format, Show, units};
use crate::picture::Picture;
use crate::place::Place;
use muster_api::By;

const FLAT: Column = Column::new("flat", "flat", Show::Text);
const FLAT_PERCENT: Column = Column::new("flat %", "flat_percent", Show::Percent);
const CUM: Column = Column::new("cum", "cum", Show::Text);
const CUM_PERCENT: Column = Column::new("cum %", "cum_percent", Show::Percent);

/// What a file without names must cost to be spoken of.
const NAMELESS_PERCENT: f64 = 1.0;

/// Which profile a view is of.
#[derive(Debug, Clone)]
pub(super) struct Of {
    path: String,
    query: Vec<String>,
}

impl Of {
    /// Means the profile of one agent.
    pub(super) fn new(profile: &str, agent: &str) -> Self {
        Self { path: format!("/api/v1/profiles/{profile}/{agent}"), query: Vec::new() }
    }

    /// Means many profiles; the query says which.
    pub(super) fn selection() -> Self {
        Self { path: "/api/v1/profile-views".to_owned(), query: Vec::new() }
    }

    /// Finds what was typed.
    pub(super) fn find(client: &Client, blob: &Blob) -> Result<Self, Failure> {
        let (id, agent) = locate(client, blob)?;
        let of = Self::new(&id, &agent).with("kind", blob.kind.map(ProfileKind::as_str));
        Ok(of.with("value", blob.value.as_deref()))
    }

    /// Adds to the query.
    pub(super) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.query.extend(value.map(|value| format!("{name}={}", escaped(value))));
        self
    }

    /// Returns the path of a view.
    pub(super) fn view(&self, view: &str) -> String {
        let Self { path, query } = self;
        if query.is_empty() {
            return format!("{path}/{view}");
        }
        format!("{path}/{view}?{}", query.join("&"))
    }
}

/// Writes text as a part of a query.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

pub(super) fn top(context: &Context, flags: &Top) -> Result<Exit, Failure> {
    let client = context.client()?;
    let of = Of::find(&client, &flags.blob)?;
    print_top(context, &client, &of, flags.by, flags.limit)?;
    Ok(Exit::Done)
}

pub(super) fn print_top(
    context: &Context,
    client: &Client,
    of: &Of,
    by: By,
    limit: usize,
) -> Result<(), Failure> {
    use clap::ValueEnum;
    let word = by.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default();
    let of = of.clone().with("by", Some(&word));
    let view = client.get::<Value>(&of.view("top"))?;
    if context.out.format == Format::Json {
        return context.out.line(&format!("{view:#}"));
    }
    let mut rows = field(&view, &format!("{word}s")).as_array().cloned().unwrap_or_default();
    rows.truncate(limit);
    let columns = columns(by);
    if context.out.format == Format::Table {
        let unit = field(&view, "unit").as_str().unwrap_or_default();
        for row in &mut rows {
            readable(row, unit);
        }
        let total = amount(field(&view, "total"), unit);
        let samples = field(&view, "total_samples").as_u64();
        let samples = samples.map_or(String::new(), |n| format!(" in {} samples", units::count(n)));
        let kind = field(&view, "type").as_str().unwrap_or_default();
        context.out.note(&format!("{kind}: {total}{samples}"));
        for file in field(&view, "nameless").as_array().into_iter().flatten() {
            note_nameless(context, file);
        }
    }
    context.out.list_untyped(&columns, &rows)
}

/// Says that a file's code has no names, where that matters.
fn note_nameless(context: &Context, file: &Value) {
    let percent = field(file, "percent").as_f64().unwrap_or_default();
    if percent >= NAMELESS_PERCENT {
        let [module, id] = ["module", "build_id"].map(|name| field(file, name).as_str());
        context.out.note(&format!(
            "{percent:.1} % is in {}, whose code has no names here: muster symbols add FILE (build id {})",
            module.unwrap_or_default(),
            id.unwrap_or_default()
        ));
    }
}

fn columns(by: By) -> Vec<Column> {
    let costs = [FLAT, FLAT_PERCENT, CUM, CUM_PERCENT];
    let function = Column::new("function", "function", Show::Text);
    let file = Column::new("file", "file", Show::Text);
    let line = Column::new("line", "line", Show::Text);
    let share = [CUM, CUM_PERCENT];
    match by {
        By::Function | By::Frame | By::Line => [&costs[..], &[function, file, line]].concat(),
        By::File => [&costs[..], &[file]].concat(),
        By::Module => [&costs[..], &[Column::new("module", "module", Show::Text)]].concat(),
        By::Thread => [&share[..], &[Column::new("thread", "thread", Show::Text)]].concat(),
        By::Hunt => [&share[..], &[Column::new("hunt", "hunt", Show::Text)]].concat(),
        By::Agent => [&share[..], &[Column::new("agent", "agent", Show::Text)]].concat(),
    }
}

/// Replaces the numbers of a row by what people read.
fn readable(row: &mut Value, unit: &str) {
    for name in ["flat", "cum"] {
        if let Some(value) = row.get_mut(name) {
            *value = amount(value, unit).into();
        }
    }
}

/// Writes an amount in its unit.
pub(super) fn amount(value: &Value, unit: &str) -> String {
    units::amount(value.as_i64().unwrap_or_default(), unit)
}

pub(super) fn flame(context: &Context, flags: &Flame) -> Result<Exit, Failure> {
    // What cannot be drawn is said before anything is asked for.
    let usual = || PathBuf::from(format!("{}.svg", flags.blob.profile.replace('/', "-")));
    let (place, picture) = canvas(context, flags.out.as_deref(), usual)?;
    let client = context.client()?;
    let of = Of::find(&client, &flags.blob)?;
    let svg = client.bytes(&of.view("flame.svg"))?;
    place.put(context, &picture.draw(svg_text(svg)?)?, "open it in a browser")?;
    Ok(Exit::Done)
}

/// Returns where a picture goes, and of which kind it is.
pub(super) fn canvas(
    context: &Context,
    typed: Option<&Path>,
    usual: impl FnOnce() -> PathBuf,
) -> Result<(Place, Picture), Failure> {
    let place = Place::of(context.out, typed, usual);
    let picture = match &place {
        Place::File(path) => Picture::of(path)?,
        Place::Stdout => Picture::Svg,
    };
    Ok((place, picture))
}

pub(super) fn svg_text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|e| Failure::bug("the coordinator sent a broken picture", e))
}

pub(super) fn export(context: &Context, flags: &Export) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (id, _) = locate(&client, &flags.blob)?;
    let of = Of::find(&client, &flags.blob)?;
    let is_document = flags.blob.kind.is_some_and(|kind| !kind.has_stacks());
    let usual = if is_document { ExportFormat::Raw } else { ExportFormat::Pprof };
    let (view, ending, next) = match flags.format.unwrap_or(usual) {
        ExportFormat::Raw if is_document => ("raw", "json", "jq . FILE"),
        ExportFormat::Raw => ("raw", "raw.pb.gz", "pprof without names"),
        ExportFormat::Pprof => ("pprof", "pb.gz", "go tool pprof -top FILE"),
        ExportFormat::Folded => ("folded", "folded", "a line a stack, with its count"),
        ExportFormat::Callgrind => ("callgrind", "callgrind", "kcachegrind FILE"),
        ExportFormat::Speedscope => ("speedscope", "speedscope.json", "open it in speedscope"),
    };
    let bytes = client.bytes(&of.view(view))?;
    let usual = || PathBuf::from(format!("{id}.{ending}"));
    Place::of(context.out, flags.out.as_deref(), usual).put(context, &bytes, next)?;
    Ok(Exit::Done)
}
