//! Threads that wait, work, and do not answer, side by side.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use crate::tests::{ALONE, assert_costs};
use crate::{RawProfile, Sample, Sampler, Scope, Tag, sys, syscalls, tag};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::profile::ProfileKind;

const HERTZ: u32 = 200;

fn window(kind: ProfileKind) -> crate::Window {
    Sampler::global().window(kind, HERTZ, Scope::Process, &Clock::system()).unwrap()
}

/// Whether a signal has a handler in this process.
fn is_caught(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

fn of<'a>(profile: &'a RawProfile, thread: &str) -> Vec<&'a Sample> {
    profile.samples.iter().filter(|sample| sample.thread == thread).collect()
}

fn count(samples: &[&Sample], is_wanted: impl Fn(&Sample) -> bool) -> u64 {
    samples.iter().filter(|sample| is_wanted(sample)).map(|sample| sample.count).sum()
}

fn call(sample: &Sample) -> String {
    let number = sample.wait.and_then(|wait| wait.syscall);
    number.map_or(String::new(), |number| syscalls::name(number).into_owned())
}

/// How often a thread must have been seen: the length of the window, in periods.
fn periods(profile: &RawProfile) -> u64 {
    profile.duration_ns / profile.period
}

fn is_all(count: u64, profile: &RawProfile) -> bool {
    let all = periods(profile);
    (all * 9 / 10..=all + all / 10 + 2).contains(&count)
}

#[test]
fn who_waits_is_seen_waiting_and_who_works_is_not() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!is_caught(23) && !is_caught(27), "a handler while nothing is sampled");
    let (mut near, far) = UnixStream::pair().unwrap();
    let (ready, is_ready) = channel();
    let is_over = AtomicBool::new(false);
    let owner = Tag::new(AgentId::new("w").unwrap(), Some(RequestId::new()));
    let (wall, cpu) = std::thread::scope(|scope| {
        let (is_over, owner) = (&is_over, &owner);
        let says = ready.clone();
        let waiter = move || {
            let _guard = tag::enter(owner);
            says.send(()).unwrap();
            let mut byte = [0];
            // One call over the whole window: no question may end it.
            assert_eq!(near.read(&mut byte).unwrap(), 0, "the other end is closed");
        };
        std::thread::Builder::new().name("waits".into()).spawn_scoped(scope, waiter).unwrap();
        let worker = move || {
            ready.send(()).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        std::thread::Builder::new().name("works".into()).spawn_scoped(scope, worker).unwrap();
        is_ready.recv().unwrap();
        is_ready.recv().unwrap();
        let (wall, cpu) = (window(ProfileKind::Wall), window(ProfileKind::Cpu));
        assert!(is_caught(23) && is_caught(27));
        while wall.elapsed() < std::time::Duration::from_secs(1) {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        let seen = (wall.finish(), cpu.finish());
        is_over.store(true, Ordering::Relaxed);
        drop(far);
        seen
    });
    assert!(!is_caught(23) && !is_caught(27), "a handler after the last window");

    assert_costs(&wall);
    assert_costs(&cpu);

    let waits = of(&wall, "waits");
    let all = count(&waits, |_| true);
    assert!(is_all(all, &wall), "{all} of {}", periods(&wall));
    let reading = count(&waits, |sample| call(sample) == "recvfrom" || call(sample) == "read");
    assert!(reading * 10 >= all * 9, "{reading} of {all}: {waits:?}");
    let is_owned = |sample: &Sample| sample.owner.as_ref() == Some(owner.owner());
    assert!(count(&waits, is_owned) * 10 >= all * 9, "whose wait it is");
    assert!(waits.iter().all(|sample| sample.frames.len() > 3), "stacks: {waits:?}");
    assert_eq!(count(&of(&cpu, "waits"), |_| true), 0, "waiting is no CPU time");

    let works = of(&wall, "works");
    let all = count(&works, |_| true);
    assert!(is_all(all, &wall), "{all} of {}", periods(&wall));
    assert_eq!(count(&works, |sample| sample.wait.is_some()), 0, "it never waits: {works:?}");
    assert!(count(&of(&cpu, "works"), |_| true) > 0);
}

#[test]
fn who_does_not_answer_counts_where_it_is_and_is_marked() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut near, far) = UnixStream::pair().unwrap();
    let (ready, is_ready) = channel();
    let wall = std::thread::scope(|scope| {
        let deaf = move || {
            sys::deafen();
            ready.send(()).unwrap();
            assert_eq!(near.read(&mut [0]).unwrap(), 0);
        };
        std::thread::Builder::new().name("deaf".into()).spawn_scoped(scope, deaf).unwrap();
        is_ready.recv().unwrap();
        let wall = window(ProfileKind::Wall);
        while wall.elapsed() < std::time::Duration::from_millis(300) {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        let wall = wall.finish();
        drop(far);
        wall
    });
    let deaf = of(&wall, "deaf");
    let all = count(&deaf, |_| true);
    assert!(is_all(all, &wall), "{all} of {}", periods(&wall));
    let is_marked = |sample: &Sample| sample.wait.is_some_and(|wait| wait.is_unanswered);
    assert_eq!(count(&deaf, is_marked), all, "{deaf:?}");
    assert!(deaf.iter().all(|sample| ["read", "recvfrom"].contains(&call(sample).as_str())));
}

#[test]
fn more_looks_than_the_limit_are_refused() {
    let limit = muster_protocol::limits::PROFILE_WALL_LOOKS_PER_S_MAX;
    let threads = usize::try_from(limit / 250).unwrap();
    assert!(!super::Wall::is_too_much(threads, 250));
    assert!(super::Wall::is_too_much(threads + 1, 250));
}
