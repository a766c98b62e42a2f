//! Speedscope's file format: one sampled profile a thread, root first.
//!
//! The order of samples in time is not known: equal ones are one, heaviest first.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::profiles::module::Frame;
use crate::profiles::profile::Profile;

const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speedscope<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    name: String,
    exporter: &'static str,
    active_profile_index: usize,
    shared: Shared<'a>,
    profiles: Vec<Sampled<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Shared<'a> {
    frames: Vec<SharedFrame<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct SharedFrame<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    file: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    line: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(line: &u32) -> bool {
    *line == 0
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sampled<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    unit: &'static str,
    start_value: i64,
    end_value: i64,
    samples: Vec<Vec<usize>>,
    weights: Vec<i64>,
}

impl Profile {
    /// Returns the profile as speedscope reads it.
    pub fn speedscope(&self, name: &str) -> Speedscope<'_> {
        let mut frames = Frames::default();
        let mut threads: BTreeMap<&str, BTreeMap<Vec<usize>, i64>> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| self.value(sample) != 0) {
            let mut stack: Vec<usize> =
                self.frames(sample).map(|frame| frames.index(frame)).collect();
            stack.reverse();
            let stacks = threads.entry(sample.labels.thread()).or_default();
            *stacks.entry(stack).or_default() += self.value(sample);
        }
        let unit = match self.shown_type().unit.as_str() {
            "nanoseconds" => "nanoseconds",
            "bytes" => "bytes",
            _ => "none",
        };
        let mut profiles: Vec<_> =
            threads.into_iter().map(|(thread, stacks)| sampled(thread, unit, stacks)).collect();
        profiles.sort_by_key(|profile| std::cmp::Reverse(profile.end_value));
        if profiles.is_empty() {
            profiles.push(sampled("no samples", unit, BTreeMap::new()));
        }
        Speedscope {
            schema: SCHEMA,
            name: name.to_owned(),
            exporter: concat!("muster ", env!("CARGO_PKG_VERSION")),
            active_profile_index: 0,
            shared: Shared { frames: frames.list },
            profiles,
        }
    }
}

fn sampled<'a>(
    name: &'a str,
    unit: &'static str,
    stacks: BTreeMap<Vec<usize>, i64>,
) -> Sampled<'a> {
    let mut stacks: Vec<_> = stacks.into_iter().collect();
    stacks.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    let (samples, weights): (Vec<_>, Vec<_>) = stacks.into_iter().unzip();
    let end_value = weights.iter().sum();
    Sampled { kind: "sampled", name, unit, start_value: 0, end_value, samples, weights }
}

#[derive(Debug, Default)]
struct Frames<'a> {
    index: HashMap<&'a Frame, usize>,
    list: Vec<SharedFrame<'a>>,
}

impl<'a> Frames<'a> {
    fn index(&mut self, frame: &'a Frame) -> usize {
        *self.index.entry(frame).or_insert_with(|| {
            let Frame { function, file, line } = frame;
            self.list.push(SharedFrame { name: function, file, line: *line });
            self.list.len() - 1
        })
    }
}
