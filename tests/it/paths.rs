//! The policy's folders hold for what is opened: what others make of a path after a request was accepted is no way round.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_protocol::artifact::file_hash;
use muster_protocol::request::Limits;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::once::{Ended, Once, Reader};

const LONG: Duration = Duration::from_mins(3);
/// So many files of the first root take some ten seconds at the rate below.
const FILES: u32 = 2_000;
const FILES_PER_S: u32 = 200;

/// A folder that may be collected from, with a slow root and another one, and a folder that may not.
struct Tree {
    top: PathBuf,
}

impl Tree {
    fn new(top: &Path) -> Self {
        let tree = Self { top: top.canonicalize().unwrap() };
        for folder in ["pub/a", "pub/b/sub", "secret/sub"] {
            fs::create_dir_all(tree.path(folder)).unwrap();
        }
        for n in 0..FILES {
            fs::write(tree.path(&format!("pub/a/{n:04}")), "open").unwrap();
        }
        fs::write(tree.path("pub/b/sub/file"), "open").unwrap();
        fs::write(tree.path("secret/sub/file"), "secret").unwrap();
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    fn policy(&self) -> String {
        let (allow, deny) = (self.path("pub"), self.path("secret"));
        format!("allow_roots = [\"{}\"]\ndeny_roots = [\"{}\"]\n", allow.display(), deny.display())
    }

    /// Puts a link to the denied folder in the place of the second root's.
    fn swap(&self) {
        fs::rename(self.path("pub/b"), self.path("pub/was-b")).unwrap();
        symlink("../secret", self.path("pub/b")).unwrap();
    }
}

/// Returns whether a process has something open in a folder.
fn is_in(process: u32, folder: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).any(|path| path.starts_with(folder))
}

fn await_first_root(process: u32, tree: &Tree) {
    eventually("the agent walks the first root", LONG, || {
        if is_in(process, &tree.path("pub/a")) { Ok(()) } else { Err("it does not".to_owned()) }
    });
}

#[test]
fn a_root_that_becomes_a_link_to_a_denied_folder_is_not_read() {
    for follow in [false, true] {
        let once = Once::new();
        let tree = Tree::new(&once.path(""));
        fs::write(once.path("policy.toml"), tree.policy()).unwrap();
        symlink(tree.path("secret/sub/file"), tree.path("pub/a/0000-link")).unwrap();
        let (a, sub) = (tree.path("pub/a"), tree.path("pub/b/sub"));
        let limits = Limits { max_files_per_s: Some(FILES_PER_S), ..Limits::default() };
        let spec = file_hash::Args { follow, ..Once::spec(&[&a, &sub]) };
        let mut command = once.command(&spec, limits, Reader::Tester);
        let agent = command.arg("--policy").arg(once.path("policy.toml")).spawn().unwrap();
        await_first_root(agent.id(), &tree);
        tree.swap();
        let ended = Ended::of(&agent.wait_with_output().unwrap());
        assert!(ended.state.starts_with("failed: no_root"), "{}", ended.state);
        assert!(ended.state.contains("policy"), "{}", ended.state);
        let row = ended.row(&sub);
        assert_eq!(row["status"], "denied_by_policy", "{row}");
        assert!(row.get("sha256").is_none());
        assert!(!ended.rows.contains_key(sub.join("file").as_os_str().as_encoded_bytes()));
        let link = ended.row(&a.join("0000-link"));
        let wanted = if follow { "denied_by_policy" } else { "skipped_kind" };
        assert_eq!(link["status"], wanted, "{link}");
        assert_eq!(ended.figure("/failed/denied_by_policy"), 1 + u64::from(follow));
        assert_eq!(ended.figure("/hashed"), u64::from(FILES), "the first root is whole");
    }
}

#[test]
fn a_hunt_that_goes_on_after_a_kill_holds_its_roots_against_the_policy() {
    let mut fleet = Fleet::start_with(1, |bundle| {
        let top = bundle.parent().and_then(Path::parent).expect("the fleet's folder");
        fs::create_dir_all(top.join("tree")).expect("a folder");
        let tree = Tree::new(&top.join("tree"));
        fs::write(bundle.join("policy.toml"), tree.policy()).expect("a policy");
    });
    let tree = Tree { top: fleet.path("tree").canonicalize().unwrap() };
    let roots = ["pub/a", "pub/b/sub"].map(|name| tree.path(name).display().to_string());
    let rate = FILES_PER_S.to_string();
    let launch = ["hunt", "launch", "--root", &roots[0], "--root", &roots[1], "--target", "all"];
    let launch = [&launch[..], &["--max-files-per-s", &rate]].concat();
    let hunt = fleet.json(&launch)["id"].as_str().expect("an id").to_owned();
    await_first_root(fleet.agent_pid(0), &tree);
    fleet.kill_agent(0);
    tree.swap();
    fleet.start_agent(0);
    let shown = fleet.await_hunt(&hunt, LONG);
    // Accepted before the swap, it is judged again when it begins: whichever sees it first, nothing is read.
    assert_eq!(shown["states"]["finished"], 0, "{shown}");
    let rows = fleet.json_lines(&["hunt", "results", &hunt]);
    let of_b: Vec<_> = rows
        .iter()
        .filter(|row| row["path"].as_str().is_some_and(|path| path.starts_with(&roots[1])))
        .collect();
    assert!(of_b.iter().all(|row| row["status"] == "denied_by_policy"), "{of_b:?}");
    assert!(!rows.iter().any(|row| row["path"] == format!("{}/file", roots[1])));
}

#[test]
fn an_agent_does_not_start_with_a_policy_that_cannot_work() {
    let once = Once::new();
    for rule in ["/srv/x/*", "~/x", "srv/x", "", "/srv/../x", "/srv/x/."] {
        fs::write(once.path("policy.toml"), format!("deny_roots = [{rule:?}]\n")).unwrap();
        let spec = Once::spec(&[&once.path("")]);
        let mut command = once.command(&spec, Limits::default(), Reader::Tester);
        let output = command.arg("--policy").arg(once.path("policy.toml")).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{error}");
        assert!(error.contains("deny_roots in") && error.contains("policy.toml"), "{error}");
        assert!(error.contains(&format!("{rule:?}")) && error.contains("try:"), "{error}");
    }
}
