//! The whole in a few parts.

use muster_api::views::Part;

use super::made;
use crate::profiles::profile::Profile;

/// Returns the one part of a profile of one stack, root first.
fn part(stack: &[&str]) -> Part {
    let profile = made::profile(&[(stack, 1, "h1", "hash-0")]);
    only(&profile)
}

fn only(profile: &Profile) -> Part {
    let [share] = &profile.summary()[..] else { panic!("{:?}", profile.summary()) };
    assert_eq!((share.value, share.percent), (profile.total(), 100.0));
    share.part.clone()
}

#[test]
fn a_sample_is_in_the_part_that_says_what_it_was_spent_on() {
    let scan = "muster_agent::collectors::file_hash::scan::read@/b/agent/src/scan.rs:7";
    let cases = [
        (vec![scan], Part::Module("muster_agent::collectors::file_hash".into())),
        (vec![scan, "sha2::compress@/r/sha2.rs:9", "memcpy"], Part::Work("hashing".into())),
        (vec![scan, "muster_digests::Md5::update@/b/md5.rs:9"], Part::Work("hashing".into())),
        (vec![scan, "regex::search@/r/regex.rs:9"], Part::Crate("regex".into())),
        (
            vec![
                scan,
                "rustix::fs::at::openat@/r/rustix/at.rs:1+rustix::backend::fs::syscalls::openat@/r/rustix/s.rs:1\
                 +rustix::backend::arch::asm::syscall4_readonly@/r/rustix/asm.rs:1",
            ],
            Part::Syscall("openat".into()),
        ),
        (vec![scan, "rustix::path::arg::copy@/r/rustix/p.rs:1"], Part::Crate("rustix".into())),
        (
            vec![scan, "core::slice::sort@/rustc/1f/library/core/src/slice.rs:1"],
            Part::Module("muster_agent::collectors::file_hash".into()),
        ),
        (
            vec!["agent::run@/b/run.rs:1", "tokio::runtime::task::poll@/r/tokio/src/task.rs:1"],
            Part::Work("async runtime".into()),
        ),
        (
            vec!["std::thread::sleep@/rustc/1f/library/std/src/thread.rs:1"],
            Part::Crate("std".into()),
        ),
        (vec!["start_thread", "memcpy"], Part::File("muster-agent".into())),
    ];
    for (stack, expected) in cases {
        assert_eq!(part(&stack), expected, "{stack:?}");
    }
}

#[test]
fn a_wait_and_a_call_of_the_c_library_are_system_calls() {
    let of = |object: &str, leaf: &str| {
        let mut profile = made::profile(&[(&["agent::scan@/b/s.rs:1", leaf], 1, "h1", "t")]);
        let mut mapping = profile.mappings[0].clone();
        (mapping.id, mapping.name) = (2, object.to_owned());
        profile.mappings.push(mapping);
        profile.locations[1].mapping = 2;
        only(&profile)
    };
    assert_eq!(of("[kernel]", "futex"), Part::Syscall("futex".into()));
    assert_eq!(of("[kernel]", "fault"), Part::Work("page faults".into()));
    assert_eq!(of("/lib/libc.so.6", "__read_nocancel"), Part::Syscall("read".into()));
    assert_eq!(of("/lib/libc.so.6", "memcpy"), Part::Module("agent".into()));
}

#[test]
fn the_parts_add_up_and_the_largest_is_first() {
    let profile = made::profile(&[
        (&["agent::scan@/b/s.rs:1", "sha2::compress@/r/s.rs:1"], 65, "h1", "t"),
        (&["agent::scan@/b/s.rs:1", "blake3::hash@/r/b.rs:1"], 10, "h1", "t"),
        (&["agent::scan@/b/s.rs:1"], 25, "h1", "t"),
    ]);
    let shares = profile.summary();
    let shown: Vec<_> =
        shares.iter().map(|share| (share.part.to_string(), share.percent)).collect();
    assert_eq!(shown, [("hashing".to_owned(), 75.0), ("agent".to_owned(), 25.0)]);
    assert_eq!(shares.iter().map(|share| share.value).sum::<i64>(), profile.total());
}
