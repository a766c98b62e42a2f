//! Follows a request until it ends, the operator leaves or the time is over.

mod standing;

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use muster_api::{HuntView, ProfileView, RowView};
use muster_runtime::retry;
use serde::Deserialize;

use self::standing::Watch;
use super::Context;
use super::client::{Client, Event};
use super::failure::{Exit, Failure};
use crate::output::Document;
use crate::output::document::Line;
use crate::output::progress::Progress;
use crate::output::rows::RowWriter;

/// How long a coordinator may be away before a watcher gives up.
const AWAY: Duration = Duration::from_mins(1);
/// Time between two looks at a clock that is shown.
const REFRESH: Duration = Duration::from_secs(1);
/// Ticks that wait for a slow terminal or pipe; beyond it the readers wait.
const TICKS_WAITING_MAX: usize = 1_024;

/// How watching ended.
#[derive(Debug)]
pub(super) enum Watched<V> {
    /// The request ended; its last standing.
    Ended(V),
    /// The operator pressed ctrl-c.
    Detached,
    /// The time is over.
    TimedOut,
}

enum Tick<V> {
    Standing(V),
    Ended(V),
    /// A row of the hunt.
    Row(Line<RowView>),
    /// No row follows.
    RowsEnded,
    Broken(Failure),
    Interrupted,
}

/// How news of a request comes.
#[derive(Clone, Copy)]
enum News {
    /// As server-sent events.
    Events,
    /// By asking every second.
    Asking,
}

/// Watches a hunt, with progress on a terminal.
pub(super) fn watch(
    context: &Context,
    id: &str,
    wait_s: Option<u32>,
) -> Result<Watched<HuntView>, Failure> {
    wait(context, format!("/api/v1/hunts/{id}/events"), News::Events, wait_s, None)
}

/// Watches a hunt and writes its rows as they are stored.
pub(super) fn watch_rows(
    context: &Context,
    id: &str,
    wait_s: Option<u32>,
    rows: &mut RowWriter,
) -> Result<Watched<HuntView>, Failure> {
    let events = format!("/api/v1/hunts/{id}/events");
    let stored = format!("/api/v1/hunts/{id}/results?follow=true");
    wait(context, events, News::Events, wait_s, Some((stored, rows)))
}

/// Watches a profile, with progress on a terminal.
pub(super) fn watch_profile(
    context: &Context,
    id: &str,
    wait_s: Option<u32>,
) -> Result<Watched<Document<ProfileView>>, Failure> {
    wait(context, format!("/api/v1/profiles/{id}"), News::Asking, wait_s, None)
}

fn wait<V: Watch>(
    context: &Context,
    path: String,
    news: News,
    wait_s: Option<u32>,
    rows: Option<(String, &mut RowWriter)>,
) -> Result<Watched<V>, Failure> {
    let (send, ticks) = mpsc::sync_channel(TICKS_WAITING_MAX);
    // The threads live as long as the process: they block in a read, the last one waits for a signal.
    let client = context.client()?;
    let rows = match rows {
        Some((path, rows)) => {
            let (client, send) = (client.clone(), send.clone());
            start("rows", move || follow_rows(&client, &path, &send))?;
            Some(rows)
        }
        None => None,
    };
    let events = send.clone();
    start("news", move || follow(&client, &path, news, &events))?;
    on_ctrl_c(move || drop(send.send(Tick::Interrupted)))?;

    let deadline = wait_s.map(|s| Instant::now() + Duration::from_secs(u64::from(s)));
    let mut progress = Progress::new(context.out, context.environment.is_dumb);
    let watched = until_the_end(&ticks, deadline, &mut progress, rows);
    progress.finish();
    watched
}

/// Takes the ticks as they come. With rows the end is when both the hunt and its rows have ended.
fn until_the_end<V: Watch>(
    ticks: &Receiver<Tick<V>>,
    deadline: Option<Instant>,
    progress: &mut Progress,
    mut rows: Option<&mut RowWriter>,
) -> Result<Watched<V>, Failure> {
    let (mut ended, mut has_rows) = (None, rows.is_some());
    let mut held = None;
    loop {
        match next(ticks, deadline, rows.as_deref_mut())? {
            Some(Tick::Standing(view)) => {
                let now = view.held();
                if now != held {
                    progress.note(now.as_deref().unwrap_or("it goes on"));
                    held = now;
                }
                progress.update(&view.standing());
            }
            Some(Tick::Row(line)) => {
                if let Some(rows) = &mut rows {
                    progress.aside(|| rows.row(&line))?;
                }
            }
            Some(Tick::RowsEnded) => has_rows = false,
            Some(Tick::Ended(view)) => ended = Some(view),
            Some(Tick::Broken(failure)) => return Err(failure),
            Some(Tick::Interrupted) => return Ok(Watched::Detached),
            None if deadline.is_some_and(|at| Instant::now() >= at) => {
                return Ok(Watched::TimedOut);
            }
            // The time that is shown goes on though nothing changes.
            None => progress.again(),
        }
        if !has_rows && let Some(view) = ended.take() {
            return Ok(Watched::Ended(view));
        }
    }
}

