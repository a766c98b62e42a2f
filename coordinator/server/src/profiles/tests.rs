//! This process, sampled, named, and read by others.

mod bounds;
mod callgrind;
mod inlined;
pub(in crate::profiles) mod made;
mod merge;
mod speedscope;
mod summary;
mod tree;
mod wire;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use muster_profiler::{Sampler, Scope, encode};
use muster_protocol::clock::Clock;
use muster_protocol::request::profile::ProfileKind;

use super::folding::Plumbing;
use super::profile::Profile;
use super::symbols::{Symbols, SymbolsError};
use super::views::flame::Titles;
use muster_api::By;
use muster_api::views::{Key, Row, Rows};

#[global_allocator]
static ALLOCATOR: muster_profiler::Allocator = muster_profiler::Allocator;

/// Spends one second of this thread's CPU time, all of it here.
#[inline(never)]
fn busy_in_the_coordinator() -> u64 {
    let spent = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
    };
    let begin = spent();
    let mut state = 1_u64;
    while spent().saturating_sub(begin) < Duration::from_secs(1) {
        let mut turn = 0;
        while turn < 1_000_000 {
            // Nothing that could be inlined here and take the samples for itself.
            state = state ^ (state << 7) ^ (state >> 9);
            turn += 1;
        }
    }
    state
}

/// Samples this process; its profile as an agent would send it.
fn raw() -> Vec<u8> {
    let window =
        Sampler::global().window(ProfileKind::Cpu, 199, Scope::Process, &Clock::system()).unwrap();
    black_box(busy_in_the_coordinator());
    encode::encode(&window.finish()).unwrap()
}

fn resolve(raw: &[u8], folder: &Path) -> Profile {
    Profile::resolve(raw, &Symbols::new(folder)).unwrap()
}

fn busy(rows: &[Row]) -> &Row {
    let is_busy = |row: &&Row| matches!(&row.key, Key::Function { function, .. } if function.contains("busy_in_the_coordinator"));
    rows.iter().find(is_busy).unwrap_or_else(|| panic!("{rows:#?}"))
}

fn unpack(gzip: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(gzip), &mut bytes).unwrap();
    bytes
}

#[test]
fn the_busy_function_is_on_top_in_every_view() {
    let folder = tempfile::tempdir().unwrap();
    let profile = resolve(&raw(), folder.path());

    let top = profile.top(By::Function, Plumbing::Folded);
    let busy = busy(top.rows.all());
    let first = top.rows.all().iter().max_by_key(|row| row.flat).unwrap();
    assert_eq!(first, busy, "it costs most");
    let Key::Function { file, .. } = &busy.key else { panic!("{busy:?}") };
    assert!(file.ends_with("coordinator/server/src/profiles/tests.rs"), "{busy:?}");
    assert!(busy.line.is_some_and(|line| (16..50).contains(&line)), "{busy:?}");
    assert!(busy.flat <= busy.cum && busy.cum <= top.total, "{busy:?}");
    assert_eq!((top.kind.as_str(), top.unit.as_str()), ("cpu", "nanoseconds"));
    assert!((0.1..=100.0).contains(&busy.flat_percent), "{busy:?}");
    let parts: i64 = top.collections.iter().map(|part| part.value).sum();
    assert_eq!(parts, top.total);

    let folded = profile.folded();
    let counts =
        folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap());
    assert_eq!(Some(counts.sum::<i64>()), top.total_samples);
    let stack = folded.lines().find(|line| line.contains("busy_in_the_coordinator")).unwrap();
    let caller = stack.find("tests::raw").unwrap();
    assert!(caller < stack.find("busy_in_the_coordinator").unwrap(), "root first: {stack}");

    let titles = Titles { title: "web-1 <x>", subtitle: "10 s" };
    let svg = profile.flame_svg(titles, Plumbing::Folded).unwrap();
    assert!(svg.contains("busy_in_the_coordinator") && svg.contains("web-1 &lt;x&gt;"));
    assert!(svg.contains("search") && svg.contains("zoom"));
    for fetching in ["href=\"http", "src=\"", "@import", "url(http", "fetch(", "XMLHttpRequest"] {
        assert!(!svg.contains(fetching), "{fetching}");
    }

    let export = folder.path().join("cpu.pb.gz");
    std::fs::write(&export, profile.to_pprof_gz().unwrap()).unwrap();
    let tool = |view: &str| {
        let mut go = Command::new("go");
        go.args(["tool", "pprof", "-symbolize=none", view]).arg(&export);
        let said = go.env("PPROF_TMPDIR", folder.path()).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    let listing = tool("-top");
    assert!(listing.contains("busy_in_the_coordinator"), "{listing}");
    let lines = tool("-traces");
    assert!(lines.contains("thread:"), "labels are kept: {lines}");
    let source = tool("-list=busy_in_the_coordinator");
    assert!(source.contains("state = state ^ (state << 7)"), "source lines: {source}");
    let graph = tool("-callgrind");
    assert!(graph.contains("events: cpu(ms)"), "{graph}");
}

