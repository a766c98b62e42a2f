//! Words of a later version, in what is stored and in what is asked: no endpoint fails of one.

use serde_json::json;

use super::*;
use crate::store::NewAgent;

/// What can be asked of a fleet with one hunt and one agent.
fn asked() -> Vec<String> {
    let of_hunt = [
        "",
        "/agents",
        "/agents?detail=1",
        "/agents/a-1",
        "/costs",
        "/why",
        "/timeline",
        "/files",
        "/errors",
    ];
    let mut paths: Vec<_> = of_hunt.map(|of| format!("/hunts/{HUNT}{of}")).into();
    paths.extend([format!("/requests/{HUNT}"), format!("/hunts/{HUNT}/rows")]);
    paths.extend(
        [
            "/hunts",
            "/profiles",
            "/overview",
            "/agents",
            "/agents/a-1",
            "/agents/a-1/requests",
            "/search?q=a",
            "/doctor",
        ]
        .map(str::to_owned),
    );
    paths
}

fn fleet() -> Api {
    let api = Api::new();
    let new = NewAgent { id: agent("a-1"), name: "a".to_owned(), labels: "{}".to_owned() };
    api.write(Write::Agents(vec![new], Audit::default()));
    api
}

#[test]
fn a_part_of_a_class_that_is_not_known_is_made_again() {
    let api = fleet();
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    api.write(chunk(HUNT, "a-1", 1, 0, vec![file("x", 1, FileStatus::Ok, 0)]));
    let before = api.well(&format!("/hunts/{HUNT}"))["states"].clone();
    assert_eq!((&before["running"], &before["silent"]), (&json!(1), &json!(1)));
    assert_eq!(api.core.place.spoil("UPDATE collection SET class = 'resting'"), 2);
    for path in asked() {
        api.well(&path);
    }
    assert_eq!(api.well(&format!("/hunts/{HUNT}"))["states"], before);
    let unreadable =
        api.core.read(|reader| Ok::<_, crate::store::StoreError>(reader.unreadable().counts()));
    let unreadable = api.runtime.block_on(unreadable).unwrap();
    assert_eq!(unreadable.keys().filter(|(table, _)| table.as_str() == "collection").count(), 2);
}

#[test]
fn a_hunt_for_an_artifact_of_a_later_version_is_shown_by_its_name() {
    let api = fleet();
    let mut start = HuntStart::files(&file_hash::Args::default()).unwrap();
    start.artifact = "moods".to_owned();
    api.write(request(HUNT, Kind::HuntStart, wire::encode(&start).unwrap(), &["a-1"]));
    for path in asked() {
        let (status, document) = api.get(&path);
        let rows_of_it = ["/rows", "/errors", "/files"].iter().any(|end| path.ends_with(end));
        assert!(status == 200 || (rows_of_it && status == 501), "{path}: {status}: {document}");
    }
    let shown = api.well(&format!("/hunts/{HUNT}"));
    assert_eq!((&shown["artifact"], &shown["roots"]), (&json!("moods"), &json!([])));
    assert_eq!(api.well("/hunts")["items"][0]["id"], HUNT.to_string());
    let cause = api.refused(501, &format!("/hunts/{HUNT}/rows"));
    assert!(cause.contains("\"moods\""), "{cause}");
}

#[test]
fn a_word_that_is_not_known_is_refused_by_every_filter() {
    let api = fleet();
    api.write(hunt(HUNT, &["a-1"]));
    let document: Value = serde_json::from_str(muster_api::OPENAPI).unwrap();
    let mut filters = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(parameters) = item["get"]["parameters"].as_array() else { continue };
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        // They have no end.
        if path.ends_with("/events") {
            continue;
        }
        let path = path.replace("{id}", &HUNT.to_string()).replace("{agent}", "a-1");
        let path = path.replace("{view}", "top").replace("{sha256}", "00");
        let path = path.replace(&format!("/agents/{HUNT}"), "/agents/a-1");
        for parameter in parameters.iter().filter(|one| one["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            filters += 1;
            for word in ["resting", "", ",", "%00", "-1", "%F0%9F%92%A9", "9999999999999999999999"]
            {
                let (status, document) = api.get(&format!("{path}?{name}={word}"));
                assert!(status < 500, "{path}?{name}={word}: {status}: {document}");
            }
        }
    }
    assert!(filters > 60, "{filters}");
}
