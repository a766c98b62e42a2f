//! Connects to the broker, as often as needed: one connector for the life of a part of a process.
//!
//! `lapin`'s own recovery is not used: it replays a stream consumer from its first offset.

use std::time::Duration;

use lapin::auth::AuthProvider;
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{LongString, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::config::{ConnectorConfig, Password};
use super::error::{self, AmqpError};
use super::filter::Bounds;
use super::filter::stream::{self, FilteringRuntime};
use super::session::Session;
use crate::tls::Authorities;
use muster_protocol::limits;
use muster_runtime::retry::Retry;

/// Channels that one connection may open: two consumers, a look at a depth, and the publishers.
const CHANNELS_MAX: u16 = 16;

/// Makes sessions.
#[derive(Debug)]
pub struct Connector {
    config: ConnectorConfig,
    connected_before: bool,
}

impl Connector {
    /// Takes a configuration; nothing is opened yet.
    pub fn new(config: ConnectorConfig) -> Self {
        Self { config, connected_before: false }
    }

    /// Connects once.
    pub async fn connect_once(&mut self) -> Result<Session, AmqpError> {
        let config = &self.config;
        let tls = tls(config)?;
        let properties = ConnectionProperties::default()
            .with_connection_name(config.name.as_str().into())
            .with_auth_provider(Plain::new(config));
        let bounds = Bounds { frame_max: config.frame_max, body_bytes_max: config.body_bytes_max };
        let base = lapin::runtime::default_runtime()
            .map_err(|error| AmqpError::Config(error.to_string()))?;
        let open = async move |uri: AMQPUri, _: FilteringRuntime| {
            stream::connect(&uri, &tls, &base, bounds).await.map_err(lapin::Error::from)
        };
        let connect = Connection::connector(uri(config), stream::runtime(bounds), open, properties);
        let wait = Duration::from_millis(limits::BROKER_WAIT_MS_MAX);
        let Ok(outcome) = timeout(wait, Box::pin(connect)).await else {
            let cause = format!("no answer within {} ms", limits::BROKER_WAIT_MS_MAX);
            return Err(AmqpError::NoBroker { address: error::address(config), cause });
        };
        let connection = outcome.map_err(|error| error::of_connect(&error, config))?;
        self.connected_before = true;
        Ok(Session::new(connection))
    }

    /// Connects, trying until it succeeds; `None` when stopped. The very first try is made at once, every one
    /// after a lost connection or a failure only after a pause, so that a broker that comes back is not
    /// met by its whole fleet in one second. Each kind of failure is logged once.
    pub async fn connect(&mut self, stop: &CancellationToken) -> Option<Session> {
        self.connect_telling(stop, |_| {}).await
    }

    /// The same, and tells of every failure.
    pub async fn connect_telling(
        &mut self,
        stop: &CancellationToken,
        mut tell: impl FnMut(&AmqpError) + Send,
    ) -> Option<Session> {
        let mut retry = Retry::new(self.config.backoff);
        let mut logged = Vec::new();
        let mut pause =
            if self.connected_before { self.config.backoff.pause(0) } else { Duration::ZERO };
        loop {
            let attempt = async {
                tokio::time::sleep(pause).await;
                self.connect_once().await
            };
            let outcome = tokio::select! {
                () = stop.cancelled() => return None,
                outcome = attempt => outcome,
            };
            let problem = match outcome {
                Ok(session) => {
                    let address = error::address(&self.config);
                    info!(broker = %address, tries = retry.tries() + 1, "connected to the broker");
                    return Some(session);
                }
                Err(problem) => problem,
            };
            log(&problem, &mut logged);
            tell(&problem);
            pause = if problem.is_permanent() { retry.longest_pause() } else { retry.pause() };
        }
    }
}

fn log(problem: &AmqpError, logged: &mut Vec<&'static str>) {
    if logged.contains(&problem.kind()) {
        debug!(error = %problem, "still not connected");
        return;
    }
    logged.push(problem.kind());
    if problem.is_permanent() {
        error!(error = %problem, next = problem.hint(), "cannot connect; trying on");
    } else {
        warn!(error = %problem, next = problem.hint(), "cannot connect; trying on");
    }
}

/// Returns the address without the password, which would show in traces of the client library.
fn uri(config: &ConnectorConfig) -> AMQPUri {
    AMQPUri {
        scheme: if config.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: config.user.clone(), password: String::new() },
            host: config.host.clone(),
            port: config.port,
        },
        vhost: config.vhost.clone(),
        query: AMQPQueryString {
            // Without it the broker's 128 KiB is taken late and 8 MiB of buffers are zeroed.
            frame_max: Some(config.frame_max),
            channel_max: Some(CHANNELS_MAX),
            heartbeat: Some(config.heartbeat_s),
            connection_timeout: Some(limits::BROKER_WAIT_MS_MAX),
            auth_mechanism: None,
        },
    }
}

fn tls(config: &ConnectorConfig) -> Result<OwnedTLSConfig, AmqpError> {
    if !config.tls {
        return Ok(OwnedTLSConfig { identity: None, cert_chain: None });
    }
    let authorities = Authorities::read(config.ca_file.as_deref())
        .map_err(|error| AmqpError::Config(error.to_string()))?;
    Ok(OwnedTLSConfig { identity: None, cert_chain: Some(authorities.pem()) })
}

/// SASL PLAIN.
struct Plain {
    user: String,
    password: Password,
}

impl Plain {
    fn new(config: &ConnectorConfig) -> Self {
        Self { user: config.user.clone(), password: config.password.clone() }
    }
}

impl AuthProvider for Plain {
    fn mechanism(&self) -> ShortString {
        "PLAIN".into()
    }

    fn auth_starter(&self) -> Result<LongString, String> {
        Ok(format!("\0{}\0{}", self.user, self.password.reveal()).into())
    }
}
