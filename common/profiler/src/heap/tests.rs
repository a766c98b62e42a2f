//! Threads that keep, that give back, and that free what others allocated.

use std::hint::black_box;
use std::sync::PoisonError;
use std::sync::mpsc::channel;

use super::*;
use crate::tests::{ALONE, assert_costs};
use crate::{Memory, RawProfile, Sample, Sampler, Scope, Tag, decode, encode, tag};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::profile::ProfileKind;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

const BLOCK: usize = 65_536;
const BLOCKS: usize = 1_024;
const ALL: u64 = (BLOCK * BLOCKS) as u64;

fn window() -> crate::Window {
    Sampler::global().window(ProfileKind::Heap, 99, Scope::Process, &Clock::system()).unwrap()
}

fn block() -> Vec<u8> {
    black_box(vec![1; BLOCK])
}

fn of<'a>(profile: &'a RawProfile, thread: &str) -> Vec<&'a Sample> {
    profile.samples.iter().filter(|sample| sample.thread == thread).collect()
}

/// Those of blocks: one sample of something tiny stands for a thousand others of its size.
fn blocks<'a>(samples: &[&'a Sample]) -> Vec<&'a Sample> {
    let is_block =
        |of: &Memory| of.allocated_bytes / of.allocated_objects.max(1) > BLOCK as u64 / 2;
    samples.iter().copied().filter(|sample| is_block(&sample.memory)).collect()
}

fn sum(samples: &[&Sample]) -> Memory {
    samples.iter().fold(Memory::default(), |sum, sample| Memory {
        allocated_objects: sum.allocated_objects + sample.memory.allocated_objects,
        allocated_bytes: sum.allocated_bytes + sample.memory.allocated_bytes,
        live_objects: sum.live_objects + sample.memory.live_objects,
        live_bytes: sum.live_bytes + sample.memory.live_bytes,
    })
}

/// Whether an estimate from some 400 samples is what it should be: five times its deviation.
fn is_near(got: u64, want: u64) -> bool {
    got.abs_diff(want) <= want / 4
}

#[test]
fn what_is_kept_lives_and_what_comes_and_goes_does_not() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(is_offered() && !sys::is_on());
    let owner = Tag::new(AgentId::new("h").unwrap(), Some(RequestId::new()));
    let before = block();
    let heap = window();
    assert!(sys::is_on());
    let (give, given) = channel();
    let (kept, grown) = std::thread::scope(|scope| {
        let spawn = |name: &str, work: Box<dyn FnOnce() -> Vec<Vec<u8>> + Send>| {
            std::thread::Builder::new().name(name.into()).spawn_scoped(scope, work).unwrap()
        };
        let tag = owner.clone();
        let keeps = spawn(
            "keeps",
            Box::new(move || {
                let _guard = tag::enter(&tag);
                (0..BLOCKS).map(|_| block()).collect()
            }),
        );
        let churn = || {
            (0..BLOCKS).for_each(|_| drop(block()));
            Vec::new()
        };
        spawn("churns", Box::new(churn));
        let gives = move || {
            (0..BLOCKS).for_each(|_| give.send(block()).unwrap());
            Vec::new()
        };
        spawn("gives", Box::new(gives));
        spawn("takes", Box::new(move || given.iter().filter(Vec::is_empty).collect()));
        let grows = || {
            let mut all = Vec::new();
            let mut size = BLOCK;
            while size <= BLOCK * BLOCKS {
                all.reserve_exact(size - all.len());
                all.resize(size, 1);
                size *= 2;
            }
            vec![black_box(all)]
        };
        let grows = spawn("grows", Box::new(grows));
        (keeps.join().unwrap(), grows.join().unwrap())
    });
    drop(before);
    let heap = heap.finish();
    assert!(!sys::is_on(), "the allocator samples after the last window");

    assert_costs(&heap);

    let keeps = sum(&of(&heap, "keeps"));
    assert!(is_near(keeps.live_bytes, ALL), "{keeps:?}");
    let objects = sum(&blocks(&of(&heap, "keeps"))).live_objects;
    assert!(is_near(objects, BLOCKS as u64), "{objects}");
    assert!(is_near(keeps.allocated_bytes, ALL), "{keeps:?}");
    let churns = sum(&of(&heap, "churns"));
    assert!(is_near(churns.allocated_bytes, ALL), "{churns:?}");
    // What a thread needs for itself may outlive the window.
    assert!(churns.live_bytes < ALL / 20, "{churns:?}");
    let gives = sum(&of(&heap, "gives"));
    assert!(is_near(gives.allocated_bytes, ALL) && gives.live_bytes < ALL / 20, "{gives:?}");
    let grows = sum(&of(&heap, "grows"));
    assert!(is_near(grows.allocated_bytes, 2 * ALL), "every size on the way: {grows:?}");
    assert!(is_near(grows.live_bytes, ALL), "and the last alone: {grows:?}");
    for sample in of(&heap, "keeps") {
        assert!(sample.frames.len() > 3, "a stack: {sample:?}");
        let is_big = sample.memory.allocated_bytes > ALL / 10;
        assert!(!is_big || sample.owner.as_ref() == Some(owner.owner()), "whose: {sample:?}");
    }

    let message = decode::decode(&encode::encode(&heap).unwrap()).unwrap();
    let name = |index| decode::text(&message, index).unwrap();
    let types: Vec<_> =
        message.sample_type.iter().map(|one| (name(one.ty), name(one.unit))).collect();
    assert_eq!(types[2..], [("inuse_objects", "count"), ("inuse_space", "bytes")]);
    assert_eq!(name(message.default_sample_type), "inuse_space");

    // A later window begins with nothing.
    let later = window();
    drop((kept, grown));
    let later = later.finish();
    assert_eq!(sum(&of(&later, "keeps")), Memory::default());
}

#[test]
fn what_finds_no_room_is_counted() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let heap = window();
    let sampler = Sampler::global();
    // Each is larger than any distance of samples that is ever drawn; the lock keeps the sweeper away.
    let flooded = sampler.while_locked(|| {
        let block = || black_box(Vec::<u8>::with_capacity(PROFILE_HEAP_SAMPLE_BYTES * 64));
        (0..PROFILE_HEAP_FRESH_MAX + 100).map(|_| drop(block())).count()
    });
    let heap = heap.finish();
    assert!(heap.lost >= 100 && heap.lost < 200, "{} of {flooded}", heap.lost);
    // What was lost was recorded in vain. A few allocations are made between the counters' reading and the window.
    let recorded = heap.count() + heap.lost;
    assert!(heap.cost.handler_runs.abs_diff(recorded) < 20, "{:?} for {recorded}", heap.cost);
    assert!(heap.cost.handler_ns > 0, "{:?}", heap.cost);
}

#[test]
fn a_sample_stands_for_what_was_not_met() {
    let interval = 131_072;
    // A large one is always met, and stands for itself.
    assert_eq!(stands_for(interval * 100, interval), (1.0, 100 * interval as u64));
    // Of tiny ones, one in so many.
    let (objects, bytes) = stands_for(128, interval);
    assert!((1_024.0..=1_026.0).contains(&objects), "{objects}");
    assert!(bytes.abs_diff(interval as u64) < 100, "{bytes}");
}

#[test]
fn many_samples_stand_for_as_many_as_there_were() {
    let (objects, _) = stands_for(65_536, 131_072);
    let mut rest = 0.0;
    let sum: u64 = (0..1_000).map(|_| whole(objects, &mut rest)).sum();
    assert!((2_540..=2_542).contains(&sum), "{sum} for a thousand times {objects}");
}
