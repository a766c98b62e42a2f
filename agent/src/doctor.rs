//! What keeps an agent from starting or from being heard: the steps of [`crate::run()`], each looked at and none carried out.
//!
//! It changes nothing, so it may run beside the agent that it is about.

use std::path::Path;

use muster_broker::{AmqpError, Connector, Session};
use muster_protocol::topology::{REQUESTS, directed_queue};
use muster_runtime::lock::{Holder, Lock, LockError};
use rustix::fs::{Access, access};

use crate::AgentError;
use crate::config::Config;
use crate::journal::{JournalError, look};

/// What one step found: a line for people, or the error that [`crate::run()`] would end with or try on about.
#[derive(Debug)]
pub enum Finding {
    /// Nothing is wrong.
    Ok(String),
    /// Worth knowing.
    Note(String),
    /// The agent cannot work.
    Bad(anyhow::Error),
}

/// Looks at everything in the order of a start; `report` is called with each finding as it is made.
pub async fn doctor(config: &Config, mut report: impl FnMut(Finding)) {
    report(Finding::Ok(format!("configuration and policy of agent {}", config.agent)));
    for (key, rule) in config.policy.absent() {
        let rule = rule.display();
        report(Finding::Note(format!("{key} in policy.toml names {rule}, which does not exist")));
    }
    for word in config.policy.unknown_words() {
        let note = format!(
            "policy.toml allows {word:?}, which this agent does not know: that allows nothing"
        );
        report(Finding::Note(note));
    }
    report(identity(config));
    for finding in state(config) {
        report(finding);
    }
    report(clock(config));
    for finding in broker(config).await {
        report(finding);
    }
}

fn identity(config: &Config) -> Finding {
    let identity = &config.identity;
    let machine = identity.machine(&config.fleet);
    if identity.machine_id.is_empty() && identity.firmware_id.is_none() {
        let hint =
            "run systemd-machine-id-setup, so that a copy of this machine can be told from it";
        return Finding::Note(format!(
            "host {}: /etc/machine-id is missing; {hint}",
            identity.host
        ));
    }
    Finding::Ok(format!("host {}, machine {machine}", identity.host))
}

/// Looks at the folder, its lock and the journal; stops at the first that is wrong, for the next ones follow from it.
fn state(config: &Config) -> Vec<Finding> {
    let folder = &config.state_dir;
    if let Some(finding) = missing(folder) {
        return vec![finding];
    }
    if let Err(cause) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        let folder = folder.display().to_string();
        let cause = std::io::Error::from(cause);
        return vec![Finding::Bad(AgentError::StateFolder { folder, cause }.into())];
    }
    let of_journal = |cause| Finding::Bad(AgentError::of_journal(folder, cause).into());
    let mut findings = match holder(folder) {
        Ok(Some(holder)) => {
            vec![Finding::Ok(format!("state in {}: the agent runs, {holder}", folder.display()))]
        }
        Ok(None) => {
            vec![Finding::Note(format!("state in {}: no agent runs here now", folder.display()))]
        }
        Err(cause) => return vec![of_journal(JournalError::Lock(cause))],
    };
    let identity = &config.identity;
    findings.push(match look(folder, &identity.machine_id, identity.firmware_id.as_deref()) {
        Err(cause) => of_journal(cause),
        Ok(None) => Finding::Note("no journal yet: this agent has not run".to_owned()),
        Ok(Some(seen)) => match seen.moved {
            Some(cause) => Finding::Note(format!(
                "journal: {cause}; the agent goes on under a new journal id and begins again what it owes"
            )),
            None => Finding::Ok(format!(
                "journal: {} messages wait for the broker, {} requests are not ended",
                seen.outbox, seen.owed
            )),
        },
    });
    findings
}

/// A folder that is not there yet is made at the first start.
fn missing(folder: &Path) -> Option<Finding> {
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Finding::Note(format!(
            "no journal yet in {}: this agent has not run",
            folder.display()
        ))),
        other => {
            let cause = other.err().unwrap_or_else(|| std::io::ErrorKind::NotADirectory.into());
            let folder = folder.display().to_string();
            Some(Finding::Bad(AgentError::StateFolder { folder, cause }.into()))
        }
    }
}

fn holder(folder: &Path) -> Result<Option<Holder>, LockError> {
    Lock::holder(folder)
}

/// There is nothing to hold the clock against but the operator's eye.
fn clock(config: &Config) -> Finding {
    let minutes = muster_protocol::limits::CLOCK_SKEW_MS_MAX / 60_000;
    Finding::Ok(format!(
        "clock {}: more than {minutes} minutes off, requests are declined",
        config.clock.now()
    ))
}

async fn broker(config: &Config) -> Vec<Finding> {
    let link = &config.link;
    let session = match Connector::new(link.clone()).connect_once().await {
        Ok(session) => session,
        Err(error) => return vec![Finding::Bad(error.into())],
    };
    let tls = if link.tls { "TLS" } else { "no TLS" };
    let address = muster_protocol::address::joined(&link.host, link.port);
    let mut findings = vec![Finding::Ok(format!("broker {address} as {}, {tls}", link.user))];
    for queue in [REQUESTS.to_owned(), directed_queue(&config.agent)] {
        findings
            .push(depth(&session, &queue).await.unwrap_or_else(|error| Finding::Bad(error.into())));
    }
    session.close().await;
    findings
}

async fn depth(session: &Session, queue: &str) -> Result<Finding, AmqpError> {
    let depth = session.depth(queue).await?;
    let (messages, consumers) = (depth.messages, depth.consumers);
    Ok(Finding::Ok(format!("{queue}: {messages} messages, {consumers} consumers")))
}
