//! The real `muster` binary: what it prints, what it writes, and the code that it ends with.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure is a panic here")]

mod aim;
mod console;
mod documents;
mod init;
mod places;
mod steer;
mod terminal;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use muster_protocol::clock::Clock;
use muster_protocol::hex;
use muster_protocol::limits;
use muster_protocol::request::sign::Trust;
use muster_protocol::request::{Args, Sealed};
use muster_protocol::wire;

fn muster(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    command.env("MUSTER_DIR", dir).stdin(Stdio::null());
    command
}

fn ran(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

fn fleet() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = ran(muster(&folder.path().join("f")).arg("init"));
    assert_eq!(code, 0, "{stderr}");
    folder
}

/// Three lines: what, why, what to do next.
fn assert_three_lines(stderr: &str) {
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{stderr}");
    assert!(lines[0].starts_with("error: "), "{stderr}");
    assert!(lines[1].starts_with("  cause: "), "{stderr}");
    assert!(lines[2].starts_with("  try:   "), "{stderr}");
}

/// Answers every connection with the same bytes, until the test ends.
fn answering(answer: &'static [u8]) -> String {
    served(move |_| answer.to_vec())
}

/// Answers with the document of the first path that a question begins with, until the test ends.
fn routed(documents: Vec<(&'static str, String)>) -> String {
    served(move |path| {
        let (_, document) = documents.iter().find(|(start, _)| path.starts_with(start)).unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
        format!("{head}{document}\n").into_bytes()
    })
}

fn served(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer_one(connection.unwrap(), &answer);
        }
    });
    url
}

fn answer_one(connection: TcpStream, answer: &impl Fn(&str) -> Vec<u8>) {
    let mut reader = BufReader::new(connection);
    let (mut line, mut length) = (String::new(), 0_u64);
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    line.clear();
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut body).unwrap();
    // A client that has seen enough closes its end early.
    drop(reader.into_inner().write_all(&answer(&path)));
}

#[test]
fn help_of_every_verb_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    let verbs = [
        "init",
        "serve",
        "console",
        "broker apply",
        "broker status",
        "agents enrol",
        "agents list",
        "agents show",
        "agents revoke",
        "hunt run",
        "hunt launch",
        "hunt seal",
        "hunt list",
        "hunt show",
        "hunt watch",
        "hunt results",
        "hunt targets",
        "hunt copy",
        "hunt note",
        "hunt pause",
        "hunt resume",
        "hunt drain",
        "hunt cancel",
        "profile take",
        "profile list",
        "profile show",
        "profile cancel",
        "profile top",
        "profile flame",
        "profile export",
        "profile bundle",
        "telemetry show",
        "telemetry top",
        "who-has",
        "trust revoke",
        "doctor",
        "completions",
    ];
    for verb in verbs {
        let (code, stdout, _) = ran(muster(folder.path()).args(verb.split(' ')).arg("--help"));
        assert_eq!(code, 0, "{verb}");
        let (_, examples) = stdout.split_once("Examples:").unwrap_or_else(|| panic!("{verb}"));
        assert!(examples.matches(&format!("muster {verb}")).count() >= 1, "{verb}: {examples}");
        assert!(examples.matches("muster").count() >= 2, "{verb}: {examples}");
    }
}

