//! What an agent remembers of files survives `kill -9` at any moment, and never makes a row wrong.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use muster_protocol::artifact::file_hash;
use muster_protocol::request::Limits;
use tests::eventually::pause;
use tests::once::{Ended, Once, Reader};
use tests::{oracle, swarm, tree};

const FILES: usize = 4_000;
const KILLS: u64 = 16;

#[test]
fn a_cache_that_is_killed_while_it_writes_is_still_a_cache() {
    let once = Once::new();
    let (root, cache) = (once.path("tree"), once.path("cache"));
    swarm::trees::write(&root, FILES, 11).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    tree::await_settled(&root, Duration::from_mins(1));
    let spec = Once::spec(&[&root]);
    let fresh = file_hash::Args { fresh: true, ..spec.clone() };
    let command = |spec: &file_hash::Args| {
        let mut command = once.command(spec, Limits::default(), Reader::Tester);
        command.arg("--cache").arg(&cache);
        command
    };
    let mut killed = 0;
    for n in 1..=KILLS {
        // A fresh run writes whatever is known already. Nobody reads its rows: they fit no pipe, so they go nowhere.
        let mut child = command(&fresh).stdout(std::process::Stdio::null()).spawn().expect("a run");
        pause(Duration::from_millis(n * 8));
        child.kill().expect("a kill");
        killed += usize::from(child.wait().expect("its end").signal() == Some(9));
        let folder = rusqlite::Connection::open(cache.join("hashes.sqlite"));
        if let Ok(db) = folder {
            let verdict: String =
                db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
            assert_eq!(verdict, "ok", "after kill {n}");
        }
    }
    assert!(killed >= 4, "only {killed} of {KILLS} runs were killed before their end");
    let mut cached = 0;
    for _ in 0..2 {
        let ended = Ended::of(&command(&spec).output().expect("a run"));
        assert_eq!(ended.state, "finished");
        let digests: BTreeMap<_, _> = ended
            .rows
            .iter()
            .map(|(path, row)| (path.clone(), row["sha256"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(digests, manifest);
        let is_fine = |row: &serde_json::Value| row["status"] == "ok" || row["status"] == "cached";
        assert!(ended.rows.values().all(is_fine));
        cached = ended.figure("/cached");
    }
    assert!(cached > 3_900, "{cached}");
}
