//! What a hunt costs is told, and it adds up: hunts and the agent's own running are the process, in CPU and in samples.

use std::fs::{self, File};
use std::time::Duration;

use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(3);
/// What the hunt without a limit reads of a sparse file.
const FREE_BYTES: u64 = 1 << 30;
/// What the one with a limit reads, in twice the seconds.
const SLOW_BYTES: u64 = 60_000_000;

/// CPU milliseconds that the process has used, threads that are gone among them.
fn process_ms(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<_> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|n| n.parse::<u64>().expect("ticks")).sum();
    ticks * 1_000 / rustix::param::clock_ticks_per_second()
}

/// CPU milliseconds of the threads that there are, by name.
fn threads_ms(pid: u32) -> Vec<(String, u64)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
    let read = |path: std::path::PathBuf| fs::read_to_string(path).ok();
    let of = |task: std::path::PathBuf| {
        let name = read(task.join("comm"))?.trim().to_owned();
        let ns: u64 = read(task.join("schedstat"))?.split(' ').next()?.parse().ok()?;
        Some((name, ns / 1_000_000))
    };
    tasks.filter_map(|task| of(task.ok()?.path())).collect()
}

fn launch(fleet: &Fleet, name: &str, bytes: u64, more: &[&str]) -> String {
    let tree = fleet.path(name);
    fs::create_dir(&tree).expect("a folder");
    let file = File::create(tree.join("sparse"));
    file.and_then(|file| file.set_len(bytes)).expect("a sparse file");
    let tree = tree.to_string_lossy().into_owned();
    let words = ["hunt", "launch", "--agents", &fleet.agents[0].id, "--root", &tree];
    let hunt = fleet.json(&[&words[..], more].concat());
    hunt["id"].as_str().expect("an id").to_owned()
}

fn sum(rows: &Value, value: impl Fn(&Value) -> Option<i64>) -> i64 {
    rows.as_array().expect("rows").iter().filter_map(value).sum()
}

#[test]
fn hunts_and_the_agents_own_running_are_the_process() {
    let fleet = Fleet::start(1);
    let (agent, pid) = (fleet.agents[0].id.clone(), fleet.agent_pid(0));
    let take = ["profile", "take", "--agent", &agent, "--seconds", "4", "--detach"];
    let profile = fleet.json(&take)["id"].as_str().expect("an id").to_owned();
    let free = launch(&fleet, "free", FREE_BYTES, &[]);
    let slow = launch(&fleet, "slow", SLOW_BYTES, &["--max-mbps", "30"]);
    let mut told_ms = 0;
    for hunt in [&free, &slow] {
        fleet.await_hunt(hunt, LONG);
        let spent = &fleet.json(&["hunt", "show", hunt])["spent"];
        let number = |name: &str| spent[name].as_u64().expect("a figure");
        let cpu_ms = number("cpu_user_ms") + number("cpu_system_ms");
        let waits: u64 =
            spent["waits_ms"].as_object().expect("waits").values().filter_map(Value::as_u64).sum();
        // Nothing of the threads' time is unnamed, to a millisecond a figure.
        assert!(number("threads_ms").abs_diff(cpu_ms + waits) < 20, "{spent}");
        assert!(number("faults_minor") > 0 && cpu_ms > 0, "{spent}");
        let limit_ms = spent["waits_ms"]["limit"].as_u64().unwrap_or(0);
        if hunt == &slow {
            assert!(limit_ms > 0, "it is held back: {spent}");
        } else {
            assert_eq!(limit_ms, 0, "{spent}");
        }
        told_ms += cpu_ms;
    }
    let shown = eventually("the profile is stored", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["finished"] == 1 { Ok(shown) } else { Err(shown["states"].to_string()) }
    });

    // In samples: the rows are the whole, and the whole is the CPU time of the process.
    let top = fleet.json(&["profile", "top", &profile, "--by", "hunt"]);
    let total = top["total"].as_i64().expect("a total");
    assert_eq!(sum(&top["hunts"], |row| row["flat"].as_i64()), total, "{top}");
    let of =
        |hunt: &str| sum(&top["hunts"], |row| row["flat"].as_i64().filter(|_| row["hunt"] == hunt));
    assert!(of(&free) > 0, "{top}");
    let (sampled_ms, cpu_ms) =
        (total / 1_000_000, shown["agents"][0]["cpu_ms"].as_i64().expect("CPU"));
    assert!(
        (sampled_ms - cpu_ms).abs() * 10 <= cpu_ms.max(1_000),
        "{sampled_ms} of {cpu_ms}: {top}"
    );

    // In the kernel's figures: what the footers tell, and what the threads that were there before have used.
    let (own, process_ms) = eventually("the threads of the hunts are gone", LONG, || {
        let (before, own) = (process_ms(pid), threads_ms(pid));
        let is_of_hunt =
            |(name, _): &(String, u64)| name == "hunt" || name.starts_with("file_hash");
        if own.iter().any(is_of_hunt) { Err(format!("{own:?}")) } else { Ok((own, before)) }
    });
    let sum_ms = told_ms + own.iter().map(|(_, ms)| ms).sum::<u64>();
    // Beside them: the end of each hunt's thread, and the threads that sampled.
    let apart_ms = process_ms.abs_diff(sum_ms);
    assert!(
        apart_ms <= 60 + process_ms / 20,
        "{process_ms} ms are not {sum_ms}: {told_ms} and {own:?}"
    );
}
