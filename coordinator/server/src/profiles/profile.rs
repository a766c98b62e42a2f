//! A profile with names, of any kind: what every view is made from.

use super::module::{Frame, Mapping};

/// A profile that people can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What the values of every sample are, in order; at least one.
    pub types: Vec<ValueType>,
    /// Which of them the views show.
    pub shown: usize,
    /// The mappings of the process.
    pub mappings: Vec<Mapping>,
    /// The places in its code.
    pub locations: Vec<Location>,
    /// The samples.
    pub samples: Vec<Sample>,
    /// Of what one sample is taken each `period`; nothing when that is not known.
    pub period_type: Option<ValueType>,
    /// Distance of samples, in the unit of `period_type`.
    pub period: i64,
    /// Length of the window.
    pub duration_ns: i64,
    /// First moment, nanoseconds since 1970.
    pub time_ns: i64,
}

/// What a value is, in pprof's words: `cpu` in `nanoseconds`, `inuse_space` in `bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueType {
    /// Its name.
    pub name: String,
    /// Its unit: `count`, `nanoseconds` or `bytes`.
    pub unit: String,
}

impl ValueType {
    /// Makes one.
    pub fn new(name: &str, unit: &str) -> Self {
        Self { name: name.to_owned(), unit: unit.to_owned() }
    }
}

/// A place in the code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// Id of its mapping.
    pub mapping: u64,
    /// Its runtime address.
    pub address: u64,
    /// What is there: the innermost inlined function first; never empty.
    pub frames: Vec<Frame>,
}

impl Location {
    /// Returns whether nothing is known of the code there but its file: no symbols.
    pub fn is_nameless(&self) -> bool {
        matches!(&self.frames[..], [frame] if frame.is_nameless())
    }
}

/// Equal samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Indices of the locations, leaf first.
    pub stack: Vec<usize>,
    /// One value a type of the profile.
    pub values: Vec<i64>,
    /// What the sample belongs to.
    pub labels: Labels,
}

/// What a sample belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    /// The collection that the thread worked for, `agent` or `untagged`.
    pub collection: String,
    /// Name of the thread.
    pub thread: String,
    /// Whose process it was; empty when the profile does not say.
    pub agent: String,
    /// Further names with their texts, sorted by name.
    pub more: Vec<(String, String)>,
}

/// One step of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// The function and the line.
    pub frame: &'a Frame,
    /// Whether the compiler put it into the next one of the stack.
    pub is_inlined: bool,
    /// Where in the process.
    pub location: &'a Location,
}

impl Profile {
    /// Returns the steps of a sample, leaf first, inlined functions expanded.
    pub fn steps<'a>(&'a self, sample: &'a Sample) -> impl Iterator<Item = Step<'a>> {
        let locations = sample.stack.iter().filter_map(|index| self.locations.get(*index));
        locations.flat_map(|location| {
            let last = location.frames.len().saturating_sub(1);
            let frames = location.frames.iter().enumerate();
            frames.map(move |(at, frame)| Step { frame, is_inlined: at < last, location })
        })
    }

    /// Returns the frames of a sample, leaf first, inlined functions expanded.
    pub fn frames<'a>(&'a self, sample: &'a Sample) -> impl Iterator<Item = &'a Frame> {
        self.steps(sample).map(|step| step.frame)
    }

    /// Returns how many frames all stacks have together, inlined functions expanded: what a view costs.
    pub fn steps_count(&self) -> usize {
        let stacks = self.samples.iter().flat_map(|sample| &sample.stack);
        stacks.filter_map(|index| Some(self.locations.get(*index)?.frames.len())).sum()
    }

    /// Returns a sample's value of the type that is shown.
    pub fn value(&self, sample: &Sample) -> i64 {
        sample.values.get(self.shown).copied().unwrap_or(0)
    }

    /// Returns the sum of the values that are shown.
    pub fn total(&self) -> i64 {
        self.samples.iter().map(|sample| self.value(sample)).sum()
    }

    /// Returns the type of the values that are shown.
    pub fn shown_type(&self) -> ValueType {
        let named = self.types.get(self.shown).cloned();
        named.unwrap_or_else(|| ValueType::new("samples", "count"))
    }

    /// Shows another type; `false` when there is none of that name.
    #[must_use]
    pub fn show(&mut self, name: &str) -> bool {
        let found = self.types.iter().position(|kind| kind.name == name);
        self.shown = found.unwrap_or(self.shown);
        found.is_some()
    }

    /// Returns how many samples there are; nothing when the profile does not count them.
    pub fn count(&self) -> Option<i64> {
        let at = self.types.iter().position(|kind| kind.name == "samples")?;
        Some(self.samples.iter().filter_map(|sample| sample.values.get(at)).sum())
    }

    /// Keeps only what was done for a hunt.
    pub fn keep_hunt(&mut self, hunt: &str) {
        self.samples.retain(|sample| sample.labels.collection == hunt);
    }

    /// Returns the file that a location was mapped from, without its folders.
    pub fn object(&self, location: &Location) -> &str {
        self.mapping(location).map_or("", Mapping::file)
    }

    /// Returns the mapping of a location.
    pub fn mapping(&self, location: &Location) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.id == location.mapping)
    }
}
