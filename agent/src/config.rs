//! `agent.toml` and `policy.toml`: what an agent is told at enrolment, and what its machine's owner allows.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muster_broker::{BrokerConfig, ConnectorConfig};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, FleetId};
use muster_protocol::limits;
use muster_protocol::result::bounds::refuse_labels;
use muster_protocol::when::ms;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::identity::Identity;
use crate::policy::Policy;

/// A configuration that cannot be used: what failed, why, what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  cause: {cause}\n  try:   {next}")]
pub struct ConfigError {
    what: String,
    cause: String,
    next: String,
}

impl ConfigError {
    fn new(what: impl Display, cause: impl Display, next: impl Display) -> Self {
        Self { what: what.to_string(), cause: cause.to_string(), next: next.to_string() }
    }
}

/// Everything that one agent needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its id.
    pub agent: AgentId,
    /// Its fleet.
    pub fleet: FleetId,
    /// The fleet root's public key.
    pub root: [u8; 32],
    /// Where the journal lies.
    pub state_dir: PathBuf,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The broker.
    pub link: ConnectorConfig,
    /// What this machine allows.
    pub policy: Policy,
    /// The machine.
    pub identity: Identity,
    /// The clock.
    pub clock: Clock,
    /// Milliseconds between two telemetry samples.
    pub telemetry_ms: u64,
    /// Milliseconds without a delivery after which the stream counts as read.
    pub quiet_ms: u64,
    /// Whether other agents live in this process: a profile then holds only what is tagged as this one's.
    pub shares_process: bool,
}

/// `agent.toml`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agent: AgentId,
    fleet: FleetId,
    root: String,
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    broker: BrokerConfig,
    #[serde(default)]
    tuning: Tuning,
}

/// The `[tuning]` table: rhythms that tests and small fleets want faster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "units last")]
struct Tuning {
    #[serde(deserialize_with = "ms")]
    telemetry_ms: u64,
    #[serde(deserialize_with = "ms")]
    quiet_ms: u64,
    #[serde(deserialize_with = "ms")]
    reconnect_base_ms: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            telemetry_ms: limits::TELEMETRY_INTERVAL_MS,
            quiet_ms: 2_000,
            reconnect_base_ms: limits::RECONNECT_MS_FIRST,
        }
    }
}

fn default_state_dir() -> PathBuf {
    PathBuf::from("state")
}

impl Config {
    /// Reads `agent.toml`, the password beside it and, where there is one, `policy.toml`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file: File = read_toml(
            path,
            "an agent's folder is made by `muster agents enrol NAME --out DIR`; pass its agent.toml",
        )?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let policy_path = folder.join("policy.toml");
        // A link that leads nowhere is a policy that is missing, not one that was never there.
        let policy = match policy_path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Policy::default(),
            _ => load_policy(&policy_path)?,
        };
        let root = root_key(&file.root).ok_or_else(|| {
            ConfigError::new(
                format!("root in {} is no key", path.display()),
                "it must be 64 hexadecimal digits",
                "copy it from operator.key, or enrol the agent again",
            )
        })?;
        let mut link = file.broker.link(folder, file.agent.as_str()).map_err(|error| {
            ConfigError::new(
                "the broker's credentials cannot be used",
                error,
                "enrol the agent again, or restore its broker.password",
            )
        })?;
        link.backoff.initial_ms = file.tuning.reconnect_base_ms;
        check_labels(path, &file.labels)?;
        Ok(Self {
            agent: file.agent,
            fleet: file.fleet,
            root,
            state_dir: folder.join(file.state_dir),
            labels: file.labels,
            link,
            policy,
            identity: Identity::of_this_machine(),
            clock: Clock::system(),
            telemetry_ms: file.tuning.telemetry_ms.max(100),
            quiet_ms: file.tuning.quiet_ms.max(10),
            shares_process: false,
        })
    }
}

/// Refuses labels that no sample could carry.
fn check_labels(path: &Path, labels: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let Some(cause) = refuse_labels(labels) else { return Ok(()) };
    let what = format!("the labels in {} cannot be used", path.display());
    Err(ConfigError::new(what, cause, "remove some of them, or shorten it"))
}

/// Reads a policy file. One with a rule that can never work is refused: its owner relies on it.
pub fn load_policy(path: &Path) -> Result<Policy, ConfigError> {
    let policy: Policy = read_toml(path, "the keys are listed in docs/reference/policy.md")?;
    policy.check().map_err(|fault| {
        let what = format!("{} in {} cannot work", fault.key, path.display());
        ConfigError::new(what, format!("{}: {}", fault.value, fault.why), fault.instead)
    })?;
    Ok(policy)
}

