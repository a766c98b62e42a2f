//! A token for reading: everything that is got, and nothing that changes anything.

use serde_json::json;

use super::*;

#[test]
fn a_token_for_reading_reads_everything_and_changes_nothing() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1"]));
    let source = include_str!("../mod.rs");
    let (mut read, mut refused) = (0, 0);
    for call in source.split(".route(").skip(1) {
        let path = call.split('"').nth(1).unwrap();
        if ["/healthz", "/metrics", "/events", "/hunts/{id}/events"].contains(&path) {
            continue;
        }
        let line = &call[..call.find('\n').unwrap_or(call.len())];
        let asked = path.replace("{id}", &HUNT.to_string()).replace(['{', '}'], "");
        if line.contains("get(") {
            let status = api.ask(VIEWER, &asked).status().as_u16();
            assert!(![401, 403].contains(&status), "GET {path}: {status}");
            read += 1;
        }
        if line.contains("post(") && path != "/targets/preview" {
            let status = api.post(VIEWER, &asked, &json!({}));
            assert_eq!(status, 403, "POST {path}");
            refused += 1;
        }
    }
    assert!(read > 20 && refused > 5, "{read} {refused}");
    assert_eq!(api.post(VIEWER, "/targets/preview", &json!({ "expr": "all" })), 200);
    assert_eq!(api.post(VIEWER, "/targets/preview/", &json!({ "expr": "all" })), 404);
    assert_eq!(api.post("unknown", "/targets/preview", &json!({ "expr": "all" })), 401);
}
