//! The identity of this machine: what targets ask for and what telemetry repeats.

use std::collections::BTreeMap;

use muster_protocol::ids::{AgentId, FleetId, MachineId};
use muster_protocol::request::target::Facts;

/// The machine and the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the machine.
    pub host: String,
    /// `linux`.
    pub os: &'static str,
    /// `x86_64`, …
    pub arch: &'static str,
    /// Version of the agent.
    pub version: &'static str,
    /// Distinguishes a machine from a copy of it: a change begins a new journal. Never leaves the machine as it is.
    pub machine_id: String,
    /// The firmware's id of the machine, which clones of a virtual machine do not share; only root may read it.
    pub firmware_id: Option<String>,
}

impl Identity {
    /// Asks the system.
    pub fn of_this_machine() -> Self {
        let uname = rustix::system::uname();
        let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
        Self {
            host: uname.nodename().to_string_lossy().into_owned(),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            version: env!("CARGO_PKG_VERSION"),
            machine_id: machine_id.trim().to_owned(),
            firmware_id: firmware_id(),
        }
    }

    /// Returns the id by which the fleet may know this machine.
    pub fn machine(&self, fleet: &FleetId) -> MachineId {
        MachineId::of(fleet, &[&self.machine_id, self.firmware_id.as_deref().unwrap_or_default()])
    }

    /// Returns what a target expression is evaluated on.
    pub fn facts(&self, agent: &AgentId, labels: &BTreeMap<String, String>) -> Facts {
        Facts {
            id: agent.to_string(),
            host: self.host.clone(),
            os: self.os.to_owned(),
            arch: self.arch.to_owned(),
            version: self.version.to_owned(),
            labels: labels.clone(),
        }
    }
}

fn firmware_id() -> Option<String> {
    let text = std::fs::read_to_string("/sys/class/dmi/id/product_uuid").ok()?;
    Some(text.trim().to_lowercase()).filter(|id| !id.is_empty())
}
