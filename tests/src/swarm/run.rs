//! One run of the swarm: a private broker, `muster serve`, N agents, hunts and profiles, the verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::hostile;
use super::latency::Latencies;
use super::trees::{self, Numbers};
use super::workers::Workers;
use crate::attack::Sent;
use crate::attack::cost::peak_rss;
use crate::broker::Broker;
use crate::eventually::{eventually, pause};
use crate::fleet::Fleet;
use crate::oracle::{self, Manifest};

/// The label of the agents that are asked.
const ROLE: &str = "role=swarm";
const TARGET: &str = "label:role=swarm";

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Plan {
    /// Agents, each with its own broker user, connection and journal.
    #[arg(long, default_value_t = 50)]
    pub agents: usize,
    /// Files that every agent hashes in every hunt.
    #[arg(long, default_value_t = 100)]
    pub files: usize,
    /// Hunts, one after another without waiting.
    #[arg(long, default_value_t = 1)]
    pub hunts: usize,
    /// Profiles of one second, of agents drawn at random, while the hunts run.
    #[arg(long, default_value_t = 0)]
    pub profiles: usize,
    /// Hashes of a list that every hunt carries, beside those of the tree: they weigh on each message of it.
    #[arg(long, default_value_t = 0)]
    pub ioc: usize,
    /// Then the same hunts twice more: alone, for comparison, and while one more endpoint sends every attack it can with its agent's credentials.
    #[arg(long)]
    pub hostile: bool,
    /// Profile the coordinator from the first launch until everything is stored, and write what it did into this folder.
    #[arg(long, value_name = "DIR")]
    pub coordinator_profile: Option<PathBuf>,
    /// Seed of sizes, contents and draws.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds until the run is given up.
    #[arg(long, default_value_t = 1_800)]
    pub timeout: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows that should be stored.
    pub expected: usize,
    /// Rows that are, once and right.
    pub right: usize,
    /// Rows that are missing or wrong.
    pub lost: usize,
    /// Rows that came twice.
    pub doubled: usize,
    /// Profiles that should have come and those that did.
    pub profiles: (usize, usize),
    /// From signing to the agent's start, per collection.
    pub started: Latencies,
    /// From signing until the first row is stored.
    pub first_row: Latencies,
    /// From signing to the agent's end.
    pub finished: Latencies,
    /// From the launch of the first hunt until everything is stored.
    pub stored_s: f64,
    /// CPU that the coordinator took for it.
    pub coordinator_cpu_s: f64,
    /// The same hunts beside a hostile endpoint.
    pub beside: Option<Beside>,
    /// From the start of the first agent until all were live.
    pub connected_s: f64,
    /// Enrolment of all agents.
    pub enrolled_s: f64,
    /// Peak resident memory of broker, coordinator and all agents, in bytes.
    pub rss: [u64; 3],
}

impl Outcome {
    /// Returns whether everything that was expected is stored, once.
    pub fn is_clean(&self) -> bool {
        self.lost == 0
            && self.doubled == 0
            && self.right == self.expected
            && self.profiles.0 == self.profiles.1
    }
}

/// What came of the hunts beside a hostile endpoint.
#[derive(Debug)]
pub struct Beside {
    /// From the launch of the first hunt until everything is stored, just before the attack.
    pub quiet_s: f64,
    /// The same during the attack.
    pub stored_s: f64,
    /// What the hostile endpoint sent.
    pub sent: Sent,
    /// How much the store's folder grew meanwhile, in bytes; the honest rows are in it.
    pub store_bytes: u64,
}

/// Runs the plan.
///
/// # Panics
/// When a part does not come up or the time-out passes.
pub fn run(plan: &Plan) -> Outcome {
    let limit = Duration::from_secs(plan.timeout);
    let fleet = Fleet::start_with_this(Broker::start_as_shipped(), 0);
    let root = fleet.path("tree");
    let tree = trees::write(&root, plan.files, plan.seed).expect("a tree");
    let mut outcome = Outcome {
        expected: plan.agents * plan.files * plan.hunts * if plan.hostile { 3 } else { 1 },
        profiles: (plan.profiles, 0),
        ..Outcome::default()
    };

    let began = Instant::now();
    let names: Vec<_> = (1..=plan.agents).map(|n| format!("swarm-{n}\n")).collect();
    fs::write(fleet.path("names"), names.concat()).expect("a list of names");
    let (names, bundles) = (fleet.path("names"), fleet.path("bundles"));
    let (names, bundles_text) = (names.to_string_lossy(), bundles.to_string_lossy());
    fleet.muster_ok(["agents", "enrol", "--label", ROLE, "--from", &names, "--out", &bundles_text]);
    outcome.enrolled_s = began.elapsed().as_secs_f64();

    let began = Instant::now();
    let workers = Workers::start(&bundles);
    let live = eventually("all agents are live", limit, || {
        let listed = fleet.json_lines(&["agents", "list"]);
        let live: Vec<_> = listed.into_iter().filter(|agent| agent["state"] == "live").collect();
        if live.len() >= plan.agents { Ok(live) } else { Err(format!("{} are", live.len())) }
    });
    outcome.connected_s = began.elapsed().as_secs_f64();
    let ids: Vec<String> =
        live.iter().filter_map(|a| a["id"].as_str().map(str::to_owned)).collect();

    let list = list_of_hashes(&fleet, plan, &tree.manifest);
    let list = list.as_ref().map(|list| list.to_string_lossy());
    let own = plan.coordinator_profile.as_ref().map(|_| profile_coordinator(&fleet));
    let (began, cpu_before) = (Instant::now(), cpu_s(fleet.coordinator_pid()));
    let root = root.to_string_lossy();
    let mut words = vec!["hunt", "launch", "--target", TARGET, "--root", &root];
    words.extend(list.iter().flat_map(|list| ["--ioc", list, "--yes"]));
    let hunts: Vec<String> = (0..plan.hunts).map(|_| launched(&fleet, &words)).collect();
    let mut numbers = Numbers::new(plan.seed);
    let profiles: Vec<String> = (0..plan.profiles)
        .map(|_| {
            let drawn = usize::try_from(numbers.below(ids.len() as u64)).expect("an index");
            launched(
                &fleet,
                &["profile", "take", "--agent", &ids[drawn], "--seconds", "1", "--detach"],
            )
        })
        .collect();
    for hunt in &hunts {
        let shown = fleet.await_hunt(hunt, limit);
        assert_eq!(shown["targeted"], plan.agents as u64, "{shown}");
    }
    outcome.stored_s = began.elapsed().as_secs_f64();
    outcome.coordinator_cpu_s = cpu_s(fleet.coordinator_pid()) - cpu_before;
    if let Some((profile, folder)) = own.zip(plan.coordinator_profile.as_ref()) {
        write_profile(&fleet, &profile, folder);
    }
    let mut all = hunts.clone();
    if let (true, Some(first)) = (plan.hostile, hunts.first()) {
        let launch = || launched(&fleet, &words);
        let (beside, more) = hostile::beside(&fleet, plan.hunts, first, launch, limit);
        outcome.beside = Some(beside);
        all.extend(more);
    }
    for hunt in &all {
        judge(&fleet, hunt, &tree.manifest, &ids, &mut outcome);
    }
    for profile in &profiles {
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if fleet.json(&["profile", "show", profile])["states"]["finished"] == 1 {
                outcome.profiles.1 += 1;
                break;
            }
            pause(Duration::from_millis(200));
        }
    }
    let broker = fleet.broker.pid().map_or(0, peak_rss);
    outcome.rss = [broker, peak_rss(fleet.coordinator_pid()), workers.peak_rss()];
    workers.stop();
    outcome
}

