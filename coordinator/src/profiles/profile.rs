//! A decoded profile with names. Nothing is a failure but a profile that does not decode.

use std::collections::HashMap;

use common::profile::decode::{self, DecodeError, text};
use common::profile::encode::{COLLECTION_LABEL, THREAD_LABEL};
use common::profile::protos;

use super::module::{Frame, Mapping, Module, printable};
use super::symbols::Symbols;

/// Files that are open at once while a profile gets its names.
const MODULES_MAX: usize = 64;

/// A profile that people can read.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The mappings of the process.
    pub mappings: Vec<Mapping>,
    /// The places in its code.
    pub locations: Vec<Location>,
    /// The samples.
    pub samples: Vec<Sample>,
    /// CPU time that one sample stands for.
    pub period_ns: i64,
    /// Length of the window.
    pub duration_ns: i64,
    /// First moment, nanoseconds since 1970.
    pub time_ns: i64,
}

/// A place in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Id of its mapping.
    pub mapping: u64,
    /// Its runtime address.
    pub address: u64,
    /// What is there: the innermost inlined function first; never empty.
    pub frames: Vec<Frame>,
}

/// Equal samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Indices of the locations, leaf first.
    pub stack: Vec<usize>,
    /// How many.
    pub count: i64,
    /// The CPU time that they stand for.
    pub cpu_ns: i64,
    /// The collection that the thread worked for, `agent` or `untagged`.
    pub collection: String,
    /// Name of the thread.
    pub thread: String,
}

impl Profile {
    /// Decodes an endpoint's profile and names its addresses.
    pub fn resolve(gzip: &[u8], symbols: &Symbols) -> Result<Self, DecodeError> {
        let raw = decode::decode(gzip)?;
        let mappings: Vec<Mapping> = raw.mapping.iter().map(|item| mapping(&raw, item)).collect();
        let by_id: HashMap<u64, &Mapping> = mappings.iter().map(|item| (item.id, item)).collect();
        let mut modules = Modules { symbols, open: HashMap::new() };
        let mut index = HashMap::new();
        let mut locations = Vec::with_capacity(raw.location.len());
        for location in &raw.location {
            let Some(mapping) = by_id.get(&location.mapping_id) else { continue };
            index.insert(location.id, locations.len());
            let frames = modules.frames(mapping, location.address);
            let address = location.address;
            locations.push(Location { mapping: mapping.id, address, frames });
        }
        let samples = raw.sample.iter().map(|item| sample(&raw, item, &index)).collect();
        Ok(Self {
            samples,
            locations,
            mappings,
            period_ns: raw.period,
            duration_ns: raw.duration_nanos,
            time_ns: raw.time_nanos,
        })
    }

    /// Returns the frames of a sample, leaf first, inlined functions expanded.
    pub fn frames<'a>(&'a self, sample: &'a Sample) -> impl Iterator<Item = &'a Frame> {
        let locations = sample.stack.iter().filter_map(|index| self.locations.get(*index));
        locations.flat_map(|location| &location.frames)
    }

    /// Returns how many samples there are.
    pub fn count(&self) -> i64 {
        self.samples.iter().map(|sample| sample.count).sum()
    }

    /// Returns the CPU time that all samples stand for.
    pub fn cpu_ns(&self) -> i64 {
        self.samples.iter().map(|sample| sample.cpu_ns).sum()
    }
}

/// The files that were opened for one profile.
struct Modules<'a> {
    symbols: &'a Symbols,
    open: HashMap<String, Option<Module>>,
}

impl Modules<'_> {
    fn frames(&mut self, mapping: &Mapping, address: u64) -> Vec<Frame> {
        let named = self.module(&mapping.build_id).map(|module| module.frames(mapping, address));
        named.filter(|frames| !frames.is_empty()).unwrap_or_else(|| vec![bare(mapping, address)])
    }

    fn module(&mut self, build_id: &str) -> Option<&Module> {
        if !self.open.contains_key(build_id) {
            if self.open.len() >= MODULES_MAX {
                return None;
            }
            let module = self.symbols.find(build_id).and_then(|path| Module::open(&path));
            self.open.insert(build_id.to_owned(), module);
        }
        self.open.get(build_id)?.as_ref()
    }
}

/// Says at least which file it is, and where in it.
fn bare(mapping: &Mapping, address: u64) -> Frame {
    let file = mapping.name.rsplit('/').next().unwrap_or_default();
    let file = file.trim_matches(['[', ']']);
    let module = if file.is_empty() { "unknown" } else { file };
    let offset = address.wrapping_sub(mapping.start).wrapping_add(mapping.offset);
    Frame { function: format!("[{module}+{offset:#x}]"), file: String::new(), line: 0 }
}

fn mapping(raw: &protos::Profile, mapping: &protos::Mapping) -> Mapping {
    Mapping {
        id: mapping.id,
        start: mapping.memory_start,
        limit: mapping.memory_limit,
        offset: mapping.file_offset,
        name: printable(text(raw, mapping.filename).unwrap_or_default()),
        build_id: text(raw, mapping.build_id).unwrap_or_default().to_owned(),
    }
}

fn sample(raw: &protos::Profile, sample: &protos::Sample, index: &HashMap<u64, usize>) -> Sample {
    let label = |key: &str| {
        let label = sample.label.iter().find(|label| text(raw, label.key) == Some(key));
        printable(label.and_then(|label| text(raw, label.str)).unwrap_or_default())
    };
    Sample {
        stack: sample.location_id.iter().filter_map(|id| index.get(id).copied()).collect(),
        count: sample.value.first().copied().unwrap_or(0),
        cpu_ns: sample.value.get(1).copied().unwrap_or(0),
        collection: label(COLLECTION_LABEL),
        thread: label(THREAD_LABEL),
    }
}