#[test]
fn usage_errors_are_64() {
    let folder = fleet();
    let dir = folder.path().join("f");
    for words in [
        &["nonsense"][..],
        &["hunt", "run", "--no-such-flag"],
        &["hunt", "seal", "--root", "/a", "--out", "x", "--max-size", "10X"],
        &["hunt", "seal", "--root", "etc", "--out", "x"],
        &["hunt", "seal", "--out", "x"],
        &["hunt", "seal", "--root", "/a", "--out", "x", "--agents", "a", "--target", "all"],
        &["profile", "take"],
        &["profile", "take", "--coordinator", "--seconds", "601"],
        &["who-has", "xyz"],
        &["profile", "flame", "0199", "-o", "f.jpg"],
        &["profile", "merge", "0199", "--format", "flame", "-o", "f.pdf"],
        &["profile", "diff", "0199", "01a2", "-o", "f.gif"],
        &["hunt", "files", "0199", "--out", "-"],
        &["agents", "enrol", "web-1", "--out", "-"],
        &["agents", "show", "NOT AN ID"],
        &["hunt", "show", "../../agents"],
        &[],
    ] {
        let (code, stdout, stderr) = ran(muster(&dir).args(words));
        assert_eq!(code, 64, "{words:?}: {stderr}");
        assert!(stdout.is_empty() && !stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn a_relative_root_says_what_to_do() {
    let folder = fleet();
    let words = ["hunt", "seal", "--root", "srv/www", "--out", "x"];
    let (code, _, stderr) = ran(muster(&folder.path().join("f")).args(words));
    assert_eq!(code, 64);
    assert_three_lines(&stderr);
    assert!(stderr.contains("srv/www is relative"), "{stderr}");
}

#[test]
fn a_target_that_does_not_parse_is_marked() {
    let folder = fleet();
    let words =
        ["hunt", "seal", "--root", "/a", "--out", "x", "--target", "label:db and and os:linux"];
    let (code, _, stderr) = ran(muster(&folder.path().join("f")).args(words));
    assert_eq!(code, 64);
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].contains("position 13"), "{stderr}");
    let expression = lines[1].find("label:db").unwrap();
    assert_eq!(lines[2].find('^'), Some(expression + 13), "{stderr}");
}

#[test]
fn no_coordinator_is_69_in_three_lines() {
    let folder = fleet();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    for words in [&["agents", "list"][..], &["hunt", "list"], &["doctor"], &["telemetry", "top"]] {
        let (code, stdout, stderr) =
            ran(muster(&folder.path().join("f")).args(["--url", &url]).args(words));
        assert_eq!(code, 69, "{words:?}: {stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains(&url) && stdout.is_empty(), "{stderr}");
    }
}

#[test]
fn a_refusal_of_the_coordinator_has_its_code() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let wrong_token = answering(
        b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
          {\"error\":\"the token is not known\",\"cause\":\"no token has this digest\",\"try\":\"look\",\"code\":77}",
    );
    let (code, _, stderr) = ran(muster(&dir).args(["--url", &wrong_token, "hunt", "list"]));
    assert_eq!(code, 77, "{stderr}");
    assert_three_lines(&stderr);
    assert!(stderr.contains("the token is not known"), "{stderr}");

    let nobody = answering(
        b"HTTP/1.1 422 Unprocessable Content\r\nConnection: close\r\n\r\n\
          {\"error\":\"no agent matches \\u001b[2J\",\"cause\":\"0 of 3\",\"try\":\"muster agents list\",\"code\":3}",
    );
    let launch = ["hunt", "launch", "--root", "/a", "--target", "label:none"];
    let (code, _, stderr) = ran(muster(&dir).args(["--url", &nobody]).args(launch));
    assert_eq!(code, 3, "{stderr}");
    assert_three_lines(&stderr);
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
}

#[test]
fn a_sealed_request_opens_with_the_trust_of_its_fleet() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let sealed = folder.path().join("h.sealed");
    let odd = std::ffi::OsString::from_vec(b"/srv/\xff".to_vec());
    let mut command = muster(&dir);
    command.args(["hunt", "seal", "--max-size", "10M", "--target", "label:db", "--out"]);
    let (code, _, stderr) = ran(command.arg(&sealed).arg("--root").arg(&odd));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(std::fs::metadata(&sealed).unwrap().permissions().mode() & 0o777, 0o600);

    let config = muster_server::config::Config::read(&dir.join("coordinator.toml")).unwrap();
    let trust = Trust { fleet: config.file.fleet, root: config.root, revoked: BTreeSet::new() };
    let bytes = std::fs::read(&sealed).unwrap();
    let request: Sealed = wire::decode(&bytes, limits::REQUEST_BYTES_MAX).unwrap();
    let opened = trust.open(&request, Clock::system().now()).unwrap();
    let Args::HuntStart(hunt) = opened.args else { panic!("not a hunt") };
    assert_eq!(hunt.file_hash().unwrap().roots[0].as_slice(), b"/srv/\xff");
    assert_eq!(hunt.file_hash().unwrap().max_size, Some(10_000_000));
    assert_eq!(opened.operator, "operator");

    let other = Trust { root: [7; 32], ..trust };
    assert!(other.open(&request, Clock::system().now()).is_err());
    let (code, _, _) =
        ran(muster(&dir).args(["hunt", "seal", "--root", "/a", "--out"]).arg(&sealed));
    assert_eq!(code, 64, "a sealed request is not overwritten");
}

#[test]
fn secrets_are_never_in_an_error() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let token = std::fs::read_to_string(dir.join("token")).unwrap();
    let key = dir.join("operator.key");
    let text = std::fs::read_to_string(&key).unwrap();
    let seed =
        text.lines().find_map(|line| line.strip_prefix("seed = ")).unwrap().trim_matches('"');
    assert!(hex::decode(seed).is_some());
    std::fs::write(
        &key,
        text.replace("seed = ", "seed =").replace("certificate", "certificate nonsense"),
    )
    .unwrap();
    let words = ["--url", "http://127.0.0.1:1", "hunt", "seal", "--root", "/a", "--out", "x"];
    let (code, _, stderr) = ran(muster(&dir).args(words));
    assert_eq!(code, 77, "{stderr}");
    let (_, _, unreachable) =
        ran(muster(&dir).args(["--url", "http://127.0.0.1:1", "hunt", "list"]));
    for output in [stderr, unreachable] {
        assert!(!output.contains(seed) && !output.contains(token.trim()), "{output}");
    }
}

