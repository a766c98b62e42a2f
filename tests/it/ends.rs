//! However a run ends, what was found until then comes back; and what is found is durable within a moment.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::ioc::IocList;
use muster_protocol::request::Limits;
use muster_protocol::result::rows::sha256;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::once::{Ended, Once, Reader};
use tests::oracle;

const LONG: Duration = Duration::from_mins(3);

/// Three files that match come first in the walk, then so many of this size that do not.
fn tree(root: &Path, files: usize, bytes: usize) -> file_hash::Args {
    fs::create_dir_all(root).expect("a folder");
    let write = |name: String, content: &[u8]| fs::write(root.join(name), content).expect("a file");
    let bad: Vec<_> = (0..3).map(|n| format!("bad {n}").into_bytes()).collect();
    for (n, content) in bad.iter().enumerate() {
        write(format!("a{n}"), content);
    }
    for n in 0..files {
        write(format!("b{n:04}"), &vec![n.to_le_bytes()[0]; bytes]);
    }
    let digests: Vec<_> = bad.iter().map(|content| sha256(content)).collect();
    let list = IocList::new(HashKind::Sha256, 32, digests.iter().map(|digest| digest.as_slice()));
    file_hash::Args { ioc: vec![list], ..Once::spec(&[root]) }
}

fn run(once: &Once, spec: &file_hash::Args, limits: Limits) -> Ended {
    let child = once.start(spec, limits, Reader::Tester);
    Ended::of(&child.wait_with_output().expect("its end"))
}

/// Checks that the matches came back, and that the figures are those of what was examined.
fn check_figures(ended: &Ended, bytes: u64) {
    assert_eq!((ended.rows.len(), ended.figure("/matched")), (3, 3), "{}", ended.footer);
    let unmatched = ended.figure("/unmatched");
    assert_eq!(ended.figure("/hashed"), 3 + unmatched);
    assert_eq!(ended.figure("/bytes_hashed"), 15 + unmatched * bytes);
    assert!(ended.figure("/bytes_read") >= ended.figure("/bytes_hashed"), "{}", ended.footer);
}

#[test]
fn a_limit_of_rows_gives_exactly_so_many_in_walk_order() {
    let once = Once::new();
    for (files, max) in [(44, 43), (2_000, 500)] {
        let root = once.path(&files.to_string());
        fs::create_dir(&root).expect("a folder");
        for n in 0..files {
            fs::write(root.join(format!("{n:04}")), n.to_string()).expect("a file");
        }
        let ended =
            run(&once, &Once::spec(&[&root]), Limits { max_rows: Some(max), ..Limits::default() });
        assert!(
            ended.state.starts_with("failed") && ended.state.contains("limit"),
            "{}",
            ended.state
        );
        let paths: Vec<_> = ended
            .in_order
            .iter()
            .map(|row| row["path"].as_str().expect("a path").to_owned())
            .collect();
        let wanted: Vec<_> =
            (0..max).map(|n| root.join(format!("{n:04}")).to_string_lossy().into_owned()).collect();
        assert_eq!(paths, wanted);
        assert_eq!(ended.figure("/hashed"), max);
    }
}

#[test]
fn limits_and_time_outs_give_the_matches_and_the_figures_of_what_was_examined() {
    // One worker: with several, a limit of bytes can be used up by files that are further on in the walk.
    let mut first = CpuSet::new();
    first.set(sched_getcpu());
    sched_setaffinity(None, &first).expect("a processor of its own");
    let once = Once::new();
    let root = once.path("t");
    let spec = tree(&root, 400, 100_000);
    let ended = run(&once, &spec, Limits { max_bytes: Some(5_000_000), ..Limits::default() });
    assert!(ended.state.contains("limit"), "{}", ended.state);
    check_figures(&ended, 100_000);
    assert_eq!(ended.figure("/unmatched"), 49);

    let limits = Limits { max_mbps: Some(2), timeout_s: Some(3), ..Limits::default() };
    let ended = run(&once, &spec, limits);
    assert!(ended.state.contains("timed out after 3 s"), "{}", ended.state);
    check_figures(&ended, 100_000);
    // A rate of two megabytes a second on a machine that is busy with other things.
    assert!((5..=70).contains(&ended.figure("/unmatched")), "{}", ended.footer);
}