/// Writes a list of hashes that has all files of the tree in it, so that every row comes back.
fn list_of_hashes(fleet: &Fleet, plan: &Plan, manifest: &Manifest) -> Option<PathBuf> {
    if plan.ioc == 0 {
        return None;
    }
    let others = (0..plan.ioc).map(|n| format!("{n:064x}"));
    let lines: Vec<_> = manifest.values().cloned().chain(others).collect();
    let file = fleet.path("hashes");
    fs::write(&file, lines.join("\n")).expect("a list of hashes");
    Some(file)
}

/// Has the coordinator profile itself until it is told to stop.
fn profile_coordinator(fleet: &Fleet) -> String {
    let take = ["profile", "take", "--coordinator", "--seconds", "600", "--detach"];
    let id = launched(fleet, &take);
    eventually("the coordinator samples itself", Duration::from_secs(30), || {
        let states = &fleet.json(&["profile", "show", &id])["states"];
        if states["running"] == 1 { Ok(()) } else { Err(states.to_string()) }
    });
    id
}

/// Ends a profile and writes what it says: functions, threads, stacks, and a picture.
fn write_profile(fleet: &Fleet, id: &str, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    fleet.muster_ok(["profile", "cancel", id]);
    eventually("the profile is stored", Duration::from_secs(30), || {
        let shown = fleet.json(&["profile", "show", id]);
        let bytes = shown["agents"][0]["bytes"].as_u64();
        if bytes > Some(0) { Ok(()) } else { Err(shown.to_string()) }
    });
    for by in ["function", "module", "thread"] {
        let top = fleet.muster_ok(["profile", "top", id, "--by", by, "--limit", "40"]);
        fs::write(folder.join(format!("by-{by}.txt")), top).expect("a list");
    }
    for (format, file) in [("folded", "folded.txt"), ("pprof", "cpu.pb.gz")] {
        let file = folder.join(file).to_string_lossy().into_owned();
        fleet.muster_ok(["profile", "export", id, "--format", format, "-o", &file]);
    }
    let picture = folder.join("flame.svg").to_string_lossy().into_owned();
    fleet.muster_ok(["profile", "flame", id, "-o", &picture]);
}

/// Returns the CPU seconds of a process so far.
fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    let hertz = u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100);
    ticks / f64::from(hertz)
}

pub(super) fn launched(fleet: &Fleet, arguments: &[&str]) -> String {
    fleet.json(arguments)["id"].as_str().expect("an id").to_owned()
}

fn judge(fleet: &Fleet, hunt: &str, manifest: &Manifest, ids: &[String], outcome: &mut Outcome) {
    let rows = fleet.rows(hunt);
    for id in ids {
        let verdict = oracle::compare(manifest, rows.get(id).map_or(&[][..], Vec::as_slice));
        outcome.right += verdict.right;
        outcome.lost += verdict.lost.len() + verdict.wrong.len();
        outcome.doubled += verdict.doubled.len() + verdict.surplus.len();
    }
    let issued = moment(&fleet.json(&["hunt", "show", hunt])["issued"]);
    for collection in fleet.json_lines(&["hunt", "show", hunt, "--agents"]) {
        let since = |at: &Value| Some(moment(at)? - issued?);
        if let Some(ms) = since(&collection["started"]) {
            outcome.started.add(ms);
        }
        if let Some(ms) = since(&collection["first_row"]) {
            outcome.first_row.add(ms);
        }
        if let Some(ms) = since(&collection["ended"]) {
            outcome.finished.add(ms);
        }
    }
}

/// Reads an RFC 3339 time as milliseconds since 1970.
fn moment(value: &Value) -> Option<i64> {
    let at: muster_api::Time = serde_json::from_value(value.clone()).ok()?;
    Some(at.0.0)
}
