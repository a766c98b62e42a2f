//! From an endpoint's profile to one with names. Nothing is a failure but a profile that does not decode.

use std::collections::HashMap;

use common::profile::decode::{self, DecodeError, text};
use common::profile::encode::{AGENT_LABEL, COLLECTION_LABEL, THREAD_LABEL};
use common::profile::protos;

use super::module::{Frame, Mapping, Module, printable};
use super::profile::{Labels, Location, Profile, Sample, ValueType};
use super::symbols::Symbols;

/// Files that are open at once while a profile gets its names.
const MODULES_MAX: usize = 64;

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

    /// Says whose process this is a profile of.
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
    let file = mapping.file();
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
            AGENT_LABEL | "" => {}
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
