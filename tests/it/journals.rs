//! An agent whose journal was lost, and two machines that answer under one id.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::doctor::await_verdict;
use tests::eventually::eventually;
use tests::fault;
use tests::fleet::{Fleet, binary};
use tests::oracle;
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(3);

fn launch(fleet: &Fleet, root: &Path, more: &[&str]) -> String {
    let root = root.to_string_lossy();
    let words = ["hunt", "launch", "--root", &root, "--target", "all"];
    let launched: Value = fleet.json(&[&words, more].concat());
    launched["id"].as_str().expect("an id").to_owned()
}

fn assert_finished(fleet: &Fleet, hunt: &str, root: &Path) {
    let shown = fleet.await_hunt(hunt, LONG);
    assert_eq!(shown["states"]["finished"], 1, "{shown}");
    fault::assert_exactly_once(fleet, hunt, &oracle::sha256_of_tree(root));
}

/// The second machine of a clone: the first one's bundle without its journal. Killed when dropped.
struct Clone(Child);

impl Clone {
    fn start(fleet: &Fleet) -> Self {
        let (from, to) = (&fleet.agents[0].bundle, fleet.path("clone"));
        fs::create_dir(&to).expect("a folder");
        for entry in fs::read_dir(from).expect("a bundle").flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
            }
        }
        let mut command = Command::new(binary("muster-agent"));
        command.args(["run", "--config"]).arg(to.join("agent.toml")).stdin(Stdio::null());
        let log = fs::File::create(fleet.path("clone.log")).expect("a log file");
        Self(command.stdout(Stdio::null()).stderr(log).spawn().expect("muster-agent run"))
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        self.0.kill().expect("the clone is killed");
        self.0.wait().expect("the clone is gone");
    }
}

#[test]
fn an_agent_whose_journal_was_wiped_begins_a_new_attempt_and_nothing_is_doubled() {
    let mut fleet = Fleet::start(1);
    let root = fleet.path("tree");
    trees::write(&root, 2_000, 7).expect("a tree");
    let hunt = launch(&fleet, &root, &["--max-files-per-s", "200"]);
    eventually("the first rows are stored", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["progress"]["rows"].as_u64() > Some(0) { Ok(()) } else { Err(shown.to_string()) }
    });
    fleet.kill_agent(0);
    let state = fleet.agents[0].bundle.join("state");
    assert!(state.join("journal.sqlite").is_file(), "the journal is where it is looked for");
    fs::remove_dir_all(&state).expect("the state is wiped");
    fleet.start_agent(0);
    assert_finished(&fleet, &hunt, &root);
    // It goes on as any other.
    let next = launch(&fleet, &root, &[]);
    assert_finished(&fleet, &next, &root);
}

#[test]
fn a_cloned_agent_is_shown_by_doctor_and_doubles_nothing() {
    let fleet = Fleet::start(1);
    await_verdict(&fleet, "clones", "ok");
    let clone = Clone::start(&fleet);
    let found = await_verdict(&fleet, "clones", "bad");
    assert!(found.to_string().contains(&fleet.agents[0].id), "{found}");
    let root = fleet.path("tree");
    trees::write(&root, 300, 8).expect("a tree");
    let hunt = launch(&fleet, &root, &[]);
    assert_finished(&fleet, &hunt, &root);
    drop(clone);
    await_verdict(&fleet, "clones", "ok");
}
