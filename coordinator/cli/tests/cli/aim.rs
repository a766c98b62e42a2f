//! `hunt copy`, `hunt targets` and `hunt run --dry-run`: nothing is launched that was not asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{assert_three_lines, documents, fleet, muster, ran, served};

fn answer(body: &[u8]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    [head.as_bytes(), body].concat()
}

fn preview() -> Value {
    let count = |value: &str, count: u64| json!([{"value": value, "count": count}]);
    json!({
        "error": null, "matched": 3, "left_out": 2, "revoked": 1, "route": "broadcast", "first": [],
        "facets": {"state": count("live", 3), "os": count("linux", 3), "version": [], "labels": []},
    })
}

#[test]
fn a_hunt_is_copied_from_the_bytes_that_were_signed() {
    let folder = fleet();
    let (dir, file) = (folder.path().join("f"), folder.path().join("h.sealed"));
    let seal = ["hunt", "seal", "--root", "/srv/it's", "--target", "label:db", "--max-cpu", "25%"];
    let (code, _, stderr) = ran(muster(&dir).args(seal).arg("--out").arg(&file));
    assert_eq!(code, 0, "{stderr}");
    let sealed = std::fs::read(&file).unwrap();
    let said = "is sealed in";
    assert!(stderr.contains(said), "{stderr}");
    let id = stderr.split(' ').nth(1).unwrap().to_owned();
    let launched = Arc::new(AtomicUsize::new(0));
    let (counted, named) = (Arc::clone(&launched), id.clone());
    let url = served(move |path| {
        if path.ends_with("/sealed") {
            return answer(&sealed);
        }
        if path.starts_with("/api/v1/requests") {
            counted.fetch_add(1, Ordering::Relaxed);
            let launched = json!({
                "id": "01999999-0000-7000-8000-000000000002", "kind": "hunt.start", "targeted": 2,
                "route": "broadcast", "published": true, "note": "",
            });
            return answer(launched.to_string().as_bytes());
        }
        let mut view = documents::hunt("x");
        (view["id"], view["name"], view["case"]) = (json!(named), json!("it's"), json!(""));
        answer(view.to_string().as_bytes())
    });
    let copy = || {
        let mut command = muster(&dir);
        command.args(["--url", &url, "hunt", "copy", &id]);
        command
    };
    let (code, stdout, stderr) = ran(&mut copy());
    assert_eq!(code, 0, "{stderr}");
    let line = "muster hunt run --target label:db --root '/srv/it'\\''s' --max-cpu 25% --name='it'\\''s'\n";
    assert_eq!(stdout, line);
    assert_eq!(launched.load(Ordering::Relaxed), 0);
    let (code, stdout, stderr) = ran(copy().arg("--run"));
    assert_eq!((code, stdout.trim()), (0, "01999999-0000-7000-8000-000000000002"), "{stderr}");
    assert_eq!(launched.load(Ordering::Relaxed), 2, "the hunt, and what it is called");
    // Another fleet's hunt is not signed again.
    let foreign = fleet();
    let mut command = muster(&foreign.path().join("f"));
    let (code, _, stderr) = ran(command.args(["--url", &url, "hunt", "copy", &id, "--run"]));
    assert_eq!(code, 77, "{stderr}");
    assert_three_lines(&stderr);
    assert_eq!(launched.load(Ordering::Relaxed), 2);
}

#[test]
fn a_dry_run_shows_who_and_how_much_and_launches_nothing() {
    let folder = fleet();
    let url = served(|path| {
        assert!(path.starts_with("/api/v1/targets/preview"), "{path}");
        answer(preview().to_string().as_bytes())
    });
    let run = ["hunt", "run", "--root", "/srv", "--target", "label:db", "--dry-run"];
    let mut command = muster(&folder.path().join("f"));
    let (code, stdout, stderr) = ran(command.args(["--url", &url, "--output", "json"]).args(run));
    assert_eq!(code, 0, "{stderr}");
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    let each = shown["bytes_each"].as_u64().unwrap();
    assert!(each > 100 && shown["bytes_all"] == each * 3, "{shown}");
    assert_eq!((&shown["left_out"], &shown["revoked"]), (&json!(2), &json!(1)));
    assert!(stderr.contains("nothing was launched"), "{stderr}");
    let mut command = muster(&folder.path().join("f"));
    let (code, stdout, stderr) = ran(command.args(["--url", &url, "hunt", "targets", "label:db"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("3 live") && stdout.contains("3 linux"), "{stdout}");
}
