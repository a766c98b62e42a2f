//! Agents over the API: the list by target, text and state, what one was asked for and has sent, previews, and the fleet's cost.

use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::tree::sha256_of_bytes;

const LONG: Duration = Duration::from_mins(2);

/// Asks the API; returns the status and the document.
fn ask(fleet: &Fleet, path: &str, body: Option<&Value>) -> (u16, Value) {
    let token = std::fs::read_to_string(fleet.path("home").join("token")).expect("a token");
    let bearer = format!("Bearer {}", token.trim());
    let url = format!("{}/api/v1{path}", fleet.url());
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = match body {
        None => agent.get(url).header("Authorization", bearer).call(),
        Some(body) => agent
            .post(url)
            .header("Authorization", bearer)
            .header("Content-Type", "application/json")
            .send(body.to_string()),
    };
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.into_body().read_to_string().expect("text");
    (status, serde_json::from_str(&text).expect("JSON"))
}

fn got(fleet: &Fleet, path: &str) -> Value {
    let (status, document) = ask(fleet, path, None);
    assert_eq!(status, 200, "{path}: {document}");
    document
}

#[test]
fn agents_are_listed_by_target_text_and_state() {
    let fleet = Fleet::start(2);
    let all = got(&fleet, "/agents?facets=1&sort=-id");
    assert_eq!(all["total"], 2, "{all}");
    let ids: Vec<_> =
        all["items"].as_array().expect("items").iter().map(|one| one["id"].clone()).collect();
    assert!(ids[0].as_str() > ids[1].as_str(), "{all}");
    assert_eq!(all["facets"]["state"], json!([{"value": "live", "count": 2}]), "{all}");
    let (first, second) = (ids[0].as_str().expect("an id"), ids[1].as_str().expect("an id"));
    let one = got(&fleet, &format!("/agents?target=os:linux%20and%20not%20id:{first}&state=live"));
    assert_eq!((&one["total"], &one["items"][0]["id"]), (&json!(1), &ids[1]), "{one}");
    assert_eq!(one["facets"], Value::Null);
    assert_eq!(got(&fleet, &format!("/agents?q={}", second.to_uppercase()))["total"], 1);
    assert_eq!(got(&fleet, "/agents?state=revoked,silent")["total"], 0);

    let page = got(&fleet, "/agents?limit=1&sort=-id");
    let next = page["next"].as_str().expect("a cursor");
    let rest = got(&fleet, &format!("/agents?limit=1&sort=-id&cursor={next}"));
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&ids[1], &Value::Null), "{rest}");
    for (bad, why) in [
        ("target=os:linux%20and", "position 12"),
        ("sort=name", "last_seen"),
        ("state=dead", "quarantined"),
        ("facets=yes", "facets is 1 or 0"),
        ("limit=0", "500"),
        ("limit=501", "500"),
        ("limit=x", "limit"),
        ("colour=red", "colour"),
        ("cursor=zz", "no `next` of any page"),
        (&format!("sort=id&limit=1&cursor={next}"), "another question"),
        (&format!("q={}", "x".repeat(257)), "256"),
    ] {
        let (status, document) = ask(&fleet, &format!("/agents?{bad}"), None);
        assert!(status == 400 && document.to_string().contains(why), "{bad}: {document}");
    }
    let listed = fleet.json(&["agents", "list", "--sort", "-id", "--limit", "1"]);
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["id"]), (Some(1), &ids[0]));
    let shown = fleet.json(&["agents", "show", second]);
    assert!(shown["rss_bytes"].as_u64() > Some(0) && shown["enrolled"].is_string(), "{shown}");
    assert_eq!(shown["policy"]["deny_rules"], 0, "{shown}");
    assert_eq!(shown["policy"]["capabilities"], Value::Null, "{shown}");
    assert_eq!(shown["journals"].as_array().map(Vec::len), Some(1), "{shown}");
}

#[test]
fn a_preview_means_whom_the_launch_means_and_leaves_no_trace() {
    let fleet = Fleet::start(2);
    let audited = got(&fleet, "/audit")["total"].clone();
    let preview = |body: Value| ask(&fleet, "/targets/preview", Some(&body));
    let (status, shown) = preview(json!({"expr": "os:linux", "sample_ppm": null}));
    assert_eq!((status, &shown["matched"], &shown["left_out"]), (200, &json!(2), &json!(0)));
    assert_eq!((&shown["route"], &shown["error"]), (&json!("broadcast"), &Value::Null), "{shown}");
    let (status, wrong) = preview(json!({"expr": "os:linux and"}));
    assert_eq!((status, &wrong["error"]["at"]), (200, &json!(12)), "{wrong}");
    assert_eq!(preview(json!({"expr": "all", "sample": 5})).0, 400);
    assert_eq!(got(&fleet, "/audit")["total"], audited);
    let told = fleet.json(&["agents", "preview", "--target", "os:linux"]);
    assert_eq!(told["matched"], 2, "{told}");
    let launched = fleet.json(&["hunt", "launch", "--target", "os:linux", "--root", "/nowhere"]);
    assert_eq!(launched["targeted"], 2, "{launched}");
}

