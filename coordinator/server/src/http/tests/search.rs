//! The search over agents, hunts and profiles.

use muster_protocol::request::profile::{ProfileKind, ProfileStart};

use super::*;
use crate::store::NewAgent;

fn id(n: u8) -> RequestId {
    let mut bytes = [n; 16];
    bytes[1] = 0xab;
    RequestId::from_bytes(bytes)
}

fn api() -> Api {
    let api = Api::new();
    let new = |n: usize| NewAgent {
        id: agent(&format!("web-{n:02}")),
        name: format!("Frontend {n}"),
        labels: format!(r#"{{"site":"fra{}"}}"#, n % 3),
    };
    api.write(Write::Agents((0..30).map(new).collect(), Audit::default()));
    api.write(hunt(id(0x11), &["web-01"]));
    let profile = ProfileStart {
        revision: 0,
        kinds: vec![ProfileKind::Cpu, ProfileKind::Wall],
        seconds: 5,
        during: None,
        hertz: 99,
    };
    api.write(request(id(0x22), Kind::ProfileStart, wire::encode(&profile).unwrap(), &["web-01"]));
    api
}

#[test]
fn ids_names_labels_and_roots_are_found() {
    let api = api();
    let find = |q: &str| {
        let found = api.well(&format!("/search?q={q}"));
        let hits = found["hits"].as_array().unwrap();
        let word = |hit: &Value, name: &str| hit[name].as_str().unwrap().to_owned();
        let hits: Vec<_> = hits.iter().map(|hit| (word(hit, "kind"), word(hit, "id"))).collect();
        (hits, found["truncated"] == true)
    };
    let one = |kind: &str, id: &str| (vec![(kind.to_owned(), id.to_owned())], false);
    assert_eq!(find("web-07"), one("agent", "web-07"));
    assert_eq!(find("frontend%2017"), one("agent", "web-17"));
    assert_eq!(find("FRONTEND%2017"), one("agent", "web-17"));
    assert_eq!(find("site%3Dfra1").0.len(), 10);
    assert_eq!(find("11ab"), one("hunt", &id(0x11).to_string()));
    assert_eq!(find("/srv"), one("hunt", &id(0x11).to_string()));
    assert_eq!(find("22ab"), one("profile", &id(0x22).to_string()));
    let digest = "AB".repeat(32);
    assert_eq!(find(&digest), one("digest", &digest.to_lowercase()));
    let (many, is_cut) = find("web");
    assert_eq!((many.len(), is_cut), (20, true));
    assert_eq!(find("nowhere"), (Vec::new(), false));
    // Where an id begins so it comes first.
    assert_eq!(find("2").0[0].0, "profile");
}

#[test]
fn what_cannot_be_searched_for_is_refused() {
    let api = api();
    for bad in ["", "?q=", "?q=%20", "?q=a&limit=3", "?text=a"] {
        api.refused(400, &format!("/search{bad}"));
    }
    assert!(api.refused(400, &format!("/search?q={}", "x".repeat(257))).contains("257 bytes"));
}
