//! Tries the probes one after another, each bounded in time.

use std::time::Duration;

use muster_broker::{AmqpError, Answer, Connector, ConnectorConfig, Session};
use muster_protocol::limits::{AGENT_CHANNELS_MAX, AGENT_CONNECTIONS_MAX, AUDIT_PROBE_MS_MAX};
use tokio::time::timeout;

use super::guest::Guest;
use super::probes::{Expected, Probe, probes};
use super::{AuditError, Finding, Group};

const WAIT: Duration = Duration::from_millis(AUDIT_PROBE_MS_MAX);
/// The client library hands a channel's number out again after sixteen, and with it the refusal that the last one met.
const ATTEMPTS_A_CONNECTION: usize = 8;
/// Channels of one connection here: less than a client may open on one, so that the user's own limit is met.
const CHANNELS_A_CONNECTION: u32 = 12;
/// Why the number of connections and channels matters.
const LIMITS: &str = "one agent could take the broker's descriptors and memory: muster broker apply sets the limits of its user";

/// Tries everything as the guest.
pub(super) async fn probe(
    link: &ConnectorConfig,
    guest: &Guest,
    group: &Group,
    major: u32,
) -> Result<Vec<Finding>, AuditError> {
    let mut link = Connector::new(ConnectorConfig {
        user: guest.name.clone(),
        password: guest.password.clone(),
        name: "muster broker audit".to_owned(),
        frame_max: ConnectorConfig::FRAME_MAX_AGENT,
        ..link.clone()
    });
    let mut findings = Vec::new();
    let all = probes(&guest.name, &guest.own_queue(), &guest.prey());
    for batch in all.chunks(ATTEMPTS_A_CONNECTION) {
        let mut session = connect(&mut link).await?;
        for probe in batch {
            if session.is_over() {
                session = connect(&mut link).await?;
            }
            findings.push(judge(probe, answer(&session, probe).await?, group, major));
        }
        session.close().await;
    }
    findings.push(connections(&mut link, group).await?);
    findings.push(channels(&mut link, group).await?);
    Ok(findings)
}

async fn answer(session: &Session, probe: &Probe) -> Result<Answer, AuditError> {
    let answer = timeout(WAIT, Box::pin(session.attempt(&probe.attempt))).await;
    let late = |_| silent(probe.name, &format!("no answer within {AUDIT_PROBE_MS_MAX} ms"));
    answer.map_err(late)?.map_err(|error| silent(probe.name, &error))
}

fn silent(probe: &'static str, cause: &impl ToString) -> AuditError {
    AuditError::Silent { probe, cause: cause.to_string() }
}

async fn connect(link: &mut Connector) -> Result<Session, AuditError> {
    Box::pin(link.connect_once()).await.map_err(|error| silent("connect", &error))
}

fn judge(probe: &Probe, answer: Answer, group: &Group, major: u32) -> Finding {
    let (code, answer) = match answer {
        Answer::Done => (None, String::new()),
        Answer::Refused { code, text } => (Some(code), format!("{code} {text}")),
    };
    let is_denied = match (probe.expected, code) {
        (_, None) => false,
        (Expected::Denied(codes), Some(code)) => codes.contains(&code),
        (_, Some(_)) => true,
    };
    let (expected, verdict) = match probe.expected {
        Expected::Allowed => ("ALLOWED", if is_denied { "bad" } else { "ok" }),
        Expected::Denied(_) => ("DENIED", if is_denied { "ok" } else { "bad" }),
        // Keys of copies are checked by 4.x; nothing checks passive declares.
        Expected::Known if is_denied => (if major >= 4 { "DENIED" } else { "ALLOWED" }, "ok"),
        Expected::Known => ("ALLOWED", "known"),
    };
    Finding {
        probe: probe.name,
        outcome: outcome(is_denied),
        expected,
        verdict,
        answer,
        why: probe.why,
        agents: group.name(),
    }
}

fn outcome(is_denied: bool) -> &'static str {
    if is_denied { "DENIED" } else { "ALLOWED" }
}

/// Opens one connection more than an agent may have.
async fn connections(link: &mut Connector, group: &Group) -> Result<Finding, AuditError> {
    let name = "open a connection too many";
    let mut open = Vec::new();
    let mut refusal = None;
    for _ in 0..=AGENT_CONNECTIONS_MAX {
        match Box::pin(link.connect_once()).await {
            Ok(session) => open.push(session),
            Err(error) if open.is_empty() => return Err(silent(name, &error)),
            Err(error) => {
                refusal = Some(error);
                break;
            }
        }
    }
    close(open).await;
    Ok(limit(name, refusal, group))
}

/// Opens one channel more than an agent may have.
async fn channels(link: &mut Connector, group: &Group) -> Result<Finding, AuditError> {
    let name = "open a channel too many";
    let mut open: Vec<Session> = Vec::new();
    let mut refusal = None;
    'all: for _ in 0..=AGENT_CHANNELS_MAX / CHANNELS_A_CONNECTION {
        let session = connect(link).await?;
        open.push(session.clone());
        for _ in 0..CHANNELS_A_CONNECTION {
            if let Err(error) = session.occupy_channel().await {
                refusal = Some(error);
                break 'all;
            }
        }
    }
    close(open).await;
    Ok(limit(name, refusal, group))
}

async fn close(sessions: Vec<Session>) {
    for session in sessions {
        session.close().await;
    }
}

fn limit(probe: &'static str, refusal: Option<AmqpError>, group: &Group) -> Finding {
    let is_denied = refusal.is_some();
    Finding {
        probe,
        outcome: outcome(is_denied),
        expected: "DENIED",
        verdict: if is_denied { "ok" } else { "bad" },
        answer: refusal.map(|error| error.to_string()).unwrap_or_default(),
        why: LIMITS,
        agents: group.name(),
    }
}
