//! The sampler against real threads, the decoder against damage.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "small numbers"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Owner, RawProfile, Sampler, Scope, Tag, decode, encode, tag};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::profile::ProfileKind;

/// Burns `cpu` of the calling thread's CPU time.
fn burn(cpu: Duration) {
    let spent = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    let begin = spent();
    let mut bytes = vec![7_u8; 65_536];
    while spent().saturating_sub(begin) < cpu {
        bytes[0] = bytes[0].wrapping_add(Sha256::digest(black_box(&bytes))[0]);
    }
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn count_of(profile: &RawProfile, owner: &Owner) -> f64 {
    let mine = profile.samples.iter().filter(|sample| sample.owner.as_ref() == Some(owner));
    mine.map(|sample| sample.count).sum::<u64>() as f64
}

/// What the samples cost is something, and a part of what the process has used.
pub(super) fn assert_costs(profile: &RawProfile) {
    let cost = profile.cost;
    assert!(cost.handler_runs > 0 && cost.handler_ns > 0 && cost.sweeper_ns > 0, "{cost:?}");
    let spent_ms = (cost.handler_ns + cost.sweeper_ns) / 1_000_000;
    assert!(spent_ms <= profile.cpu_ms, "{cost:?} of {} ms", profile.cpu_ms);
}

fn near(got: f64, want: f64, part: f64) -> bool {
    (got - want).abs() <= want * part
}

/// Windows of other tests would keep the one sampler on.
pub(super) static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn tags_ratio_scopes_and_overlapping_windows() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (first, second) = (RequestId::new(), RequestId::new());
    let (a, b) = (Tag::new(agent("a"), Some(first)), Tag::new(agent("b"), Some(second)));
    let clock = Clock::system();
    let sampler = Sampler::global();
    let all = sampler.window(ProfileKind::Cpu, 199, Scope::Process, &clock).unwrap();
    let slow = sampler.window(ProfileKind::Cpu, 97, Scope::Agent(agent("a")), &clock).unwrap();
    thread::scope(|scope| {
        for (tag, ms) in [(&a, 3_000), (&b, 1_000)] {
            scope.spawn(move || {
                let _guard = tag::enter(tag);
                burn(Duration::from_millis(ms));
            });
        }
    });
    let slow = slow.finish();
    let all = all.finish();
    assert_eq!((all.lost, slow.lost), (0, 0));
    // One run of the handler a sample, where no timer was late, and paid for by the process itself.
    let runs = all.cost.handler_runs as f64;
    let samples = all.count() as f64;
    assert!((samples / 4.0..=samples * 1.1).contains(&runs), "{samples}: {:?}", all.cost);
    assert_costs(&all);
    let (of_a, of_b) = (count_of(&all, a.owner()), count_of(&all, b.owner()));
    assert!(near(of_a, 597.0, 0.15) && near(of_b, 199.0, 0.15), "199 Hz: {of_a}, {of_b}");
    assert!(near(count_of(&slow, a.owner()), 291.0, 0.15), "97 Hz: {}", slow.count());
    assert_eq!(count_of(&slow, a.owner()) as u64, slow.count(), "only agent a");
    let bytes = encode::encode(&all).unwrap();
    let back = decode::decode(&bytes).unwrap();
    let cpu: i64 = back.sample.iter().map(|sample| sample.value[1]).sum();
    assert_eq!(cpu as u64, all.count() * all.period);
    assert!(near(cpu as f64 / 1e6, all.cpu_ms as f64, 0.15), "{cpu} ns of {} ms", all.cpu_ms);
}

#[test]
fn off_means_off_and_cycles_survive_threads_that_come_and_go() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let stop = Arc::new(AtomicBool::new(false));
    let churn = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                thread::spawn(|| burn(Duration::from_millis(3))).join().unwrap();
            }
        })
    };
    for _ in 0..100 {
        let open = |kind| Sampler::global().window(kind, 250, Scope::Process, &Clock::system());
        let (window, wall) = (open(ProfileKind::Cpu).unwrap(), open(ProfileKind::Wall).unwrap());
        let heap = open(ProfileKind::Heap).unwrap();
        burn(Duration::from_millis(5));
        let timers = std::fs::read_to_string("/proc/self/timers").unwrap();
        assert!(timers.contains("ID:"), "a window without timers");
        window.finish();
        heap.finish();
        assert!(wall.finish().count() > 0, "no thread was anywhere");
        let timers = std::fs::read_to_string("/proc/self/timers").unwrap();
        assert!(!timers.contains("ID:"), "timers after the last window: {timers}");
    }
    stop.store(true, Ordering::Relaxed);
    churn.join().unwrap();
}

#[test]
fn guards_nest_and_hertz_are_bounded() {
    let (outer, inner) = (Tag::new(agent("o"), None), Tag::new(agent("i"), None));
    let first = tag::enter(&outer);
    let second = tag::enter(&inner);
    drop(second);
    drop(first);
    assert_eq!(super::sys::exchange_tag(0), 0, "the thread is untagged again");
    for hertz in [0, muster_protocol::limits::PROFILE_HERTZ_MAX + 1] {
        assert!(
            Sampler::global()
                .window(ProfileKind::Cpu, hertz, Scope::Process, &Clock::system())
                .is_err()
        );
    }
}

proptest::proptest! {
    #[test]
    fn damaged_profiles_never_panic(bytes: Vec<u8>, cut in 0_usize..4_000, flip in 0_usize..4_000) {
        assert!(decode::decode(&bytes).is_err());
        let good = sample_message();
        let mut wire = super::protos::Message::encode_to_vec(&good);
        wire.truncate(cut.max(1));
        let at = flip % wire.len();
        wire[at] ^= 0x55;
        let _either = decode::decode(&gz(&wire));
    }
}

fn sample_message() -> super::protos::Profile {
    let sample = super::Sample {
        frames: vec![0x1000, 0x2000, 0x9000],
        owner: None,
        thread: "main".into(),
        wait: Some(super::Wait { syscall: Some(202), is_unanswered: true }),
        count: 3,
        memory: super::Memory::default(),
    };
    let profile = RawProfile {
        kind: ProfileKind::Wall,
        samples: vec![sample],
        period: 10_000_000,
        hertz: 100,
        start: muster_protocol::clock::Timestamp(1),
        end: muster_protocol::clock::Timestamp(2),
        duration_ns: 1_000_000,
        lost: 0,
        cost: super::Cost::default(),
        cpu_ms: 30,
    };
    let mapping = super::maps::Mapping {
        start: 0x1000,
        limit: 0x3000,
        offset: 0,
        name: "/bin/x".into(),
        build_id: "abcd1234".into(),
    };
    encode::build(&profile, &[mapping])
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
