//! `hunt pause`, `resume` and `drain`: the real binary against a coordinator that is made up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{assert_three_lines, documents, fleet, muster, ran, served};

const HUNT: &str = "01999999-0000-7000-8000-000000000001";

/// A coordinator with one hunt of two agents, of which `b` has not applied its newest control.
struct Coordinator {
    url: String,
    looks: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
}

/// What of it differs from test to test.
#[derive(Clone, Copy)]
struct Hunt {
    /// The highest revision on record before the control.
    revision: u64,
    /// For how many seconds `b` was not heard of.
    silent_s: u64,
    /// The control that is the newest one while it is waited.
    newest: (&'static str, u64),
}

fn answer(document: &Value) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    format!("{head}{document}\n").into_bytes()
}

impl Coordinator {
    fn of(hunt: Hunt) -> Self {
        let looks = Arc::new(AtomicUsize::new(0));
        let (counted, sent) = (Arc::clone(&looks), AtomicUsize::new(0));
        let url = served(move |path| {
            if path.starts_with("/api/v1/requests") {
                sent.fetch_add(1, Ordering::Relaxed);
                return answer(&json!({
                    "id": "01999999-0000-7000-8000-000000000002", "kind": "control", "targeted": 2,
                    "route": "broadcast", "published": true, "note": "",
                }));
            }
            if path.contains("/agents?applied=0") {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut part = documents::part("b", "running");
                part["silent_s"] = json!(hunt.silent_s);
                return answer(&documents::page(&[part], None));
            }
            let mut view = documents::hunt("x");
            let is_sent = sent.load(Ordering::Relaxed) > 0;
            let (verb, newest) = hunt.newest;
            view["id"] = json!(HUNT);
            (view["hold"], view["applied"], view["controls"]) =
                (json!("none"), Value::Null, json!([]));
            view["done"] = json!(false);
            view["targeted"] = json!(2);
            view["revision"] = json!(if is_sent { newest } else { hunt.revision });
            if is_sent {
                let at = "2026-01-02T03:04:05.000Z";
                view["controls"] = json!([
                    {"id": "1", "verb": verb, "revision": newest, "operator": "ada\u{1b}", "at": at},
                ]);
                view["applied"] =
                    json!({"revision": newest, "applied": 1, "of": 2, "waiting": ["b"]});
            }
            answer(&view)
        });
        Self { url, looks, folder: fleet() }
    }

    fn muster(&self, words: &[&str]) -> Command {
        let folder: PathBuf = Path::new(self.folder.path()).join("f");
        let mut command = muster(&folder);
        command.args(["--url", &self.url]).args(words);
        command
    }
}

const PAUSED: Hunt = Hunt { revision: 6, silent_s: 100, newest: ("pause", 7) };

#[test]
fn an_agent_that_is_away_is_named_and_not_waited_for() {
    let coordinator = Coordinator::of(PAUSED);
    let pause = ["hunt", "pause", "0199", "--output", "json"];
    let (code, stdout, stderr) = ran(&mut coordinator.muster(&pause));
    assert_eq!(code, 0, "{stderr}");
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&said["applied"], &said["of"]), (&json!(1), &json!(2)), "{said}");
    assert_eq!((&said["waiting"], &said["away"]), (&json!([]), &json!(["b"])), "{said}");
    assert_eq!((&said["verb"], &said["revision"]), (&json!("pause"), &json!(7)), "{said}");
    let next = format!("muster hunt resume {HUNT}");
    assert!(stderr.contains("1 of 2 agents have applied it"), "{stderr}");
    assert!(stderr.contains("apply it when back: b") && stderr.contains(&next), "{stderr}");
}

#[test]
fn an_agent_that_is_heard_of_is_waited_for_and_named_at_the_end() {
    let coordinator = Coordinator::of(Hunt { silent_s: 1, ..PAUSED });
    let (code, stdout, stderr) =
        ran(&mut coordinator.muster(&["hunt", "pause", "0199", "--wait", "1s"]));
    assert_eq!(code, 124, "{stderr}");
    assert!(stdout.is_empty() && stderr.contains("not yet: b"), "{stdout}{stderr}");
    assert!(coordinator.looks.load(Ordering::Relaxed) > 1, "it looked again");
    let pause = ["hunt", "pause", "0199", "--wait", "0", "--output", "json"];
    let (code, stdout, _) = ran(&mut coordinator.muster(&pause));
    assert_eq!(code, 0);
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(said["waiting"], json!(["b"]), "{said}");
}

#[test]
fn ctrl_c_leaves_the_wait_and_not_the_pause() {
    let coordinator = Coordinator::of(Hunt { silent_s: 1, ..PAUSED });
    let mut command = coordinator.muster(&["hunt", "pause", "0199", "--wait", "10m"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    // The second look comes after the signal's thread was started.
    while coordinator.looks.load(Ordering::Relaxed) < 2 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not wait");
        std::thread::yield_now();
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("detached; the pause stays: 1 of 2 agents"), "{stderr}");
}

#[test]
fn another_operator_s_control_ends_the_wait() {
    let coordinator = Coordinator::of(Hunt { newest: ("resume", 8), ..PAUSED });
    let (code, _, stderr) = ran(&mut coordinator.muster(&["hunt", "pause", "0199"]));
    assert_eq!(code, 75, "{stderr}");
    assert!(stderr.contains("overtaken: resume by ada\\u{1b} at 2026-01-02"), "{stderr:?}");
}

#[test]
fn a_revision_far_in_the_future_is_not_followed_but_a_cancel_goes() {
    let coordinator = Coordinator::of(Hunt { revision: u64::MAX, ..PAUSED });
    for verb in ["pause", "resume", "drain"] {
        let (code, stdout, stderr) = ran(&mut coordinator.muster(&["hunt", verb, "0199"]));
        assert_eq!(code, 77, "{stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains(&format!("muster hunt cancel {HUNT}")), "{stderr}");
        assert!(stdout.is_empty());
    }
    let (code, _, stderr) = ran(&mut coordinator.muster(&["hunt", "cancel", "0199"]));
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_hunt_is_named_by_a_record_of_its_own() {
    let coordinator = Coordinator::of(PAUSED);
    let note = ["hunt", "note", "0199", "--name", "web shells", "--case", "IR-14"];
    let (code, stdout, stderr) = ran(&mut coordinator.muster(&note));
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert!(stderr.contains(&format!("noted; muster hunt show {HUNT}")), "{stderr}");
    let long = "x".repeat(201);
    for (words, why) in [
        (&["hunt", "note", "0199"][..], "it says nothing"),
        (&["hunt", "note", "0199", "--name", "a\u{1b}[2J"], "not printable"),
        (&["hunt", "note", "0199", "--case", &long], "201 bytes, 200 are allowed"),
        (&["hunt", "launch", "--root", "/a", "--name", "a\nb"], "not printable"),
    ] {
        let (code, _, stderr) = ran(&mut coordinator.muster(words));
        assert_eq!(code, 64, "{words:?}: {stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains(why), "{stderr}");
    }
}
