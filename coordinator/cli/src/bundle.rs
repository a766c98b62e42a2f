//! An agent's bundle: what it needs to join the fleet, written by the operator's machine.
//!
//! Fleet and root key come from the operator's own key file, never from the coordinator's answer: a
//! coordinator that is taken over cannot make new agents obey it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_broker::BrokerConfig;
use muster_protocol::hex;
use muster_protocol::ids::AgentId;
use serde::Serialize;

use super::failure::Failure;
use super::keys::Operator;
use super::private;

/// A new agent, as the coordinator enrolled it.
#[derive(Debug)]
pub(super) struct Enrolled {
    pub(super) id: AgentId,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) broker: BrokerConfig,
    pub(super) password: String,
    /// Certificates of the broker to carry along.
    pub(super) ca: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct AgentFile {
    agent: String,
    fleet: String,
    root: String,
    state_dir: &'static str,
    labels: BTreeMap<String, String>,
    broker: BrokerConfig,
}

/// Writes a bundle into a new folder of its own; returns the folder.
pub(super) fn write(out: &Path, operator: &Operator, agent: &Enrolled) -> Result<PathBuf, Failure> {
    let mut broker = agent.broker.clone();
    broker.password_file = PathBuf::from("broker.password");
    broker.ca_file = agent.ca.as_ref().map(|_| PathBuf::from("broker-ca.pem"));
    let file = AgentFile {
        agent: agent.id.to_string(),
        fleet: operator.fleet.to_string(),
        root: hex::encode(&operator.root),
        state_dir: "state",
        labels: agent.labels.clone(),
        broker,
    };
    let text = toml::to_string(&file).map_err(|e| Failure::bug("cannot write a bundle", e))?;
    // An agent id is `[a-z0-9-]`, so it is one path component.
    let folder = out.join(agent.id.as_str());
    private::folder(&folder)?;
    private::write(&folder.join("agent.toml"), text.as_bytes())?;
    private::write(&folder.join("broker.password"), format!("{}\n", agent.password).as_bytes())?;
    if let Some(ca) = &agent.ca {
        private::write(&folder.join("broker-ca.pem"), ca)?;
    }
    Ok(folder)
}
