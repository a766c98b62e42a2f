//! What an endpoint chose never moves a terminal's cursor, in no format of no verb; a pipe gets it as it is.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{documents, fleet, muster, ran, routed};

/// Control sequences in C0 and C1, bidirectional and invisible characters; JSON escapes only some of them.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}1m\u{202e}fdp\u{2066}\u{200b}\u{7f}\r\u{7}y";

/// Runs `muster` with stdout and stderr on a terminal of its own; returns what the terminal got.
fn on_a_terminal(dir: &Path, words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("{} {}", env!("CARGO_BIN_EXE_muster"), quoted.join(" "));
    let mut command = Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).env("MUSTER_DIR", dir).env("TERM", "dumb");
    for name in ["MUSTER_URL", "MUSTER_OUTPUT", "MUSTER_TOKEN"] {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_terminal_obeys_nothing_that_an_endpoint_chose() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let everything = documents::everything(HOSTILE);
    let serving = |document: String| routed(vec![("/", document)]);
    let many = documents::page(std::slice::from_ref(&everything), None).to_string();
    let (one, many) = (serving(everything.to_string()), serving(many));
    let listing = |item| serving(documents::page(&[item], None).to_string());
    let hunts = listing(documents::hunt_brief(HOSTILE));
    let profiles = listing(documents::profile_brief(HOSTILE));
    let hash = "ab".repeat(32);
    let verbs: [(&str, &[&str]); 9] = [
        (&one, &["hunt", "results", "0199"]),
        (&one, &["hunt", "show", "0199"]),
        (&one, &["who-has", &hash]),
        (&one, &["doctor"]),
        (&one, &["profile", "show", "0199"]),
        (&one, &["agents", "show", "a"]),
        (&many, &["agents", "list"]),
        (&hunts, &["hunt", "list"]),
        (&profiles, &["profile", "list"]),
    ];
    for (url, words) in verbs {
        for format in ["table", "json", "jsonl", "csv"] {
            let words = [&["--no-color", "--url", url, "--output", format], words].concat();
            let shown = on_a_terminal(&dir, &words);
            let obeyed = |c: char| {
                let is_control = c.is_control() && !"\r\n\t".contains(c);
                is_control || "\u{202e}\u{2066}\u{200b}".contains(c)
            };
            assert!(!shown.contains(obeyed), "{words:?}: {shown:?}");
            // A carriage return is the terminal's own, before a line feed.
            assert!(
                !shown.replace("\r\r\n", "\n").replace("\r\n", "\n").contains('\r'),
                "{words:?}: {shown:?}"
            );
            if format.starts_with("json") && !words.contains(&"show") {
                assert!(shown.contains("\\u202e"), "{words:?}: {shown}");
            }
        }
    }
    for format in ["json", "jsonl", "csv"] {
        let (code, piped, stderr) =
            ran(muster(&dir).args(["--url", &one, "--output", format, "hunt", "results", "0199"]));
        assert_eq!(code, 0, "{stderr}");
        assert!(piped.contains('\u{202e}') && piped.contains('\u{9b}'), "{format}: {piped:?}");
    }
}

#[test]
fn a_file_for_a_program_is_no_picture_for_a_terminal() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let shown = on_a_terminal(&dir, &["hunt", "seal", "--root", "/a", "--out", "-"]);
    assert!(shown.contains("this is not for a terminal"), "{shown:?}");
    let (code, _, stderr) = ran(muster(&dir).args(["hunt", "seal", "--root", "/a", "--out", "-"]));
    assert_eq!(code, 0, "{stderr}");
}

/// Runs `muster` in a shell; `"$@"` is the command.
fn in_a_shell(dir: &Path, script: &str, words: &[&str]) -> (i32, String) {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_muster")]).args(words);
    let (code, _, stderr) = ran(command.env("MUSTER_DIR", dir).stdin(Stdio::null()));
    (code, stderr)
}

#[test]
fn what_cannot_be_written_is_an_error_and_a_reader_that_has_enough_is_none() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let everything = documents::everything("a");
    let serving = |document: String| routed(vec![("/", document)]);
    let many = documents::page(&[documents::hunt_brief("a")], None).to_string();
    let (one, many) = (serving(everything.to_string()), serving(many));
    let verbs: [&[&str]; 5] = [
        &["completions", "bash"],
        &["--help"],
        &["doctor", "--limits"],
        &["--url", &many, "hunt", "list"],
        &["--url", &one, "--output", "csv", "hunt", "results", "0199"],
    ];
    for words in verbs {
        for (script, expected) in [
            ("\"$@\" >&-", 69),
            ("\"$@\" > /dev/full", 69),
            ("\"$@\" 1< /dev/null", 69),
            ("\"$@\" > /dev/null", 0),
            ("{ \"$@\"; echo $? >&2; } | true", 0),
        ] {
            let (code, stderr) = in_a_shell(&dir, script, words);
            let code = if script.contains("echo") { stderr.trim().parse().unwrap() } else { code };
            assert_eq!(code, expected, "{script} {words:?}: {stderr}");
            assert_eq!(
                stderr.contains("cannot write to stdout"),
                expected == 69,
                "{script}: {stderr}"
            );
        }
    }
}
