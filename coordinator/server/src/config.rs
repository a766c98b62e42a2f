//! `coordinator.toml`: what the coordinator is told.
//!
//! Relative paths are relative to the folder of the file.

use std::fs;
use std::path::{Path, PathBuf};

use muster_api::address::{host_name, listening};
use muster_broker::{BrokerConfig, broker_address};
use muster_protocol::address::{self, Address};
use muster_protocol::ids::FleetId;
use muster_protocol::limits::METRICS_AGENTS_MAX;
use muster_runtime::retry;
use serde::{Deserialize, Serialize};

use crate::tls::{Identity, TlsError};
use crate::tokens::{Known, Token};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{path}: {why}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The file as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The fleet.
    pub fleet: FleetId,
    /// The public key of its root, in hexadecimal.
    pub root: String,
    /// Where the API listens; port 0 picks a free one.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Where everything is kept.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// Host names (without port) that requests may carry beside the loopback ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Ceiling of the first pause before the broker is tried again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect_base_ms: Option<u64>,
    /// The broker's management API: `http://127.0.0.1:15672`.
    pub management_url: String,
    /// Where agents find the broker when it is not where the coordinator finds it: `host:port`, or `host` where the
    /// port is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents_broker: Option<String>,
    /// The broker.
    pub broker: BrokerConfig,
    /// Certificate and key of the API; without them it is plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What `/metrics` shows beside the fleet as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// The pages that the coordinator serves itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<Console>,
    /// Who may use the API.
    #[serde(default)]
    pub tokens: Vec<Token>,
}

/// The `[tls]` table: what the API shows its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain of certificates (PEM), the server's own first.
    pub cert: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// The `[metrics]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// How many agents have series of their own, the first by id.
    pub agents: usize,
}

/// The `[console]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// Whether the coordinator serves the pages, for reading only.
    #[serde(default)]
    pub hosted: bool,
}

fn default_listen() -> String {
    "127.0.0.1:7411".to_owned()
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("data")
}

/// What was written and what it means.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file.
    pub file: ConfigFile,
    /// Its folder.
    pub folder: PathBuf,
    /// The root's public key.
    pub root: [u8; 32],
    /// The data folder, absolute or relative to the working folder.
    pub data_dir: PathBuf,
    /// Pauses between tries to reach the broker.
    pub backoff: retry::Policy,
}

