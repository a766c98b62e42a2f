//! Symbols of other builds, added through the coordinator.

use std::fs;
use std::process::Command;

use tests::fleet::{Fleet, binary};

#[test]
fn a_debug_companion_is_added_once_and_what_is_none_is_refused() {
    let fleet = Fleet::start(0);
    assert_eq!(fleet.json(&["symbols", "list"]), serde_json::json!([]));
    let companion = fleet.path("muster-agent.debug");
    let mut objcopy = Command::new("objcopy");
    objcopy.arg("--only-keep-debug").arg(binary("muster-agent")).arg(&companion);
    assert!(objcopy.status().unwrap().success());
    let path = companion.to_string_lossy().into_owned();
    for _ in 0..2 {
        fleet.muster_ok(["symbols", "add", &path]);
        let listed = fleet.json(&["symbols", "list"]);
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(listed[0]["bytes"], fs::metadata(&companion).unwrap().len(), "{listed}");
        let id = listed[0]["id"].as_str().unwrap();
        let readelf = Command::new("readelf").args(["-n", &path]).output().unwrap();
        assert!(String::from_utf8_lossy(&readelf.stdout).contains(&format!("Build ID: {id}")));
    }

    let text = fleet.path("notes.txt");
    fs::write(&text, "no program").unwrap();
    let refused = fleet.muster(["symbols", "add", &text.to_string_lossy()]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert!(said.contains("no 64-bit ELF file with a build id"), "{said}");
    assert_eq!(fleet.json(&["symbols", "list"]).as_array().map(Vec::len), Some(1));
}