#[test]
fn completions_run_and_a_closed_pipe_is_success() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let (code, stdout, _) = ran(muster(folder.path()).args(["completions", shell]));
        assert_eq!(code, 0);
        assert!(stdout.contains("who-has") || stdout.contains("who__has"), "{shell}");
    }
    let mut child = muster(folder.path())
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn limits_are_printed_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let limits_in = |format: &str| {
        ran(muster(folder.path()).args(["doctor", "--limits", "--output", format])).1
    };
    assert!(limits_in("table").contains("silent_ms_max"));
    let document: serde_json::Value = serde_json::from_str(&limits_in("json")).unwrap();
    assert_eq!(document.as_array().unwrap().len(), limits::TABLE.len());
    let jsonl = limits_in("jsonl");
    assert_eq!(jsonl.lines().count(), limits::TABLE.len());
    assert!(jsonl.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert_eq!(limits_in("csv").lines().next(), Some("name,value,when_reached"));
}

#[test]
fn rows_stream_in_the_format_asked_for() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let results = ("/api/v1/hunts/0199/results", documents::row("=x", "a").to_string());
    let url = routed(vec![results, ("/api/v1/hunts/", documents::hunt("a").to_string())]);
    let rows = |format: &str| {
        let words = ["--url", &url, "hunt", "results", "0199", "--output", format];
        let (code, stdout, stderr) = ran(muster(&dir).args(words));
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    assert_eq!(rows("jsonl").lines().count(), 1);
    let document: serde_json::Value = serde_json::from_str(&rows("json")).unwrap();
    assert_eq!(document[0]["path"], "=x");
    assert!(rows("csv").contains(",'=x,"));
    assert!(rows("table").contains("SHA256"));
}

#[test]
fn a_port_in_use_is_69_in_three_lines() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("f");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = ran(muster(&dir).args(["init", "--listen", &address]));
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = ran(muster(&dir).arg("serve"));
    assert_eq!(code, 69, "{stderr}");
    assert_three_lines(&stderr);
    assert!(stderr.contains(&format!("{address} is in use")), "{stderr}");
}

#[test]
fn a_second_coordinator_on_one_store_is_69_in_three_lines() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("f");
    let (code, _, stderr) = ran(muster(&dir).args(["init", "--listen", "127.0.0.1:0"]));
    assert_eq!(code, 0, "{stderr}");
    // Port 0: the second one finds a port of its own, so nothing but the store stands in its way.
    let serve = || {
        let mut command = muster(&dir);
        command.arg("serve").env("MUSTER_LOG", "info");
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut first = serve();
    let mut said = BufReader::new(first.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let mut second = serve();
    let mut stderr = String::new();
    // A second one that runs says so and goes on: do not wait for its end.
    let mut lines = BufReader::new(second.stderr.take().unwrap());
    while lines.read_line(&mut stderr).unwrap() > 0 {
        if stderr.contains("listening") {
            second.kill().unwrap();
        }
    }
    let code = second.wait().unwrap().code();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(code, Some(69), "{stderr}");
    assert_three_lines(&stderr);
    assert!(stderr.contains(&format!("process {} (", first.id())), "{stderr}");
    // A kill leaves nothing that must be cleaned up.
    let mut third = serve();
    let mut said = BufReader::new(third.stderr.take().unwrap());
    line.clear();
    said.read_line(&mut line).unwrap();
    third.kill().unwrap();
    third.wait().unwrap();
    assert!(line.contains("listening"), "{line}");
}

#[test]
fn serve_refuses_what_it_is_configured_with_in_three_lines() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("f");
    let (code, _, stderr) = ran(muster(&dir).args(["init", "--listen", "127.0.0.1:0"]));
    assert_eq!(code, 0, "{stderr}");
    let config = dir.join("coordinator.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    let gone = "password_file = \"gone.password\"";
    let cases = [
        (format!("{good}[tls]\ncert = \"gone.pem\"\nkey = \"gone.key\"\n"), "gone.pem", "[tls]"),
        (good.replace("password_file = \"broker.password\"", gone), "gone.password", "[broker]"),
    ];
    for (text, why, place) in cases {
        assert_ne!(text, good);
        std::fs::write(&config, text).unwrap();
        let (code, _, stderr) = ran(muster(&dir).arg("serve"));
        assert_eq!(code, 64, "{stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains(why) && stderr.contains(place), "{stderr}");
    }
}
