//! Where the output of a command goes, what it reads from stdin, and agents that were revoked or are there already.

use std::io::Write;
use std::process::{Output, Stdio};

use super::{answering, assert_three_lines, documents, fleet, muster, ran, routed};

const DIGEST: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

fn serving(body: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    answering(format!("{head}{body}").leak().as_bytes())
}

#[test]
fn a_pipe_gets_the_data_and_a_dash_is_stdout() {
    let folder = fleet();
    let dir = folder.path().join("f");
    // The same answer serves the profile and each of its views.
    let body = documents::profile("a-1", "cpu", 5).to_string();
    let url = serving(&body);
    let place = tempfile::tempdir().unwrap();
    let made = || std::fs::read_dir(place.path()).unwrap().count();
    for words in [
        &["profile", "export", "0199"][..],
        &["profile", "flame", "0199"],
        &["profile", "merge", "0199", "--format", "folded"],
        &["profile", "merge", "0199", "--format", "flame"],
    ] {
        for out in [&[][..], &["--out", "-"], &["-o", "-"]] {
            let mut command = muster(&dir);
            command.current_dir(place.path()).args(["--url", &url]).args(words).args(out);
            let (code, stdout, stderr) = ran(&mut command);
            assert_eq!((code, &stdout), (0, &body), "{words:?} {out:?}: {stderr}");
            assert_eq!(made(), 0, "{words:?} {out:?}");
        }
    }
    let bundle = muster(&dir)
        .current_dir(place.path())
        .args(["--url", &url, "profile", "bundle", "0199"])
        .output()
        .unwrap();
    assert!(bundle.stdout.starts_with(b"\x1f\x8b"), "{bundle:?}");
    for words in
        [&["hunt", "seal", "--root", "/a"][..], &["hunt", "seal", "--root", "/a", "-o", "-"]]
    {
        let sealed = muster(&dir).current_dir(place.path()).args(words).output().unwrap();
        assert!(sealed.status.success() && sealed.stdout.len() > 100, "{sealed:?}");
    }
    let rows = serving(&documents::everything("/a").to_string());
    let words = ["--url", &rows, "--output", "jsonl", "hunt", "results", "0199", "--out", "-"];
    let (code, stdout, _) = ran(muster(&dir).current_dir(place.path()).args(words));
    assert_eq!((code, stdout.lines().count(), made()), (0, 1, 0));
    let (code, _, stderr) = ran(muster(&dir)
        .current_dir(place.path())
        .args(["--url", &url, "profile", "flame", "0199", "-o", "f.svg"]));
    assert_eq!((code, made()), (0, 1), "{stderr}");
}

/// Seals a hunt with a list from stdin.
fn sealed(list: &[u8], more: &[&str]) -> (i32, String, bool) {
    let folder = fleet();
    let out = folder.path().join("h.sealed");
    let mut child = muster(&folder.path().join("f"))
        .args(["hunt", "seal", "--root", "/a", "--ioc", "-", "--out"])
        .arg(&out)
        .args(more)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(list).unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    (status.code().unwrap(), stderr, out.try_exists().unwrap())
}

#[test]
fn a_list_from_stdin_is_taken_whole_or_nothing_is_signed() {
    let (code, stderr, is_sealed) =
        sealed(format!("{DIGEST} 0cc175b9c0f1b6a831c399e269772661").as_bytes(), &[]);
    assert_eq!((code, is_sealed), (0, true), "{stderr}");
    assert!(stderr.contains("1 md5, 1 sha256"), "{stderr}");

    let short = format!("{DIGEST}\nx, {}\n", &DIGEST[1..]);
    let (code, stderr, is_sealed) = sealed(short.as_bytes(), &[]);
    assert_eq!((code, is_sealed), (64, false), "{stderr}");
    assert_three_lines(&stderr);
    assert!(stderr.contains("stdin: line 2 cannot be taken, at column 4"), "{stderr}");
    assert!(stderr.contains("63 digits") && stderr.contains("--ioc-skip-bad"), "{stderr}");

    let (code, stderr, is_sealed) = sealed(short.as_bytes(), &["--ioc-skip-bad"]);
    assert_eq!((code, is_sealed), (0, true), "{stderr}");
    assert!(stderr.contains("left out: 1 (stdin:2)"), "{stderr}");

    let empty = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(sealed(empty, &[]).1.contains("sha256 of the empty file"));
    let (code, stderr, _) = sealed(b"", &["--ioc", "-"]);
    assert_eq!(code, 64, "{stderr}");
}

