//! `muster profile flame`, `export`: the coordinator makes the view, here it is printed or written.

use std::path::{Path, PathBuf};

use muster_protocol::request::profile::ProfileKind;

use super::locate;
use crate::Context;
use crate::args::profile::{Blob, Export, ExportFormat, Flame};
use crate::client::{Client, escaped};
use crate::failure::{Exit, Failure};
use crate::picture::Picture;
use crate::place::Place;

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

    /// Has the view show every frame.
    pub(super) fn with_all_frames(self, is_wanted: bool) -> Self {
        self.with("all_frames", is_wanted.then_some("true"))
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

pub(super) fn flame(context: &Context, flags: &Flame) -> Result<Exit, Failure> {
    // What cannot be drawn is said before anything is asked for.
    let usual = || PathBuf::from(format!("{}.svg", flags.blob.profile.replace('/', "-")));
    let (place, picture) = canvas(context, flags.out.as_deref(), usual)?;
    let client = context.client()?;
    let of = Of::find(&client, &flags.blob)?.with_all_frames(flags.all_frames);
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
