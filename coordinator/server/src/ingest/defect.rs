//! Deliveries that the filter replaced: what a dead letter keeps of them.

use muster_broker::Delivery;

use super::dead_letters::sender;

/// Returns the headers of the dead letter of a delivery: why, its routing key as it came, and of a defective
/// one its agent, its property bytes and the size of its body.
pub fn headers(delivery: &Delivery, reason: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = vec![("x-muster-reason", reason.as_bytes().to_vec())];
    match &delivery.defect {
        None => headers.push(("x-muster-key", delivery.routing_key.clone().into_bytes())),
        Some(defect) => {
            let agent =
                sender(&defect.routing_key).map(|agent| agent.to_string()).unwrap_or_default();
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
