//! Views for tests.

use muster_api::{CollectionBrief, HuntView};
use serde_json::json;

/// Returns a hunt that nothing has been heard of.
pub(super) fn hunt() -> HuntView {
    let states = json!({
        "silent": 0, "seen": 0, "queued": 0, "running": 0, "paused": 0, "finishing": 0, "finished": 0,
        "failed": 0, "cancelled": 0, "declined": 0, "expired": 0, "incomplete": 0,
    });
    let progress = json!({
        "seen": 0, "files": 0, "bytes": 0, "files_per_s": 0.0, "mb_per_s": 0.0, "cpu_ms": 0,
        "throttled_ms": 0, "rows": 0, "stored_bytes": 0,
    });
    let view = json!({
        "id": "0199", "artifact": "", "operator": "", "target": "", "roots": [], "hashes": [],
        "issued": "2026-01-02T03:04:05.000Z", "expires": "2026-01-02T03:04:05.000Z", "route": "broadcast",
        "published": true, "cancelled": false, "targeted": 0, "states": states, "progress": progress,
        "done": false, "exit_code": 0,
    });
    serde_json::from_value(view).unwrap()
}

/// Returns an agent's part of it.
pub(super) fn brief(agent: &str, state: &str) -> CollectionBrief {
    let view = json!({
        "agent": agent, "host": "", "state": state, "code": "", "reason": "", "rows": 0, "matched": 0, "errors": 0,
        "seen": 0, "cpu_ms": 0, "bytes_read": 0, "throttled_ms": 0, "started": null, "ended": null, "age_ms": 0,
        "silent_s": null, "path": "", "attempts": 0,
    });
    serde_json::from_value(view).unwrap()
}
