//! `muster telemetry top`: agents by what they cost now. What is old is never shown as if it were fresh.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::args::telemetry::{Sort, Top};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::listing::field;
use crate::output::{self, Column, Format, Show, escape, listing, units};
use crate::{Context, watch};
use muster_api::quantile::{quantile, rank};
use muster_api::{AgentState, TelemetryView};

/// Characters of a path in the table.
const PATH_MAX: usize = 44;
/// Lines of a screen that are not agents: headings, the fleet, a note.
const OTHER_LINES: usize = 10;
/// Shares of the fleet whose cost is shown.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];

const COLUMNS: &[Column] = &[
    Column::new("agent", "agent", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("heard", "heard", Show::Text),
    Column::new("cpu", "cpu", Show::Right),
    Column::new("rss", "rss", Show::Right),
    Column::new("read/s", "read", Show::Right),
    Column::new("written/s", "written", Show::Right),
    Column::new("threads", "threads", Show::Right),
    Column::new("fds", "fds", Show::Right),
    Column::new("outbox", "outbox", Show::Right),
    Column::new("running", "running", Show::Text),
];

const CSV: &[Column] = &[
    Column::new("agent", "agent", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("at", "at", Show::Text),
    Column::new("received", "received", Show::Text),
    Column::new("age", "age_ms", Show::Duration),
    Column::new("cpu", "cpu_percent", Show::Percent),
    Column::new("rss", "rss_bytes", Show::Bytes),
    Column::new("threads", "threads", Show::Count),
    Column::new("fds", "fds", Show::Count),
    Column::new("read/s", "read_bytes_per_s", Show::Bytes),
    Column::new("written/s", "written_bytes_per_s", Show::Bytes),
    Column::new("read", "read_bytes", Show::Bytes),
    Column::new("written", "written_bytes", Show::Bytes),
    Column::new("outbox", "outbox_bytes", Show::Bytes),
    Column::new("journal full", "journal_full", Show::Text),
    Column::new("collections", "collections", Show::Pairs),
];

const FLEET: &[Column] = &[
    Column::new("fleet", "quantile", Show::Text),
    Column::new("cpu", "cpu_percent", Show::Percent),
    Column::new("rss", "rss_bytes", Show::Bytes),
    Column::new("read/s", "read_bytes_per_s", Show::Bytes),
    Column::new("written/s", "written_bytes_per_s", Show::Bytes),
];

pub(super) fn run(context: &Context, flags: &Top) -> Result<Exit, Failure> {
    let client = context.client()?;
    if let Some(seconds) = flags.watch {
        return live(context, &client, flags, Duration::from_secs(seconds.into()));
    }
    let samples = fetch(&client, flags.sort)?;
    let shown = samples.get(..flags.limit.unwrap_or(usize::MAX)).unwrap_or(&samples);
    match context.out.format {
        Format::Table => context.out.text(&table(shown, &samples))?,
        Format::Json => {
            context.out.record(CSV, &json!({"agents": shown, "fleet": fleet(&samples)}))?;
        }
        Format::Jsonl | Format::Csv => {
            let values: Result<Vec<_>, _> = shown.iter().map(serde_json::to_value).collect();
            let values = values.map_err(|e| Failure::bug("cannot write a sample", e))?;
            context.out.list(CSV, &values)?;
        }
    }
    Ok(if samples.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches the latest samples: the live by their cost, then the silent, the longest silence last.
fn fetch(client: &Client, sort: Sort) -> Result<Vec<TelemetryView>, Failure> {
    let samples = client.get("/api/v1/telemetry")?;
    let mut samples: Vec<TelemetryView> = serde_json::from_value(samples)
        .map_err(|e| Failure::bug("the coordinator sent a broken list of samples", e))?;
    let is_silent = |sample: &TelemetryView| sample.state != AgentState::Live;
    samples.sort_by(|a, b| {
        let by_state = is_silent(a).cmp(&is_silent(b));
        let by_cost = if is_silent(a) {
            a.age_ms.cmp(&b.age_ms)
        } else {
            cost(b, sort).total_cmp(&cost(a, sort))
        };
        by_state.then(by_cost).then_with(|| a.agent.cmp(&b.agent))
    });
    Ok(samples)
}

#[expect(clippy::cast_precision_loss, reason = "to compare them")]
fn cost(sample: &TelemetryView, sort: Sort) -> f64 {
    match sort {
        Sort::Cpu => sample.cpu_percent,
        Sort::Rss => sample.rss_bytes as f64,
        Sort::Read => sample.read_bytes_per_s as f64,
        Sort::Written => sample.written_bytes_per_s as f64,
        Sort::Outbox => sample.outbox_bytes as f64,
    }
}

fn table(shown: &[TelemetryView], all: &[TelemetryView]) -> String {
    let mut text = listing::table(COLUMNS, &shown.iter().map(row).collect::<Vec<_>>());
    if shown.len() < all.len() {
        text.extend([format!("… and {} more\n", all.len() - shown.len())]);
    }
    let fleet = fleet(all);
    let count = |name: &str| field(&fleet, name).as_u64().unwrap_or(0);
    text.extend([format!("\nagents: {} live, {} silent\n", count("live"), count("silent"))]);
    if count("live") > 0 {
        text += &listing::table(
            FLEET,
            field(&fleet, "quantiles").as_array().map_or(&[], Vec::as_slice),
        );
    }
    if shown.iter().any(|sample| sample.state != AgentState::Live) {
        text += "( ) is how it was when the agent was last heard\n";
    }
    text
}

/// One line of the table. The figures of a silent agent are set in parentheses.
fn row(sample: &TelemetryView) -> Value {
    let is_live = sample.state == AgentState::Live;
    let figure = |text: String| if is_live { text } else { format!("({text})") };
    let running = sample.collections.iter().filter(|one| one.state == "running");
    let paths: Vec<_> = running.clone().map(|one| tail(&one.path)).collect();
    let count = running.count();
    let running = match (count, paths.iter().find(|path| !path.is_empty())) {
        (0, _) => "-".to_owned(),
        (count, None) => count.to_string(),
        (count, Some(path)) => format!("{count}: {path}"),
    };
    json!({
        "agent": sample.agent,
        "host": sample.host,
        "state": sample.state,
        "heard": format!("{} ago", age(sample.age_ms)),
        "cpu": figure(format!("{:.1} %", sample.cpu_percent)),
        "rss": figure(units::bytes(sample.rss_bytes)),
        "read": figure(units::bytes(sample.read_bytes_per_s)),
        "written": figure(units::bytes(sample.written_bytes_per_s)),
        "threads": figure(sample.threads.to_string()),
        "fds": figure(sample.fds.to_string()),
        "outbox": figure(units::bytes(sample.outbox_bytes)),
        "running": if is_live { running } else { "-".to_owned() },
    })
}

/// Whole seconds, then two units.
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

/// What the fleet costs: of its live agents; the coordinator is none.
fn fleet(samples: &[TelemetryView]) -> Value {
    let is_agent =
        |sample: &&TelemetryView| sample.agent != muster_protocol::ids::AgentId::COORDINATOR;
    let agents: Vec<_> = samples.iter().filter(is_agent).collect();
    let live: Vec<_> =
        agents.iter().filter(|sample| sample.state == AgentState::Live).copied().collect();
    let of = |take: fn(&TelemetryView) -> f64, share: f64| {
        quantile(live.iter().map(|sample| take(sample)).collect(), share)
    };
    let whole = |take: fn(&TelemetryView) -> u64, share: f64| {
        let mut values: Vec<_> = live.iter().map(|sample| take(sample)).collect();
        values.sort_unstable();
        rank(values.len(), share).and_then(|rank| values.get(rank).copied())
    };
    let quantiles = QUANTILES.map(|(name, share)| {
        json!({
            "quantile": name,
            "cpu_percent": of(|sample| sample.cpu_percent, share),
            "rss_bytes": whole(|sample| sample.rss_bytes, share),
            "read_bytes_per_s": whole(|sample| sample.read_bytes_per_s, share),
            "written_bytes_per_s": whole(|sample| sample.written_bytes_per_s, share),
        })
    });
    json!({"live": live.len(), "silent": agents.len() - live.len(), "quantiles": quantiles})
}

/// Shows the table again and again until ctrl-c.
fn live(
    context: &Context,
    client: &Client,
    flags: &Top,
    interval: Duration,
) -> Result<Exit, Failure> {
    let is_screen = context.out.to_terminal && !context.environment.is_dumb;
    if !is_screen || context.out.format != Format::Table {
        let cause = "it draws a table on a terminal again and again, and stdout is none";
        let next = "leave --watch out, and repeat the command";
        return Err(Failure::usage("cannot watch here", cause, next));
    }
    let (send, interrupted) = mpsc::channel();
    // The receiver may have gone.
    watch::on_ctrl_c(move || send.send(()).unwrap_or(()))?;
    context.out.draw("\x1b[?25l")?;
    let ended = redraw(context, client, flags, interval, &interrupted);
    context.out.draw("\x1b[?25h")?;
    ended
}

fn redraw(
    context: &Context,
    client: &Client,
    flags: &Top,
    interval: Duration,
    interrupted: &Receiver<()>,
) -> Result<Exit, Failure> {
    let mut last: Option<(Instant, Vec<TelemetryView>)> = None;
    loop {
        let mut note = String::new();
        match fetch(client, flags.sort) {
            Ok(samples) => last = Some((Instant::now(), samples)),
            // A coordinator that is restarted is awaited, and what is shown grows old before one's eyes.
            Err(failure) if failure.exit == Exit::Unavailable && last.is_some() => {
                note = format!("{}\n", escape::text(&failure.error));
            }
            Err(failure) => return Err(failure),
        }
        if let Some((at, samples)) = &last {
            let since_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
            let aged = older(samples, since_ms);
            context.out.draw(&frame(&note, &aged, flags.limit, output::screen()))?;
        }
        match interrupted.recv_timeout(interval) {
            Ok(()) => return Ok(Exit::Detached),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::bug("watching broke off", "nobody listens for ctrl-c"));
            }
        }
    }
}

/// Returns samples as they are so much later.
fn older(samples: &[TelemetryView], since_ms: u64) -> Vec<TelemetryView> {
    let silent_ms = muster_protocol::limits::SILENT_MS_MAX.unsigned_abs();
    let age = |sample: &TelemetryView| {
        let age_ms = sample.age_ms.saturating_add(since_ms);
        let state = if age_ms > silent_ms { AgentState::Silent } else { sample.state };
        TelemetryView { state, age_ms, ..sample.clone() }
    };
    samples.iter().map(age).collect()
}

/// One picture: from the upper left corner, each line to its end, then nothing.
fn frame(
    note: &str,
    samples: &[TelemetryView],
    limit: Option<usize>,
    screen: Option<(usize, usize)>,
) -> String {
    let (columns, lines) = screen.unwrap_or((120, 40));
    let room = lines.saturating_sub(OTHER_LINES).max(1);
    let shown = samples.get(..limit.unwrap_or(room).min(room)).unwrap_or(samples);
    let text = format!("{note}{}ctrl-c ends", table(shown, samples));
    let mut frame = String::from("\x1b[H");
    for (at, line) in text.lines().take(lines).enumerate() {
        if at > 0 {
            frame += "\r\n";
        }
        frame.extend(escape::laid_out(line).chars().take(columns));
        frame += "\x1b[K";
    }
    frame + "\x1b[J"
}

#[cfg(test)]
mod tests;
