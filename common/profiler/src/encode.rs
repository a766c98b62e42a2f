//! A window's samples as gzipped pprof, without names: addresses, mappings and build ids only.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::maps::{self, Mapping};
use crate::protos::{self, Message};
use crate::syscalls;
use crate::window::{Memory, RawProfile, Sample, Wait};
use muster_protocol::request::profile::ProfileKind;

/// Label of a sample: the collection's request id, [`AGENT`] or [`UNTAGGED`].
pub const COLLECTION_LABEL: &str = "collection";
/// Label of a sample: the thread's name.
pub const THREAD_LABEL: &str = "thread";
/// Label of a sample: the system call that the thread waited in; [`FAULT`] when in none.
pub const SYSCALL_LABEL: &str = "syscall";
/// Waiting, and in no system call: for a page, say.
pub const FAULT: &str = "fault";
/// Label of a sample: [`UNANSWERED`].
pub const STATE_LABEL: &str = "state";
/// The thread could not say where it is; the stack is where it was last.
pub const UNANSWERED: &str = "unanswered";
/// Label of a sample: the agent of its process. The coordinator adds it to what it exports.
pub const AGENT_LABEL: &str = "agent";
/// Collection of samples of the agent's own running.
pub const AGENT: &str = "agent";
/// Collection of samples of threads without a tag.
pub const UNTAGGED: &str = "untagged";

/// Encodes a profile of this process, whose present mappings give the addresses their meaning.
pub fn encode(profile: &RawProfile) -> std::io::Result<Vec<u8>> {
    gzip(&build(profile, &maps::own()?))
}

/// Writes a pprof message as gzip.
pub fn gzip(profile: &protos::Profile) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&profile.encode_to_vec())?;
    gzip.finish()
}

/// A pprof string table under construction.
#[derive(Debug)]
pub struct Strings {
    table: Vec<String>,
    index: HashMap<String, i64>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { table: vec![String::new()], index: HashMap::from([(String::new(), 0)]) }
    }
}

impl Strings {
    /// Returns the index of a text, which is added when it is new.
    pub fn of(&mut self, text: &str) -> i64 {
        if let Some(index) = self.index.get(text) {
            return *index;
        }
        let index = signed(self.table.len() as u64);
        self.table.push(text.to_owned());
        self.index.insert(text.to_owned(), index);
        index
    }

    /// Returns the table.
    pub fn into_table(self) -> Vec<String> {
        self.table
    }
}

/// Builds the message. Addresses outside every mapping belong to one more, `[unknown]`.
pub(super) fn build(profile: &RawProfile, mappings: &[Mapping]) -> protos::Profile {
    let mut strings = Strings::default();
    let mut locations = Locations { mappings, ids: HashMap::new(), list: Vec::new() };
    let mut samples = Vec::with_capacity(profile.samples.len());
    let (collection_key, thread_key) = (strings.of(COLLECTION_LABEL), strings.of(THREAD_LABEL));
    for sample in &profile.samples {
        let collection = match &sample.owner {
            None => UNTAGGED.to_owned(),
            Some(owner) => owner.request.map_or_else(|| AGENT.to_owned(), |id| id.to_string()),
        };
        let label = |key, str| protos::Label { key, str, ..Default::default() };
        let mut labels = vec![
            label(collection_key, strings.of(&collection)),
            label(thread_key, strings.of(&sample.thread)),
        ];
        if let Some(Wait { syscall, is_unanswered }) = sample.wait {
            let name = syscall.map_or(FAULT.into(), syscalls::name);
            labels.push(label(strings.of(SYSCALL_LABEL), strings.of(&name)));
            if is_unanswered {
                labels.push(label(strings.of(STATE_LABEL), strings.of(UNANSWERED)));
            }
        }
        samples.push(protos::Sample {
            location_id: sample.frames.iter().map(|address| locations.of(*address)).collect(),
            value: values(profile, sample).into_iter().map(signed).collect(),
            label: labels,
        });
    }
    let mut mapping: Vec<protos::Mapping> = (1..)
        .zip(mappings)
        .map(|(id, mapping)| protos::Mapping {
            id,
            memory_start: mapping.start,
            memory_limit: mapping.limit,
            file_offset: mapping.offset,
            filename: strings.of(&mapping.name),
            build_id: strings.of(&mapping.build_id),
            ..Default::default()
        })
        .collect();
    let unknown = locations.unknown();
    if locations.list.iter().any(|location| location.mapping_id == unknown) {
        let filename = strings.of("[unknown]");
        mapping.push(protos::Mapping { id: unknown, filename, ..Default::default() });
    }
    let mut named =
        |(name, unit)| protos::ValueType { ty: strings.of(name), unit: strings.of(unit) };
    let sample_type: Vec<_> = types(profile.kind).iter().copied().map(&mut named).collect();
    let default_sample_type = sample_type.last().map_or(0, |last| last.ty);
    let period_type = match profile.kind {
        ProfileKind::Heap => named(("space", "bytes")),
        kind => named((kind.as_str(), "nanoseconds")),
    };
    protos::Profile {
        sample_type,
        sample: samples,
        mapping,
        location: locations.list,
        time_nanos: profile.start.0.saturating_mul(1_000_000),
        duration_nanos: signed(profile.duration_ns),
        period_type: Some(period_type),
        period: signed(profile.period),
        default_sample_type,
        string_table: strings.into_table(),
        ..Default::default()
    }
}

/// Returns names and units of a sample's values; the last is what is shown by default.
const fn types(kind: ProfileKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ProfileKind::Wall => &[("samples", "count"), ("wall", "nanoseconds")],
        ProfileKind::Heap => &[
            ("alloc_objects", "count"),
            ("alloc_space", "bytes"),
            ("inuse_objects", "count"),
            ("inuse_space", "bytes"),
        ],
        _ => &[("samples", "count"), ("cpu", "nanoseconds")],
    }
}

fn values(profile: &RawProfile, sample: &Sample) -> Vec<u64> {
    let Memory { allocated_objects, allocated_bytes, live_objects, live_bytes } = sample.memory;
    match profile.kind {
        ProfileKind::Heap => vec![allocated_objects, allocated_bytes, live_objects, live_bytes],
        _ => vec![sample.count, sample.count * profile.period],
    }
}

struct Locations<'a> {
    mappings: &'a [Mapping],
    ids: HashMap<u64, u64>,
    list: Vec<protos::Location>,
}

impl Locations<'_> {
    fn of(&mut self, address: u64) -> u64 {
        if let Some(id) = self.ids.get(&address) {
            return *id;
        }
        let id = self.list.len() as u64 + 1;
        let after = self.mappings.partition_point(|mapping| mapping.start <= address);
        let nearest = after.checked_sub(1).and_then(|index| self.mappings.get(index));
        let is_inside = nearest.is_some_and(|mapping| address < mapping.limit);
        let mapping_id = if is_inside { after as u64 } else { self.unknown() };
        self.list.push(protos::Location { id, mapping_id, address, ..Default::default() });
        self.ids.insert(address, id);
        id
    }

    fn unknown(&self) -> u64 {
        self.mappings.len() as u64 + 1
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
