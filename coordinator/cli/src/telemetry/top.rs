//! `muster telemetry top`: agents by what they cost now. What is old is never shown as if it were fresh.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_api::{AgentState, TelemetryView};
use serde_json::json;

use super::fleet::fleet;
use super::table::table;
use crate::args::telemetry::{Sort, Top};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{self, Cell, Column, Document, Format, Show, document, escape};
use crate::{Context, watch};

/// Lines of a screen that are not agents: headings, the fleet, a note.
const OTHER_LINES: usize = 10;
const CSV: &[Column<TelemetryView>] = &[
    Column::new("agent", "agent", Show::Text, |sample| (&sample.agent).into()),
    Column::new("host", "host", Show::Text, |sample| (&sample.host).into()),
    Column::new("state", "state", Show::Text, |sample| sample.state.as_str().into()),
    Column::new("at", "at", Show::Text, |sample| sample.at.into()),
    Column::new("received", "received", Show::Text, |sample| sample.received.into()),
    Column::new("age", "age_ms", Show::Duration, |sample| sample.age_ms.into()),
    Column::new("cpu", "cpu_percent", Show::Percent, |sample| sample.cpu_percent.into()),
    Column::new("rss", "rss_bytes", Show::Bytes, |sample| sample.rss_bytes.into()),
    Column::new("threads", "threads", Show::Count, |sample| sample.threads.into()),
    Column::new("fds", "fds", Show::Count, |sample| sample.fds.into()),
    Column::new("read/s", "read_bytes_per_s", Show::Bytes, |sample| sample.read_bytes_per_s.into()),
    Column::new("written/s", "written_bytes_per_s", Show::Bytes, |sample| {
        sample.written_bytes_per_s.into()
    }),
    Column::new("read", "read_bytes", Show::Bytes, |sample| sample.read_bytes.into()),
    Column::new("written", "written_bytes", Show::Bytes, |sample| sample.written_bytes.into()),
    Column::new("outbox", "outbox_bytes", Show::Bytes, |sample| sample.outbox_bytes.into()),
    Column::new("journal full", "journal_full", Show::Text, |sample| sample.journal_full.into()),
    Column::new("collections", "collections", Show::Pairs, |sample| {
        document::json_of(&sample.collections).map_or(Cell::Nothing, |json| Cell::json(&json))
    }),
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
            // Built as a value, whose names are sorted as in every document.
            context.out.json(&json!({"agents": shown, "fleet": fleet(&samples)}))?;
        }
        Format::Jsonl | Format::Csv => {
            context.out.list(CSV, &Document::of_all(shown.iter().cloned())?)?;
        }
    }
    Ok(if samples.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches the latest samples: the live by their cost, then the silent, the longest silence last.
fn fetch(client: &Client, sort: Sort) -> Result<Vec<TelemetryView>, Failure> {
    let mut samples: Vec<TelemetryView> = client.get("/api/v1/telemetry")?;
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

/// Draws one picture: from the upper left corner, each line to its end, then nothing.
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
