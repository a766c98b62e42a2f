//! `muster console`: the pages of the fleet, served to the browser of the operator's own machine.
//!
//! Key and token stay in this program: the page never holds, asks for or accepts either. What the page may do is
//! bounded by [`guard`]; what it asks of the coordinator goes through [`proxy`]; what is signed was reviewed from the
//! very bytes ([`drafts`]). `docs/reference/console.md` lists the endpoints.
//!
//! * [`session`]: who may ask. [`shelf`]: what is kept for a page, and for how long.
//! * [`muster_pages`]: the pages, and what the coordinator needs, too, where it hosts them.
//! * [`downloads`], [`lists`], [`drafts`], [`verify`], [`source`]: the endpoints of the console.
//! * [`terminal`], [`opening`]: what happens beside the browser.

mod answer;
mod downloads;
mod drafts;
mod guard;
mod lists;
mod opening;
mod proxy;
mod serve;
mod session;
mod shelf;
mod source;
mod terminal;
#[cfg(test)]
mod tests;
mod verify;
mod views;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::http::StatusCode;
use muster_api::{ErrorBody, FleetView};
use muster_pages::cookie::Cookie;
use muster_pages::secret;
use muster_pages::view::{CoordinatorView, Mode, SessionView};
use muster_protocol::address::Address;
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::limits;
use muster_runtime::tasks::Tasks;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::answer::Refusal;
use self::downloads::Download;
use self::drafts::Kept;
use self::lists::{Folder, HashList};
use self::session::Sessions;
use self::shelf::Shelf;
use self::terminal::Terminal;
use super::Context;
use super::args::console::{Confirm, Console as Flags};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::keys::Signer;
use super::profile::Sources;
use super::settings::Settings;
use crate::draft::OperatorView;
use crate::output::Out;

/// The port where none is given.
const PORT: u16 = 7412;

/// What every request finds.
#[derive(Debug)]
struct Console {
    settings: Settings,
    out: Out,
    /// Where it listens.
    address: SocketAddr,
    is_read_only: bool,
    confirm: Confirm,
    source: Option<PathBuf>,
    /// The files of that folder, once they were asked for.
    sources: OnceLock<Sources>,
    /// Made when it is first needed: a console starts without a token, too.
    client: Mutex<Option<Client>>,
    streams: Arc<Semaphore>,
    sessions: Mutex<Sessions>,
    downloads: Mutex<Shelf<Download>>,
    drafts: Mutex<Shelf<Arc<Kept>>>,
    lists: Mutex<Shelf<Arc<HashList>>>,
    folder: Folder,
    terminal: Terminal,
    tasks: Tasks,
}

/// Serves until ctrl-C.
pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let address = loopback(&flags.listen)?;
    let is_interactive = io::stdin().is_terminal();
    if flags.confirm == Confirm::Terminal && !is_interactive {
        let cause = "--confirm terminal asks there, and stdin is none";
        return Err(Failure::usage("no terminal to ask on", cause, "start it on a terminal"));
    }
    if let Some(folder) = flags.source.as_deref() {
        std::fs::read_dir(folder).map_err(|error| Failure::file("read", folder, &error))?;
    }
    // The address of the coordinator is wrong, not merely silent: that does not heal.
    context.settings.url()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug("cannot start the runtime", error))?;
    let served = runtime.block_on(async {
        let listener = listen(address).await?;
        let console = Arc::new(Console::new(context, flags, &listener)?);
        serve::until_stopped(console, listener, flags.open, is_interactive).await
    });
    // A thread that reads the terminal, or waits for the coordinator, is not waited for.
    runtime.shutdown_background();
    served.map(|()| Exit::Done)
}

impl Console {
    fn new(context: &Context, flags: &Flags, listener: &TcpListener) -> Result<Self, Failure> {
        let address = listener
            .local_addr()
            .map_err(|error| Failure::bug("cannot tell where it listens", error))?;
        Ok(Self {
            settings: context.settings.clone(),
            out: context.out,
            address,
            is_read_only: flags.read_only,
            confirm: flags.confirm,
            source: flags.source.clone(),
            sources: OnceLock::new(),
            client: Mutex::default(),
            streams: Arc::new(Semaphore::new(limits::CONSOLE_STREAMS_MAX)),
            sessions: Mutex::default(),
            downloads: Mutex::new(Shelf::new(
                limits::CONSOLE_DOWNLOADS_MAX,
                limits::CONSOLE_DOWNLOAD_MS_MAX,
            )),
            drafts: Mutex::new(Shelf::new(
                limits::CONSOLE_DRAFTS_MAX,
                limits::CONSOLE_DRAFT_MS_MAX,
            )),
            lists: Mutex::new(Shelf::new(limits::CONSOLE_LISTS_MAX, limits::CONSOLE_LIST_MS_MAX)),
            folder: Folder::default(),
            terminal: Terminal::default(),
            tasks: Tasks::new(),
        })
    }

    /// Returns the cookie: with the port in its name, so that two consoles on one machine do not end each other's
    /// sessions.
    fn cookie(&self) -> Cookie {
        Cookie::plain(format!("muster-{}", self.address.port()))
    }

