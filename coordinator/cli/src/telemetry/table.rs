//! The table of `muster telemetry top`. The figures of a silent agent are set in parentheses.

use muster_api::{AgentState, TelemetryView};

use super::fleet::{Fleet, Quantile};
use crate::output::listing::table as laid_out;
use crate::output::{Column, Show, units};

/// Characters of a path in the table.
const PATH_MAX: usize = 44;
/// From this age on the figures of the fleet say how old they are.
const OLD_MS: u64 = 10_000;

const COLUMNS: &[Column<TelemetryView>] = &[
    Column::new("agent", "agent", Show::Text, |sample| (&sample.agent).into()),
    Column::new("host", "host", Show::Text, |sample| (&sample.host).into()),
    Column::new("state", "state", Show::Text, |sample| sample.state.as_str().into()),
    Column::new("heard", "heard", Show::Text, |sample| {
        format!("{} ago", age(sample.age_ms)).into()
    }),
    Column::new("cpu", "cpu", Show::Right, |sample| {
        figure(sample, format!("{:.1} %", sample.cpu_percent)).into()
    }),
    Column::new("rss", "rss", Show::Right, |sample| bytes(sample, sample.rss_bytes).into()),
    Column::new("read/s", "read", Show::Right, |sample| {
        bytes(sample, sample.read_bytes_per_s).into()
    }),
    Column::new("written/s", "written", Show::Right, |sample| {
        bytes(sample, sample.written_bytes_per_s).into()
    }),
    Column::new("threads", "threads", Show::Right, |sample| {
        figure(sample, sample.threads.to_string()).into()
    }),
    Column::new("fds", "fds", Show::Right, |sample| figure(sample, sample.fds.to_string()).into()),
    Column::new("outbox", "outbox", Show::Right, |sample| {
        bytes(sample, sample.outbox_bytes).into()
    }),
    Column::new("running", "running", Show::Text, |sample| running(sample).into()),
];

const FLEET: &[Column<Quantile>] = &[
    Column::new("fleet", "quantile", Show::Text, |of| of.name.into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |of| of.cpu_percent.into()),
    Column::new("rss", "rss_bytes", Show::Bytes, |of| of.rss_bytes.into()),
    Column::new("read/s", "read_bytes_per_s", Show::Bytes, |of| of.read_bytes_per_s.into()),
    Column::new("written/s", "written_bytes_per_s", Show::Bytes, |of| {
        of.written_bytes_per_s.into()
    }),
];

/// Writes the samples that are shown, and what the whole fleet cost so long ago.
pub(super) fn table(
    shown: &[TelemetryView],
    (total, fleet): (u64, &Fleet),
    since_ms: u64,
) -> String {
    let mut text = laid_out(COLUMNS, shown);
    let more = total.saturating_sub(shown.len() as u64);
    if more > 0 {
        text.extend([format!("… and {more} more\n")]);
    }
    let when = if since_ms < OLD_MS { String::new() } else { format!(", {} ago", age(since_ms)) };
    text.extend([format!("\nagents: {} live, {} silent{when}\n", fleet.live, fleet.silent)]);
    if fleet.live > 0 {
        text += &laid_out(FLEET, &fleet.quantiles);
    }
    if shown.iter().any(|sample| !is_live(sample)) {
        text += "( ) is how it was when the agent was last heard\n";
    }
    text
}

fn is_live(sample: &TelemetryView) -> bool {
    sample.state == AgentState::Live
}

fn figure(sample: &TelemetryView, text: String) -> String {
    if is_live(sample) { text } else { format!("({text})") }
}

fn bytes(sample: &TelemetryView, bytes: u64) -> String {
    figure(sample, units::bytes(bytes))
}

/// Returns how many collections run, and where one of them is.
fn running(sample: &TelemetryView) -> String {
    let running = sample.collections.iter().filter(|one| one.state == "running");
    let paths: Vec<_> = running.clone().map(|one| tail(&one.path)).collect();
    match (running.count(), paths.iter().find(|path| !path.is_empty())) {
        _ if !is_live(sample) => "-".to_owned(),
        (0, _) => "-".to_owned(),
        (count, None) => count.to_string(),
        (count, Some(path)) => format!("{count}: {path}"),
    }
}

/// Writes whole seconds, then two units.
fn age(ms: u64) -> String {
    if ms < 60_000 { format!("{} s", ms / 1_000) } else { units::duration_ms(ms) }
}

/// Returns the end of a path that is too long: there it moves. The table escapes it.
fn tail(path: &str) -> String {
    let count = path.chars().count();
    if count <= PATH_MAX {
        return path.to_owned();
    }
    let rest: String = path.chars().skip(count + 1 - PATH_MAX).collect();
    format!("…{rest}")
}
