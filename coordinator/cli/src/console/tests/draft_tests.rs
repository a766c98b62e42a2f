//! What is reviewed is what is signed, whatever coordinator and page try.

use std::collections::BTreeSet;

use muster_protocol::clock::Clock;
use muster_protocol::hex;
use muster_protocol::limits::SEALED_BYTES_MAX;
use muster_protocol::request::sign::Trust;
use muster_protocol::request::{Args, Sealed};
use muster_protocol::result::rows::sha256;
use muster_protocol::wire;
use serde_json::{Value, json};

use super::bench::{Asked, Bench, Session, Upstream, answer, document};

const AS_OF: &str = "2026-01-02T03:04:05.000Z";

fn preview(matched: u64, live: u64) -> Value {
    let state = json!([{"value": "live", "count": live}]);
    json!({
        "error": null, "matched": matched, "left_out": 0, "revoked": 0, "route": "broadcast", "first": [],
        "facets": {"state": state, "os": [], "version": [], "labels": []},
    })
}

/// A coordinator that takes everything and says of targets what it is told to.
fn coordinator(preview: Value) -> Upstream {
    Upstream::answering(move |asked| {
        let path = asked.line.split(' ').nth(1).unwrap();
        match path.split('?').next().unwrap() {
            "/api/v1/agents" => document(
                &json!({"items": [], "next": null, "total": 0, "as_of": AS_OF}).to_string(),
            ),
            "/api/v1/targets/preview" => document(&preview.to_string()),
            "/api/v1/requests" => {
                let sealed = sealed(asked);
                let launched = json!({
                    "id": sealed.id, "kind": sealed.kind, "targeted": 3, "route": preview["route"], "published": true,
                });
                document(&launched.to_string())
            }
            "/api/v1/lists" => document(&json!({"sha256": "ab", "hashes": 1}).to_string()),
            _ => answer("404 Not Found\r\nContent-Type: application/json", "{}"),
        }
    })
}

fn sealed(asked: &Asked) -> Sealed {
    wire::decode(&asked.body, SEALED_BYTES_MAX).unwrap()
}

/// Returns what was submitted, in order.
fn submitted(upstream: &Upstream) -> Vec<Sealed> {
    let asked = upstream.asked();
    asked.iter().filter(|one| one.line.starts_with("POST /api/v1/requests ")).map(sealed).collect()
}

