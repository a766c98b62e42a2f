//! This process, sampled, named, and read by others.

mod wire;

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::clock::Clock;
use common::profile::{Sampler, Scope, encode};

use super::profile::Profile;
use super::symbols::Symbols;

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
    let window = Sampler::global().window(199, Scope::Process, &Clock::system()).unwrap();
    black_box(busy_in_the_coordinator());
    encode::encode(&window.finish()).unwrap()
}

fn resolve(raw: &[u8], folder: &Path) -> Profile {
    Profile::resolve(raw, &Symbols::new(folder)).unwrap()
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

    let top = profile.top();
    let busy = top.functions.iter().find(|row| row.function.contains("busy_in_the_coordinator"));
    let busy = busy.unwrap_or_else(|| panic!("{top:#?}"));
    let first = top.functions.iter().max_by_key(|row| row.flat).unwrap();
    assert_eq!(first, busy, "it costs most");
    assert!(busy.file.ends_with("coordinator/src/profiles/tests.rs"), "{busy:?}");
    assert!(busy.line.is_some_and(|line| (16..35).contains(&line)), "{busy:?}");
    assert!(busy.flat <= busy.cum && busy.cum <= top.total_samples, "{busy:?}");
    assert!((0.1..=100.0).contains(&busy.flat_percent), "{busy:?}");
    let parts: i64 = top.collections.iter().map(|part| part.samples).sum();
    assert_eq!(parts, top.total_samples);

    let folded = profile.folded();
    let counts =
        folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap());
    assert_eq!(counts.sum::<i64>(), top.total_samples);
    let stack = folded.lines().find(|line| line.contains("busy_in_the_coordinator")).unwrap();
    let caller = stack.find("tests::raw").unwrap();
    assert!(caller < stack.find("busy_in_the_coordinator").unwrap(), "root first: {stack}");

    let svg = String::from_utf8(profile.flame_svg("web-1 <x>", "10 s").unwrap()).unwrap();
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
        use common::profile::protos::{Label, Location, Mapping, Profile, Sample, ValueType};
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
        assert_eq!(profile.top().functions[0].function, "[lib z.so+0x1234]");
        assert!(profile.flame_svg("t", "s").is_ok());
        wire::read(&unpack(&profile.to_pprof_gz().unwrap()));
    }
    assert!(Profile::resolve(b"no profile", &Symbols::new(folder.path())).is_err());
}

#[test]
fn a_debug_companion_in_the_folder_serves() {
    let folder = tempfile::tempdir().unwrap();
    let companion = folder.path().join("companion");
    let mut objcopy = Command::new("objcopy");
    objcopy.arg("--only-keep-debug").arg(std::env::current_exe().unwrap()).arg(&companion);
    assert!(objcopy.status().unwrap().success());
    let symbols = Symbols::new(&folder.path().join("symbols"));
    let build_id = symbols.add_file(&companion).unwrap();
    let found = symbols.find(&build_id).unwrap();
    assert_eq!(found, folder.path().join("symbols").join(&build_id));
    let profile = Profile::resolve(&raw(), &symbols).unwrap();
    let top = profile.top();
    let busy = top.functions.iter().find(|row| row.function.contains("busy_in_the_coordinator"));
    assert!(busy.is_some_and(|row| row.line.is_some()), "{top:#?}");

    assert!(symbols.add_file(Path::new("/proc/self/status")).is_err(), "no build id");
}
