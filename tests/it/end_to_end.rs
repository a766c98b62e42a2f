//! The scene that must always work: an agent is profiled while its hunt runs, and the profile says where the time goes.

use std::fs::File;
use std::io::Read;
use std::process::Command;
use std::time::Duration;

use pprof::protos::{self, Message};
use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(3);

/// Bytes of the sparse file that keeps the hash functions busy: far more than the profile's window takes.
const FILE_BYTES: u64 = 6 << 30;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_profile_during_a_hunt_names_the_hash_functions_and_the_hunt() {
    let fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let root = fleet.path("tree");
    std::fs::create_dir(&root).expect("a folder");
    File::create(root.join("huge"))
        .and_then(|file| file.set_len(FILE_BYTES))
        .expect("a sparse file");
    let root = root.to_string_lossy().into_owned();
    let launch =
        ["hunt", "launch", "--root", &root, "--agents", &agent, "--hash", "sha256,sha1,md5"];
    let hunt = text(&fleet.json(&launch)["id"]);
    eventually("the hunt runs", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    let taken = fleet.json(&["profile", "take", "--agent", &agent, "--seconds", "5", "--detach"]);
    let profile = text(&taken["id"]);
    let shown = eventually("the profile is stored", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["finished"] == 1 { Ok(shown) } else { Err(shown["states"].to_string()) }
    });
    let hunting = fleet.json(&["hunt", "show", &hunt]);
    assert_eq!(hunting["states"]["running"], 1, "the hunt outlasts the profile: {hunting}");
    fleet.muster_ok(["hunt", "cancel", &hunt]);
    fleet.await_hunt(&hunt, LONG);

    // The recorded windows overlap.
    let part = &fleet.json_lines(&["hunt", "show", &hunt, "--agents"])[0];
    let window = &shown["agents"][0];
    assert!(text(&part["started"]) < text(&window["window_start"]), "{part} {window}");
    assert!(text(&window["window_end"]) < text(&part["ended"]), "{part} {window}");
    // As many as the CPU time that there was, however busy the machine is.
    let (samples, cpu_ms) =
        (window["samples"].as_u64().unwrap(), window["cpu_ms"].as_u64().unwrap());
    assert!(samples > 20 && samples * 1_000 >= cpu_ms * 99 * 9 / 10, "{window}");

    // What that cost is told, and is a part of what the process has used.
    let number = |name: &str| window[name].as_u64().expect("a figure");
    let (handler_us, sweeper_us) = (number("handler_us"), number("sweeper_us"));
    assert!(number("handler_runs").abs_diff(samples) * 10 <= samples, "{window}");
    assert!(handler_us > 0 && sweeper_us > 0 && window["own_cpu_ms"].is_u64(), "{window}");
    assert!((handler_us + sweeper_us) / 1_000 <= cpu_ms, "{window}");
    let percent = window["sampling_percent"].as_f64().expect("a share");
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let of_5_s = (handler_us + sweeper_us) as f64 / 50_000.0;
    assert!((percent - of_5_s).abs() <= of_5_s / 10.0, "{percent} is not {of_5_s}: {window}");

    // Hash functions on top, with names and lines, on behalf of the hunt.
    let top = fleet.json(&["profile", "top", &profile]);
    let functions = top["functions"].as_array().expect("functions");
    let is_digest =
        |name: &String| ["sha2", "sha1", "md-5", "md5"].iter().any(|word| name.contains(word));
    assert!(
        functions.iter().any(|f| is_digest(&text(&f["function"])) && f["line"].is_u64()),
        "{top}"
    );
    // What is not the kernel's, which makes the pages of a sparse file, is theirs.
    let folded = fleet.path("cpu.folded").to_string_lossy().into_owned();
    fleet.muster_ok(["profile", "export", &profile, "--format", "folded", "-o", &folded]);
    let folded = std::fs::read_to_string(&folded).expect("the export");
    let (mut digests, mut kernel, mut all) = (0_u64, 0_u64, 0_u64);
    for line in folded.lines() {
        let (stack, count) = line.rsplit_once(' ').expect("a stack and its count");
        let count: u64 = count.parse().expect("a count");
        let leaf = stack.rsplit(';').next().unwrap_or_default();
        all += count;
        kernel += if leaf.contains("syscall") { count } else { 0 };
        digests += if is_digest(&stack.to_owned()) { count } else { 0 };
    }
    assert!(
        kernel > 0 && digests * 5 >= (all - kernel) * 4,
        "{digests}, {kernel}, {all}:\n{folded}"
    );
    let share = top["collections"].as_array().expect("collections").iter();
    let share: f64 =
        share.filter(|c| c["collection"] == *hunt).filter_map(|c| c["percent"].as_f64()).sum();
    assert!(share >= 90.0, "{share} % carry the hunt: {}", top["collections"]);

    // The tool itself reads the export.
    let file = fleet.path("cpu.pb.gz").to_string_lossy().into_owned();
    fleet.muster_ok(["profile", "export", &profile, "--format", "pprof", "-o", &file]);
    assert_is_a_sound_profile(&std::fs::read(&file).expect("the export"));
    let output = Command::new("go")
        .args(["tool", "pprof", "-top", &file])
        .env("HOME", fleet.path(""))
        .output();
    let output = output.expect("go tool pprof: install golang-go");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("flat%") && is_digest(&report.clone().into_owned()), "{report}");
    let svg = fleet.path("flame.svg").to_string_lossy().into_owned();
    fleet.muster_ok(["profile", "flame", &profile, "-o", &svg]);
    assert!(std::fs::read_to_string(&svg).expect("an SVG").contains("<svg"));
}