fn make(bench: &Bench, session: &Session, form: &Value) -> Value {
    let answer = bench.ask(session, "POST /console/drafts", &form.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn launch(bench: &Bench, session: &Session, draft: &Value, body: &Value) -> (u16, Value) {
    let line = format!("POST /console/drafts/{}/launch", draft["draft"].as_str().unwrap());
    let answer = bench.ask(session, &line, &body.to_string());
    (answer.status, answer.json())
}

fn hunt() -> Value {
    json!({"kind": "hunt", "fields": {
        "target": "label:db", "root": ["/srv", {"base64": "L2L/"}], "max_cpu": "25%", "newer": "7d", "hash": ["md5"],
    }})
}

#[test]
fn the_bytes_that_are_signed_are_those_of_the_review() {
    let upstream = coordinator(preview(3, 2));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let draft = make(&bench, &session, &hunt());
    let review = &draft["review"]["requests"][0];
    assert_eq!(review["hunt"]["roots"][1], json!({"text": "/b\\xff", "base64": "L2L/"}));
    assert_eq!(
        (&review["target"]["expr"], &review["limits"]["max_cpu_percent"]),
        (&json!("label:db"), &json!(25))
    );
    assert_eq!(draft["review"]["operator"]["name"], "ada");
    assert_eq!(draft["coordinator"]["matched"], 3);
    assert_eq!(
        draft["command"],
        "muster hunt run --target label:db --root /srv --root $'/b\\xff' --hash md5 --newer 7d --max-cpu 25%"
    );
    assert_eq!(submitted(&upstream), [], "nothing is sent before it is launched");

    let digest = draft["digest"].as_str().unwrap();
    let (status, launched) = launch(&bench, &session, &draft, &json!({"digest": digest}));
    assert_eq!(status, 200, "{launched}");
    let sent = submitted(&upstream);
    assert_eq!(sent.len(), 1);
    assert_eq!(hex::encode(&sha256(&sent[0].body)), digest);
    assert_eq!(launched["id"], sent[0].id.as_str());
    let operator = &bench.operator;
    let trust = Trust { fleet: operator.fleet, root: operator.root, revoked: BTreeSet::new() };
    let opened = trust.open(&sent[0], Clock::system().now()).unwrap();
    let Args::HuntStart(start) = opened.args else { panic!("another kind") };
    assert_eq!(start.file_hash().unwrap().roots.len(), 2);

    // Again: the same bytes, the same signature.
    let (status, again) = launch(&bench, &session, &draft, &json!({"digest": digest}));
    assert_eq!((status, &again["id"]), (200, &launched["id"]));
    let sent = submitted(&upstream);
    assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
}

#[test]
fn words_of_a_later_coordinator_are_shown_as_they_are() {
    let mut later = preview(1, 0);
    later["route"] = json!("relayed");
    later["facets"]["state"] = json!([{"value": "resting", "count": 1}]);
    later["first"] = json!([{
        "id": "a-1", "name": "a", "state": "resting", "host": "", "os": "", "arch": "", "version": "", "labels": {},
        "last_seen": null, "cpu_percent": null, "rss_bytes": null, "collections": 0, "outbox_bytes": 0,
        "journal_full": false, "clock_offset_ms": null,
    }]);
    let upstream = coordinator(later);
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let draft = make(&bench, &session, &hunt());
    assert_eq!(draft["coordinator_problem"], Value::Null);
    assert_eq!(draft["coordinator"]["first"][0]["state"], "resting");
    let codes = draft["warnings"].as_array().unwrap().iter().map(|one| one["code"].clone());
    let body = json!({"digest": draft["digest"], "confirmed": codes.collect::<Vec<_>>()});
    let (status, launched) = launch(&bench, &session, &draft, &body);
    assert_eq!((status, &launched["launched"][0]["route"]), (200, &json!("relayed")), "{launched}");
}

#[test]
fn another_digest_signs_nothing() {
    let upstream = coordinator(preview(3, 2));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let (one, other) = (make(&bench, &session, &hunt()), make(&bench, &session, &hunt()));
    assert_ne!(one["digest"], other["digest"], "each has its own id");
    for digest in [&other["digest"], &json!(""), &json!("0".repeat(64))] {
        let (status, body) = launch(&bench, &session, &one, &json!({"digest": digest}));
        assert_eq!((status, &body["code"]), (409, &json!(75)), "{body}");
    }
    let line = "POST /console/drafts/none/launch";
    let body = json!({"digest": one["digest"]}).to_string();
    assert_eq!(bench.ask(&session, line, &body).status, 404);
    assert_eq!(submitted(&upstream), []);
}

#[test]
fn what_the_coordinator_says_of_a_target_changes_nothing_that_is_signed() {
    // It claims that everything matches, another expression, and a hundred thousand agents.
    let mut lie = preview(100_000, 100_000);
    lie["review"] = json!({"requests": []});
    lie["expr"] = json!("all");
    let upstream = coordinator(lie);
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let draft = make(&bench, &session, &hunt());
    let request = &draft["review"]["requests"][0];
    assert_eq!(request["target"], json!({"expr": "label:db", "sample_ppm": null, "agents": []}));
    let (status, _) = launch(&bench, &session, &draft, &json!({"digest": draft["digest"]}));
    assert_eq!(status, 200);
    assert_eq!(
        hex::encode(&sha256(&submitted(&upstream)[0].body)),
        draft["digest"].as_str().unwrap()
    );
}

#[test]
fn what_is_unusual_must_be_confirmed() {
    let upstream = coordinator(preview(5_000, 0));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let draft = make(&bench, &session, &json!({"kind": "hunt", "fields": {"root": ["/a"]}}));
    let codes: Vec<_> =
        draft["warnings"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["all_agents", "no_cpu_bound", "nobody_live"]);
    for few in [&codes[..0], &codes[..2], &codes[1..]] {
        let body = json!({"digest": draft["digest"], "confirmed": few});
        assert_eq!(launch(&bench, &session, &draft, &body).0, 409);
    }
    assert_eq!(submitted(&upstream), []);
    let body = json!({"digest": draft["digest"], "confirmed": codes});
    assert_eq!(launch(&bench, &session, &draft, &body).0, 200);
}

#[test]
fn a_wrong_form_names_its_field() {
    let upstream = coordinator(preview(1, 1));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    for (fields, field, words) in [
        (json!({"root": ["etc"]}), "root", "is relative"),
        (json!({}), "root", "walks at least one folder"),
        (json!({"root": ["/a"], "min_size": "2", "max_size": "1"}), "min_size", "is above"),
        (json!({"root": ["/a"], "max_cpu": "fast"}), "max_cpu", "is not a percentage"),
        (json!({"root": ["/a"], "include": ["a[1.js"]}), "include", "^"),
        (json!({"root": ["/a"], "ioc": "/etc/shadow"}), "ioc", "is none of"),
        (json!({"root": ["/a"], "operator_key": "/x"}), "operator_key", "is none of"),
    ] {
        let form = json!({"kind": "hunt", "fields": fields});
        let answer = bench.ask(&session, "POST /console/drafts", &form.to_string());
        let body = answer.json();
        assert_eq!((answer.status, &body["field"]), (400, &json!(field)), "{body}");
        assert!(body["cause"].as_str().unwrap().contains(words), "{body}");
    }
    let form = json!({"kind": "hunt", "fields": {"root": ["/a"], "target": "label:db and"}});
    let body = bench.ask(&session, "POST /console/drafts", &form.to_string()).json();
    assert_eq!((&body["field"], &body["at"]), (&json!("target"), &json!(12)), "{body}");
    let form = json!({"kind": "hunt", "fields": {"root": ["/a"]}, "lists": ["none"]});
    assert_eq!(bench.ask(&session, "POST /console/drafts", &form.to_string()).status, 404);
}

#[test]
fn a_list_is_read_by_the_code_of_the_command_line() {
    let upstream = coordinator(preview(1, 1));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let (md5, sha1) = ("ab".repeat(16), "cd".repeat(20));
    let text = format!("# bad\n{md5}\n{sha1}  a file\n{md5}\n");
    let list = bench.ask(&session, "POST /console/lists?name=bad.txt", &text).json();
    assert_eq!((&list["hashes"], &list["duplicates"]), (&json!(2), &json!(1)), "{list}");
    assert_eq!(list["kinds"], json!([{"kind": "md5", "count": 1}, {"kind": "sha1", "count": 1}]));
    assert_eq!(list["bytes"], 36);
    let form = json!({"kind": "hunt", "fields": {"root": ["/a"], "target": "label:a"}, "lists": [list["list"]]});
    let draft = make(&bench, &session, &form);
    let hunt = &draft["review"]["requests"][0]["hunt"];
    assert_eq!((&hunt["list"]["count"], &hunt["hashes"]), (&json!(2), &json!(["md5", "sha1"])));
    assert_eq!(draft["command"], "muster hunt run --target label:a --root /a --ioc bad.txt");

    let bad = bench.ask(&session, "POST /console/lists?name=bad.txt", &format!("{md5}\nnone\n"));
    let body = bad.json();
    assert_eq!((bad.status, &body["field"]), (400, &json!("list")), "{body}");
    assert_eq!((&body["line"], &body["column"]), (&json!(2), &json!(1)));
    assert!(body["error"].as_str().unwrap().starts_with("bad.txt: line 2"), "{body}");
    let skipping =
        bench.ask(&session, "POST /console/lists?skip_bad=1", &format!("{md5}\nnone\n")).json();
    assert_eq!(skipping["skipped_first"], json!(["list:2"]));
    for bad in ["", "\0\0\0\0", "nothing"] {
        let refused = bench.ask(&session, "POST /console/lists", bad);
        assert_eq!((refused.status, &refused.json()["field"]), (400, &json!("list")), "{bad:?}");
    }
    assert_eq!(bench.ask(&session, "POST /console/lists?nmae=x", "").status, 400);
}

#[test]
fn a_long_list_travels_in_parts_under_one_digest() {
    let upstream = coordinator(preview(1, 1));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let lines: Vec<_> = (0..40_000).map(|n| format!("{n:064x}")).collect();
    let text = lines.join("\n");
    let list = bench.ask(&session, "POST /console/lists", &text).json();
    let form = json!({"kind": "hunt", "fields": {"root": ["/a"], "target": "label:a"}, "lists": [list["list"]]});
    let draft = make(&bench, &session, &form);
    let kinds: Vec<_> = draft["review"]["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].clone())
        .collect();
    assert_eq!(kinds, ["list.part", "hunt.start"]);
    assert_eq!(
        draft["review"]["whole_bytes"].as_u64().map(|bytes| bytes > 40_000 * 32),
        Some(true)
    );
    let (status, body) = launch(&bench, &session, &draft, &json!({"digest": draft["digest"]}));
    assert_eq!(status, 200, "{body}");
    let sent = submitted(&upstream);
    let bodies: Vec<u8> = sent.iter().flat_map(|sealed| sealed.body.to_vec()).collect();
    assert_eq!(hex::encode(&sha256(&bodies)), draft["digest"].as_str().unwrap());
    let lines: Vec<_> = upstream.asked().iter().map(|one| one.line.clone()).collect();
    let first = lines.iter().position(|line| line.starts_with("POST /api/v1/requests")).unwrap();
    let last = lines.iter().rposition(|line| line.starts_with("POST /api/v1/lists")).unwrap();
    assert!(last < first, "{lines:?}");
}

#[test]
fn a_profile_of_named_agents_and_the_coordinator() {
    let upstream = coordinator(preview(1, 1));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let form = json!({"kind": "profile", "fields": {"coordinator": true, "kind": ["cpu", "wall"], "seconds": "5"}});
    let draft = make(&bench, &session, &form);
    let request = &draft["review"]["requests"][0];
    assert_eq!(request["target"]["agents"], json!(["coordinator"]));
    let wanted = json!({"kinds": ["cpu", "wall"], "seconds": 5, "hertz": 99, "while": null});
    assert_eq!(request["profile"], wanted);
    assert_eq!(draft["warnings"], json!([]));
    assert_eq!(
        draft["command"],
        "muster profile take --coordinator --kind cpu --kind wall --seconds 5"
    );
    let nobody = json!({"kind": "profile", "fields": {}});
    assert_eq!(bench.ask(&session, "POST /console/drafts", &nobody.to_string()).status, 400);
}

#[test]
fn a_key_that_cannot_be_used_makes_the_console_read() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = coordinator(preview(1, 1));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let draft = make(&bench, &session, &hunt());
    let key = bench.dir.join("operator.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let view = bench.ask(&session, "GET /console/session", "").json();
    assert_eq!((&view["mode"], &view["operator"]), (&json!("read_only"), &Value::Null));
    assert!(view["why"]["cause"].as_str().unwrap().contains("0644"), "{view}");
    assert_eq!(launch(&bench, &session, &draft, &json!({"digest": draft["digest"]})).0, 403);
    std::fs::remove_file(&key).unwrap();
    assert_eq!(bench.ask(&session, "GET /console/session", "").json()["mode"], "read_only");
    assert_eq!(submitted(&upstream), []);
    // Another key than the one that was reviewed signs nothing either.
    let other =
        crate::keys::Root::generate().unwrap().operator("eve", Clock::system().now()).unwrap();
    other.write(&key).unwrap();
    let (status, body) = launch(&bench, &session, &draft, &json!({"digest": draft["digest"]}));
    assert_eq!(status, 409, "{body}");
    assert_eq!(submitted(&upstream), []);
}

#[test]
fn source_lines_come_from_the_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, secret) = (folder.path().join("m/src"), folder.path().join("secret.rs"));
    std::fs::create_dir_all(&inside).unwrap();
    std::fs::write(inside.join("walk.rs"), "one\ntwo\nthree\nfour\n").unwrap();
    std::fs::write(&secret, "secret").unwrap();
    let source = folder.path().join("m");
    let upstream = coordinator(preview(1, 1));
    let bench = Bench::new(&upstream.url, &["--source", source.to_str().unwrap()]);
    let session = bench.session();
    let get = |query: &str| bench.ask(&session, &format!("GET /console/source?{query}"), "");
    let view = get("file=/build/m/src/walk.rs&line=3&context=1").json();
    assert_eq!(view["lines"], json!(["two", "three", "four"]));
    assert_eq!((&view["first"], &view["total"]), (&json!(2), &json!(4)));
    assert_eq!(get("file=/build/m/src/walk.rs").json()["lines"].as_array().unwrap().len(), 4);
    let secret = secret.to_str().unwrap();
    for bad in [
        secret.to_owned(),
        format!("{}/../secret.rs", source.display()),
        "../secret.rs".to_owned(),
        "/etc/passwd".to_owned(),
    ] {
        assert_eq!(get(&format!("file={bad}")).status, 404, "{bad}");
    }
    let without = Bench::new(&upstream.url, &[]);
    let session = without.session();
    assert_eq!(without.ask(&session, "GET /console/source?file=walk.rs", "").status, 404);
}
