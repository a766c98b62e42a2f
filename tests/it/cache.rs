//! What an agent remembers of the files that it hashed: the real program, twice on the same tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use muster_protocol::artifact::file_hash;
use muster_protocol::request::Limits;
use serde_json::Value;
use tests::once::{Ended, Once, Reader};
use tests::oracle;

/// A deadline, never a wait.
const LONG: Duration = Duration::from_mins(1);

/// Runs with a cache; returns what it printed and what it said besides.
fn run(once: &Once, spec: &file_hash::Args, cache: &Path) -> (Ended, String) {
    let mut command = once.command(spec, Limits::default(), Reader::Tester);
    command.arg("--cache").arg(cache).env("MUSTER_LOG", "warn");
    let output = command.output().expect("muster-agent once");
    let ended = Ended::of(&output);
    assert_eq!(ended.state, "finished");
    (ended, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn statuses(ended: &Ended) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in ended.rows.values() {
        *counts.entry(row["status"].as_str().unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn a_second_run_reads_only_what_has_changed() {
    let once = Once::new();
    let (root, cache) = (once.path("tree"), once.path("cache"));
    tests::swarm::trees::write(&root, 200, 7).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    let spec = Once::spec(&[&root]);
    tests::tree::await_settled(&root, LONG);
    let digests = |ended: &Ended| -> Vec<Value> {
        ended.rows.values().map(|row| row["sha256"].clone()).collect()
    };

    let (first, said) = run(&once, &spec, &cache);
    assert_eq!(statuses(&first), BTreeMap::from([("ok", 200)]), "{said}");
    let (second, _) = run(&once, &spec, &cache);
    let cached = statuses(&second)["cached"];
    // One in a thousand is read again.
    assert!(cached >= 190, "{:?}", statuses(&second));
    assert_eq!(digests(&second), digests(&first));
    assert_eq!(second.figure("/cached"), cached as u64);
    assert_eq!(digests(&first).len(), manifest.len());

    let changed = first.rows.keys().next().unwrap();
    let changed = Path::new(std::str::from_utf8(changed).unwrap());
    fs::write(changed, "changed").unwrap();
    let (third, _) = run(&once, &spec, &cache);
    assert_eq!(third.row(changed)["status"], "ok");
    assert_eq!(third.row(changed)["sha256"], tests::tree::sha256_of_bytes(b"changed"));

    let (fresh, _) = run(&once, &file_hash::Args { fresh: true, ..spec.clone() }, &cache);
    assert_eq!(statuses(&fresh), BTreeMap::from([("ok", 200)]));

    // A cache that cannot be used is said once and costs nothing else.
    fs::remove_file(cache.join("hashes.sqlite")).unwrap();
    fs::create_dir(cache.join("hashes.sqlite")).unwrap();
    let (without, said) = run(&once, &spec, &cache);
    assert_eq!(statuses(&without), BTreeMap::from([("ok", 200)]));
    assert_eq!(said.matches("no hash cache").count(), 1, "{said}");
}
