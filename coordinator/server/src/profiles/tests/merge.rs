//! Merging and comparing, as laws that hold for every profile.

use std::process::Command;

use proptest::prelude::*;

use super::made;
use crate::profiles::folding::Plumbing;
use crate::profiles::merge::{MergeError, merge};
use crate::profiles::profile::{Profile, ValueType};
use muster_api::By;
use muster_api::views::Key;

const PLACES: [&str; 6] = [
    "main@/b/main.rs:5",
    "main@/b/main.rs:6",
    "walk@/b/walk.rs:20",
    "hash@/b/hash.rs:7+sha2::compress@/r/sha2.rs:90",
    "hash@/b/hash.rs:8",
    "read@/b/libc.c:1",
];

prop_compose! {
    /// A profile of one of two builds, mapped anywhere.
    fn any_profile()(
        page in 0_u64..1_000,
        build in 0_u8..2,
        samples in prop::collection::vec(
            (prop::collection::vec(0_usize..PLACES.len(), 1..4), 1_i64..5, 0_usize..3, 0_usize..2), 0..8),
        agent in 0_usize..3,
    ) -> Profile {
        let samples: Vec<_> = samples
            .into_iter()
            .map(|(stack, count, hunt, thread)| {
                let stack: Vec<&str> = stack.into_iter().map(|at| PLACES[at]).collect();
                (stack, count, ["h1", "h2", "agent"][hunt], ["hash-0", "main"][thread])
            })
            .collect();
        let borrowed: Vec<made::Made<'_>> = samples
            .iter()
            .map(|(stack, count, hunt, thread)| (stack.as_slice(), *count, *hunt, *thread))
            .collect();
        let moved = made::moved(made::profile(&borrowed), page * 4_096, &format!("0011223{build}"));
        moved.of_agent(["a", "b", "c"][agent])
    }
}

fn merged(parts: &[Profile]) -> Profile {
    merge(parts).unwrap()
}

proptest! {
    #[test]
    fn merging_is_commutative_and_associative(a in any_profile(), b in any_profile(), c in any_profile()) {
        let all = merged(&[a.clone(), b.clone(), c.clone()]);
        prop_assert_eq!(&merged(&[c.clone(), a.clone(), b.clone()]), &all);
        let left = merged(&[merged(&[a.clone(), b.clone()]), c.clone()]);
        let right = merged(&[a.clone(), merged(&[b.clone(), c.clone()])]);
        prop_assert_eq!(&left, &all);
        prop_assert_eq!(&right, &all);
        prop_assert_eq!(&merged(std::slice::from_ref(&all)), &all, "once merged, it stays the same");
        prop_assert_eq!(all.total(), a.total() + b.total() + c.total());
        // What is added up by function does not change by merging.
        let alone: i64 = [&a, &b, &c].iter().map(|one| flat(one, "hash")).sum();
        prop_assert_eq!(flat(&all, "hash"), alone);
    }

    #[test]
    fn a_profile_does_not_differ_from_itself(a in any_profile(), b in any_profile(), times in 1_i64..50) {
        prop_assert_eq!(&a.diff(&a, Plumbing::Folded).unwrap().rows, &[]);
        // Nor from a longer window of the same.
        let mut longer = a.clone();
        longer.samples.iter_mut().for_each(|sample| sample.values.iter_mut().for_each(|v| *v *= times));
        prop_assert_eq!(&a.diff(&longer, Plumbing::Folded).unwrap().rows, &[]);
        prop_assert_eq!(&merged(&[a.clone(), longer]).diff(&a, Plumbing::Folded).unwrap().rows, &[]);
        let (there, back) = (a.diff(&b, Plumbing::Folded).unwrap(), b.diff(&a, Plumbing::Folded).unwrap());
        prop_assert_eq!(there.rows.len(), back.rows.len());
        if a.total() > 0 && b.total() > 0 {
            let sum: f64 = there.rows.iter().map(|row| row.flat_delta).sum();
            prop_assert!(sum.abs() < 1e-6, "what one function gains another loses: {}", sum);
        }
    }
}

fn flat(profile: &Profile, wanted: &str) -> i64 {
    let is_it = |key: &Key| matches!(key, Key::Function { function, .. } if function == wanted);
    profile
        .rows(By::Function, Plumbing::Folded)
        .iter()
        .filter(|row| is_it(&row.key))
        .map(|row| row.flat)
        .sum()
}

#[test]
fn a_diff_says_what_took_more_and_what_less() {
    let before = made::profile(&[
        (&["main@/m.rs:1", "md5@/h.rs:1"], 50, "h", "t"),
        (&["main@/m.rs:1", "read@/r.rs:1"], 50, "h", "t"),
    ]);
    let after = made::profile(&[
        (&["main@/m.rs:1", "sha256@/h.rs:9"], 5, "h", "t"),
        (&["main@/m.rs:1", "read@/r.rs:1"], 15, "h", "t"),
    ]);
    let diff = before.diff(&after, Plumbing::Folded).unwrap();
    let rows: Vec<_> =
        diff.rows.iter().map(|row| (row.function.as_str(), row.flat_delta)).collect();
    assert_eq!(rows, [("md5", -50.0), ("read", 25.0), ("sha256", 25.0)], "main is all of both");

    let mut bytes = after;
    bytes.types = vec![ValueType::new("objects", "count"), ValueType::new("space", "bytes")];
    assert!(before.diff(&bytes, Plumbing::Folded).is_err(), "time and memory do not compare");
    assert!(matches!(merge(&[before, bytes]), Err(MergeError::Types(..))));
    assert_eq!(merge(&[]), Err(MergeError::Nothing));
}

#[test]
fn builds_keep_their_own_names_and_the_tool_reads_the_merged_profile() {
    let old = made::profile(&[(&["main@/m.rs:1", "slow@/s.rs:1"], 30, "h", "t")]);
    let new = made::profile(&[(&["main@/m.rs:1", "fast@/s.rs:1"], 10, "h", "t")]);
    let parts = [
        made::moved(old, 0x1000, "aaaaaaaa").of_agent("a"),
        made::moved(new, 0x9000, "bbbbbbbb").of_agent("b"),
    ];
    assert_eq!(parts[0].locations.len(), parts[1].locations.len(), "the same addresses");
    let all = merged(&parts);
    assert_eq!((flat(&all, "slow"), flat(&all, "fast")), (300_000_000, 100_000_000));
    let build = |function: &str| {
        let is_it = |location: &&crate::profiles::profile::Location| {
            location.frames.iter().any(|frame| frame.function == function)
        };
        let location = all.locations.iter().find(is_it).unwrap();
        let mapping = all.mappings.iter().find(|one| one.id == location.mapping).unwrap();
        assert!((mapping.start..mapping.limit).contains(&location.address));
        mapping.build_id.clone()
    };
    assert_eq!((build("slow"), build("fast")), ("aaaaaaaa".into(), "bbbbbbbb".into()));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("merged.pb.gz");
    std::fs::write(&file, all.to_pprof_gz().unwrap()).unwrap();
    let mut go = Command::new("go");
    go.args(["tool", "pprof", "-symbolize=none", "-top", "-tagfocus=agent=a"]).arg(&file);
    let said = go.env("PPROF_TMPDIR", folder.path()).output().expect("go: install golang-go");
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("slow") && !text.contains("fast"), "labels are kept: {text}");
}