#[test]
fn agents_that_were_revoked_are_said_to_be_and_names_are_taken_once() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let revoked = documents::agent("a-1", "a", "revoked", "");
    let gone = serving(&revoked.to_string());
    for words in [
        &["hunt", "launch", "--root", "/a", "--agents", "a"][..],
        &["profile", "take", "--agent", "a"],
    ] {
        let (code, _, stderr) = ran(muster(&dir).args(["--url", &gone]).args(words));
        assert_eq!(code, 3, "{stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains("a-1 is revoked"), "{stderr}");
    }
    let live = documents::agent("b-1", "b", "live", "");
    let page = |agents: &[serde_json::Value], total: u64| {
        let mut page = documents::page(agents, None);
        page["total"] = total.into();
        page.to_string()
    };
    let both = routed(vec![
        ("/api/v1/agents?state=revoked", page(std::slice::from_ref(&revoked), 1)),
        (
            "/api/v1/agents?state=new%2Clive%2Csilent%2Cquarantined",
            page(std::slice::from_ref(&live), 1),
        ),
        ("/api/v1/agents?limit", page(&[revoked, live], 2)),
        ("/", "{}".to_owned()),
    ]);
    let listed = |flags: &[&str]| {
        let words = ["--url", &both, "--output", "csv", "agents", "list"];
        let (code, stdout, stderr) = ran(muster(&dir).args(words).args(flags));
        assert_eq!(code, 0, "{stderr}");
        (stdout.contains("a-1"), stdout.contains("b-1"), stderr)
    };
    let (first, second, stderr) = listed(&[]);
    assert_eq!((first, second), (false, true));
    assert!(stderr.contains("revoked and not shown: 1"), "{stderr}");
    assert!(matches!(listed(&["--all"]), (true, true, _)));
    assert!(matches!(listed(&["--revoked"]), (true, false, _)));

    let bundles = folder.path().join("bundles");
    let enrol = |name: &str, more: &[&str]| {
        let words = ["--url", &both, "agents", "enrol", name, "--out"];
        ran(muster(&dir).args(words).arg(&bundles).args(more))
    };
    let (code, _, stderr) = enrol("b", &[]);
    assert_eq!(code, 64, "{stderr}");
    assert!(stderr.contains("b (b-1)") && stderr.contains("--yes"), "{stderr}");
    assert!(!bundles.try_exists().unwrap(), "nothing is made");
    // This server enrols nobody; but it is asked to.
    for (name, more) in [("b", &["--yes"][..]), ("a", &[]), ("c", &[])] {
        let (code, _, stderr) = enrol(name, more);
        assert!(code == 1 && stderr.contains("a broken enrolment"), "{name}: {code} {stderr}");
    }
}

#[test]
fn a_list_is_read_to_its_end_page_by_page() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let hunt = |id: &str| {
        let mut hunt = documents::hunt_brief("a");
        hunt["id"] = id.into();
        hunt
    };
    let pages = |last: Option<&str>| {
        routed(vec![
            ("/api/v1/hunts?cursor=3&", documents::page(&[hunt("0002")], last).to_string()),
            ("/api/v1/hunts", documents::page(&[hunt("0003")], Some("3")).to_string()),
        ])
    };
    let list =
        |url: &str| ran(muster(&dir).args(["--url", url, "--output", "jsonl", "hunt", "list"]));
    let (code, listed, stderr) = list(&pages(None));
    assert_eq!((code, listed.lines().count()), (0, 2), "{stderr}");
    assert!(listed.contains("\"0003\"") && listed.contains("\"0002\""), "{listed}");
    // A coordinator that sends a client round in a circle is told apart from a long list.
    let (code, _, stderr) = list(&pages(Some("3")));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("a page leads to itself"), "{stderr}");
}
