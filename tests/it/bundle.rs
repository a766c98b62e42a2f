//! Everything that a profile has brought, in one archive.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::fleet::Fleet;
use tests::tree::sha256_of_bytes;

#[test]
fn a_bundle_holds_what_every_agent_sent_and_says_what_it_is() {
    let fleet = Fleet::start(2);
    let agents: Vec<_> = fleet.agents.iter().map(|member| member.id.clone()).collect();
    let take = ["profile", "take", "--target", "all", "--kind", "wall,tasks", "--seconds", "1"];
    let taken = fleet.json(&take);
    assert_eq!(taken["states"]["finished"], 2, "{taken}");
    let id = taken["id"].as_str().expect("an id");

    let archive = fleet.path("report.tar.gz");
    let out = archive.to_string_lossy().into_owned();
    let made = fleet.muster(["profile", "bundle", id, "-o", &out]);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.contains("8 files"), "{said}");
    // The machine's own tar reads it.
    let opened =
        Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(fleet.path("")).status();
    assert!(opened.expect("tar").success());
    let folder = fleet.path(&format!("muster-profile-{id}"));
    let manifest = fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["profile"]["id"], id);
    assert_eq!(manifest["problems"], Value::Array(Vec::new()));
    let files = manifest["files"].as_array().expect("files");
    let by_name: BTreeMap<_, _> =
        files.iter().map(|file| (file["name"].as_str().expect("a name"), file)).collect();
    for agent in &agents {
        for ending in ["wall.pb.gz", "wall.svg", "wall.raw.pb.gz", "tasks.json"] {
            let name = format!("{agent}/{ending}");
            let content = fs::read(folder.join(&name)).expect("a file of the archive");
            let said = by_name[name.as_str()];
            assert_eq!(said["bytes"], content.len(), "{said}");
            assert_eq!(said["sha256"], sha256_of_bytes(&content), "{said}");
        }
        let tasks = fs::read(folder.join(agent).join("tasks.json")).expect("tasks");
        let tasks: Value = serde_json::from_slice(&tasks).expect("JSON");
        assert!(!tasks["moments"][0]["threads"].as_array().expect("threads").is_empty());
    }

    let one = fleet.muster(["profile", "bundle", id, "--agent", &agents[0], "-o", "-"]);
    fs::write(&archive, &one.stdout).expect("an archive");
    let listed = Command::new("tar").arg("tzf").arg(&archive).output().expect("tar");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.lines().count(), 5, "{listed}");
    assert!(!listed.contains(&agents[1]), "{listed}");
}