/// Decodes with messages that are not ours, and checks what every reader of the format relies on.
fn assert_is_a_sound_profile(gzip: &[u8]) {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut bytes).expect("gzip");
    let profile = protos::Profile::decode(bytes.as_slice()).expect("pprof");
    let text =
        |index: i64| profile.string_table[usize::try_from(index).expect("an index")].as_str();
    let types: Vec<_> = profile.sample_type.iter().map(|t| (text(t.ty), text(t.unit))).collect();
    assert_eq!(types, [("samples", "count"), ("cpu", "nanoseconds")]);
    assert_eq!(profile.string_table[0], "");

    let ids = |mut all: Vec<u64>| {
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() == count && !all.contains(&0), "ids are unique and not 0");
        all
    };
    let mappings = ids(profile.mapping.iter().map(|mapping| mapping.id).collect());
    let functions = ids(profile.function.iter().map(|function| function.id).collect());
    let locations = ids(profile.location.iter().map(|location| location.id).collect());
    for location in &profile.location {
        assert!(mappings.contains(&location.mapping_id), "{location:?} has a mapping");
        assert!(location.line.iter().all(|line| functions.contains(&line.function_id)));
    }

    // 99 a second of one thread's CPU time; a sample's time is its count of periods.
    let period = profile.period_type.as_ref().expect("a period type");
    assert_eq!((text(period.ty), text(period.unit)), ("cpu", "nanoseconds"));
    assert_eq!(profile.period, 1_000_000_000 / 99);
    assert!((4_900_000_000..30_000_000_000).contains(&profile.duration_nanos), "{profile:?}");
    let (mut count, mut cpu) = (0, 0);
    for sample in &profile.sample {
        assert!(sample.location_id.iter().all(|id| locations.contains(id)), "{sample:?}");
        let [samples, nanoseconds] = sample.value[..] else { panic!("two values: {sample:?}") };
        assert!(samples > 0 && !sample.location_id.is_empty(), "{sample:?}");
        count += samples;
        cpu += nanoseconds;
    }
    assert_eq!(cpu, count * profile.period);
}

#[test]
fn the_coordinator_is_profiled_the_same_way() {
    let fleet = Fleet::start(0);
    let kinds = "cpu,wall,heap,tasks,metrics,logs";
    let take = ["profile", "take", "--coordinator", "--kind", kinds, "--seconds", "1", "--detach"];
    let profile = text(&fleet.json(&take)["id"]);
    eventually("the profile is stored", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["finished"] == 1 { Ok(()) } else { Err(shown.to_string()) }
    });
    fleet.muster_ok(["profile", "top", &profile]);
    fleet.muster_ok(["profile", "top", &profile, "--kind", "wall"]);
    let heap =
        fleet.json(&["profile", "top", &profile, "--kind", "heap", "--value", "alloc_space"]);
    assert!(heap["unit"] == "bytes" && heap["total"].as_u64() > Some(0), "{heap}");
    // What is no stacks is shown as text, and as it came.
    let show = |kind| fleet.muster_ok(["profile", "show", &profile, "--kind", kind]);
    let tasks = show("tasks");
    // Not the sampler's own thread: it may be so new that it has no name yet, or gone at the end.
    assert!(tasks.contains(" store ") && tasks.contains("futex"), "{tasks}");
    assert!(tasks.contains("no collection in flight"), "{tasks}");
    assert!(tasks.contains("own profile") && tasks.contains("link"), "async tasks: {tasks}");
    assert_eq!(show("metrics").lines().count(), 3, "a heading and both ends: {}", show("metrics"));
    assert!(show("logs").contains("INFO"), "{}", show("logs"));
    let raw = fleet.muster_ok(["profile", "export", &profile, "--kind", "tasks", "-o", "-"]);
    let raw: Value = serde_json::from_str(&raw).expect("JSON");
    let threads = raw["moments"][1]["threads"].as_array().expect("threads");
    assert!(threads.iter().any(|one| one["state"] == "R" || one["cpu_ms"].as_u64() > Some(0)));
    let tasks = raw["moments"][1]["tasks"].as_array().expect("tasks");
    assert!(
        tasks.iter().any(|one| one["name"] == "self_telemetry" && one["polls"].as_u64() > Some(0))
    );
    let flame = fleet.muster(["profile", "flame", &profile, "--kind", "logs", "-o", "-"]);
    assert_eq!(flame.status.code(), Some(64), "{}", String::from_utf8_lossy(&flame.stderr));
}