#[test]
fn the_export_is_whole_and_keeps_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let raw = raw();
    let profile = resolve(&raw, folder.path());
    let before = wire::read(&unpack(&raw));
    let after = wire::read(&unpack(&profile.to_pprof_gz().unwrap()));
    assert!(after.samples > 0);
    assert_eq!(after.sums, before.sums);
    assert_eq!(after.samples, before.samples);
    assert_eq!(after.locations.len(), before.locations.len());
    for (location, mapping, functions) in &after.locations {
        assert!(after.mappings.contains(mapping), "mapping of location {location}");
        assert!(!functions.is_empty(), "name of location {location}");
        assert!(functions.iter().all(|id| after.functions.contains(id)), "location {location}");
    }
    let has_inlined = after.locations.iter().any(|(.., functions)| functions.len() > 1);
    assert!(has_inlined, "inlined functions share a location");
}

#[test]
fn what_is_not_known_is_named_by_module_and_offset() {
    let message = |build_id: &str| {
        use muster_profiler::protos::{Label, Location, Mapping, Profile, Sample, ValueType};
        let table = ["", "samples", "count", "cpu", "nanoseconds", "/opt/x;y\n/lib z.so", build_id];
        let mapping = Mapping {
            id: 7,
            memory_start: 0x7000_0000,
            memory_limit: 0x7001_0000,
            file_offset: 0x1000,
            filename: 5,
            build_id: 6,
            ..Mapping::default()
        };
        let location =
            Location { id: 3, mapping_id: 7, address: 0x7000_0234, ..Location::default() };
        let sample = Sample {
            location_id: vec![3],
            value: vec![2, 20_000_000],
            label: vec![Label::default()],
        };
        encode::gzip(&Profile {
            sample_type: vec![ValueType { ty: 1, unit: 2 }, ValueType { ty: 3, unit: 4 }],
            sample: vec![sample],
            mapping: vec![mapping],
            location: vec![location],
            string_table: table.iter().map(|&text| text.to_owned()).collect(),
            period: 10_000_000,
            ..Profile::default()
        })
    };
    let folder = tempfile::tempdir().unwrap();
    for build_id in ["", "00112233445566778899", "../../../etc/passwd"] {
        let profile = resolve(&message(build_id).unwrap(), folder.path());
        assert_eq!(profile.folded(), "thread;[lib z.so+0x1234] 2\n");
        let function = Key::Function { function: "[lib z.so+0x1234]".into(), file: String::new() };
        assert_eq!(profile.top(By::Function, Plumbing::Folded).rows.all()[0].key, function);
        assert!(profile.flame_svg(Titles { title: "t", subtitle: "s" }, Plumbing::Folded).is_ok());
        wire::read(&unpack(&profile.to_pprof_gz().unwrap()));
    }
    assert!(Profile::resolve(b"no profile", &Symbols::new(folder.path())).is_err());
}

