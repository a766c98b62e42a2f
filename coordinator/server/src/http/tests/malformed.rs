//! Requests that do not read, to every endpoint of the document: each answer that is an error has the three lines of one.

use std::collections::BTreeSet;

use axum::body::{Body as Sent, to_bytes};
use axum::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Request as Call};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use muster_protocol::limits::HTTP_BODY_BYTES_MAX;
use serde_json::json;

use super::*;

/// An endpoint, as the document has it.
struct Endpoint {
    method: String,
    path: String,
    has_query: bool,
    /// The media type of what is sent.
    takes: Option<String>,
}

impl Endpoint {
    fn all() -> Vec<Self> {
        let document: Value = serde_json::from_str(muster_api::OPENAPI).unwrap();
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation["parameters"].as_array();
                let content = operation["requestBody"]["content"].as_object();
                all.push(Self {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    has_query: parameters
                        .is_some_and(|all| all.iter().any(|one| one["in"] == "query")),
                    takes: content.and_then(|content| content.keys().next().cloned()),
                });
            }
        }
        all
    }

    /// Returns its path with this in place of each variable segment.
    fn at(&self, segment: &str) -> String {
        let parts = self.path.split('/');
        let parts = parts.map(|part| if part.starts_with('{') { segment } else { part });
        parts.collect::<Vec<_>>().join("/")
    }
}

impl Api {
    /// Calls the router; returns status, headers and body.
    fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> (u16, HeaderMap, Vec<u8>) {
        let call = Call::builder().method(method).uri(path).header(HOST, "localhost");
        let call = call.header(AUTHORIZATION, format!("Bearer {TOKEN}"));
        let call = call.header(CONTENT_TYPE, kind).body(Sent::from(body)).unwrap();
        let router = TowerToHyperService::new(crate::http::router(Arc::clone(&self.core)));
        self.runtime.block_on(async {
            let (head, body) = router.call(call).await.unwrap().into_parts();
            let body = to_bytes(body, HTTP_BODY_BYTES_MAX).await.unwrap();
            (head.status.as_u16(), head.headers, body.to_vec())
        })
    }
}

/// Checks an answer that must be a refusal in three lines; returns the document and the headers.
fn refusal(
    (status, headers, body): (u16, HeaderMap, Vec<u8>),
    wanted: &[u16],
    what: &str,
) -> (Value, HeaderMap) {
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(wanted.contains(&status), "{what}: {status}: {text}");
    assert_eq!(headers.get(CONTENT_TYPE).unwrap(), "application/json", "{what}: {text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    for line in ["error", "cause", "try"] {
        assert!(document[line].as_str().is_some_and(|line| !line.is_empty()), "{what}: {text}");
    }
    (document, headers)
}

const JSON: &str = "application/json";

#[test]
fn paths_methods_and_queries_that_do_not_read_are_refused_in_three_lines() {
    let api = Api::new();
    let all = Endpoint::all();
    assert!(all.len() > 40);
    for Endpoint { method, path, has_query, .. } in &all {
        let endpoint = format!("{method} {path}");
        let call = api.call("DELETE", &path.replace(['{', '}'], ""), JSON, vec![]);
        let (_, headers) = refusal(call, &[405], &endpoint);
        assert!(headers[ALLOW].to_str().unwrap().contains(method), "{endpoint}: {headers:?}");
        let call = api.call(method, &format!("{path}/more/of/it"), JSON, vec![]);
        refusal(call, &[404], &endpoint);
        if *has_query {
            let asked = format!("{}?no_such=1&limit=x", path.replace(['{', '}'], ""));
            // An id may be looked for first.
            refusal(api.call(method, &asked, JSON, vec![]), &[400, 404], &endpoint);
        }
    }
    for endpoint in all.iter().filter(|endpoint| endpoint.path.contains('{')) {
        let Endpoint { method, path, .. } = endpoint;
        // No UTF-8, and no id of anything.
        let call = api.call(method, &endpoint.at("%ff"), JSON, b"{}".to_vec());
        refusal(call, &[400], &format!("{method} {path} with %ff"));
        if path != "/api/v1/profile-views/{view}" {
            let call = api.call(method, &endpoint.at("zz"), JSON, br#"{"reason":"r"}"#.to_vec());
            refusal(call, &[400, 404], &format!("{method} {path} with zz"));
        }
    }
}

#[test]
fn bodies_that_do_not_read_are_refused_in_three_lines() {
    let api = Api::new();
    let mut types = BTreeSet::new();
    for endpoint in Endpoint::all() {
        let Some(takes) = &endpoint.takes else { continue };
        types.insert(takes.clone());
        let (method, path) = (&endpoint.method, endpoint.at("zz"));
        let refused = |kind: &str, body: &[u8], wanted: &[u16]| {
            let call = api.call(method, &path, kind, body.to_vec());
            refusal(call, wanted, &format!("{method} {path}")).0
        };
        if takes == JSON {
            for body in [&b""[..], b"{", b"\xff", b"[]", b"7", br#"{"no_such": 1}"#] {
                let document = refused(JSON, body, &[400]);
                assert_eq!(document["error"], json!("cannot use this body"), "{path} {body:?}");
            }
            refused("text/plain", b"{}", &[400]);
        } else {
            refused(takes, b"no such thing", &[400]);
        }
        // A file of symbols has a limit of its own, and is written as it comes.
        if endpoint.path != "/api/v1/symbols" {
            refused(takes, &vec![b' '; HTTP_BODY_BYTES_MAX + 1], &[413]);
        }
    }
    assert!(types.len() > 1, "{types:?}");
}

#[test]
fn a_body_of_another_type_is_refused_with_the_field_that_is_wrong() {
    let api = Api::new();
    let body = br#"{"expr": 7}"#.to_vec();
    let call = api.call("POST", "/api/v1/targets/preview", JSON, body);
    let (document, _) = refusal(call, &[400], "preview");
    let cause = document["cause"].as_str().unwrap();
    assert!(cause.contains("expr: invalid type: integer `7`, expected a string"), "{cause}");
}

#[test]
fn a_moment_is_read_alike_wherever_it_is_asked_for() {
    let api = Api::new();
    let lists = ["/hunts", "/profiles", "/audit", "/telemetry/fleet", "/telemetry/coordinator"];
    let since = lists.map(|path| format!("{path}?since="));
    let until = lists.map(|path| format!("{path}?until="));
    // Profiles are not asked for by their end.
    for asked in since.iter().chain(until.iter().filter(|path| !path.starts_with("/profiles"))) {
        let name = if asked.ends_with("since=") { "since" } else { "until" };
        // A year alone is no number of seconds.
        for bad in ["2026", "yesterday", "90"] {
            let (status, refused) = api.get(&format!("{asked}{bad}"));
            assert_eq!(status, 400, "{asked}{bad}");
            assert_eq!(refused["error"], format!("{name} is no moment"), "{asked}{bad}");
            let cause = refused["cause"].as_str().unwrap();
            assert!(cause.starts_with(&format!("{bad:?} is not a time like")), "{cause}");
        }
        let good = if name == "since" { "2h" } else { "1s" };
        api.well(&format!("{asked}{good}"));
    }
}
