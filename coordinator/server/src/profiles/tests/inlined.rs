//! Names of inlined functions: the build keeps the debug information that they need.

use std::hint::black_box;
use std::time::{Duration, Instant};

use muster_profiler::{Sampler, Scope, encode};
use muster_protocol::clock::Clock;
use muster_protocol::request::profile::ProfileKind;

#[expect(clippy::inline_always, reason = "what the test is about")]
#[inline(always)]
fn mixed(state: u64) -> u64 {
    state ^ (state << 7) ^ (state >> 9)
}

#[inline(never)]
fn mix_for(time: Duration) -> u64 {
    let began = Instant::now();
    let mut state = 1;
    while began.elapsed() < time {
        let mut turn = 0;
        while turn < 100_000 {
            state = mixed(state);
            turn += 1;
        }
    }
    state
}

#[test]
fn an_inlined_function_has_its_whole_path() {
    let clock = Clock::system();
    let window = Sampler::global().window(ProfileKind::Cpu, 199, Scope::Process, &clock).unwrap();
    black_box(mix_for(Duration::from_secs(1)));
    let raw = encode::encode(&window.finish()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let profile = super::resolve(&raw, folder.path());
    let steps = profile.samples.iter().flat_map(|sample| profile.steps(sample));
    let inlined = steps.filter(|step| step.is_inlined && step.frame.function.ends_with("::mixed"));
    let mut names: Vec<&str> = inlined.map(|step| step.frame.function.as_str()).collect();
    names.dedup();
    assert_eq!(names, ["muster_server::profiles::tests::inlined::mixed"]);
}