#[test]
fn every_top_adds_up_to_the_whole_and_hunts_are_told_from_the_rest() {
    let profile = made::agent();
    for by in
        [By::Function, By::Frame, By::Line, By::File, By::Module, By::Thread, By::Hunt, By::Agent]
    {
        let top = profile.top(by, Plumbing::Folded);
        let flat: i64 = top.rows.all().iter().map(|row| row.flat).sum();
        assert_eq!((flat, top.total), (1_000_000_000, 1_000_000_000), "{by:?}");
    }
    let hunts = serde_json::to_value(profile.top(By::Hunt, Plumbing::Folded)).unwrap();
    let hunts: Vec<_> = hunts["hunts"].as_array().unwrap().iter().collect();
    let parts: Vec<_> =
        hunts.iter().map(|row| (&row["hunt"], row["cum_percent"].as_f64())).collect();
    let parts: Vec<_> = parts.iter().map(|(hunt, part)| (hunt.as_str().unwrap(), *part)).collect();
    let expected =
        [("h1", Some(70.0)), ("h2", Some(20.0)), ("agent", Some(7.0)), ("untagged", Some(3.0))];
    assert_eq!(parts, expected);

    let mut counted = profile;
    assert!(counted.show("samples") && !counted.show("bytes"));
    assert_eq!((counted.total(), counted.shown_type().unit.as_str()), (100, "count"));
}

#[test]
fn what_rusts_own_library_spends_is_its_callers() {
    let profile = made::with_std();
    let shown = |by| {
        let rows = profile.rows(by, Plumbing::Folded);
        let name = |key: &Key| match key {
            Key::Function { function, .. } => function.clone(),
            key => panic!("{key:?}"),
        };
        let ticks = |ns: i64| ns / 10_000_000;
        rows.iter().map(|r| (name(&r.key), ticks(r.flat), ticks(r.cum))).collect::<Vec<_>>()
    };
    let row = |name: &str, flat, cum| (name.to_owned(), flat, cum);
    let folded =
        [row("sha2::compress", 3, 3), row("std::sys::thread_start", 1, 1), row("work", 0, 3)];
    assert_eq!(shown(By::Function), folded, "what nobody of ours called stays where it is");
    let apart = shown(By::Frame);
    assert!(apart.contains(&row("core::from_fn", 3, 3)), "{apart:?}");
    assert!(apart.contains(&row("std::sys::thread_start", 1, 4)), "{apart:?}");
    assert!(apart.contains(&row("sha2::compress", 0, 3)), "{apart:?}");
}

#[test]
fn a_debug_companion_in_the_folder_serves() {
    let folder = tempfile::tempdir().unwrap();
    let companion = folder.path().join("companion");
    let mut objcopy = Command::new("objcopy");
    objcopy.arg("--only-keep-debug").arg(std::env::current_exe().unwrap()).arg(&companion);
    assert!(objcopy.status().unwrap().success());
    let symbols = Symbols::new(&folder.path().join("symbols"));
    assert_eq!(symbols.added().unwrap(), []);
    let file = std::fs::read(&companion).unwrap();
    let pieces = || file.chunks(65_536).map(Ok::<_, String>);
    let added = symbols.add(pieces()).unwrap();
    assert_eq!(added.bytes, file.len() as u64);
    let build_id = added.build_id;
    let found = symbols.find(&build_id).unwrap();
    assert_eq!(found, folder.path().join("symbols").join(&build_id));
    let profile = Profile::resolve(&raw(), &symbols).unwrap();
    let top = profile.top(By::Function, Plumbing::Folded);
    assert!(busy(top.rows.all()).line.is_some(), "{top:#?}");

    assert_eq!(symbols.added().unwrap().len(), 1);
    let no_program = symbols.add([Ok::<_, String>(b"a text")]).unwrap_err();
    assert!(matches!(no_program, SymbolsError::NoBuildId), "{no_program}");
    let half = pieces().take(2).chain([Err("reset".to_owned())]);
    assert!(matches!(symbols.add(half).unwrap_err(), SymbolsError::Cut(_)));
    let left = std::fs::read_dir(folder.path().join("symbols")).unwrap().count();
    assert_eq!(left, 1, "what is refused leaves nothing behind");
}

#[test]
fn what_has_no_names_is_said_with_its_build_id() {
    let mut profile = made::profile(&[
        (&["main@m.rs:1", "nameless@:0"], 3, "h", "w"),
        (&["main@m.rs:1", "known@k.rs:2"], 1, "h", "w"),
    ]);
    assert!(profile.top(By::Function, Plumbing::Folded).nameless.is_empty());
    for frame in profile.locations.iter_mut().flat_map(|location| &mut location.frames) {
        if frame.function == "nameless" {
            frame.function = "[muster-agent+0x1a2b]".to_owned();
        }
    }
    let nameless = profile.top(By::Thread, Plumbing::Folded).nameless;
    let [file] = &nameless[..] else { panic!("{nameless:?}") };
    assert_eq!((file.module.as_str(), file.build_id.as_str()), ("muster-agent", "00112233"));
    assert!((file.percent - 75.0).abs() < 0.01, "{file:?}");
}