#[test]
fn ctrl_c_gives_what_was_found_until_then() {
    let once = Once::new();
    let root = once.path("t");
    let spec = tree(&root, 400, 100_000);
    let limits = Limits { max_mbps: Some(1), ..Limits::default() };
    let printed = once.path("printed");
    let mut command = once.command(&spec, limits, Reader::Tester);
    command.stdout(File::create(&printed).expect("a file"));
    let child = command.spawn().expect("muster-agent once");
    // Forty seconds of work: the matches are there long before.
    eventually("the matches are printed", LONG, || {
        let lines = fs::read_to_string(&printed).expect("the rows").lines().count();
        if lines == 3 { Ok(()) } else { Err(lines.to_string()) }
    });
    let pid = Pid::from_raw(child.id().try_into().expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("ctrl-c");
    let mut output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(2));
    output.stdout = fs::read(&printed).expect("the rows");
    let ended = Ended::of(&output);
    assert!(ended.state.contains("cancelled"), "{}", ended.state);
    check_figures(&ended, 100_000);
    assert!(ended.figure("/unmatched") < 400, "{}", ended.footer);
}

#[test]
fn a_time_out_names_the_file_that_is_being_read() {
    let once = Once::new();
    let root = once.path("t");
    fs::create_dir(&root).expect("a folder");
    fs::write(root.join("a"), "done long before").expect("a file");
    let endless = root.join("endless");
    File::create(&endless).and_then(|file| file.set_len(1 << 42)).expect("a sparse file");
    let limits = Limits { timeout_s: Some(2), ..Limits::default() };
    let ended = run(&once, &Once::spec(&[&root]), limits);
    let wanted = format!("timed out after 2 s, reading {}", endless.display());
    assert!(ended.state.contains(&wanted), "{}", ended.state);
    assert_eq!(ended.rows.len(), 1);
    assert!(ended.figure("/bytes_read") > 1_000_000, "{}", ended.footer);
}

#[test]
fn an_agent_with_few_descriptors_hashes_the_same_files() {
    let once = Once::new();
    let root = once.path("t");
    for folder in 0..60 {
        let folder = root.join(format!("{folder:02}/d/e"));
        fs::create_dir_all(&folder).expect("a folder");
        for file in 0..3 {
            fs::write(folder.join(file.to_string()), file.to_string().repeat(70_000))
                .expect("a file");
        }
    }
    let whole = once.run(&Once::spec(&[&root]), Reader::Tester);
    assert_eq!(whole.rows.len(), 180);
    let limited = |most: u32| {
        let command = once.command(&Once::spec(&[&root]), Limits::default(), Reader::Tester);
        let mut limited = std::process::Command::new("prlimit");
        limited.arg(format!("--nofile={most}")).arg(command.get_program()).args(command.get_args());
        limited.current_dir("/").env("MUSTER_LOG", "error").stdin(std::process::Stdio::null());
        Ended::of(&limited.output().expect("prlimit"))
    };
    for most in [64, 24] {
        let ended = limited(most);
        assert!(ended.state.starts_with("finished"), "{most}: {}", ended.state);
        let statuses = |ended: &Ended| -> Vec<Value> {
            ended.in_order.iter().map(|row| row["status"].clone()).collect()
        };
        assert_eq!(statuses(&ended), statuses(&whole), "{most} descriptors");
    }
    let fewest =
        (12..24).map(|most| (most, limited(most))).find(|(_, ended)| ended.rows.is_empty());
    let Some((most, ended)) = fewest else { return };
    assert!(ended.state.contains("no_descriptors"), "{most}: {}", ended.state);
}

#[test]
fn rows_are_stored_and_progress_is_shown_while_a_rate_holds_the_hunt_up() {
    let fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("t");
    fs::create_dir(&root).expect("a folder");
    for n in 0..61_u8 {
        fs::write(root.join(format!("{n:02}")), vec![n; 200_000]).expect("a file");
    }
    let list = fleet.path("list");
    let first = &oracle::sha256_of_tree(&root.join("00"));
    let digest = first.values().next().expect("a digest");
    fs::write(&list, format!("{digest}\n")).expect("a list");
    let (root, list) = (root.to_string_lossy().into_owned(), list.to_string_lossy().into_owned());
    let launch =
        ["hunt", "launch", "--root", &root, "--agents", &agent, "--ioc", &list, "--max-mbps", "1"];
    let hunt = fleet.json(&launch)["id"].as_str().expect("an id").to_owned();
    let progress = eventually("the first row is stored", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        let progress = shown["progress"].clone();
        let is_there = progress["rows"] == 1 && progress["files"].as_u64() > Some(0);
        assert_ne!(shown["done"], true, "not before its end: {shown}");
        if is_there { Ok(progress) } else { Err(progress.to_string()) }
    });
    assert!(progress["files"].as_u64() < Some(61), "{progress}");
    fleet.muster_ok(["hunt", "cancel", &hunt]);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!((&shown["states"]["cancelled"], &shown["progress"]["rows"]), (&1.into(), &1.into()));
    assert_eq!(shown["progress"]["matched"], 1, "{shown}");
}
