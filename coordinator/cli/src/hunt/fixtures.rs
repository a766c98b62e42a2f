//! Views for tests.

use muster_api::{CollectionView, HuntView};
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
pub(super) fn collection(agent: &str, state: &str) -> CollectionView {
    let view = json!({
        "hunt": "0199", "agent": agent, "host": "", "state": state, "code": "", "reason": "", "attempts": 0,
        "chunks_stored": 0, "rows": 0, "seen": 0, "hashed": 0, "listed": 0, "filtered": 0, "skipped": 0,
        "errors": 0, "bytes_hashed": 0, "bytes_read": 0, "cpu_ms": 0, "throttled_ms": 0, "resumed": 0,
        "path": "",
    });
    serde_json::from_value(view).unwrap()
}
