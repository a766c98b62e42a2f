//! `muster telemetry top`: agents by what they cost now. What is old is never shown as if it were fresh.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_api::{AgentState, TelemetryPage, TelemetryView};
use muster_protocol::limits::PAGE_ITEMS_MAX;
use serde_json::json;

use super::fleet::{Fleet, fleet};
use super::table::table;
use crate::args::telemetry::{Sort, Top};
use crate::client::{Client, Query};
use crate::failure::{Exit, Failure};
use crate::output::{self, Cell, Column, Document, Format, Show, document, escape};
use crate::{Context, watch};

/// Lines of a screen that are not agents: headings, the fleet, a note.
const OTHER_LINES: usize = 10;
/// Columns and lines of a screen that does not say.
const SCREEN: (usize, usize) = (120, 40);
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
    let Samples { shown, total, fleet } =
        fetch(&client, flags.sort, flags.limit.unwrap_or(usize::MAX))?;
    match context.out.format {
        Format::Table => context.out.text(&table(&shown, (total, &fleet), 0))?,
        Format::Json => {
            // Built as a value, whose names are sorted as in every document.
            context.out.json(&json!({"agents": shown, "fleet": fleet}))?;
        }
        Format::Jsonl | Format::Csv => {
            context.out.list(CSV, &Document::of_all(shown)?)?;
        }
    }
    Ok(if total == 0 { Exit::NothingMatched } else { Exit::Done })
}

/// The samples that are shown, of how many, and what the fleet costs.
#[derive(Debug)]
struct Samples {
    shown: Vec<TelemetryView>,
    total: u64,
    fleet: Fleet,
}

/// Fetches the first of the latest samples: the live by their cost, then the silent, the longest silence last.
fn fetch(client: &Client, sort: Sort, most: usize) -> Result<Samples, Failure> {
    let query = Query::of("/api/v1/telemetry").with("sort", Some(greatest_first(sort)));
    let length = most.clamp(1, PAGE_ITEMS_MAX).to_string();
    let first = query.clone().with("fleet", Some("1")).with("limit", Some(&length));
    let TelemetryPage { page, fleet: point } = client.get(&first.to_string())?;
    let Some(point) = point else {
        let cause = "it has no figures of the fleet";
        return Err(Failure::bug("the coordinator sent a broken page of samples", cause));
    };
    let mut shown = page.items;
    shown.truncate(most);
    if page.next.is_some() && shown.len() < most {
        shown.extend(client.list_after(&query.to_string(), page.next, most - shown.len())?);
    }
    Ok(Samples { shown, total: page.total, fleet: fleet(&point) })
}

fn greatest_first(sort: Sort) -> &'static str {
    match sort {
        Sort::Cpu => "-cpu",
        Sort::Rss => "-rss",
        Sort::Read => "-read",
        Sort::Written => "-written",
        Sort::Outbox => "-outbox",
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
    let mut last: Option<(Instant, Samples)> = None;
    loop {
        let mut note = String::new();
        let screen = output::screen();
        let most = room(screen).min(flags.limit.unwrap_or(usize::MAX));
        match fetch(client, flags.sort, most) {
            Ok(samples) => last = Some((Instant::now(), samples)),
            // A coordinator that is restarted is awaited, and what is shown grows old before one's eyes.
            Err(failure) if failure.exit == Exit::Unavailable && last.is_some() => {
                note = format!("{}\n", escape::text(&failure.error));
            }
            Err(failure) => return Err(failure),
        }
        if let Some((at, samples)) = &last {
            let since_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
            context.out.draw(&frame(&note, &older(samples, since_ms), since_ms, screen))?;
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
fn older(samples: &Samples, since_ms: u64) -> Samples {
    let silent_ms = muster_protocol::limits::SILENT_MS_MAX.unsigned_abs();
    let age = |sample: &TelemetryView| {
        let age_ms = sample.age_ms.saturating_add(since_ms);
        let is_silent = age_ms > silent_ms;
        let state = if is_silent { AgentState::Silent.into() } else { sample.state.clone() };
        TelemetryView { state, age_ms, ..sample.clone() }
    };
    let shown = samples.shown.iter().map(age).collect();
    Samples { shown, total: samples.total, fleet: samples.fleet.clone() }
}

/// Returns how many agents a screen has lines for.
fn room(screen: Option<(usize, usize)>) -> usize {
    let (_, lines) = screen.unwrap_or(SCREEN);
    lines.saturating_sub(OTHER_LINES).max(1)
}

/// Draws one picture: from the upper left corner, each line to its end, then nothing.
fn frame(note: &str, samples: &Samples, since_ms: u64, screen: Option<(usize, usize)>) -> String {
    let (columns, lines) = screen.unwrap_or(SCREEN);
    let shown = samples.shown.get(..room(screen)).unwrap_or(&samples.shown);
    let whole = (samples.total, &samples.fleet);
    let text = format!("{note}{}ctrl-c ends", table(shown, whole, since_ms));
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
