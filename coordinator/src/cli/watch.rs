//! Follows a request until it ends, the operator leaves or the time is over.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Context;
use super::client::Client;
use super::failure::{Exit, Failure};
use crate::output::progress::{Progress, Standing};

/// How long a coordinator may be away before a watcher gives up.
const AWAY: Duration = Duration::from_mins(1);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// States after which nothing more comes.
const ENDED: [&str; 6] = ["finished", "failed", "cancelled", "declined", "expired", "incomplete"];

/// How watching ended.
#[derive(Debug)]
pub(super) enum Watched {
    /// The request ended; its last standing.
    Ended(Value),
    /// The operator pressed ctrl-c.
    Detached,
    /// The time is over.
    TimedOut,
}

enum Tick {
    Standing(Value),
    Ended(Value),
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
pub(super) fn watch(context: &Context, id: &str, wait_s: Option<u32>) -> Result<Watched, Failure> {
    wait(context, format!("/api/v1/hunts/{id}/events"), News::Events, wait_s)
}

/// Watches a profile, with progress on a terminal.
pub(super) fn watch_profile(
    context: &Context,
    id: &str,
    wait_s: Option<u32>,
) -> Result<Watched, Failure> {
    wait(context, format!("/api/v1/profiles/{id}"), News::Asking, wait_s)
}

fn wait(
    context: &Context,
    path: String,
    news: News,
    wait_s: Option<u32>,
) -> Result<Watched, Failure> {
    let (send, ticks) = mpsc::channel();
    // Both threads live as long as the process: the one blocks in a read, the other waits for a signal.
    let client = context.client()?;
    let events = send.clone();
    start("news", move || follow(&client, &path, news, &events))?;
    on_ctrl_c(send, Tick::Interrupted)?;

    let deadline = wait_s.map(|s| Instant::now() + Duration::from_secs(u64::from(s)));
    let mut progress = Progress::new(context.out, context.environment.is_dumb);
    let ended = loop {
        let left =
            deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        let left = left.min(Duration::from_hours(1));
        match ticks.recv_timeout(left) {
            Ok(Tick::Standing(view)) => progress.update(&standing(&view)),
            Ok(Tick::Ended(view)) => break Ok(Watched::Ended(view)),
            Ok(Tick::Broken(failure)) => break Err(failure),
            Ok(Tick::Interrupted) => break Ok(Watched::Detached),
            Err(RecvTimeoutError::Timeout) if deadline.is_some_and(|at| Instant::now() >= at) => {
                break Ok(Watched::TimedOut);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                break Err(Failure::bug("watching broke off", "both watchers are gone"));
            }
        }
    };
    progress.finish();
    ended
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|e| Failure::bug("cannot start a thread", e))
}

/// Reads events; a coordinator that is restarted meanwhile is awaited.
fn follow(client: &Client, path: &str, news: News, ticks: &Sender<Tick>) {
    let mut away_since = None;
    loop {
        let told = match news {
            News::Events => events(client, path, ticks, &mut away_since),
            News::Asking => asking(client, path, ticks, &mut away_since),
        };
        let failure = match told {
            Ok(()) => return,
            Err(failure) => failure,
        };
        let since: &mut Instant = away_since.get_or_insert_with(Instant::now);
        if failure.exit != Exit::Unavailable || since.elapsed() > AWAY {
            // Nobody listens any more when this cannot be sent.
            drop(ticks.send(Tick::Broken(failure)));
            return;
        }
        thread::park_timeout(PAUSE);
    }
}

fn events(
    client: &Client,
    path: &str,
    ticks: &Sender<Tick>,
    away_since: &mut Option<Instant>,
) -> Result<(), Failure> {
    let mut lines = client.lines(path)?;
    while let Some(event) = lines.next_event()? {
        *away_since = None;
        let tick = match event.name.as_str() {
            "progress" => Tick::Standing(event.body),
            "done" => Tick::Ended(event.body),
            _ => continue,
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

fn asking(
    client: &Client,
    path: &str,
    ticks: &Sender<Tick>,
    away_since: &mut Option<Instant>,
) -> Result<(), Failure> {
    loop {
        let view = client.get(path)?;
        *away_since = None;
        let is_end = view.get("done") == Some(&Value::Bool(true));
        let tick = if is_end { Tick::Ended(view) } else { Tick::Standing(view) };
        if ticks.send(tick).is_err() || is_end {
            return Ok(());
        }
        thread::park_timeout(PAUSE);
    }
}

/// Sends a word when the operator presses ctrl-c; from then on that ends nothing by itself.
pub(super) fn on_ctrl_c<T: Send + 'static>(to: Sender<T>, word: T) -> Result<(), Failure> {
    start("ctrl-c", move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            // Nobody listens any more when this cannot be sent.
            drop(to.send(word));
        }
    })
}

/// Reads where a request stands.
pub(super) fn standing(view: &Value) -> Standing {
    let number = |path: &str| crate::output::listing::field(view, path).as_u64().unwrap_or(0);
    let all: Vec<(String, u64)> = view
        .get("states")
        .and_then(Value::as_object)
        .map(|states| states.iter().map(|(s, n)| (s.clone(), n.as_u64().unwrap_or(0))).collect())
        .unwrap_or_default();
    Standing {
        targeted: number("targeted"),
        ended: all.iter().filter(|(s, _)| ENDED.contains(&s.as_str())).map(|(_, n)| n).sum(),
        states: all.into_iter().filter(|(_, n)| *n > 0).collect(),
        files: number("progress.files"),
        bytes: number("progress.bytes"),
    }
}
