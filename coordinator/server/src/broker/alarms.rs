//! The alarms that make the broker stop every publisher: memory or disk is short.

use serde_json::Value;

use super::management::{Management, ManagementError};

/// What a publisher is told when it is blocked, and what the API says in other words.
const MEMORY: &str = "low on memory";
const DISK: &str = "low on disk";

/// Returns why the broker blocks publishers; `None` while it does not. In a cluster the nodes are named.
pub fn blocks(management: &Management) -> Result<Option<String>, ManagementError> {
    let answer = management.health("/api/health/checks/alarms")?;
    Ok(reason(&answer))
}

/// Words the state for people, the same everywhere.
pub fn sentence(reason: &str) -> String {
    format!("the broker blocks publishers: {reason}")
}

/// Returns what an operator does about it.
pub fn remedy(reason: &str) -> &'static str {
    if reason.contains(DISK) {
        "free space on the broker's disk, or lower disk_free_limit in rabbitmq.conf; agents keep their results and go on by themselves"
    } else {
        "give the broker memory, or raise vm_memory_high_watermark in rabbitmq.conf; agents keep their results and go on by themselves"
    }
}

fn reason(answer: &Value) -> Option<String> {
    let alarms = answer.get("alarms").and_then(Value::as_array).into_iter().flatten();
    let mut causes: Vec<String> = Vec::new();
    for alarm in alarms {
        let word = |name: &str| alarm.get(name).and_then(Value::as_str).unwrap_or_default();
        // An alarm of file descriptors blocks no publisher.
        let low = match word("resource") {
            resource if resource.contains("memory") => MEMORY,
            resource if resource.contains("disk") => DISK,
            _ => continue,
        };
        let cause = format!("{low} on {}", word("node"));
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    (!causes.is_empty()).then(|| causes.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_blocks_is_a_reason() {
        assert_eq!(reason(&json!({"status": "ok"})), None);
        let alarm = |resource: &str| json!({"node": "rabbit@a", "resource": resource});
        let answer = json!({"alarms": [alarm("file descriptors")], "status": "failed"});
        assert_eq!(reason(&answer), None);
        let answer = json!({"alarms": [alarm("disk space"), alarm("memory"), alarm("memory")]});
        assert_eq!(
            reason(&answer).as_deref(),
            Some("low on disk on rabbit@a, low on memory on rabbit@a")
        );
    }
}
