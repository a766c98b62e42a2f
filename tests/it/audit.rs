//! Who may do what with which token, and whether the audit log still says what was done.

use std::process::Output;

use sha2::{Digest, Sha256};
use tests::fleet::Fleet;

/// Runs `muster` with a token of its own.
fn with_token(fleet: &Fleet, token: &str, arguments: &[&str]) -> Output {
    let file = fleet.path(&format!("{token}.token"));
    std::fs::write(&file, token).expect("a token");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let file = file.to_string_lossy().into_owned();
    fleet.muster([arguments, &["--token-file", &file]].concat())
}

#[test]
fn a_token_opens_what_its_role_says_until_it_ends() {
    let mut fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    fleet.stop_coordinator();
    let config = fleet.path("home").join("coordinator.toml");
    let mut text = std::fs::read_to_string(&config).expect("coordinator.toml");
    for (name, more) in [
        ("viewer", "role = \"viewer\""),
        ("operator", ""),
        ("chief", "role = \"admin\""),
        ("past", "role = \"admin\"\nnot_after = \"2020-01-01\""),
    ] {
        let digest = muster_protocol::hex::encode(&Sha256::digest(name));
        let table = format!("[[tokens]]\nname = \"{name}\"\nsha256 = \"{digest}\"\n{more}\n");
        text = [text, table].join("\n");
    }
    std::fs::write(&config, text).expect("coordinator.toml");
    fleet.start_coordinator();
    fleet.await_agents();

    let root = fleet.path("home").to_string_lossy().into_owned();
    let hunt = ["hunt", "launch", "--root", &root, "--target", "all"];
    let quarantine = ["agents", "quarantine", &agent, "--reason", "a test", "--yes"];
    let code = |token: &str, words: &[&str]| with_token(&fleet, token, words).status.code();
    for token in ["viewer", "operator", "chief"] {
        assert_eq!(code(token, &["agents", "list"]), Some(0), "{token}");
    }
    assert_eq!(code("viewer", &hunt), Some(77));
    assert_eq!(code("operator", &hunt), Some(0));
    let refused = with_token(&fleet, "operator", &quarantine);
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(77), "{says}");
    assert!(says.contains("\"operator\"") && says.contains("an admin's"), "{says}");
    assert_eq!(code("chief", &quarantine), Some(0));
    assert_eq!(code("chief", &["agents", "release", &agent]), Some(0));
    let ended = with_token(&fleet, "past", &["agents", "list"]);
    let says = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(77), "{says}");
    assert!(says.contains("ended at 2020-01-01"), "{says}");
}

#[test]
fn a_log_that_was_changed_is_found_from_the_operators_machine() {
    let mut fleet = Fleet::start(1);
    let root = fleet.path("home").to_string_lossy().into_owned();
    for _ in 0..3 {
        fleet.muster_ok(["hunt", "launch", "--root", &root, "--target", "all"]);
    }
    let first = fleet.json(&["audit", "verify"]);
    let last = first["last"].as_i64().expect("a line");
    assert!(last >= 4, "an enrolment and three hunts: {first}");
    assert_eq!((&first["problem"], &first["since_line"]), (&"".into(), &serde_json::Value::Null));
    fleet.muster_ok(["hunt", "launch", "--root", &root, "--target", "all"]);
    let second = fleet.json(&["audit", "verify"]);
    assert_eq!(
        (second["since_line"].as_i64(), second["last"].as_i64()),
        (Some(last), Some(last + 1))
    );

    fleet.stop_coordinator();
    let store = fleet.path("home").join("data").join("muster.sqlite");
    let store = rusqlite::Connection::open(store).expect("the store");
    let cut = format!("DROP TRIGGER audit_is_append_only_2; DELETE FROM audit WHERE id > {last};");
    store.execute_batch(&cut).expect("the end of the log is cut off");
    drop(store);
    fleet.start_coordinator();
    let found = fleet.muster(["audit", "verify", "--output", "json"]);
    assert_eq!(found.status.code(), Some(2));
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let problem = found["problem"].as_str().unwrap_or_default();
    assert!(problem.starts_with(&format!("line {} was there at", last + 1)), "{found}");
    // What was known is still known the next time.
    assert_eq!(fleet.muster(["audit", "verify"]).status.code(), Some(2));
}
