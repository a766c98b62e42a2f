//! Accepts connections of browsers and serves them until the terminal says stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use muster_pages::assets;
use muster_protocol::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::opening::Opening;
use super::{
    Console, downloads, drafts, guard, lists, lock, nothing, proxy, session, source, terminal,
    verify,
};
use crate::failure::Failure;

/// Pause after a connection could not be accepted.
const BREATH: Duration = Duration::from_millis(100);

/// Returns every route behind its guard.
pub(super) fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/console/session", get(session::show).post(session::open).delete(session::close))
        .route("/console/downloads", post(downloads::prepare))
        .route("/console/downloads/{secret}", get(downloads::fetch))
        .route("/console/lists", post(lists::add))
        .route("/console/drafts", post(drafts::make))
        .route("/console/drafts/{draft}/launch", post(drafts::launch))
        .route("/console/verify/{request}", get(verify::verify))
        .route("/console/source", get(source::show))
        .route("/console", any(nothing))
        .route("/console/{*rest}", any(nothing))
        .route("/api/v1/targets/preview", post(proxy::preview))
        .route("/api/v1/symbols", get(proxy::pass).post(proxy::symbols))
        .route("/api/v1/agents/{id}/revoke", post(proxy::revoke))
        .route("/api/v1/agents/{id}/release", post(proxy::release))
        .route("/api/v1/{*rest}", any(proxy::pass))
        .route("/api", any(nothing))
        .route("/api/{*rest}", any(nothing))
        .fallback(async |request: Request| assets::page(&request))
        .method_not_allowed_fallback(|| async { proxy::not_passed() })
        .layer(middleware::from_fn_with_state(Arc::clone(&console), guard::guard))
        .with_state(console)
}

/// Serves until ctrl-C, which ends every session; Enter on the terminal prints a new address.
pub(super) async fn until_stopped(
    console: Arc<Console>,
    listener: TcpListener,
    opens: bool,
    is_interactive: bool,
) -> Result<(), Failure> {
    // Before the address is there: whoever has read it may end the console at once.
    let waits = |kind| signal(kind).map_err(|error| Failure::bug("cannot wait for signals", error));
    let (mut interrupt, mut term) =
        (waits(SignalKind::interrupt())?, waits(SignalKind::terminate())?);
    console.greet(is_interactive);
    let url = console.print_address()?;
    let shared = Arc::clone(&console);
    // The desktop may take its time: the pages are served meanwhile.
    let _opening = opens.then(|| tokio::task::spawn_blocking(move || open(&shared, &url)));
    let serving = serve(listener, router(Arc::clone(&console)));
    tokio::select! {
        () = serving => Ok(()),
        ended = converse(&console, is_interactive) => ended,
        _ = interrupt.recv() => Ok(()),
        _ = term.recv() => Ok(()),
    }
}

/// Takes what is typed on the terminal, for as long as there is one.
async fn converse(console: &Console, is_interactive: bool) -> Result<(), Failure> {
    if is_interactive {
        let mut lines = terminal::lines();
        while let Some(line) = lines.recv().await {
            if !console.terminal.take(&line) {
                console.print_address()?;
            }
        }
    }
    std::future::pending().await
}

fn open(console: &Console, url: &str) -> Option<Opening> {
    Opening::at(url).inspect_err(|failure| console.out.failure(failure)).ok()
}

impl Console {
    /// Makes a new code and prints where it leads; returns the address.
    pub(super) fn print_address(&self) -> Result<String, Failure> {
        let code = lock(&self.sessions).new_code(Instant::now())?;
        let url = format!("http://{}/#{code}", self.address);
        self.out.line(&url)?;
        Ok(url)
    }

    /// Notes whose key and which coordinator.
    fn greet(&self, is_interactive: bool) {
        let url = self.settings.url().unwrap_or_default();
        match self.signer() {
            Ok(signer) => {
                let (name, key, fleet) = (&signer.grant.name, signer.key, signer.fleet);
                self.out.note(&format!("{name} (key {key}) of fleet {fleet}, at {url}"));
            }
            Err(failure) => self.out.note(&format!("only reads, at {url}: {failure}")),
        }
        let again = if is_interactive { "Enter prints a new address, " } else { "" };
        self.out.note(&format!("it works once, for five minutes; {again}ctrl-C ends the console"));
    }
}

/// Accepts connections until it is dropped, which closes them all.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < limits::CONSOLE_CONNECTIONS_MAX;
        tokio::select! {
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone()));
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // Without it answers only come a little later.
    drop(stream.set_nodelay(true));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::HTTP_HEADER_MS_MAX))
        .max_buf_size(limits::HTTP_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    // The browser has gone: an error has no reader.
    drop(served);
}
