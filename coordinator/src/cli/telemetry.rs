//! `muster telemetry`: what agents cost.

use serde_json::Value;

use super::Context;
use super::args::Telemetry;
use super::failure::{Exit, Failure};
use crate::output::listing::field;
use crate::output::{Column, Format, Show, escape, sparkline, units};

/// Characters of a curve.
const WIDTH: usize = 72;

const COLUMNS: &[Column] = &[
    Column::new("agent", "agent", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("at", "at", Show::Text),
    Column::new("cpu", "cpu_percent", Show::Percent),
    Column::new("rss", "rss_bytes", Show::Bytes),
    Column::new("threads", "threads", Show::Count),
    Column::new("fds", "fds", Show::Count),
    Column::new("read", "read_bytes", Show::Bytes),
    Column::new("outbox", "outbox_bytes", Show::Bytes),
];

pub(super) fn run(context: &Context, verb: &Telemetry) -> Result<Exit, Failure> {
    match verb {
        Telemetry::Show { agent, last } => show(context, agent, *last),
        Telemetry::Top => top(context),
    }
}

fn samples(value: Value) -> Result<Vec<Value>, Failure> {
    match value {
        Value::Array(samples) => Ok(samples),
        _ => Err(Failure::bug("the coordinator sent no list of samples", "")),
    }
}

fn top(context: &Context) -> Result<Exit, Failure> {
    let mut samples = samples(context.client()?.get("/api/v1/telemetry")?)?;
    let cpu = |sample: &Value| field(sample, "cpu_percent").as_f64().unwrap_or(0.0);
    samples.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)));
    context.out.list(COLUMNS, &samples)?;
    Ok(if samples.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

fn show(context: &Context, agent: &str, last_s: u32) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let minutes = last_s.div_ceil(60);
    let samples = samples(client.get(&format!("/api/v1/telemetry/{id}?minutes={minutes}"))?)?;
    if context.out.format != Format::Table {
        context.out.list(COLUMNS, &samples)?;
    } else if let (Some(first), Some(latest)) = (samples.first(), samples.last()) {
        context.out.bytes(curves(&samples, first, latest).as_bytes())?;
    }
    if samples.is_empty() {
        context.out.note(&format!("no sample of {id} in the last {minutes} minutes"));
        return Ok(Exit::NothingMatched);
    }
    Ok(Exit::Done)
}

/// Draws CPU and memory with their peaks, and the times at both ends.
fn curves(samples: &[Value], first: &Value, latest: &Value) -> String {
    let of = |name: &str| -> Vec<f64> {
        samples.iter().map(|s| field(s, name).as_f64().unwrap_or(f64::NAN)).collect()
    };
    let peak = |values: &[f64]| values.iter().copied().fold(0.0_f64, f64::max);
    let (cpu, rss) = (of("cpu_percent"), of("rss_bytes"));
    let now = |name: &str| field(latest, name).clone();
    let top_rss = samples.iter().filter_map(|s| field(s, "rss_bytes").as_u64()).max().unwrap_or(0);
    let curve = sparkline::draw(&cpu, WIDTH);
    let width = curve.chars().count();
    let (from, to) = (clock(first), clock(latest));
    let gap = width.saturating_sub(from.len() + to.len()).max(1);
    format!(
        "{}  {} samples\ncpu  {curve}  now {:.1} %, peak {:.1} % of a core\nrss  {}  now {}, peak {}\n     {from}{:gap$}{to} UTC\n",
        escape::text(field(latest, "agent").as_str().unwrap_or("-")),
        samples.len(),
        now("cpu_percent").as_f64().unwrap_or(0.0),
        peak(&cpu),
        sparkline::draw(&rss, WIDTH),
        units::bytes(now("rss_bytes").as_u64().unwrap_or(0)),
        units::bytes(top_rss),
        "",
    )
}

/// Returns the time of day of a sample.
fn clock(sample: &Value) -> String {
    let at = field(sample, "at").as_str().unwrap_or_default();
    let time = at.split_once('T').map_or(at, |(_, time)| time);
    escape::text(time.get(..8).unwrap_or(time)).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn curves_have_times_and_peaks() {
        let sample = |minute: u32, cpu: f64| {
            json!({"agent": "web-1", "at": format!("2026-01-01T10:{minute:02}:00.000Z"),
                   "cpu_percent": cpu, "rss_bytes": 10_000_000})
        };
        let samples: Vec<Value> = (0..30).map(|m| sample(m, f64::from(m))).collect();
        let text = curves(&samples, &samples[0], &samples[29]);
        assert!(text.contains("now 29.0 %, peak 29.0 %"), "{text}");
        assert!(text.contains("10:00:00"), "{text}");
        assert!(text.contains("10:29:00 UTC"), "{text}");
        assert!(text.contains('█') && text.contains('▁'), "{text}");
    }
}