/// Waits for the next tick, at most until the deadline. Before it waits, the rows that it has go out.
fn next<V>(
    ticks: &Receiver<Tick<V>>,
    deadline: Option<Instant>,
    rows: Option<&mut RowWriter>,
) -> Result<Option<Tick<V>>, Failure> {
    let broken = || Failure::bug("watching broke off", "both watchers are gone");
    match ticks.try_recv() {
        Ok(tick) => return Ok(Some(tick)),
        Err(TryRecvError::Disconnected) => return Err(broken()),
        Err(TryRecvError::Empty) => {}
    }
    if let Some(rows) = rows {
        rows.flush()?;
    }
    let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
    match ticks.recv_timeout(left.min(REFRESH)) {
        Ok(tick) => Ok(Some(tick)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(broken()),
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|e| Failure::bug("cannot start a thread", e))
}

/// Reads events; a coordinator that is restarted meanwhile is awaited.
fn follow<V: Watch>(client: &Client, path: &str, news: News, ticks: &SyncSender<Tick<V>>) {
    patiently(ticks, |away_since| match news {
        News::Events => events(client, path, ticks, away_since),
        News::Asking => asking(client, path, ticks, away_since),
    });
}

/// Reads rows as they are stored. After a break the answer begins again: of each agent the rows that came before are left
/// out.
fn follow_rows<V>(client: &Client, path: &str, ticks: &SyncSender<Tick<V>>) {
    let mut came: HashMap<String, u64> = HashMap::new();
    patiently(ticks, |away_since| {
        let mut again: HashMap<String, u64> = HashMap::new();
        let mut lines = client.lines::<RowView>(path)?;
        while let Some(line) = lines.next()? {
            *away_since = None;
            let Ok(Of { agent }) = serde_json::from_slice(line.json()) else { continue };
            let (sent, met) =
                (came.entry(agent.clone()).or_default(), again.entry(agent).or_default());
            *met += 1;
            if *met <= *sent {
                continue;
            }
            *sent = *met;
            if ticks.send(Tick::Row(line)).is_err() {
                return Ok(());
            }
        }
        // Without a listener there is nothing to tell.
        drop(ticks.send(Tick::RowsEnded));
        Ok(())
    });
}

/// What is read of a row here.
#[derive(Deserialize)]
struct Of {
    agent: String,
}

/// Does some reading until it ends, again where the coordinator goes away and comes back.
fn patiently<V>(
    ticks: &SyncSender<Tick<V>>,
    mut read: impl FnMut(&mut Option<Instant>) -> Result<(), Failure>,
) {
    let mut away_since = None;
    loop {
        let Err(failure) = read(&mut away_since) else { return };
        let since: &mut Instant = away_since.get_or_insert_with(Instant::now);
        if failure.exit != Exit::Unavailable || since.elapsed() > AWAY {
            // Without a listener there is nothing to tell.
            drop(ticks.send(Tick::Broken(failure)));
            return;
        }
        thread::park_timeout(retry::COORDINATOR.first());
    }
}

fn events<V: Watch>(
    client: &Client,
    path: &str,
    ticks: &SyncSender<Tick<V>>,
    away_since: &mut Option<Instant>,
) -> Result<(), Failure> {
    let mut events = client.events(path)?;
    while let Some(event) = events.next()? {
        *away_since = None;
        let tick = match event {
            Event::Progress(view) => Tick::Standing(view),
            Event::Done(view) => Tick::Ended(view),
        };
        let is_end = matches!(tick, Tick::Ended(_));
        if ticks.send(tick).is_err() || is_end {
            return Ok(());
        }
    }
    let cause = "the stream of events ended early";
    Err(Failure::new(
        Exit::Unavailable,
        "the coordinator went away",
        cause,
        "muster hunt watch again",
    ))
}

fn asking<V: Watch>(
    client: &Client,
    path: &str,
    ticks: &SyncSender<Tick<V>>,
    away_since: &mut Option<Instant>,
) -> Result<(), Failure> {
    loop {
        let view = client.get::<V>(path)?;
        *away_since = None;
        let is_end = view.is_done();
        let tick = if is_end { Tick::Ended(view) } else { Tick::Standing(view) };
        if ticks.send(tick).is_err() || is_end {
            return Ok(());
        }
        thread::park_timeout(retry::COORDINATOR.first());
    }
}

/// Calls `interrupted` when the operator presses ctrl-c; from then on that ends nothing by itself.
pub(super) fn on_ctrl_c(interrupted: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    start("ctrl-c", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            interrupted();
        }
    })
}
