//! `muster serve`: puts the parts together and runs them until told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_broker::{AmqpError, ConnectorConfig};
use muster_pages::assets;
use muster_protocol::limits::TELEMETRY_CONDENSE_MS;
use muster_protocol::request::sign::Trust;
use muster_runtime::lock::Lock;
use muster_runtime::process::allow_open_files;
use muster_runtime::tasks::Tasks;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::broker::management::Management;
use crate::config::Config;
use crate::core::Core;
use crate::hunts::lists::gc;
use crate::ingest::{quarantine, sweep};
use crate::store::{DataDir, Reader, StoreError, Write, Writer};
use crate::tls::TlsError;
use crate::{http, link};

/// Files that may be open, where the hard limit allows: the store, the broker, connections of the API.
const OPEN_FILES: u64 = 65_536;

/// Why the coordinator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("{address} is in use")]
    PortInUse {
        /// Where.
        address: String,
    },
    /// It cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The pages take tokens, which would travel in the clear.
    #[error("the console is hosted at {address} without TLS")]
    HostedInClear {
        /// Where.
        address: SocketAddr,
    },
    /// Certificate or key of the API cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker's part of the configuration cannot be used.
    #[error(transparent)]
    Broker(#[from] AmqpError),
}

/// Runs until `stop` resolves.
pub async fn serve(config: Config, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
    serve_at(config, stop, |_| {}).await
}

/// The same; tells `bound` where it listens, which is of interest with port 0.
pub async fn serve_at(
    config: Config,
    stop: impl Future<Output = ()>,
    bound: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    // Before anything else: a second coordinator must not touch the store of the first. Dropped last.
    let _lock = Lock::take(&config.data_dir).map_err(StoreError::from)?;
    allow_open_files(OPEN_FILES);
    let identity = config.identity()?;
    let listener = listen(&config.file.listen).await?;
    let address = listener
        .local_addr()
        .map_err(|source| ServeError::Listen { address: config.file.listen.clone(), source })?;
    if config.hosts_console() && identity.is_none() && !address.ip().is_loopback() {
        return Err(ServeError::HostedInClear { address });
    }
    let core = Arc::new(assemble(&config)?);
    crate::hunts::self_profile::abandon(&core).await?;
    let mut link_config = config.file.broker.link(&config.folder, "muster coordinator")?;
    link_config.frame_max = ConnectorConfig::FRAME_MAX_COORDINATOR;
    link_config.backoff = config.backoff;
    info!(%address, tls = identity.is_some(), "listening");
    if identity.is_none() && !address.ip().is_loopback() {
        warn!(%address, next = "set cert and key in [tls]", "tokens and results travel in the clear");
    }
    if config.hosts_console() && !assets::are_built_in() {
        warn!(next = "coordinator/console/build, and build again", "the console has no pages");
    }
    bound(address);

    let tasks = core.tasks.clone();
    let signal = tasks.stop_signal();
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("quarantine", async move { quarantine::enforce(&shared, until).await });
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("link", async move { Box::pin(link::run(&shared, link_config, until)).await });
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("broker", async move { crate::broker_watch::run(&shared, &until).await });
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("self_telemetry", async move { crate::self_telemetry::run(&shared, until).await });
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("curves", async move {
        loop {
            if let Err(problem) = shared.writer.write(Write::Condense).await {
                warn!(error = %problem, "cannot condense the curves");
            }
            tokio::select! {
                () = until.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(TELEMETRY_CONDENSE_MS)) => {}
            }
        }
    });
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("lists", async move { gc::run(&shared, until).await });
    let shared = Arc::clone(&core);
    let until = signal.clone();
    tasks.spawn("sweep", async move { sweep::run(&shared, until).await });
    let router = http::router(core);
    tokio::select! {
        () = stop => {}
        () = signal.cancelled() => {}
        () = http::listen::serve(listener, identity.as_ref(), router) => {}
    }
    tasks.finish().await;
    Ok(())
}

async fn listen(address: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortInUse { address: address.to_owned() },
        _ => ServeError::Listen { address: address.to_owned(), source },
    })
}

fn assemble(config: &Config) -> Result<Core, ServeError> {
    let place = DataDir::prepare(&config.data_dir)?;
    let reader: Reader = place.reader()?;
    let revoked = reader.revoked_keys()?;
    let trust = Trust { fleet: config.file.fleet, root: config.root, revoked };
    let management = Management::of(config)?;
    let writer = Writer::start(&place)?;
    let core = Core::new(config.clone(), place, writer, management, trust, Tasks::new());
    let quarantined = reader.quarantined()?.into_iter().map(|(agent, _)| agent);
    core.held.load(quarantined, reader.held()?);
    Ok(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_console_is_not_hosted_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let config = |listen: &str, hosted: bool| {
            let text = format!(
                r#"
                fleet = "7b1c6f0e-8b6c-4d52-9a53-1d3f2c0a9b11"
                root = "{}"
                management_url = "http://127.0.0.1:1"
                listen = "{listen}"
                console = {{ hosted = {hosted} }}
                [broker]
                host = "127.0.0.1"
                user = "muster"
                password_file = "broker.password"
                "#,
                "01".repeat(32)
            );
            Config::new(toml::from_str(&text).unwrap(), folder.path().to_owned()).unwrap()
        };
        let stopped = std::future::ready(());
        let open = serve_at(config("0.0.0.0:0", true), stopped.clone(), |_| {}).await;
        assert!(matches!(open, Err(ServeError::HostedInClear { .. })), "{open:?}");
        // Without a broker's password it does not start either, but for another reason.
        for (listen, hosted) in [("0.0.0.0:0", false), ("127.0.0.1:0", true), ("[::1]:0", true)] {
            let ended = serve_at(config(listen, hosted), stopped.clone(), |_| {}).await;
            assert!(!matches!(ended, Err(ServeError::HostedInClear { .. })), "{ended:?}");
        }
    }
}
