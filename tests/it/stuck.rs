//! A file system that never answers. By default it is not touched: a root below it, a policy that resolves roots, a walk that
//! passes it. Whoever asks for it gets an end all the same.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use muster_protocol::artifact::file_hash;
use muster_protocol::request::Limits;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::eventually::{eventually, pause};
use tests::mounts_fixture::Bed;
use tests::once::{Ended, Once, Reader};

/// Files that the walk comes to first.
const BEFORE: usize = 1_000;

struct Place {
    once: Once,
    _bed: Bed,
    dead: std::path::PathBuf,
}

/// `None` where this process may mount nothing, or the kernel has no FUSE: said loudly by the bed.
fn place() -> Option<Place> {
    let once = Once::new();
    let (tree, images) = (once.path("tree"), once.path("images"));
    fs::create_dir(&tree).unwrap();
    fs::create_dir(&images).unwrap();
    let bed = Bed::make(&tree, &images)?;
    let dead = tree.join("dead-fuse");
    fs::create_dir(tree.join("before")).unwrap();
    for n in 0..BEFORE {
        fs::write(tree.join(format!("before/{n}")), n.to_string()).unwrap();
    }
    let is_dead = bed.made.iter().any(|name| name == "dead_fuse");
    is_dead.then(|| Place { once: once.within(bed.within()), _bed: bed, dead })
}

fn all(root: &Path) -> file_hash::Args {
    file_hash::Args { all_file_systems: true, ..Once::spec(&[root]) }
}

/// Waits until the collection's first thread has used no CPU for a while: it hangs.
fn await_hang(child: &Child) {
    let spent = || -> Option<String> {
        let agents = children(child.id());
        let tasks = fs::read_dir(format!("/proc/{}/task", agents.first()?)).ok()?;
        let hunt = tasks.flatten().map(|task| task.path()).find(|task| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "hunt\n")
        })?;
        let stat = fs::read_to_string(hunt.join("stat")).ok()?;
        let after_name = stat.rsplit_once(')')?.1.to_owned();
        let fields: Vec<_> = after_name.split_whitespace().collect();
        let switches = fs::read_to_string(hunt.join("status")).ok()?;
        let switches: Vec<_> = switches.lines().filter(|line| line.contains("ctxt")).collect();
        Some(format!("{} {} {switches:?}", fields[11], fields[12]))
    };
    let mut before = None;
    eventually("the collection hangs", Duration::from_mins(1), || {
        let now = spent();
        let hangs = now.is_some() && now == before;
        before = now;
        pause(Duration::from_millis(300));
        if hangs { Ok(()) } else { Err(format!("{before:?}")) }
    });
}

/// The processes that a process started.
fn children(of: u32) -> Vec<u32> {
    let path = format!("/proc/{of}/task/{of}/children");
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

#[test]
fn what_never_answers_is_not_touched_and_whoever_asks_for_it_can_still_cancel() {
    let Some(Place { once, dead, _bed }) = place() else { return };
    for root in [dead.clone(), dead.join("below"), dead.join("below/it")] {
        let ended = once.run(&Once::spec(&[&root]), Reader::Tester);
        assert!(ended.state.starts_with("failed: no_root"), "{}", ended.state);
        assert_eq!(ended.row(&root)["status"], "skipped_fs");
    }

    let limits = Limits { timeout_s: Some(2), ..Limits::default() };
    let late = once.start(&all(&dead.join("below")), limits, Reader::Tester);
    let late = Ended::of(&late.wait_with_output().unwrap());
    assert!(late.state.starts_with("failed: timeout: "), "{}", late.state);
    assert!(late.state.contains("does not come back from the kernel"), "{}", late.state);

    let tree = dead.parent().unwrap();
    let cancelled = once.start(&all(tree), Limits::default(), Reader::Tester);
    await_hang(&cancelled);
    let id = Pid::from_child(&cancelled);
    kill_process(id, Signal::TERM).unwrap();
    let cancelled = Ended::of(&cancelled.wait_with_output().unwrap());
    let wanted = "cancelled: cancelled: cancelled; a thread does not come back from the kernel";
    assert!(cancelled.state.starts_with(wanted), "{}", cancelled.state);
    // What came before it is there, but for the entries that were together with it in the walker's hands.
    let whole = |row: &&Value| row["status"] == "ok" && row["sha256"].is_string();
    let before = cancelled.in_order.iter().filter(whole).count();
    assert!(before > BEFORE / 2, "{before} rows: {}", cancelled.footer);
    assert_eq!(cancelled.footer["rows"], cancelled.rows.len());
    let seen = cancelled.figure("/seen");
    let is_counted = |name: &str| cancelled.figures().get(name).is_some_and(Value::is_u64);
    assert!(seen > cancelled.rows.len() as u64 && is_counted("listed"), "{}", cancelled.footer);
}
