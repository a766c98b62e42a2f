//! Deliveries that the filter replaced: what a dead letter keeps of them.

use common::amqp::{Defect, Delivery};
use common::ids::AgentId;

/// Returns the headers of the dead letter of a delivery: why, its routing key as it came, and of a defective
/// one its agent, its property bytes and the size of its body.
pub fn headers(delivery: &Delivery, reason: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = vec![("x-muster-reason", reason.as_bytes().to_vec())];
    match &delivery.defect {
        None => headers.push(("x-muster-key", delivery.routing_key.clone().into_bytes())),
        Some(defect) => {
            let agent = sender(defect).map(|agent| agent.to_string()).unwrap_or_default();
            headers.extend([
                ("x-muster-agent", agent.into_bytes()),
                ("x-muster-key", defect.routing_key.clone()),
                ("x-muster-properties", defect.properties.clone()),
                ("x-muster-bytes", defect.body_bytes.to_string().into_bytes()),
            ]);
        }
    }
    headers
}

/// Returns the agent that sent a defective message: the second word of its routing key, which the broker ties
/// to the agent's user. `None` where a message without a valid one was published by another user.
pub fn sender(defect: &Defect) -> Option<AgentId> {
    let word = defect.routing_key.split(|byte| *byte == b'.').nth(1)?;
    AgentId::new(std::str::from_utf8(word).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use common::amqp::Reason;

    use super::*;

    #[test]
    fn the_sender_is_named_whatever_the_rest_of_the_key_is() {
        let of = |key: &[u8]| {
            let routing_key = key.to_vec();
            let reason = Reason::UnparsableKey;
            sender(&Defect { reason, routing_key, properties: Vec::new(), body_bytes: 0 })
        };
        assert_eq!(of(b"status.web-1.\xff").map(|agent| agent.to_string()), Some("web-1".into()));
        assert_eq!(of(b"status.\xff.x"), None);
        assert_eq!(of(b"status"), None);
    }
}
