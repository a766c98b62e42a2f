//! `muster telemetry show`: the curve of one agent.

use muster_protocol::ids::AgentId;
use serde::Serialize;

use crate::Context;
use crate::args::telemetry::Show;
use crate::failure::{Exit, Failure};
use crate::output::{self, Column, Document, Format, Show as As, curve};
use crate::picture::Picture;
use crate::place::Place;
use muster_api::{CurveView, PointView};
use muster_protocol::when::Moment;

/// Columns of a drawing that no terminal shows.
const WIDTH: usize = 100;

const POINTS: &[Column<Point>] = &[
    Column::new("agent", "agent", As::Text, |row| (&row.agent).into()),
    Column::new("at", "at", As::Text, |row| row.point.at.into()),
    Column::new("samples", "samples", As::Count, |row| row.point.samples.into()),
    Column::new("cpu, least", "cpu_percent_min", As::Percent, |row| {
        row.point.cpu_percent_min.into()
    }),
    Column::new("cpu", "cpu_percent", As::Percent, |row| row.point.cpu_percent.into()),
    Column::new("cpu, most", "cpu_percent_max", As::Percent, |row| {
        row.point.cpu_percent_max.into()
    }),
    Column::new("rss, least", "rss_bytes_min", As::Bytes, |row| row.point.rss_bytes_min.into()),
    Column::new("rss", "rss_bytes", As::Bytes, |row| row.point.rss_bytes.into()),
    Column::new("rss, most", "rss_bytes_max", As::Bytes, |row| row.point.rss_bytes_max.into()),
    Column::new("read/s, least", "read_bytes_per_s_min", As::Bytes, |row| {
        row.point.read_bytes_per_s_min.into()
    }),
    Column::new("read/s", "read_bytes_per_s", As::Bytes, |row| row.point.read_bytes_per_s.into()),
    Column::new("read/s, most", "read_bytes_per_s_max", As::Bytes, |row| {
        row.point.read_bytes_per_s_max.into()
    }),
    Column::new("written/s, least", "written_bytes_per_s_min", As::Bytes, |row| {
        row.point.written_bytes_per_s_min.into()
    }),
    Column::new("written/s", "written_bytes_per_s", As::Bytes, |row| {
        row.point.written_bytes_per_s.into()
    }),
    Column::new("written/s, most", "written_bytes_per_s_max", As::Bytes, |row| {
        row.point.written_bytes_per_s_max.into()
    }),
    Column::new("threads", "threads", As::Count, |row| row.point.threads.into()),
    Column::new("fds", "fds", As::Count, |row| row.point.fds.into()),
    Column::new("outbox", "outbox_bytes", As::Bytes, |row| row.point.outbox_bytes.into()),
];

/// A point of a curve, with whose it is.
#[derive(Debug, Serialize)]
struct Point {
    agent: String,
    #[serde(flatten)]
    point: PointView,
}

pub(super) fn run(context: &Context, flags: &Show) -> Result<Exit, Failure> {
    let picture = |path| Ok::<_, Failure>((path, Picture::of(path)?));
    let picture = flags.out.as_deref().map(picture).transpose()?;
    let client = context.client()?;
    let id = match &flags.agent {
        Some(agent) => client.agent_id(agent)?,
        None => AgentId::coordinator(),
    };
    let until = flags.until.map(|until| format!("&until={}", encoded(until))).unwrap_or_default();
    let since = encoded(flags.since);
    let curve: Document<CurveView> =
        client.get(&format!("/api/v1/telemetry/{id}?since={since}{until}"))?;
    match picture {
        Some((path, picture)) => {
            let bytes = picture.draw(curve::svg(&curve.view))?;
            Place::typed(path).put(context, &bytes, "open it in a browser")?;
        }
        None => print(context, &curve)?,
    }
    if curve.view.points.is_empty() {
        let next = "a wider --since, or: muster agents show";
        context.out.note(&format!("no sample of {id} in this span of time; try {next} {id}"));
        return Ok(Exit::NothingMatched);
    }
    Ok(Exit::Done)
}

fn print(context: &Context, curve: &Document<CurveView>) -> Result<(), Failure> {
    match context.out.format {
        Format::Json => context.out.json(&curve.json),
        Format::Table => {
            let width = output::screen().map_or(WIDTH, |(columns, _)| columns);
            context.out.text(&curve::terminal(&curve.view, width))
        }
        Format::Jsonl | Format::Csv => {
            let of_agent =
                |point: &PointView| Point { agent: curve.view.agent.clone(), point: point.clone() };
            let points = Document::of_all(curve.view.points.iter().map(of_agent))?;
            context.out.list(POINTS, &points)
        }
    }
}

/// Writes a moment as a part of a query.
fn encoded(moment: Moment) -> String {
    moment.to_string().replace('+', "%2B")
}
