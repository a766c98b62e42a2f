//! Profiles made by hand.

use std::collections::HashMap;

use crate::profiles::module::{Frame, Mapping};
use crate::profiles::profile::{Labels, Location, Profile, Sample, ValueType};

/// One sample: its stack, root first, each place as `function@file:line`, with what was inlined into it
/// behind a `+`; its count of 10 ms; its hunt; its thread.
pub(in crate::profiles) type Made<'a> = (&'a [&'a str], i64, &'a str, &'a str);

/// Makes a profile of CPU time.
pub(in crate::profiles) fn profile(samples: &[Made<'_>]) -> Profile {
    let mut made = Profile {
        types: vec![ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")],
        shown: 1,
        mappings: vec![Mapping {
            id: 1,
            start: 0x40_0000,
            limit: 0x80_0000,
            offset: 0,
            name: "/usr/bin/muster-agent".into(),
            build_id: "00112233".into(),
        }],
        locations: Vec::new(),
        samples: Vec::new(),
        period_type: Some(ValueType::new("cpu", "nanoseconds")),
        period: 10_000_000,
        duration_ns: 1_000_000_000,
        time_ns: 5,
    };
    let mut known = HashMap::new();
    for (stack, count, hunt, thread) in samples {
        let mut indices: Vec<usize> =
            stack.iter().map(|place| location(&mut made, &mut known, place)).collect();
        indices.reverse();
        let labels =
            Labels { collection: (*hunt).into(), thread: (*thread).into(), ..Labels::default() };
        made.samples.push(Sample {
            stack: indices,
            values: vec![*count, count * 10_000_000],
            labels,
        });
    }
    made
}

/// Equal places are one location.
fn location(profile: &mut Profile, known: &mut HashMap<String, usize>, place: &str) -> usize {
    *known.entry(place.to_owned()).or_insert_with(|| {
        let mut frames: Vec<Frame> = place.split('+').map(frame).collect();
        frames.reverse();
        let address = 0x40_1000 + 16 * profile.locations.len() as u64;
        profile.locations.push(Location { mapping: 1, address, frames });
        profile.locations.len() - 1
    })
}

/// The same profile of another process: its file is mapped elsewhere, and is of another build.
pub(in crate::profiles) fn moved(mut profile: Profile, by: u64, build_id: &str) -> Profile {
    for mapping in &mut profile.mappings {
        mapping.start += by;
        mapping.limit += by;
        build_id.clone_into(&mut mapping.build_id);
    }
    profile.locations.iter_mut().for_each(|location| location.address += by);
    profile
}

fn frame(text: &str) -> Frame {
    let (function, place) = text.split_once('@').unwrap_or((text, ":0"));
    let (file, line) = place.split_once(':').unwrap();
    Frame { function: function.into(), file: file.into(), line: line.parse().unwrap() }
}

/// A stack that ends in Rust's own library, and one of nothing else.
pub(in crate::profiles) fn with_std() -> Profile {
    let start = "std::sys::thread_start@/rustc/1f/library/std/src/thread.rs:5";
    let hash = "sha2::compress@/r/sha2.rs:9+core::from_fn@/rustc/1f/library/core/src/array.rs:3";
    profile(&[(&[start, "work@/b/work.rs:2", hash], 3, "h1", "hunt"), (&[start], 1, "", "hunt")])
}

/// A small agent: one hunt that hashes, a second that waits in the kernel, and the agent's own work.
pub(in crate::profiles) fn agent() -> Profile {
    profile(&[
        (
            &[
                "main@/b/main.rs:5",
                "walk@/b/walk.rs:20",
                "hash@/b/hash.rs:7+sha2::compress@/r/sha2.rs:90",
            ],
            60,
            "h1",
            "hash-0",
        ),
        (&["main@/b/main.rs:5", "walk@/b/walk.rs:20", "hash@/b/hash.rs:8"], 10, "h1", "hash-1"),
        (&["main@/b/main.rs:5", "walk@/b/walk.rs:22", "read@/b/libc.c:1"], 20, "h2", "hash-0"),
        (&["main@/b/main.rs:9", "tick@/b/tick.rs:1"], 7, "agent", "main"),
        (
            &[
                "main@/b/main.rs:9",
                "walk@/b/walk.rs:30",
                "walk@/b/walk.rs:20",
                "walk@/b/walk.rs:20",
            ],
            3,
            "untagged",
            "",
        ),
    ])
}