    /// Returns the client of the coordinator; where token or authority cannot be read, that is tried again each time.
    fn client(&self) -> Result<Client, Failure> {
        let mut client = lock(&self.client);
        if let Some(known) = &*client {
            return Ok(known.clone());
        }
        let new = Client::new(&self.settings)?.bounded(limits::CONSOLE_DOCUMENT_BYTES_MAX);
        Ok(client.insert(new).clone())
    }

    /// Has the token read again: the coordinator refused the one that is known.
    fn forget_client(&self) {
        *lock(&self.client) = None;
    }

    /// Runs what blocks on a thread of its own.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let console = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&console)).await;
        done.map_err(|problem| Refusal::from(Failure::bug("a request died", problem)))?
    }

    /// Refuses what changes something where `--read-only` was given.
    fn refuse_read_only(&self) -> Result<(), Refusal> {
        if self.is_read_only { Err(read_only().into()) } else { Ok(()) }
    }

    /// Returns who signs, if signing is possible at all.
    fn signer(&self) -> Result<Signer, Failure> {
        if self.is_read_only {
            return Err(read_only());
        }
        let signer = self.settings.operator()?.signer()?;
        if Clock::system().now() > signer.grant.not_after {
            let cause = format!("it ended at {}", signer.grant.not_after);
            let next = "have the root sign the key again";
            return Err(Failure::new(Exit::Refused, "the certificate is over", cause, next));
        }
        Ok(signer)
    }

    /// Returns what a page must know, as it is now.
    fn view(&self) -> SessionView<OperatorView> {
        let signer = self.signer();
        let fleet = self.client().and_then(|client| client.get_soon::<FleetView>("/api/v1/fleet"));
        let why = match (&signer, &fleet) {
            (Err(failure), _) => Some(failure.clone()),
            (Ok(signer), Ok(fleet)) if fleet.id != signer.fleet.to_string() => {
                let cause =
                    format!("it is of fleet {}, the coordinator of {}", signer.fleet, fleet.id);
                let next = "--operator-key FILE, or --url of the other coordinator";
                Some(Failure::new(Exit::Refused, "the key is of another fleet", cause, next))
            }
            _ => None,
        };
        let url = self.settings.url().unwrap_or_default();
        let (fleet, problem) = match fleet {
            Ok(fleet) => (Some(fleet), None),
            Err(failure) => {
                self.forget_client();
                (None, Some(ErrorBody::from(failure)))
            }
        };
        SessionView {
            secret: None,
            version: env!("CARGO_PKG_VERSION"),
            mode: if why.is_none() { Mode::Sign } else { Mode::ReadOnly },
            why: why.map(ErrorBody::from),
            hosted: false,
            confirm: match self.confirm {
                Confirm::Page => "page",
                Confirm::Terminal => "terminal",
            },
            has_source: self.source.is_some(),
            // With `--read-only` the key is not touched.
            operator: signer.ok().map(|signer| OperatorView::from(&signer)),
            coordinator: CoordinatorView {
                url,
                fleet: fleet.as_ref().map(|fleet| fleet.id.clone()),
                version: fleet.map(|fleet| fleet.version),
                problem,
            },
        }
    }
}

fn read_only() -> Failure {
    let cause = "it was started with --read-only";
    Failure::new(Exit::Refused, "this console only reads", cause, "start it without that flag")
}

/// Finds the address, which must be one that no other machine reaches.
fn loopback(typed: &str) -> Result<SocketAddr, Failure> {
    let wrong = |cause: String| {
        let next =
            "from another machine: ssh -L 7412:127.0.0.1:7412 HOST, and `muster console` there";
        Failure::usage("the console listens on this machine alone", cause, next)
    };
    let address: Address = typed.parse().map_err(|error| wrong(format!("{error}")))?;
    let (host, port) = address.or_port(PORT);
    let host = if host.eq_ignore_ascii_case("localhost") { "127.0.0.1".to_owned() } else { host };
    let ip: std::net::IpAddr =
        host.parse().map_err(|_| wrong(format!("{typed} is no address of this machine alone")))?;
    if !ip.is_loopback() {
        return Err(wrong(format!("{ip} can be reached from others")));
    }
    Ok(SocketAddr::new(ip, port))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let next = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "stop what listens there, or take another: --listen 127.0.0.1:7413"
            }
            _ => "take another: --listen 127.0.0.1:7413",
        };
        Failure::new(Exit::Unavailable, format!("cannot listen on {address}"), error, next)
    })
}

/// Makes a secret.
fn new_secret() -> Result<String, Failure> {
    secret::make().map_err(no_secret)
}

fn no_secret(error: impl std::fmt::Display) -> Failure {
    Failure::bug("cannot make a secret", error)
}

/// Returns a later moment.
fn later(now: Timestamp, ms: u64) -> Timestamp {
    now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers what no route has.
async fn nothing() -> Refusal {
    let failure = Failure::usage(
        "no such endpoint",
        "the console has none here",
        "docs/reference/console.md",
    );
    Refusal::new(StatusCode::NOT_FOUND, failure)
}
