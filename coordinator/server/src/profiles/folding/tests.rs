use muster_api::By;

use super::Plumbing;
use crate::profiles::profile::Profile;
use crate::profiles::tests::made;

/// A thread's start, as it lies under what the thread does.
const START: [&str; 5] = [
    "clone3",
    "start_thread",
    "<std::sys::thread::unix::Thread>::new::thread_start@/rustc/1f/library/std/src/sys/thread/unix.rs:5",
    "core::ops::function::FnOnce::call_once{{vtable.shim}}@/rustc/1f/library/core/src/ops/function.rs:250\
     +std::panicking::catch_unwind@/rustc/1f/library/std/src/panicking.rs:544\
     +std::panicking::catch_unwind::do_call@/rustc/1f/library/std/src/panicking.rs:581",
    "std::sys::backtrace::__rust_begin_short_backtrace@/rustc/1f/library/std/src/sys/backtrace.rs:160",
];

fn profile(above: &[&str]) -> Profile {
    let stack: Vec<&str> = START.iter().chain(above).copied().collect();
    made::profile(&[(&stack, 1, "h1", "hash-0")])
}

/// Returns the functions of the one stack, root first.
fn shown(profile: &Profile, plumbing: Plumbing) -> Vec<&str> {
    let mut steps = profile.folding(plumbing).steps(&profile.samples[0]);
    steps.reverse();
    steps.iter().map(|step| step.frame.function.as_str()).collect()
}

#[test]
fn what_only_calls_is_dropped_and_what_works_stays() {
    let poll = "tokio::runtime::task::raw::poll@/r/tokio/src/runtime/task/raw.rs:9\
                +<core::pin::Pin<P> as core::future::future::Future>::poll@/rustc/1f/library/core/src/pin.rs:3";
    let run = "muster_agent::run::{{closure}}@/b/agent/src/run.rs:7";
    let hash = "sha2::compress@/r/sha2/src/lib.rs:9+core::array::from_fn@/rustc/1f/library/core/src/array.rs:3";
    let profile = profile(&[poll, run, hash]);
    let folded = ["muster_agent::run::{{closure}}", "sha2::compress", "core::array::from_fn"];
    assert_eq!(shown(&profile, Plumbing::Folded), folded);
    assert_eq!(shown(&profile, Plumbing::Shown).len(), 12);
}

#[test]
fn an_idle_thread_of_the_runtime_keeps_the_innermost_frame_of_it() {
    let wait = "std::sys::futex_wait@/rustc/1f/library/std/src/sys/futex.rs:3";
    let park = "tokio::runtime::park::Inner::park@/r/tokio/src/runtime/park.rs:4";
    let run = "tokio::runtime::scheduler::run@/r/tokio/src/runtime/scheduler.rs:4";
    let profile = profile(&[run, park, wait, "syscall"]);
    let folded = ["tokio::runtime::park::Inner::park", "std::sys::futex_wait", "syscall"];
    assert_eq!(shown(&profile, Plumbing::Folded), folded);
}

#[test]
fn c_code_that_calls_ours_is_no_start_of_a_thread() {
    let stack = ["qsort", "agent::compare@/b/agent/src/sort.rs:1"];
    let profile = made::profile(&[(&stack, 1, "h1", "main")]);
    assert_eq!(
        shown(&profile, Plumbing::Folded),
        stack.map(|place| place.split('@').next().unwrap())
    );
    // The same below a start: only what leads to the start goes.
    let profile = self::profile(&stack);
    assert_eq!(shown(&profile, Plumbing::Folded), ["qsort", "agent::compare"]);
}

#[test]
fn a_function_named_as_plumbing_is_ours_where_it_is_ours() {
    let ours = [
        "muster_agent::task::poll@/b/agent/src/task.rs:1",
        "<agent::Job as core::ops::FnOnce<()>>::call_once@/b/agent/src/job.rs:1",
    ];
    let profile = profile(&ours);
    assert_eq!(shown(&profile, Plumbing::Folded).len(), 2);
}

#[test]
fn the_cost_of_plumbing_is_its_callers() {
    let call =
        "core::ops::function::FnOnce::call_once@/rustc/1f/library/core/src/ops/function.rs:250";
    let profile = profile(&["agent::run@/b/agent/src/run.rs:7", call]);
    let rows = profile.rows(By::Function, Plumbing::Folded);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.flat, row.cum), (10_000_000, 10_000_000));
    let all = profile.rows(By::Function, Plumbing::Shown);
    assert_eq!(all, profile.rows(By::Frame, Plumbing::Folded), "--by frame shows all");
    assert_eq!(all.len(), 9);
}
