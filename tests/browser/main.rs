//! The flame graph in a real browser: drawn, searched, zoomed, and quiet on the network.
//!
//! The pictures are made here, of this process while it hashes and of names that try to break out; `drive.py`
//! opens them in a headless Chromium, from a file and as the coordinator serves them, and looks.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use muster_profiler::encode::{self, Strings};
use muster_profiler::protos::{Label, Location, Mapping, Profile as Message, Sample, ValueType};
use muster_profiler::{Sampler, Scope, Tag, tag};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::profile::ProfileKind;
use muster_server::http::profile_views::POLICY;
use muster_server::profiles::folding::Plumbing;
use muster_server::profiles::profile::Profile;
use muster_server::profiles::symbols::Symbols;
use muster_server::profiles::views::flame::Titles;
use sha2::Digest;

/// Hashes for a while, on behalf of a hunt.
fn hash<D: Digest>(hunt: RequestId, length: Duration) {
    let tag = Tag::new(AgentId::new("web-1").expect("an id"), Some(hunt));
    let _guard = tag::enter(&tag);
    let (begin, bytes) = (Instant::now(), vec![7_u8; 65_536]);
    while begin.elapsed() < length {
        std::hint::black_box(D::digest(&bytes));
    }
}

/// Samples this process while two threads hash for two hunts.
fn hashing(folder: &Path) -> Profile {
    let window = Sampler::global()
        .window(ProfileKind::Cpu, 199, Scope::Process, &Clock::system())
        .expect("a window");
    let (one, other) = (RequestId::new(), RequestId::new());
    thread::scope(|scope| {
        let spawn = |name: &str, work: fn(RequestId, Duration), hunt, ms| {
            let run = move || work(hunt, Duration::from_millis(ms));
            thread::Builder::new()
                .name(name.to_owned())
                .spawn_scoped(scope, run)
                .expect("a thread");
        };
        spawn("hash-0", hash::<sha2::Sha256>, one, 1_500);
        spawn("hash-1", hash::<sha1::Sha1>, other, 900);
        spawn("hash-2", hash::<md5::Md5>, one, 500);
    });
    let raw = encode::encode(&window.finish()).expect("a profile");
    Profile::resolve(&raw, &Symbols::new(folder)).expect("a sound profile").of_agent("web-1")
}

/// A profile whose every text tries to become markup.
fn hostile(folder: &Path) -> Profile {
    let bad = "</script><script>window.pwned=1;fetch('/pwned')</script>]]><img src='/pwned' onerror='window.pwned=1'>";
    let mut strings = Strings::default();
    let mut of = |text: &str| strings.of(text);
    let types = vec![
        ValueType { ty: of("samples"), unit: of("count") },
        ValueType { ty: of("cpu"), unit: of("nanoseconds") },
    ];
    let label = |key, str| Label { key, str, ..Label::default() };
    let labels = vec![label(of("collection"), of(bad)), label(of("thread"), of(bad))];
    let mapping = Mapping {
        id: 1,
        memory_start: 0x1000,
        memory_limit: 0x9000,
        filename: of(bad),
        ..Mapping::default()
    };
    let raw = Message {
        sample_type: types,
        sample: vec![Sample { location_id: vec![1], value: vec![9, 90_000_000], label: labels }],
        mapping: vec![mapping],
        location: vec![Location { id: 1, mapping_id: 1, address: 0x2000, ..Location::default() }],
        period: 10_000_000,
        string_table: strings.into_table(),
        ..Message::default()
    };
    let raw = encode::gzip(&raw).expect("a profile");
    Profile::resolve(&raw, &Symbols::new(folder)).expect("a sound profile").of_agent(bad)
}

#[test]
fn the_flame_graph_works_in_a_browser_and_asks_for_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, svg: String| std::fs::write(folder.path().join(name), svg).expect("a file");
    let titles = Titles { title: "CPU time of web-1", subtitle: "profile 0199: 2 s at 199 hertz" };
    let real = hashing(folder.path());
    write("real.svg", real.flame_svg(titles, Plumbing::Folded).expect("a picture"));
    let mut before = real.clone();
    before.samples.retain(|sample| sample.labels.thread != "hash-2");
    write("diff.svg", before.flame_diff_svg(&real, titles, Plumbing::Folded).expect("a picture"));
    let bad = "<script>window.pwned=1</script>";
    let hostile = hostile(folder.path());
    write(
        "hostile.svg",
        hostile
            .flame_svg(Titles { title: bad, subtitle: bad }, Plumbing::Folded)
            .expect("a picture"),
    );

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/drive.py");
    let mut drive = Command::new("python3");
    drive.arg(script).arg(folder.path()).arg(POLICY);
    let said = drive.output().expect("python3");
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{out}{err}");
    print!("{out}");
}
