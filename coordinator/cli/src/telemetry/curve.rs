//! `muster telemetry fleet`: what the agents cost together over time.

use muster_api::{FleetCurve, FleetPoint};

use super::fleet::whole;
use crate::Context;
use crate::args::telemetry::Fleet;
use crate::client::Query;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show};

const POINTS: &[Column<FleetPoint>] = &[
    Column::new("at", "at", Show::Text, |one| one.at.into()),
    Column::new("live", "live", Show::Count, |one| one.live.into()),
    Column::new("silent", "silent", Show::Count, |one| one.silent.into()),
    Column::new("cpu p50", "cpu_percent.p50", Show::Percent, |one| one.cpu_percent.p50.into()),
    Column::new("p95", "cpu_percent.p95", Show::Percent, |one| one.cpu_percent.p95.into()),
    Column::new("p99", "cpu_percent.p99", Show::Percent, |one| one.cpu_percent.p99.into()),
    Column::new("max", "cpu_percent.max", Show::Percent, |one| one.cpu_percent.max.into()),
    Column::new("rss p50", "rss_bytes.p50", Show::Bytes, |one| whole(one.rss_bytes.p50).into()),
    Column::new("p95", "rss_bytes.p95", Show::Bytes, |one| whole(one.rss_bytes.p95).into()),
    Column::new("p99", "rss_bytes.p99", Show::Bytes, |one| whole(one.rss_bytes.p99).into()),
    Column::new("max", "rss_bytes.max", Show::Bytes, |one| whole(one.rss_bytes.max).into()),
    Column::new("read/s p95", "read_bytes_per_s.p95", Show::Bytes, |one| {
        whole(one.read_bytes_per_s.p95).into()
    }),
    Column::new("max", "read_bytes_per_s.max", Show::Bytes, |one| {
        whole(one.read_bytes_per_s.max).into()
    }),
    Column::new("written/s p95", "written_bytes_per_s.p95", Show::Bytes, |one| {
        whole(one.written_bytes_per_s.p95).into()
    }),
    Column::new("max", "written_bytes_per_s.max", Show::Bytes, |one| {
        whole(one.written_bytes_per_s.max).into()
    }),
];

pub(super) fn run(context: &Context, flags: &Fleet) -> Result<Exit, Failure> {
    let until = flags.until.map(|until| until.to_string());
    let query = Query::of("/api/v1/telemetry/fleet")
        .with("since", Some(&flags.since.to_string()))
        .with("until", until.as_deref());
    let curve: Document<FleetCurve> = context.client()?.get(&query.to_string())?;
    if context.out.format == Format::Json {
        context.out.json(&curve.json)?;
    } else {
        context.out.list(POINTS, &Document::of_all(curve.view.points.iter().cloned())?)?;
    }
    if curve.view.points.is_empty() {
        context.out.note("nothing is known of this span of time; try a wider --since");
        return Ok(Exit::NothingMatched);
    }
    Ok(Exit::Done)
}
