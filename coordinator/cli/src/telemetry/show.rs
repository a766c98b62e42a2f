//! `muster telemetry show`: the curve of one agent.

use muster_protocol::ids::AgentId;
use serde_json::Value;

use crate::Context;
use crate::args::telemetry::Show;
use crate::failure::{Exit, Failure};
use crate::output::{self, Column, Format, Show as As, curve};
use crate::picture::Picture;
use crate::place::Place;
use muster_api::CurveView;
use muster_api::moment::Moment;

/// Columns of a drawing that no terminal shows.
const WIDTH: usize = 100;

const POINT: &[Column] = &[
    Column::new("agent", "agent", As::Text),
    Column::new("at", "at", As::Text),
    Column::new("samples", "samples", As::Count),
    Column::new("cpu, least", "cpu_percent_min", As::Percent),
    Column::new("cpu", "cpu_percent", As::Percent),
    Column::new("cpu, most", "cpu_percent_max", As::Percent),
    Column::new("rss, least", "rss_bytes_min", As::Bytes),
    Column::new("rss", "rss_bytes", As::Bytes),
    Column::new("rss, most", "rss_bytes_max", As::Bytes),
    Column::new("read/s, least", "read_bytes_per_s_min", As::Bytes),
    Column::new("read/s", "read_bytes_per_s", As::Bytes),
    Column::new("read/s, most", "read_bytes_per_s_max", As::Bytes),
    Column::new("written/s, least", "written_bytes_per_s_min", As::Bytes),
    Column::new("written/s", "written_bytes_per_s", As::Bytes),
    Column::new("written/s, most", "written_bytes_per_s_max", As::Bytes),
    Column::new("threads", "threads", As::Count),
    Column::new("fds", "fds", As::Count),
    Column::new("outbox", "outbox_bytes", As::Bytes),
];

pub(super) fn run(context: &Context, flags: &Show) -> Result<Exit, Failure> {
    let picture = |path| Ok((path, Picture::of(path)?));
    let picture = flags.out.as_deref().map(picture).transpose()?;
    let client = context.client()?;
    let id = match &flags.agent {
        Some(agent) => client.agent_id(agent)?,
        None => AgentId::coordinator(),
    };
    let until = flags.until.map(|until| format!("&until={}", encoded(until))).unwrap_or_default();
    let since = encoded(flags.since);
    let answer = client.get(&format!("/api/v1/telemetry/{id}?since={since}{until}"))?;
    let view: CurveView = serde_json::from_value(answer.clone())
        .map_err(|e| Failure::bug("the coordinator sent a broken curve", e))?;
    match picture {
        Some((path, picture)) => {
            let bytes = picture.draw(curve::svg(&view))?;
            Place::typed(path).put(context, &bytes, "open it in a browser")?;
        }
        None => print(context, &view, &answer)?,
    }
    if view.points.is_empty() {
        let next = "a wider --since, or: muster agents show";
        context.out.note(&format!("no sample of {id} in this span of time; try {next} {id}"));
        return Ok(Exit::NothingMatched);
    }
    Ok(Exit::Done)
}

fn print(context: &Context, view: &CurveView, answer: &Value) -> Result<(), Failure> {
    match context.out.format {
        Format::Json => context.out.record(POINT, answer),
        Format::Table => {
            let width = output::screen().map_or(WIDTH, |(columns, _)| columns);
            context.out.text(&curve::terminal(view, width))
        }
        Format::Jsonl | Format::Csv => {
            let mut points = output::listing::field(answer, "points").as_array().cloned();
            for point in points.iter_mut().flatten().filter_map(Value::as_object_mut) {
                point.insert("agent".to_owned(), Value::from(view.agent.as_str()));
            }
            context.out.list(POINT, &points.unwrap_or_default())
        }
    }
}

/// A moment as a part of a query.
fn encoded(moment: Moment) -> String {
    moment.to_string().replace('+', "%2B")
}
