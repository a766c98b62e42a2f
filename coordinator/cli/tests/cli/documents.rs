//! Whole documents of the API, for a server that answers every question with the same bytes.

use muster_api::{
    AgentBrief, AgentView, CollectionBrief, Doctor, HuntBrief, HuntView, Page, ProfileBrief,
    ProfileView, RowView, States, WhoHas,
};
use serde_json::{Value, json};

/// Returns an agent with `text` in every field that an endpoint or an operator chose.
pub(crate) fn agent(id: &str, name: &str, state: &str, text: &str) -> Value {
    // What a list shows of it, and the agent alone, at a time.
    let agent = decodes::<AgentView>(json!({
        "id": id, "name": name, "state": state, "cause": text, "host": text, "os": text, "arch": text,
        "version": text, "labels": {text: text}, "capabilities": [text], "enrolled": "2026-01-02T03:04:05.000Z",
        "revoked": null, "quarantined": null, "quarantine": text, "last_seen": null, "clock_offset_ms": null,
        "outbox_bytes": 0, "journal_full": false, "collections": 0, "machine": text, "clone": false, "notes": [text],
        "cpu_percent": 0.5, "rss_bytes": 1,
    }));
    decodes::<AgentBrief>(agent)
}

/// Returns a row of the hunt `0199`.
pub(crate) fn row(path: &str, text: &str) -> Value {
    decodes::<RowView>(json!({
        "artifact": "file_hash", "hunt": "0199", "agent": text, "host": text, "path": path, "kind": text, "status": text, "errno": 0,
        "size": 5, "mtime": text, "ctime": text, "btime": null, "atime": text, "mode": 420, "uid": 0, "gid": 0,
        "nlink": 1, "dev": 1, "ino": 1, "sha256": "ab",
    }))
}

/// Returns a page of a list.
pub(crate) fn page(items: &[Value], next: Option<&str>) -> Value {
    let as_of = "2026-01-02T03:04:05.000Z";
    decodes::<Page<Value>>(json!({"items": items, "next": next, "total": 2, "as_of": as_of}))
}

/// Returns the hunt `0199`.
pub(crate) fn hunt(text: &str) -> Value {
    decodes::<HuntView>(json!({
        "id": "0199", "artifact": "file_hash", "operator": text, "target": text, "roots": [text], "hashes": [text],
        "ioc": 0, "issued": "2026-01-02T03:04:05.000Z", "expires": "2026-01-02T03:04:05.000Z",
        "route": "broadcast", "published": true, "cancelled": false, "targeted": 0, "states": states(),
        "progress": {
            "seen": 0, "files": 0, "bytes": 0, "files_per_s": 0.0, "mb_per_s": 0.0, "cpu_ms": 0,
            "throttled_ms": 0, "rows": 0, "stored_bytes": 0, "eta_s": null,
        },
        "done": true, "exit_code": 0, "notes": [text], "hold": text, "revision": 3, "outcome": text,
        "name": text, "note": text, "case": text,
        "controls": [
            {"id": text, "verb": text, "revision": 3, "operator": text, "at": "2026-01-02T03:04:05.000Z"},
        ],
        "applied": {"revision": 3, "applied": 0, "of": 2, "waiting": [text]},
    }))
}

/// Returns one agent's part of a hunt.
pub(crate) fn part(agent: &str, state: &str) -> Value {
    decodes::<CollectionBrief>(json!({
        "agent": agent, "host": "", "state": state, "code": "", "reason": "", "rows": 0, "matched": 0, "errors": 0,
        "seen": 0, "cpu_ms": 0, "bytes_read": 0, "throttled_ms": 0, "started": null, "ended": null, "age_ms": 0,
        "silent_s": null, "path": "", "attempts": 0,
    }))
}

/// Returns the hunt `0199` in a list.
pub(crate) fn hunt_brief(text: &str) -> Value {
    decodes::<HuntBrief>(json!({
        "id": "0199", "artifact": "file_hash", "operator": text, "target": text, "root": text, "roots": 1, "hashes": [text],
        "ioc": 0, "issued": "2026-01-02T03:04:05.000Z", "expires": "2026-01-02T03:04:05.000Z", "published": true,
        "cancelled": false, "done": true, "targeted": 0, "states": states(), "rows": 0, "matched": 0, "errors": 0,
        "bytes": 0, "cpu_ms": 0, "hold": text, "outcome": text, "name": text, "note": text, "case": text,
    }))
}

/// Returns the profile `0199` of one agent, with a blob of so many bytes.
pub(crate) fn profile(text: &str, kind: &str, bytes: u64) -> Value {
    let kind = json!({
        "kind": kind, "window_start": null, "window_end": null, "hertz": 99, "samples": 0, "lost": 0, "cpu_ms": 0,
        "handler_runs": 0, "handler_us": 0, "sweeper_us": 0, "sampling_percent": 0.5, "partial": false, "bytes": bytes,
        "sha256": null,
    });
    let agent = json!({
        "profile": "0199", "agent": text, "host": text, "state": text, "code": text, "reason": text,
        "own_cpu_ms": null, "profiles": [kind],
    });
    decodes::<ProfileView>(json!({
        "id": "0199", "kinds": [text], "seconds": 10, "hertz": 99, "operator": text, "target": text,
        "issued": "2026-01-02T03:04:05.000Z", "expires": "2026-01-02T03:04:05.000Z", "route": "broadcast",
        "published": true, "targeted": 1, "states": states(), "done": true, "exit_code": 0,
        "agents": [merged([agent, kind])],
    }))
}

/// Returns the profile `0199` in a list.
pub(crate) fn profile_brief(text: &str) -> Value {
    decodes::<ProfileBrief>(json!({
        "id": "0199", "kinds": [text], "seconds": 10, "hertz": 99, "hunt": null, "on_stall": false, "operator": text,
        "target": text, "agent": text, "issued": "2026-01-02T03:04:05.000Z", "done": true, "targeted": 1,
        "states": states(),
    }))
}

fn states() -> Value {
    json!(States::default())
}

/// Returns a hunt, a profile, an agent, a row, a report and an answer to `who-has` at a time.
pub(crate) fn everything(text: &str) -> Value {
    let check = json!({"name": text, "verdict": "warn", "message": text, "try": text});
    let all = merged([
        agent("a-1", text, "live", text),
        row(text, text),
        hunt(text),
        profile(text, text, 0),
        json!({"verdict": "warn", "checks": [check]}),
        json!({
            "rows": [row(text, text)], "absent": [], "scanned_rows": 1, "scanned_agents": 1, "truncated": false,
        }),
        // What they hold in common is the same in all but this.
        json!({"id": "0199", "hunt": "0199"}),
    ]);
    let all = decodes::<HuntView>(decodes::<ProfileView>(decodes::<RowView>(all)));
    decodes::<AgentView>(decodes::<Doctor>(decodes::<WhoHas>(all)))
}

fn merged<const N: usize>(documents: [Value; N]) -> Value {
    let fields = documents.into_iter().flat_map(|document| document.as_object().unwrap().clone());
    Value::Object(fields.collect())
}

/// Asserts that a document is what the API sends.
fn decodes<T: serde::de::DeserializeOwned>(document: Value) -> Value {
    serde_json::from_value::<T>(document.clone()).unwrap();
    document
}
