//! From an endpoint's profile to one with names. Two things fail: a profile that does not decode, and one whose
//! names or stacks are over their bounds: some kilobytes from an endpoint must not cost its reader gigabytes.

use std::collections::HashMap;

use muster_profiler::decode::{self, DecodeError, text, within};
use muster_profiler::encode::{AGENT_LABEL, COLLECTION_LABEL, SYSCALL_LABEL, THREAD_LABEL};
use muster_profiler::protos;
use muster_protocol::limits::{PROFILE_NAMED_BYTES_MAX, PROFILE_STEPS_MAX};

use super::module::{Frame, Mapping, Module, printable};
use super::profile::{Labels, Location, Profile, Sample, ValueType};
use super::symbols::Symbols;

/// Where the kernel's side of a wait is shown: no endpoint says.
const KERNEL_START: u64 = 0xffff_8000_0000_0000;
/// How large that is.
const KERNEL_BYTES: u64 = 1 << 20;

/// Files that are open at once while a profile gets its names.
const MODULES_MAX: usize = 64;

impl Profile {
    /// Decodes an endpoint's profile and names its addresses.
    pub fn resolve(gzip: &[u8], symbols: &Symbols) -> Result<Self, DecodeError> {
        let raw = decode::decode(gzip)?;
        let mut mappings: Vec<Mapping> =
            raw.mapping.iter().map(|item| mapping(&raw, item)).collect();
        let by_id: HashMap<u64, &Mapping> = mappings.iter().map(|item| (item.id, item)).collect();
        let mut modules = Modules { symbols, open: HashMap::new() };
        let mut index = HashMap::new();
        let mut locations = Vec::with_capacity(raw.location.len());
        let mut named_bytes = 0;
        for location in &raw.location {
            let Some(mapping) = by_id.get(&location.mapping_id) else { continue };
            index.insert(location.id, locations.len());
            let frames = modules.frames(mapping, location.address);
            named_bytes += frames.iter().map(Frame::bytes).sum::<usize>();
            within("bytes of names", named_bytes, PROFILE_NAMED_BYTES_MAX)?;
            let address = location.address;
            locations.push(Location { mapping: mapping.id, address, frames });
        }
        let steps = raw.sample.iter().flat_map(|sample| &sample.location_id);
        let steps = steps.filter_map(|id| locations.get(*index.get(id)?));
        let steps = steps.map(|location: &Location| location.frames.len()).sum();
        within("frames of all stacks", steps, PROFILE_STEPS_MAX)?;
        let last = mappings.iter().map(|mapping| mapping.id).max().unwrap_or(0);
        let mut kernel = Kernel { mapping: last.wrapping_add(1), calls: HashMap::new() };
        let samples = raw.sample.iter().map(|item| {
            let mut made = sample(&raw, item, &index);
            if let Some(call) = label(&raw, item, SYSCALL_LABEL) {
                made.stack.insert(0, kernel.enter(&printable(call), &mut locations));
            }
            made
        });
        let samples = samples.collect();
        mappings.extend(kernel.mapping());
        let types: Vec<_> = raw.sample_type.iter().map(|kind| value_type(&raw, kind)).collect();
        let first = text(&raw, raw.default_sample_type).unwrap_or_default();
        let first = types.iter().position(|kind| kind.name == first);
        Ok(Self {
            shown: first.unwrap_or(types.len().saturating_sub(1)),
            types,
            samples,
            locations,
            mappings,
            period_type: raw.period_type.as_ref().map(|kind| value_type(&raw, kind)),
            period: raw.period,
            duration_ns: raw.duration_nanos,
            time_ns: raw.time_nanos,
        })
    }

    /// Returns whose process this is a profile of.
    #[must_use]
    pub fn of_agent(mut self, agent: &str) -> Self {
        for sample in &mut self.samples {
            agent.clone_into(&mut sample.labels.agent);
        }
        self
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
        named
            .filter(|frames| !frames.is_empty())
            .unwrap_or_else(|| vec![Frame::nameless(mapping, address)])
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

/// The system calls that threads waited in: each a place of its own, above the function that made it.
struct Kernel {
    mapping: u64,
    calls: HashMap<String, usize>,
}

impl Kernel {
    fn enter(&mut self, call: &str, locations: &mut Vec<Location>) -> usize {
        if let Some(known) = self.calls.get(call) {
            return *known;
        }
        // The same place in every profile.
        let hash = call.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let address = KERNEL_START + hash % KERNEL_BYTES;
        let frame = Frame { function: call.to_owned(), file: String::new(), line: 0 };
        self.calls.insert(call.to_owned(), locations.len());
        locations.push(Location { mapping: self.mapping, address, frames: vec![frame] });
        locations.len() - 1
    }

    fn mapping(self) -> Option<Mapping> {
        (!self.calls.is_empty()).then(|| Mapping {
            id: self.mapping,
            start: KERNEL_START,
            limit: KERNEL_START + KERNEL_BYTES,
            offset: 0,
            name: "[kernel]".to_owned(),
            build_id: String::new(),
        })
    }
}

fn label<'a>(raw: &'a protos::Profile, sample: &protos::Sample, key: &str) -> Option<&'a str> {
    let found = sample.label.iter().find(|label| text(raw, label.key) == Some(key))?;
    text(raw, found.str)
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

fn value_type(raw: &protos::Profile, kind: &protos::ValueType) -> ValueType {
    let name = |index| printable(text(raw, index).unwrap_or_default());
    ValueType { name: name(kind.ty), unit: name(kind.unit) }
}

fn sample(raw: &protos::Profile, sample: &protos::Sample, index: &HashMap<u64, usize>) -> Sample {
    let mut labels = Labels::default();
    for label in &sample.label {
        let key = text(raw, label.key).unwrap_or_default();
        let value = printable(text(raw, label.str).unwrap_or_default());
        match key {
            COLLECTION_LABEL => labels.collection = value,
            THREAD_LABEL => labels.thread = value,
            // Whose profile it is, is known from where it came.
            // What the thread waited for is a frame.
            AGENT_LABEL | SYSCALL_LABEL | "" => {}
            other => labels.more.push((printable(other), value)),
        }
    }
    labels.more.sort();
    Sample {
        stack: sample.location_id.iter().filter_map(|id| index.get(id).copied()).collect(),
        values: sample.value.clone(),
        labels,
    }
}