#[test]
fn what_an_agent_was_asked_for_and_has_sent_is_listed() {
    let fleet = Fleet::start_with(2, |bundle| {
        std::fs::write(bundle.join("policy.toml"), "max_upload_bytes = 100000000\n")
            .expect("a policy");
    });
    let tree = fleet.path("tree");
    std::fs::create_dir_all(&tree).expect("a folder");
    std::fs::write(tree.join("file"), "what is sent").expect("a file");
    let list = fleet.path("bad.txt");
    std::fs::write(&list, sha256_of_bytes(b"what is sent")).expect("a list");
    let (root, list) = (tree.to_string_lossy().into_owned(), list.to_string_lossy().into_owned());
    let ids: Vec<String> = got(&fleet, "/agents")["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    let of = |target: &str| {
        let words = ["hunt", "launch", "--root", &root, "--target", target];
        let flags = ["--ioc", &list, "--upload-matches"];
        let launched = fleet.json(&[&words[..], &flags].concat());
        launched["id"].as_str().expect("an id").to_owned()
    };
    let (both, second) = (of("all"), of(&format!("id:{}", ids[1])));
    for hunt in [&both, &second] {
        fleet.await_hunt(hunt, LONG);
    }
    let requests = |of: &str, query: &str| got(&fleet, &format!("/agents/{of}/requests?{query}"));
    let first = requests(&ids[0], "");
    assert_eq!((&first["total"], &first["items"][0]["id"]), (&json!(1), &json!(both)), "{first}");
    let mine = requests(&ids[1], "kind=hunt&state=finished");
    let found: Vec<_> = mine["items"].as_array().expect("items").iter().collect();
    assert_eq!(found.iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&second, &both]);
    assert_eq!((&found[0]["subject"], &found[0]["rows"]), (&json!(root), &json!(1)), "{mine}");
    assert_eq!(requests(&ids[1], "kind=profile")["total"], 0);
    let told = fleet.json(&["agents", "requests", &ids[1], "--limit", "1"]);
    assert_eq!(told[0]["id"], json!(second), "{told}");

    let uploads = got(&fleet, &format!("/agents/{}/uploads?limit=1", ids[1]));
    assert_eq!(uploads["total"], 2, "{uploads}");
    let upload = &uploads["items"][0];
    assert_eq!((&upload["request"], &upload["kind"]), (&json!(second), &json!("file")), "{upload}");
    assert!(upload["name"].as_str().is_some_and(|name| name.ends_with("/tree/file")), "{upload}");
    let next = uploads["next"].as_str().expect("a cursor");
    let rest = got(&fleet, &format!("/agents/{}/uploads?cursor={next}", ids[1]));
    assert_eq!(rest["items"][0]["request"], json!(both), "{rest}");
    // The cursor of one agent is none of another.
    let (status, _) = ask(&fleet, &format!("/agents/{}/uploads?cursor={next}", ids[0]), None);
    assert_eq!(status, 400);
    for bad in ["requests?kind=x", "requests?state=x", "requests?sort=id", "uploads?limit=0"] {
        assert_eq!(ask(&fleet, &format!("/agents/{}/{bad}", ids[0]), None).0, 400, "{bad}");
    }
    assert_eq!(ask(&fleet, "/agents/nobody/requests", None).0, 404);
}

#[test]
fn the_fleets_cost_is_sorted_and_summed_up() {
    let fleet = Fleet::start(2);
    // The coordinator samples itself as well.
    eventually("all have a sample", LONG, || {
        let page = got(&fleet, "/telemetry?sort=-rss&limit=2&fleet=1");
        if page["total"] == 3 { Ok(()) } else { Err(page.to_string()) }
    });
    let page = got(&fleet, "/telemetry?sort=-rss&limit=2&fleet=1");
    let rss: Vec<_> = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| one["rss_bytes"].as_u64().expect("a size"))
        .collect();
    assert!(rss.len() == 2 && rss[0] >= rss[1], "{page}");
    assert_eq!(
        (&page["fleet"]["live"], &page["fleet"]["silent"]),
        (&json!(2), &json!(0)),
        "{page}"
    );
    let next = page["next"].as_str().expect("a cursor");
    let rest = got(&fleet, &format!("/telemetry?sort=-rss&limit=2&cursor={next}"));
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1), "{rest}");
    let curve = got(&fleet, "/telemetry/fleet?since=2d");
    assert_eq!(curve["step"], "minute", "{curve}");
    for bad in ["telemetry?sort=host", "telemetry?fleet=2", "telemetry/fleet?since=x"] {
        assert_eq!(ask(&fleet, &format!("/{bad}"), None).0, 400, "{bad}");
    }
    assert_eq!(ask(&fleet, "/telemetry/fleet?step=hour", None).0, 400);
    let top = fleet.json(&["telemetry", "top", "--sort", "rss", "--limit", "1"]);
    assert_eq!(top["agents"].as_array().map(Vec::len), Some(1), "{top}");
    assert_eq!(top["fleet"]["live"], 2, "{top}");
}
