use std::collections::BTreeSet;

use super::*;

/// Method and path of every route, as the router's source has them.
fn routed() -> BTreeSet<(String, String)> {
    let source = include_str!("../../../server/src/http/mod.rs");
    let mut routes = BTreeSet::new();
    for call in source.split(".route(").skip(1) {
        let path = call.split('"').nth(1).unwrap();
        let end = call.find('\n').unwrap_or(call.len());
        let nested = if matches!(path, "/healthz" | "/metrics") { "" } else { "/api/v1" };
        let path = if path.starts_with("/api/") { path.into() } else { format!("{nested}{path}") };
        for method in ["get", "post"] {
            if call[..end].contains(&format!("{method}(")) {
                routes.insert((method.to_owned(), path.clone()));
            }
        }
    }
    routes
}

fn documented() -> BTreeSet<(String, String)> {
    let json = serde_json::to_value(document()).unwrap();
    let paths = json["paths"].as_object().unwrap();
    let methods = |path: &String, item: &serde_json::Value| {
        let path = path.clone();
        let names: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        names.into_iter().map(move |method| (method, path.clone()))
    };
    paths.iter().flat_map(|(path, item)| methods(path, item)).collect()
}

#[test]
fn every_reference_leads_somewhere() {
    let text = serde_json::to_string(&document()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let references: BTreeSet<_> = text
        .split("\"#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(references.len() > 15, "{references:?}");
    for name in references {
        assert!(json["components"]["schemas"].get(name).is_some(), "{name}");
    }
}

#[test]
fn document_and_list_agree() {
    let listed = ENDPOINTS.len();
    assert_eq!(documented().len(), listed, "an endpoint is listed twice");
}

#[test]
fn the_router_and_the_document_name_the_same() {
    let (routed, documented) = (routed(), documented());
    let missing: Vec<_> = routed.difference(&documented).collect();
    let extra: Vec<_> = documented.difference(&routed).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "not documented: {missing:?}; not routed: {extra:?}"
    );
}

/// The file is written again where it differs, and the test fails once: look at the change, commit it.
#[test]
fn the_served_document_is_the_one_that_the_types_make() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/openapi.json");
    let made = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if made != include_str!("../openapi.json") {
        std::fs::write(file, made).unwrap();
        panic!("src/openapi.json was not up to date; it is now");
    }
}
