//! Where the broker is, and as which user to connect: as configuration files say it, and as a link takes it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::AmqpError;
use muster_protocol::address::{Address, AddressError};
use muster_protocol::limits;
use muster_runtime::retry::{self, Policy};
use muster_runtime::secret;

/// The port of AMQP without TLS, and with it.
const PORT: u16 = 5672;
const PORT_TLS: u16 = 5671;

/// The `[broker]` table of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Table")]
pub struct BrokerConfig {
    /// Name or address of the broker.
    pub host: String,
    /// Its AMQP port.
    pub port: u16,
    /// The virtual host.
    pub vhost: String,
    /// The broker user.
    pub user: String,
    /// The file that holds the password, relative to the folder of the configuration file.
    pub password_file: PathBuf,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Certificates (PEM) to trust beside the system's, relative like `password_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// The table as it is written: the port may stand in `host`, in `port`, or nowhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    host: String,
    port: Option<u16>,
    #[serde(default = "default_vhost")]
    vhost: String,
    user: String,
    password_file: PathBuf,
    #[serde(default)]
    tls: bool,
    ca_file: Option<PathBuf>,
}

impl TryFrom<Table> for BrokerConfig {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { host, port, vhost, user, password_file, tls, ca_file } = table;
        let (host, port) =
            broker_address(&host, port, tls).map_err(|why| format!("host in [broker]: {why}"))?;
        Ok(Self { host, port, vhost, user, password_file, tls, ca_file })
    }
}

/// Reads where a broker is: `host` may hold the port; without any it is that of AMQP, with or without TLS.
pub fn broker_address(host: &str, port: Option<u16>, tls: bool) -> Result<(String, u16), String> {
    let address: Address = host.parse().map_err(|error: AddressError| error.to_string())?;
    if let (Some(one), Some(other)) = (address.port, port)
        && one != other
    {
        return Err(format!("{host:?} names port {one}, and port is {other}"));
    }
    let (name, port) = address.or_port(port.unwrap_or(if tls { PORT_TLS } else { PORT }));
    if port == 0 { Err(format!("{host:?}: no broker listens on port 0")) } else { Ok((name, port)) }
}

fn default_vhost() -> String {
    "/".to_owned()
}

impl BrokerConfig {
    /// Reads the password file, found relative to `folder`.
    pub fn password(&self, folder: &Path) -> Result<Password, AmqpError> {
        let secret = secret::read(&folder.join(&self.password_file));
        secret.map(Password).map_err(|error| AmqpError::Config(error.to_string()))
    }

    /// Makes the configuration of a link named `name`, as an agent uses it.
    pub fn link(&self, folder: &Path, name: &str) -> Result<ConnectorConfig, AmqpError> {
        Ok(ConnectorConfig {
            host: self.host.clone(),
            port: self.port,
            vhost: self.vhost.clone(),
            user: self.user.clone(),
            password: self.password(folder)?,
            tls: self.tls,
            ca_file: self.ca_file.as_ref().map(|file| folder.join(file)),
            name: name.to_owned(),
            heartbeat_s: ConnectorConfig::HEARTBEAT_S,
            frame_max: ConnectorConfig::FRAME_MAX_AGENT,
            body_bytes_max: limits::AMQP_BODY_BYTES_MAX,
            backoff: retry::CONNECT,
        })
    }
}

/// A password: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(zeroize::Zeroizing<String>);

impl Password {
    /// Takes the text of a password.
    pub fn new(text: &str) -> Self {
        Self(zeroize::Zeroizing::new(text.to_owned()))
    }

    /// Returns the text, for the broker only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Everything that one connection needs to know.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// Name or address of the broker.
    pub host: String,
    /// Its AMQP port.
    pub port: u16,
    /// The virtual host.
    pub vhost: String,
    /// The broker user.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The connection's name, as the broker lists it.
    pub name: String,
    /// Seconds between two heartbeats.
    pub heartbeat_s: u16,
    /// Largest frame. Both buffers of a connection are 32 of these.
    pub frame_max: u32,
    /// Largest body of a delivery; of a larger one only the beginning arrives, as a
    /// [`Defect`](super::Defect).
    pub body_bytes_max: u64,
    /// Pauses between tries.
    pub backoff: Policy,
}

impl ConnectorConfig {
    /// The heartbeat that ten thousand idle agents can afford (4–9 % of a broker core at 5,000).
    pub const HEARTBEAT_S: u16 = 60;
    /// Frame size of an agent: at most 2 MiB of buffers.
    pub const FRAME_MAX_AGENT: u32 = 32_768;
    /// Frame size of the coordinator, which reads from everyone.
    pub const FRAME_MAX_COORDINATOR: u32 = 131_072;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::new("hush")), "Password(…)");
    }

    #[test]
    fn the_table_reads_with_its_defaults() {
        let config: BrokerConfig =
            toml::from_str("host = \"b\"\nuser = \"u\"\npassword_file = \"broker.password\"")
                .unwrap();
        assert_eq!((config.port, config.vhost.as_str(), config.tls), (5672, "/", false));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broker.password"), "hush\n").unwrap();
        assert_eq!(config.password(folder.path()).unwrap().reveal(), "hush");
    }

    #[test]
    fn the_port_is_where_it_is_written_or_the_usual_one() {
        let rest = "user = \"u\"\npassword_file = \"p\"\n";
        let read = |text: &str| {
            let read = toml::from_str::<BrokerConfig>(&format!("{text}\n{rest}"));
            read.map(|config| (config.host, config.port)).map_err(|error| error.to_string())
        };
        for (text, host, port) in [
            ("host = \"[::1]\"", "::1", 5672),
            ("host = \"::1\"\ntls = true", "::1", 5671),
            ("host = \"mq:1\"", "mq", 1),
            ("host = \"mq:1\"\nport = 1", "mq", 1),
            ("host = \" mq \"\nport = 7", "mq", 7),
        ] {
            assert_eq!(read(text), Ok((host.to_owned(), port)), "{text}");
        }
        for (text, why) in [
            ("host = \"\"", "it is empty"),
            ("host = \"mq:1\"\nport = 2", "names port 1"),
            ("host = \"amqp://mq\"", "\"amqp://mq\""),
            ("host = \"[::1\"", "[::1"),
            ("host = \"mq\"\nport = 0", "port 0"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("host in [broker]") && error.contains(why), "{error}");
        }
        let config: BrokerConfig = toml::from_str(&format!("host = \"[::1]:9\"\n{rest}")).unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<BrokerConfig>(&text).unwrap(), config);
    }

    #[test]
    fn a_missing_password_file_is_named() {
        let config: BrokerConfig =
            toml::from_str("host = \"b\"\nuser = \"u\"\npassword_file = \"nowhere\"").unwrap();
        let error = config.link(Path::new("/nonexistent"), "x").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/nowhere"), "{error}");
    }
}
