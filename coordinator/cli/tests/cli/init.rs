//! `muster init`: what it writes, what it says, and what it refuses.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{assert_three_lines, fleet, muster, ran};

#[test]
fn init_writes_private_files_and_refuses_to_overwrite() {
    let folder = fleet();
    let dir = folder.path().join("f");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let names = [
        "root.key",
        "operator.key",
        "token",
        "metrics.token",
        "broker.password",
        "coordinator.toml",
    ];
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let before: Vec<_> = names.iter().map(|name| read(name)).collect();
    for name in names {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    let config = muster_server::config::Config::read(&dir.join("coordinator.toml")).unwrap();
    assert_eq!(config.tokens().len(), 2);
    for name in ["token", "metrics.token"] {
        let is_there = read("coordinator.toml").contains(read(name).trim());
        assert!(!is_there, "{name} is hashed at rest");
    }

    let (code, _, stderr) = ran(muster(&dir).arg("init"));
    assert_eq!(code, 64);
    assert_three_lines(&stderr);
    let after: Vec<_> = names.iter().map(|name| read(name)).collect();
    assert_eq!(before, after, "nothing may be overwritten");
}

/// Runs `init` with some flags; returns the configuration, ca.pem where there is one, and what was said.
fn inited(flags: &[&str]) -> (toml::Table, String) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("f");
    let (code, _, stderr) = ran(muster(&dir).arg("init").args(flags));
    assert_eq!(code, 0, "{flags:?}: {stderr}");
    let text = std::fs::read_to_string(dir.join("coordinator.toml")).unwrap();
    (toml::from_str(&text).unwrap(), stderr)
}

#[test]
fn tls_to_the_broker_is_the_rule_outside_this_machine() {
    const OPEN: &str = "travel to mq.example.org and back in the clear";
    let cases: [(&[&str], bool, i64, &str, bool); 10] = [
        (&["--broker-host", "[::1]"], false, 5672, "http://[::1]:15672", false),
        (&["--broker-host", "[fd00::7]:7"], true, 7, "https://[fd00::7]:15671", false),
        (&["--broker-host", "mq.example.org:7"], true, 7, "https://mq.example.org:15671", false),
        (&[], false, 5672, "http://127.0.0.1:15672", false),
        (&["--broker-host", "localhost"], false, 5672, "http://localhost:15672", false),
        (&["--broker-host", "::1"], false, 5672, "http://[::1]:15672", false),
        (
            &["--broker-host", "127.0.0.2", "--broker-tls"],
            true,
            5671,
            "https://127.0.0.2:15671",
            false,
        ),
        (&["--broker-host", "mq.example.org"], true, 5671, "https://mq.example.org:15671", false),
        (&["--broker-host", "fd00::7"], true, 5671, "https://[fd00::7]:15671", false),
        (
            &["--broker-host", "mq.example.org", "--broker-plain"],
            false,
            5672,
            "http://mq.example.org:15672",
            true,
        ),
    ];
    for (flags, tls, port, url, is_open) in cases {
        let (config, stderr) = inited(flags);
        assert_eq!(config["broker"]["tls"].as_bool(), Some(tls), "{flags:?}");
        assert_eq!(config["broker"]["port"].as_integer(), Some(port), "{flags:?}");
        assert_eq!(config["management_url"].as_str(), Some(url), "{flags:?}");
        assert_eq!(stderr.contains(OPEN), is_open, "{flags:?}: {stderr}");
    }
}

#[test]
fn init_refuses_addresses_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("f");
    for (flag, value) in [
        ("--broker-host", ""),
        ("--broker-host", "[::1"),
        ("--broker-host", "amqps://mq.example.org"),
        ("--broker-host", "mq example"),
        ("--broker-host", "mq:0"),
        ("--listen", "::g"),
        ("--listen", "0.0.0.0:x"),
        ("--host", "muster.example.org:7411"),
        ("--management-url", "mq.example.org:15672"),
        ("--management-url", "http://user:word@mq"),
    ] {
        let (code, _, stderr) = ran(muster(&dir).args(["init", &format!("{flag}={value}")]));
        assert_eq!(code, 64, "{flag} {value}: {stderr}");
        assert!(stderr.contains(value), "{flag} {value}: {stderr}");
        assert!(!dir.try_exists().unwrap(), "nothing is made");
    }
    let both = ["init", "--broker-host", "mq:1", "--broker-port", "2"];
    let (code, _, stderr) = ran(muster(&dir).args(both));
    assert_eq!(code, 64, "{stderr}");
    let (config, _) = inited(&["--broker-host", " [::1]:9 ", "--listen", "[::1]"]);
    assert_eq!(config["broker"]["host"].as_str(), Some("::1"));
    assert_eq!(config["broker"]["port"].as_integer(), Some(9));
    assert_eq!(config["listen"].as_str(), Some("[::1]:7411"));
}

#[test]
fn a_password_is_the_same_however_it_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let run = |name: &str, bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let dir = folder.path().join(name);
        let ran = ran(muster(&dir).args(["init", "--broker-password-file"]).arg(&file));
        (ran, dir.join("broker.password"))
    };
    for (name, bytes) in [("a", &b"\xef\xbb\xbfhush\r\n"[..]), ("b", b"hush \n\n"), ("c", b"hush")]
    {
        let ((code, _, stderr), kept) = run(name, bytes);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(std::fs::read(kept).unwrap(), b"hush\n");
    }
    for (name, bytes) in [("d", &b""[..]), ("e", b"\n"), ("f", b"hush\nhush\n"), ("g", b"\xff")] {
        let ((code, _, stderr), kept) = run(name, bytes);
        assert_eq!(code, 64, "{stderr}");
        assert_three_lines(&stderr);
        assert!(!stderr.contains("hush") && !kept.try_exists().unwrap(), "{stderr}");
    }
}

#[test]
fn init_says_what_travels_in_the_clear_and_refuses_what_is_no_certificate() {
    const OPEN: &str = "in the clear; give --tls-cert and --tls-key";
    let (config, stderr) = inited(&["--listen", "0.0.0.0:7411", "--host", "muster.example.org"]);
    assert!(stderr.contains(OPEN), "{stderr}");
    assert_eq!(config["hosts"][0].as_str(), Some("muster.example.org"));
    assert!(!inited(&[]).1.contains(OPEN));

    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words.pem");
    std::fs::write(&words, "just words\n").unwrap();
    let words = words.to_str().unwrap();
    let cases: [&[&str]; 4] = [
        &["--tls-cert", words, "--tls-key", words],
        &["--broker-ca-file", words],
        &["--ca-file", words],
        &["--broker-ca-file", "/no/such.pem"],
    ];
    for flags in cases {
        let dir = folder.path().join("f");
        let (code, _, stderr) = ran(muster(&dir).arg("init").args(flags));
        assert_eq!(code, 64, "{flags:?}: {stderr}");
        assert_three_lines(&stderr);
        assert!(stderr.contains(".pem"), "{stderr}");
        assert!(!dir.try_exists().unwrap(), "nothing is made");
    }
}