/// Reads a public key in hexadecimal.
pub fn root_key(hex: &str) -> Option<[u8; 32]> {
    muster_protocol::hex::decode(hex.trim())?.try_into().ok()
}

/// Reads a TOML file.
pub fn read_toml<T: DeserializeOwned>(path: &Path, next: &str) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::new(format!("cannot read {}", path.display()), error, next)
    })?;
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text.get(..span.start).unwrap_or("").matches('\n').count());
        // The message alone: the source excerpt might hold a secret.
        let cause = format!("line {line}: {}", error.message());
        ConfigError::new(format!("{} does not parse", path.display()), cause, next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
agent = "web-1-ab12"
fleet = "7f4df7f8-6a3a-4d0e-9a53-6f3f0e6c9d11"
root = "ROOT"
[labels]
tier = "front"
[broker]
host = "127.0.0.1"
user = "web-1-ab12"
password_file = "broker.password"
"#;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broker.password"), "hush").unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn labels_that_no_sample_could_carry_are_refused() {
        let good = GOOD.replace("ROOT", &"ab".repeat(32));
        let with = |labels: &str| load(&good.replace("tier = \"front\"\n", labels)).unwrap_err();
        let many: Vec<_> =
            (0..=limits::RESULT_ENTRIES_MAX).map(|n| format!("l{n} = \"x\"\n")).collect();
        let many = many.concat();
        assert!(with(&many).to_string().contains("65 labels, at most 64"), "{}", with(&many));
        let long = format!("tier = \"{}\"\n", "x".repeat(limits::RESULT_NAME_BYTES_MAX + 1));
        assert!(with(&long).to_string().contains("\"tier\""), "{}", with(&long));
    }

    #[test]
    fn a_bundle_loads_with_its_defaults() {
        let config = load(&GOOD.replace("ROOT", &"ab".repeat(32))).unwrap();
        assert_eq!(config.root, [0xab; 32]);
        assert_eq!(config.telemetry_ms, 10_000);
        assert!(!config.shares_process);
        assert!(config.state_dir.ends_with("state"));
        assert_eq!(config.policy, Policy::default());
    }

    #[test]
    fn errors_are_three_lines_that_name_the_place() {
        for (text, place) in [
            (GOOD.to_owned(), "64 hexadecimal digits"),
            (GOOD.replace("fleet =", "flet ="), "line 3"),
            (format!("shoe = 1\n{GOOD}"), "shoe"),
        ] {
            let error = load(&text).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 3, "{error}");
            assert!(error.contains(place), "{error}");
        }
        let missing = Config::load(Path::new("/nonexistent/agent.toml")).unwrap_err().to_string();
        assert!(missing.contains("muster agents enrol"), "{missing}");
    }

    #[test]
    fn a_policy_that_cannot_work_is_refused_with_file_key_and_value() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broker.password"), "hush").unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, GOOD.replace("ROOT", &"ab".repeat(32))).unwrap();
        let policy = folder.path().join("policy.toml");
        for (text, parts) in [
            ("deny_roots = [\"/srv/x/*\"]", ["deny_roots in", "\"/srv/x/*\"", "\"/srv/x\""]),
            ("allow_roots = [\"~/x\"]", ["allow_roots in", "\"~/x\"", "/home/ada"]),
            ("max_rows = 0", ["max_rows in", "0: ", "1 or more"]),
        ] {
            std::fs::write(&policy, text).unwrap();
            let error = Config::load(&path).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 3, "{error}");
            assert!(error.contains("policy.toml"), "{error}");
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
        std::fs::remove_file(&policy).unwrap();
        std::os::unix::fs::symlink("nowhere", &policy).unwrap();
        Config::load(&path).unwrap_err();
    }

    /// Names every key that a table of a file takes, as its refusal of another one lists them.
    fn keys<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Vec<String> {
        let error = toml::from_str::<T>(text).unwrap_err().message().to_owned();
        let listed = error.split_once("expected").expect("a list of keys").1;
        listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_key_is_in_the_reference() {
        let config = include_str!("../../docs/reference/config.md");
        let policy = include_str!("../../docs/reference/policy.md");
        let tables = [
            (config, keys::<File>("shoe = 1")),
            (config, keys::<Tuning>("shoe = 1")),
            (config, keys::<BrokerConfig>("shoe = 1")),
            (policy, keys::<Policy>("shoe = 1")),
        ];
        for (page, keys) in tables {
            assert!(keys.len() > 2, "{keys:?}");
            for key in keys {
                let is_there =
                    page.contains(&format!("`{key}`")) || page.contains(&format!("`[{key}]`"));
                assert!(is_there, "{key} is not in the reference");
            }
        }
    }
}