#[test]
fn a_wait_is_a_call_of_the_kernel_by_the_function_that_made_it() {
    let take = || {
        let clock = Clock::system();
        let window = Sampler::global().window(ProfileKind::Wall, 100, Scope::Process, &clock);
        let window = window.unwrap();
        while window.elapsed() < Duration::from_millis(400) {
            std::thread::park_timeout(Duration::from_millis(200));
        }
        encode::encode(&window.finish()).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let profiles = [resolve(&take(), folder.path()), resolve(&take(), folder.path())];
    let merged = super::merge::merge(&profiles).unwrap();
    for profile in profiles.iter().chain([&merged]) {
        let waits = profile.samples.iter().filter(|sample| {
            let mut steps = profile.steps(sample);
            let first = steps.next().unwrap();
            let is_call = first.frame.function == "futex" && profile.module(&first) == "kernel";
            is_call && steps.any(|step| step.frame.function.contains("park_timeout"))
        });
        let waited: i64 = waits.map(|sample| profile.value(sample)).sum();
        assert!(
            waited > 200_000_000,
            "{waited} ns: {:?}",
            profile.top(By::Function, Plumbing::Folded)
        );
        let top = profile.top(By::Function, Plumbing::Folded);
        assert_eq!((top.kind.as_str(), top.unit.as_str()), ("wall", "nanoseconds"));
        let read = wire::read(&unpack(&profile.to_pprof_gz().unwrap()));
        assert!(read.locations.iter().all(|(_, mapping, _)| read.mappings.contains(mapping)));
    }
    let futexes = merged.locations.iter().filter(|place| place.frames[0].function == "futex");
    assert_eq!(futexes.count(), 1, "one place in all profiles");
}

#[inline(never)]
fn planted_leak(kept: &mut Vec<Vec<u8>>) {
    for _ in 0..LEAKED {
        kept.push(black_box(vec![7_u8; 65_536]));
    }
}

#[inline(never)]
fn planted_churn() {
    for _ in 0..4 * LEAKED {
        drop(black_box(vec![7_u8; 65_536]));
    }
}

const LEAKED: usize = 1_024;

#[test]
fn a_leak_is_the_top_of_what_lives_and_what_comes_and_goes_of_what_was_allocated() {
    let clock = Clock::system();
    let window = Sampler::global().window(ProfileKind::Heap, 99, Scope::Process, &clock).unwrap();
    let mut leaked = Vec::new();
    planted_leak(&mut leaked);
    planted_churn();
    let raw = encode::encode(&window.finish()).unwrap();
    drop(leaked);
    let folder = tempfile::tempdir().unwrap();
    let mut profile = resolve(&raw, folder.path());
    let top = profile.top(By::Function, Plumbing::Folded);
    assert_eq!((top.kind.as_str(), top.unit.as_str()), ("inuse_space", "bytes"));
    let first = |profile: &Profile| {
        let Rows::Functions(rows) = profile.top(By::Function, Plumbing::Folded).rows else {
            panic!("no functions")
        };
        let Key::Function { function, .. } = rows[0].key.clone() else { panic!("{rows:?}") };
        (function, rows[0].flat)
    };
    let (function, bytes) = first(&profile);
    assert!(function.contains("planted_leak"), "{function}");
    let want = i64::try_from(LEAKED * 65_536).unwrap();
    assert!((bytes - want).abs() < want / 4, "{bytes} of {want}");
    profile.shown = profile.types.iter().position(|one| one.name == "alloc_space").unwrap();
    let (function, bytes) = first(&profile);
    assert!(function.contains("planted_churn"), "{function}");
    assert!((bytes - 4 * want).abs() < want, "{bytes} of {}", 4 * want);

    let file = folder.path().join("heap.pb.gz");
    std::fs::write(&file, profile.to_pprof_gz().unwrap()).unwrap();
    let mut go = Command::new("go");
    let go = go.args(["tool", "pprof", "-top", "-inuse_space"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&go.stdout);
    assert!(go.status.success() && said.contains("Type: inuse_space"), "{said}");
    assert!(said.lines().any(|line| line.contains("planted_leak")), "{said}");
}
