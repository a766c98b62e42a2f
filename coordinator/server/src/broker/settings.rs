//! Settings of RabbitMQ that its API cannot change: looked at, and tried out where the API does not show them.

use muster_broker::{AmqpError, Answer, Attempt, Connector, ConnectorConfig, Publish};
use muster_protocol::limits::{
    BROKER_DESCRIPTORS_MIN, BROKER_DISK_FREE_BYTES_MIN, BROKER_MESSAGE_BYTES_MAX,
};
use serde::Serialize;
use serde_json::Value;

use super::management::{Management, ManagementError};

/// Descriptors that the broker needs for each agent: its socket, and the stream's segment that it reads.
const DESCRIPTORS_AN_AGENT: u64 = 2;
/// A queue that is not there: the message is refused for its size, or rolled back.
const NOWHERE: &str = "muster-nowhere";
/// What AMQP answers to a message that is too big.
const PRECONDITION_FAILED: u16 = 406;

/// A line that a configuration file of the broker lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The file.
    pub file: &'static str,
    /// The exact line.
    pub line: String,
    /// Why.
    pub why: String,
}

impl Advice {
    /// Words it for people.
    pub fn sentence(&self) -> String {
        format!("`{}` in {}: {}", self.line, self.file, self.why)
    }
}

const CONF: &str = "rabbitmq.conf";
const UNIT: &str = "[Service] of rabbitmq-server.service";

/// Looks at everything.
pub async fn check(
    management: Management,
    link: ConnectorConfig,
    agents: u64,
) -> Result<Vec<Advice>, SettingsError> {
    let nodes = tokio::task::spawn_blocking(move || management.get("/api/nodes")).await;
    let nodes = nodes.map_err(|died| SettingsError::Died(died.to_string()))??.unwrap_or_default();
    let mut advice: Vec<_> = message_size(link).await?.into_iter().collect();
    advice.extend(of_nodes(&nodes, agents));
    Ok(advice)
}

/// Why the settings could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The management API.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// The connection for the trial.
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    /// The call ended without an answer.
    #[error("the call died: {0}")]
    Died(String),
}

/// Sends one message that is too big; the API shows no bound.
async fn message_size(link: ConnectorConfig) -> Result<Option<Advice>, AmqpError> {
    let session = Box::pin(Connector::new(link).connect_once()).await?;
    let big = Publish {
        key: NOWHERE.to_owned(),
        bytes: BROKER_MESSAGE_BYTES_MAX + 1,
        ..Publish::default()
    };
    let answer = Box::pin(session.attempt(&Attempt::Publish(Box::new(big)))).await;
    session.close().await;
    Ok(match answer? {
        Answer::Refused { code: PRECONDITION_FAILED | 0, .. } => None,
        _ => Some(Advice {
            file: CONF,
            line: format!("max_message_size = {BROKER_MESSAGE_BYTES_MAX}"),
            why: "a few larger messages of one agent fill the broker's memory, and it stops all publishers"
                .to_owned(),
        }),
    })
}

/// Reads what the API shows of each node.
fn of_nodes(nodes: &Value, agents: u64) -> Vec<Advice> {
    let mut advice = Vec::new();
    let needed = BROKER_DESCRIPTORS_MIN.max(agents.saturating_mul(DESCRIPTORS_AN_AGENT) + 1_000);
    for node in nodes.as_array().into_iter().flatten() {
        let name = node.get("name").and_then(Value::as_str).unwrap_or("a node");
        let figure = |name: &str| node.get(name).and_then(Value::as_u64);
        if let Some(has) = figure("fd_total").filter(|has| *has < needed) {
            advice.push(Advice {
                file: UNIT,
                line: format!("LimitNOFILE={}", needed.max(65_536)),
                why: format!(
                    "{name} may open {has} descriptors, {DESCRIPTORS_AN_AGENT} go to each agent"
                ),
            });
        }
        let free = figure("disk_free_limit").filter(|has| *has < BROKER_DISK_FREE_BYTES_MIN);
        if let Some(has) = free {
            advice.push(Advice {
                file: CONF,
                line: "disk_free_limit.absolute = 2GB".to_owned(),
                why: format!(
                    "{name} stops publishers at {} MB of free space: too late for its own files",
                    has / 1_000_000
                ),
            });
        }
    }
    advice
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_too_low_is_named_with_the_line_to_add() {
        let node = |descriptors: u64, free: u64| json!([{"name": "rabbit@a", "fd_total": descriptors, "disk_free_limit": free}]);
        assert_eq!(of_nodes(&node(65_536, 2_000_000_000), 10_000), []);
        let lines = |nodes| -> Vec<String> {
            of_nodes(&nodes, 40_000).into_iter().map(|advice| advice.line).collect()
        };
        assert_eq!(
            lines(node(65_536, 50_000_000)),
            ["LimitNOFILE=81000", "disk_free_limit.absolute = 2GB"]
        );
        assert_eq!(of_nodes(&json!([{"name": "rabbit@a"}]), 1), []);
    }

    #[test]
    fn the_shipped_file_has_the_lines_that_are_asked_for() {
        let shipped = include_str!("../../../../compose/rabbitmq.conf");
        let size = format!("max_message_size = {BROKER_MESSAGE_BYTES_MAX}");
        for line in [size.as_str(), "disk_free_limit.absolute = 2GB"] {
            assert!(shipped.lines().any(|shipped| shipped == line), "{line}");
        }
    }
}
