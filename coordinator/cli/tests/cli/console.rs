//! `muster console` as a person meets it, and `--draft FILE`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{assert_three_lines, fleet, muster, ran, routed};

/// Starts the console on a free port and reads the address that it prints.
fn started(dir: &Path, words: &[&str]) -> (Child, String) {
    let mut command = muster(dir);
    command.args(["console", "--listen", "127.0.0.1:0"]).args(words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim_end().to_owned())
}

#[test]
fn the_console_prints_one_address_and_ends_with_ctrl_c() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let (child, address) = started(&dir, &[]);
    let (origin, code) = address.split_once("/#").unwrap();
    assert!(origin.starts_with("http://127.0.0.1:"), "{address}");
    assert!(code.len() == 64 && code.bytes().all(|byte| byte.is_ascii_hexdigit()), "{address}");
    // The code is in no argument, and neither are key and token.
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert!(!arguments.contains(code), "{arguments}");
    let interrupted =
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("operator (key ") && notes.contains("http://127.0.0.1:7411"), "{notes}");
    assert!(!notes.contains(code), "{notes}");
    assert!(output.stdout.is_empty(), "one line");
}

#[test]
fn the_console_listens_on_this_machine_alone() {
    let folder = fleet();
    let dir = folder.path().join("f");
    for listen in
        ["0.0.0.0:7412", "[::]:7412", "192.0.2.1:7412", "muster.example.org:7412", "nonsense:x"]
    {
        let (code, stdout, stderr) = ran(muster(&dir).args(["console", "--listen", listen]));
        assert_eq!((code, stdout.as_str()), (64, ""), "{listen}: {stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains("ssh -L 7412:127.0.0.1:7412"), "{stderr}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = ran(muster(&dir).args(["console", "--listen", &address]));
    assert_eq!(code, 69, "{stderr}");
    assert_three_lines(&stderr);
}

#[test]
fn the_console_needs_a_terminal_to_ask_on_and_a_folder_that_is_there() {
    let folder = fleet();
    let dir = folder.path().join("f");
    for words in [&["--confirm", "terminal"][..], &["--source", "/nowhere"]] {
        let (code, _, stderr) = ran(muster(&dir).arg("console").args(words));
        assert_eq!(code, 64, "{stderr}");
        assert_three_lines(&stderr);
    }
}

#[test]
fn a_console_without_a_key_only_reads() {
    let folder = fleet();
    let dir = folder.path().join("f");
    std::fs::remove_file(dir.join("operator.key")).unwrap();
    let (mut child, address) = started(&dir, &[]);
    assert!(address.contains("/#"), "{address}");
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("only reads") && notes.contains("operator.key"), "{notes}");
}

#[test]
fn a_draft_is_reviewed_on_the_terminal_before_it_is_signed() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let launched =
        r#"{"id":"0199","kind":"hunt.start","targeted":2,"route":"broadcast","published":true}"#;
    let page = r#"{"items":[],"next":null,"total":0,"as_of":"2026-01-02T03:04:05.000Z"}"#;
    let preview = r#"{"error":null,"matched":2,"facets":{"state":[],"os":[],"version":[],"labels":[]},
        "first":[],"left_out":0,"revoked":0,"route":"broadcast"}"#;
    let url = routed(vec![
        ("/api/v1/agents", page.to_owned()),
        ("/api/v1/targets/preview", preview.to_owned()),
        ("/api/v1/requests", launched.to_owned()),
    ]);
    let draft = |text: &str| {
        let path = folder.path().join("draft.json");
        std::fs::write(&path, text).unwrap();
        path
    };
    let launch = |path: &Path, more: &[&str]| {
        ran(muster(&dir).args(["--url", &url, "hunt", "launch", "--draft"]).arg(path).args(more))
    };
    let good =
        r#"{"kind":"hunt","fields":{"root":["/srv/a\nb"],"max_cpu":"25%","target":"label:db"}}"#;
    let path = draft(good);
    let (code, stdout, stderr) = launch(&path, &[]);
    assert_eq!((code, stdout.as_str()), (64, ""), "{stderr}");
    assert!(stderr.contains("label:db") && stderr.contains("add --yes"), "{stderr}");
    assert!(stderr.contains("/srv/a\\nb"), "a line's end in a name makes no line: {stderr}");
    let (code, stdout, stderr) = launch(&path, &["--yes"]);
    assert_eq!((code, stdout.as_str()), (0, "0199\n"), "{stderr}");
    for (text, words) in [
        ("{", "is not a draft"),
        (r#"{"kind":"profile","fields":{"coordinator":true}}"#, "muster profile take --draft"),
        (r#"{"kind":"hunt","fields":{"root":["/a"],"operator_key":"/x"}}"#, "is none of"),
        (r#"{"kind":"hunt","fields":{"root":["/a"]},"lists":["x"]}"#, "add --ioc FILE"),
        (r#"{"kind":"hunt","fields":{"root":["etc"]}}"#, "is relative"),
    ] {
        let (code, _, stderr) = launch(&draft(text), &["--yes"]);
        assert_eq!(code, 64, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
    let (code, _, stderr) = launch(&draft(good), &["--root", "/b"]);
    assert_eq!(code, 64, "{stderr}");
    let take = |path: &Path| {
        ran(muster(&dir).args(["--url", &url, "profile", "take", "--yes", "--draft"]).arg(path))
    };
    let (code, stdout, stderr) =
        take(&draft(r#"{"kind":"profile","fields":{"coordinator":true}}"#));
    assert_eq!((code, stdout.as_str()), (0, "0199\n"), "{stderr}");
}
