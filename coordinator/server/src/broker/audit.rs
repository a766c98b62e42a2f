//! `muster broker audit`: tries on the live broker what an agent's credentials should not allow.
//!
//! The agents' users are grouped by their rights; for each group a guest with the same rights and limits tries everything
//! and is removed again. Nothing that the fleet uses is changed, whatever is let through (see [`muster_broker::probe`]).

mod guest;
mod probes;
mod rights;
mod run;

use muster_broker::ConnectorConfig;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::alarms;
use super::apply::Roster;
use super::management::{Management, ManagementError};

pub use rights::{Group, groups};

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried.
    pub probe: &'static str,
    /// `DENIED` or `ALLOWED`.
    pub outcome: &'static str,
    /// What it should be.
    pub expected: &'static str,
    /// `ok`, `known` (allowed by RabbitMQ, and taken care of), or `bad`.
    pub verdict: &'static str,
    /// What the broker answered.
    pub answer: String,
    /// Why it matters.
    pub why: &'static str,
    /// Whose rights were tried: the number of agents, and the first of them.
    pub agents: String,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The broker's version.
    pub broker: String,
    /// Every probe of every group.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Returns whether nothing is otherwise than it should be.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != "bad")
    }
}

/// Why an audit came to no result.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The management API.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// Publishers are blocked: no probe would be answered.
    #[error("the broker blocks publishers: {0}")]
    Blocked(String),
    /// The broker did not answer a probe.
    #[error("{probe}: {cause}")]
    Silent {
        /// What was tried.
        probe: &'static str,
        /// What happened.
        cause: String,
    },
    /// The operator ended it.
    #[error("interrupted")]
    Interrupted,
    /// The runtime cannot be started.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
}

/// Runs everything. Blocks; ends early, and cleans up, when the operator interrupts it.
pub fn audit(
    management: &Management,
    link: &ConnectorConfig,
    roster: &Roster,
) -> Result<Report, AuditError> {
    let version = management.check()?;
    if let Some(reason) = alarms::blocks(management)? {
        return Err(AuditError::Blocked(reason));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AuditError::Runtime)?;
    // Before there is anything to clean up.
    let mut stop = runtime.block_on(async { Stop::listen() }).map_err(AuditError::Runtime)?;
    guest::sweep(management)?;
    let mut findings = Vec::new();
    for group in groups(management, roster)? {
        findings.extend(group.findings());
        let guest = guest::Guest::make(management, &group)?;
        let probed = runtime.block_on(async {
            tokio::select! {
                probed = Box::pin(run::probe(link, &guest, &group, version.major)) => probed,
                () = stop.asked() => Err(AuditError::Interrupted),
            }
        });
        // Its connections are closed with it, whatever state they are in.
        guest.remove()?;
        findings.extend(probed?);
    }
    Ok(Report { broker: version.text, findings })
}

/// Ctrl-c and SIGTERM, which from the first on no longer end the process by themselves.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves when one of them has come.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
