//! A thousand profiles one after the other, and twenty at a time, while hunts run and threads come and go.
//!
//! Once with the kinds of time, whose windows are measured by the clock; once with memory and threads, where nothing is
//! timed, so that `tests/run valgrind` can look on.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use agent::once::Trusted;
use agent::policy::Policy;
use muster_profiler::{
    Allocator, Capture, ProcessReport, RawProfile, Sampler, Scope, Window, decode, encode,
};
use muster_protocol::artifact::{self, RowRef};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, JournalId};
use muster_protocol::limits::PROFILE_HEAP_SAMPLE_BYTES;
use muster_protocol::request::Limits;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::result::State;
use muster_protocol::wire;
use serde_json::{Value, json};
use tests::once::Once;
use tests::swarm::trees;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

const CYCLES: usize = 1_000;
const OVERLAPPING: u32 = 20;
const FILES: usize = 200;

/// A process has one sampler, and off is only off when nobody else has it on.
static ALONE: Mutex<()> = Mutex::new(());

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

/// Does something again and again, with a rest of so many times what it took; returns how often.
fn again_and_again(rest: u32, is_over: &AtomicBool, mut work: impl FnMut()) -> usize {
    let mut times = 0;
    while !is_over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        work();
        times += 1;
        thread::park_timeout(begin.elapsed() * rest);
    }
    times
}

fn hunt(once: &Once, tree: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let sealed = once.seal(&Once::spec(&[tree]), Limits::default());
    let sealed = wire::encode(&sealed).expect("its bytes");
    let trusted = Trusted {
        agent: AgentId::new("once").expect("an id"),
        fleet: None,
        root: once.root(),
        policy: Policy::default(),
        cache: None,
    };
    let format = |row: &RowRef<'_>, text: &mut Vec<u8>| {
        text.extend((row.get("kind") == artifact::Value::Word("file")).then_some(b'.'));
        Ok(())
    };
    let (mut files, never) = (Vec::new(), std::future::pending());
    let hunt = Box::pin(agent::once(sealed.as_slice(), trusted, never, format, &mut files));
    let ended = runtime.block_on(hunt).expect("its end");
    assert_eq!((ended.state, files.len()), (State::Finished, FILES), "{}", ended.reason);
}

fn come_and_go() {
    let short = thread::spawn(|| black_box(vec![1_u8; 100_000]).len());
    assert_eq!(short.join().expect("its end"), 100_000);
}

/// Does something while two hunts run and threads come and go, one of which waits all the time and is called `waits`.
/// The others rest so many times as long as they work.
fn beside_hunts<T>(rest: u32, work: impl FnOnce() -> T) -> T {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let once = Once::new();
    let tree = once.path("tree");
    trees::write(&tree, FILES, 5).expect("a tree");
    let is_over = AtomicBool::new(false);
    let hunts = AtomicUsize::new(0);
    // A thread gives itself its name.
    let is_there = Barrier::new(2);
    let done = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let times = again_and_again(rest, &is_over, || hunt(&once, &tree));
                hunts.fetch_add(times, Ordering::Relaxed);
            });
        }
        scope.spawn(|| again_and_again(rest, &is_over, come_and_go));
        let waits = || {
            is_there.wait();
            while !is_over.load(Ordering::Relaxed) {
                thread::park();
            }
        };
        let waits = thread::Builder::new().name("waits".into()).spawn_scoped(scope, waits);
        let _over = Over(&is_over, waits.expect("a thread").thread().clone());
        is_there.wait();
        work()
    });
    assert!(hunts.into_inner() >= 2);
    done
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
    let close = |window: Window| {
        let profile = window.finish();
        let is_heap = profile.kind == ProfileKind::Heap;
        assert!(!is_heap || profile.count() > 0, "a window without what was allocated in it");
        profile.count()
    };
    windows.into_iter().map(close).sum()
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
    let sampled = beside_hunts(0, || {
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
}

fn said() -> ProcessReport {
    let telemetry =
        json!({ "agent": "cycles", "at": 1, "journal": JournalId::from_bytes([1; 16]) });
    let telemetry = serde_json::from_value(telemetry).expect("what a process says");
    ProcessReport { telemetry, tasks: Vec::new() }
}

fn capture() -> Capture {
    let kinds = vec![ProfileKind::Heap, ProfileKind::Tasks];
    let args = ProfileStart { revision: 0, during: None, kinds, seconds: 1, hertz: 99 };
    Capture::open(&args, &Scope::Process, &Clock::system(), &said()).expect("a window")
}

/// Larger than any distance between samples that is drawn: whoever looks sees it.
fn allocate() {
    drop(black_box(Vec::<u8>::with_capacity(PROFILE_HEAP_SAMPLE_BYTES * 64)));
}

/// Returns which threads allocated within the window; both its moments know the thread that waits.
fn allocated(capture: Capture) -> BTreeSet<String> {
    let parts = capture.finish(false, said).expect("its parts");
    let [heap, tasks] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    assert_eq!((heap.kind, tasks.kind), (ProfileKind::Heap, ProfileKind::Tasks));
    let tasks: Value = serde_json::from_slice(&tasks.bytes).expect("a document");
    for moment in 0..2 {
        let threads = tasks["moments"][moment]["threads"].as_array().expect("threads");
        assert!(threads.iter().any(|thread| thread["name"] == "waits"), "{threads:?}");
    }
    let profile = decode::decode(&heap.bytes).expect("a profile");
    let text = |index| decode::text(&profile, index).expect("a text");
    let labels = profile.sample.iter().flat_map(|sample| &sample.label);
    let threads = labels.filter(|label| text(label.key) == encode::THREAD_LABEL);
    threads.map(|label| text(label.str).to_owned()).collect()
}

#[test]
fn memory_and_threads_a_thousand_times_and_twenty_at_a_time_while_hunts_run() {
    // Under valgrind one thread runs at a time, and this one would hardly have its turn.
    beside_hunts(5, || {
        let own = thread::current().name().expect("the test's name").to_owned();
        let own = own.get(..15).unwrap_or(&own);
        for _ in 0..CYCLES {
            let capture = capture();
            allocate();
            let threads = allocated(capture);
            assert!(threads.contains(own), "{own} is not among {threads:?}");
        }
        let names: BTreeSet<_> = (0..OVERLAPPING).map(|number| format!("look-{number}")).collect();
        let together = Barrier::new(names.len());
        thread::scope(|scope| {
            for name in &names {
                let look = || {
                    let capture = capture();
                    together.wait();
                    allocate();
                    together.wait();
                    let threads = allocated(capture);
                    assert!(threads.is_superset(&names), "only {threads:?}");
                };
                let look = thread::Builder::new().name(name.clone()).spawn_scoped(scope, look);
                look.expect("a thread");
            }
        });
    });
}
