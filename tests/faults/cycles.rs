//! A thousand profiles one after the other, and twenty at a time, while hunts run and threads come and go.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use agent::once::Trusted;
use agent::policy::Policy;
use common::clock::Clock;
use common::ids::AgentId;
use common::profile::{Allocator, RawProfile, Sampler, Scope, Window};
use common::request::Limits;
use common::request::profile::ProfileKind;
use common::result::{FileKind, Row, State};
use common::wire;
use tests::once::Once;
use tests::swarm::trees;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

const CYCLES: usize = 1_000;
const OVERLAPPING: u32 = 20;
const FILES: usize = 200;

/// Ends the threads, also when the test fails.
struct Over<'a>(&'a AtomicBool, Thread);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.unpark();
    }
}

fn open(kind: ProfileKind, hertz: u32) -> Window {
    let window = Sampler::global().window(kind, hertz, Scope::Process, &Clock::system());
    window.expect("a window")
}

/// Hunts again and again; returns how often.
fn hunt(once: &Once, tree: &Path, is_over: &AtomicBool) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut times = 0;
    while !is_over.load(Ordering::Relaxed) {
        let sealed = once.seal(&Once::spec(&[tree]), Limits::default());
        let sealed = wire::encode(&sealed).expect("its bytes");
        let trusted = Trusted {
            agent: AgentId::new("once").expect("an id"),
            fleet: None,
            root: once.root(),
            policy: Policy::default(),
            cache: None,
        };
        let format = |row: &Row, text: &mut Vec<u8>| {
            text.extend((row.kind == FileKind::Regular).then_some(b'.'));
            Ok(())
        };
        let (mut files, never) = (Vec::new(), std::future::pending());
        let hunt = Box::pin(agent::once(sealed.as_slice(), trusted, never, format, &mut files));
        let ended = runtime.block_on(hunt).expect("its end");
        assert_eq!((ended.state, files.len()), (State::Finished, FILES), "{}", ended.reason);
        times += 1;
    }
    times
}

fn come_and_go(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let short = thread::spawn(|| std::hint::black_box(vec![1_u8; 100_000]).len());
        assert_eq!(short.join().expect("its end"), 100_000);
    }
}

/// Off means off: no timer, and no handler of ours.
fn assert_off() {
    let timers = std::fs::read_to_string("/proc/self/timers").expect("timers");
    assert!(!timers.contains("ID:"), "{timers}");
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
    let mask = u64::from_str_radix(mask.trim(), 16).expect("a mask");
    let (urg, prof) = (1 << (23 - 1), 1 << (27 - 1));
    assert_eq!(mask & (urg | prof), 0, "handlers: {mask:x}");
}

/// Returns which part of its window a thread was seen.
fn share_of(profile: &RawProfile, thread: &str) -> f64 {
    let mine = profile.samples.iter().filter(|sample| sample.thread == thread);
    let counted: u64 = mine.map(|sample| sample.count * profile.period).sum();
    Duration::from_nanos(counted).div_duration_f64(Duration::from_nanos(profile.duration_ns))
}

/// Takes one to three kinds, closed in another order than they were opened; returns the number of samples.
fn cycle(number: usize) -> u64 {
    let kinds = [ProfileKind::Cpu, ProfileKind::Wall, ProfileKind::Heap];
    let kinds = kinds.into_iter().cycle().skip(number % 3).take(1 + number / 3 % 3);
    let mut windows: Vec<_> = kinds.map(|kind| open(kind, 250)).collect();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(3) {
        std::hint::black_box(vec![0_u8; 10_000]);
    }
    windows.reverse();
    windows.into_iter().map(|window| window.finish().count()).sum()
}

/// Twenty windows, each a little later than the one before: every one has its own beginning, end, and samples.
fn overlap() {
    let one = |number: u32| {
        thread::park_timeout(Duration::from_millis(u64::from(number) * 10));
        let kind = if number % 4 == 3 { ProfileKind::Heap } else { ProfileKind::Wall };
        let window = open(kind, 50 + 10 * number);
        while window.elapsed() < Duration::from_secs(1) {
            thread::park_timeout(Duration::from_millis(50));
        }
        let profile = window.finish();
        if kind == ProfileKind::Heap {
            assert!(profile.count() > 0, "nothing was allocated");
        } else {
            let share = share_of(&profile, "waits");
            assert!((0.9..1.1).contains(&share), "window {number}: {share}");
        }
    };
    thread::scope(|scope| {
        for number in 0..OVERLAPPING {
            scope.spawn(move || one(number));
        }
    });
}

#[test]
fn a_thousand_profiles_and_twenty_at_a_time_while_hunts_run_and_threads_come_and_go() {
    let once = Once::new();
    let tree = once.path("tree");
    trees::write(&tree, FILES, 5).expect("a tree");
    let is_over = AtomicBool::new(false);
    let hunts = AtomicUsize::new(0);
    let sampled = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| hunts.fetch_add(hunt(&once, &tree, &is_over), Ordering::Relaxed));
        }
        scope.spawn(|| come_and_go(&is_over));
        let waits = || {
            while !is_over.load(Ordering::Relaxed) {
                thread::park();
            }
        };
        let waits = thread::Builder::new().name("waits".into()).spawn_scoped(scope, waits);
        let _over = Over(&is_over, waits.expect("a thread").thread().clone());
        let cycled = (0..CYCLES).map(|number| {
            let sampled = cycle(number);
            assert_off();
            sampled
        });
        let sampled: u64 = cycled.sum();
        overlap();
        assert_off();
        sampled
    });
    assert!(sampled > 5_000, "{sampled} samples");
    assert!(hunts.into_inner() >= 2);
}