impl Config {
    /// Reads `coordinator.toml`.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let content = |why: String| ConfigError::Content { path: path.to_owned(), why };
        let file: ConfigFile = toml::from_str(&text).map_err(|error| content(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Self::new(file, folder).map_err(content)
    }

    /// Takes what a file in `folder` would say.
    pub fn new(mut file: ConfigFile, folder: PathBuf) -> Result<Self, String> {
        let root = key(&file.root).ok_or("`root` is not 64 hexadecimal digits")?;
        for token in &file.tokens {
            token.read()?;
        }
        if file.metrics.as_ref().is_some_and(|metrics| metrics.agents > METRICS_AGENTS_MAX) {
            return Err(format!("`agents` in [metrics] is more than {METRICS_AGENTS_MAX}"));
        }
        let named = |key: &str, why: String| format!("`{key}`: {why}");
        let url = address::url(&file.management_url);
        file.management_url = url.map_err(|why| named("management_url", why))?;
        file.listen = listening(&file.listen).map_err(|why| named("listen", why))?;
        for host in &mut file.hosts {
            *host = host_name(host).map_err(|why| named("hosts", why))?;
        }
        if let Some(broker) = &mut file.agents_broker {
            let (host, port) = broker_address(broker, None, file.broker.tls)
                .and_then(|_| broker.parse::<Address>().map_err(|error| error.to_string()))
                .map_err(|why| named("agents_broker", why))?
                .or_port(file.broker.port);
            *broker = address::joined(&host, port);
        }
        let data_dir = folder.join(&file.data_dir);
        let mut backoff = retry::CONNECT;
        if let Some(base_ms) = file.reconnect_base_ms {
            backoff.initial_ms = base_ms;
        }
        Ok(Self { file, folder, root, data_dir, backoff })
    }

    /// Reads certificate and key of the API, where there are some.
    pub fn identity(&self) -> Result<Option<Identity>, TlsError> {
        let Some(tls) = &self.file.tls else { return Ok(None) };
        Identity::read(&self.folder.join(&tls.cert), &self.folder.join(&tls.key)).map(Some)
    }

    /// Returns the file with the broker's certificate authorities, where there is one.
    pub fn broker_ca(&self) -> Option<PathBuf> {
        self.file.broker.ca_file.as_ref().map(|file| self.folder.join(file))
    }

    /// Returns the tokens.
    pub fn tokens(&self) -> Vec<Known> {
        self.file.tokens.iter().filter_map(|token| token.read().ok()).collect()
    }

    /// Returns whether the coordinator serves the pages of the console.
    pub fn hosts_console(&self) -> bool {
        self.file.console.as_ref().is_some_and(|console| console.hosted)
    }

    /// Returns how many agents `/metrics` shows one by one.
    pub fn metrics_agents(&self) -> usize {
        self.file.metrics.as_ref().map_or(0, |metrics| metrics.agents)
    }
}

fn key(text: &str) -> Option<[u8; 32]> {
    muster_protocol::hex::decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        fleet = "7b1c6f0e-8b6c-4d52-9a53-1d3f2c0a9b11"
        root = "0101010101010101010101010101010101010101010101010101010101010101"
        management_url = "http://127.0.0.1:15672"
        [broker]
        host = "127.0.0.1"
        user = "muster"
        password_file = "broker.password"
    "#;

    #[test]
    fn the_minimum_has_defaults_and_paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coordinator.toml");
        fs::write(&path, MINIMAL).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.file.listen, "127.0.0.1:7411");
        assert_eq!(config.data_dir, folder.path().join("data"));
        assert_eq!(config.root, [1; 32]);
    }

    #[test]
    fn a_word_that_is_not_known_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coordinator.toml");
        fs::write(&path, format!("lisen = \"x\"\n{MINIMAL}")).unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("lisen") && error.contains("coordinator.toml"), "{error}");
    }

    #[test]
    fn series_of_agents_have_a_bound() {
        let config = |text: &str| {
            let file = toml::from_str(&format!("{MINIMAL}\n{text}")).map_err(|e| e.to_string())?;
            Config::new(file, PathBuf::new())
        };
        assert_eq!(config("").unwrap().metrics_agents(), 0);
        assert_eq!(config("[metrics]\nagents = 10000").unwrap().metrics_agents(), 10_000);
        assert!(config("[metrics]\nagents = 10001").unwrap_err().contains("more than 10000"));
    }

    #[test]
    fn hosts_and_ports_are_read_or_refused_with_their_key() {
        let config = |text: &str| {
            let text = format!("{text}\n{MINIMAL}");
            Config::new(toml::from_str(&text).map_err(|e| e.to_string())?, PathBuf::new())
        };
        let broker = |text: &str| config(text).map(|config| config.file.agents_broker.unwrap());
        for (text, expected) in [
            ("mq.example.org", "mq.example.org:5672"),
            ("mq.example.org:7", "mq.example.org:7"),
            ("[::1]:24672", "[::1]:24672"),
            ("::1", "[::1]:5672"),
        ] {
            assert_eq!(broker(&format!("agents_broker = {text:?}")).as_deref(), Ok(expected));
        }
        let listen = |text: &str| config(&format!("listen = {text:?}")).map(|c| c.file.listen);
        assert_eq!(listen("::1").as_deref(), Ok("[::1]:7411"));
        assert_eq!(listen("localhost:0").as_deref(), Ok("localhost:0"));
        for (key, value) in [
            ("agents_broker", "\"\""),
            ("agents_broker", "\"mq:0\""),
            ("agents_broker", "\"mq:x\""),
            ("listen", "\"a b\""),
            ("hosts", "[\"muster.example.org:7411\"]"),
        ] {
            let error = config(&format!("{key} = {value}")).unwrap_err();
            assert!(error.contains(&format!("`{key}`")), "{error}");
            assert!(error.contains(value.trim_matches(['[', ']'])), "{error}");
        }
        let error = |text: &str| {
            let file = toml::from_str(text).map_err(|e| e.to_string());
            file.and_then(|file| Config::new(file, PathBuf::new())).unwrap_err()
        };
        let changed = MINIMAL.replace("http://127.0.0.1:15672", "mq:15672");
        assert!(error(&changed).contains("`management_url`: \"mq:15672\""), "{}", error(&changed));
        let changed = MINIMAL.replace("\"127.0.0.1\"", "\"[::1\"");
        assert!(error(&changed).contains("host in [broker]"), "{}", error(&changed));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file: ConfigFile = toml::from_str(MINIMAL).unwrap();
        let text = toml::to_string(&file).unwrap();
        assert_eq!(toml::from_str::<ConfigFile>(&text).unwrap(), file);
    }

    #[test]
    fn every_key_is_in_the_reference() {
        let page = include_str!("../../../docs/reference/config.md");
        let error = toml::from_str::<ConfigFile>("shoe = 1").unwrap_err().message().to_owned();
        let keys: Vec<_> =
            error.split('`').skip(1).step_by(2).filter(|key| *key != "shoe").collect();
        assert!(keys.len() > 8, "{keys:?}");
        for key in keys {
            let forms = [format!("`{key}`"), format!("`[{key}]`"), format!("`[[{key}]]`")];
            assert!(forms.iter().any(|form| page.contains(form)), "{key} is not in the reference");
        }
    }
}
