//! Many profiles as one: of several agents, of several moments.
//!
//! The result does not depend on the order or on how profiles are grouped. Addresses differ from process to
//! process, so a place is known by its file's build id and its distance within the mapping; files of different
//! build ids stay apart, each with its own names. Mappings are laid out again, one behind the other.

use std::collections::{BTreeMap, HashMap};

use super::module::{Frame, Mapping};
use super::profile::{Labels, Location, Profile, Sample, ValueType};

/// Where the first mapping of a merged profile lies.
const FIRST_ADDRESS: u64 = 0x1_0000;
/// Mappings begin at multiples of this.
const PAGE_BYTES: u64 = 4_096;
/// A mapping larger than this is damaged.
const MAPPING_BYTES_MAX: u64 = 1 << 40;

/// Why profiles are not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is no profile")]
    Nothing,
    /// They tell different things.
    #[error("one has {0}, another {1}")]
    Types(String, String),
}

/// What makes two mappings the same: file, build id, offset.
type Object = (String, String, u64);

/// What makes two locations the same.
type Place = (usize, u64, Vec<Frame>);

/// Merges profiles; samples of equal stacks and labels become one.
pub fn merge(profiles: &[Profile]) -> Result<Profile, MergeError> {
    let first = profiles.first().ok_or(MergeError::Nothing)?;
    if let Some(other) = profiles.iter().find(|other| other.types != first.types) {
        return Err(MergeError::Types(words(&first.types), words(&other.types)));
    }
    let mut merging = Merging::default();
    for profile in profiles {
        merging.mappings(profile);
    }
    merging.number();
    for profile in profiles {
        merging.samples(profile);
    }
    let (mappings, locations, samples) = merging.finish();
    let same = profiles.iter().all(|other| other.period_type == first.period_type);
    Ok(Profile {
        types: first.types.clone(),
        shown: profiles.iter().map(|profile| profile.shown).min().unwrap_or(0),
        mappings,
        locations,
        samples,
        period_type: first.period_type.clone().filter(|_| same),
        period: profiles.iter().map(|profile| profile.period).max().unwrap_or(0),
        duration_ns: profiles.iter().fold(0, |sum, one| sum.saturating_add(one.duration_ns)),
        time_ns: profiles.iter().map(|profile| profile.time_ns).min().unwrap_or(0),
    })
}

fn words(types: &[ValueType]) -> String {
    let names: Vec<_> = types.iter().map(|kind| kind.name.as_str()).collect();
    names.join(", ")
}

#[derive(Debug, Default)]
struct Merging {
    /// Size and number of each mapping.
    objects: BTreeMap<Object, (u64, usize)>,
    places: HashMap<Place, usize>,
    samples: HashMap<(Labels, Vec<usize>), Vec<i64>>,
}

impl Merging {
    fn mappings(&mut self, profile: &Profile) {
        for mapping in &profile.mappings {
            let bytes = mapping.limit.saturating_sub(mapping.start).min(MAPPING_BYTES_MAX);
            let (size, _) = self.objects.entry(object(mapping)).or_default();
            *size = bytes.max(*size);
        }
    }

    fn number(&mut self) {
        self.objects.values_mut().enumerate().for_each(|(number, (_, at))| *at = number);
    }

    fn samples(&mut self, profile: &Profile) {
        let mut known = HashMap::new();
        for mapping in &profile.mappings {
            let number = self.objects.get(&object(mapping)).map_or(0, |(_, number)| *number);
            known.insert(mapping.id, (mapping, number));
        }
        let places: Vec<usize> =
            profile.locations.iter().map(|location| self.place(&known, location)).collect();
        for sample in &profile.samples {
            let stack = sample.stack.iter().filter_map(|index| places.get(*index).copied());
            let key = (sample.labels.clone(), stack.collect());
            let values = self.samples.entry(key).or_insert_with(|| vec![0; profile.types.len()]);
            for (sum, value) in values.iter_mut().zip(&sample.values) {
                *sum = sum.saturating_add(*value);
            }
        }
    }

    fn place(&mut self, known: &HashMap<u64, (&Mapping, usize)>, location: &Location) -> usize {
        let place = match known.get(&location.mapping) {
            // Where nothing is mapped an address means nothing outside its process.
            Some((mapping, number)) if mapping.start == mapping.limit => {
                let frame =
                    Frame { function: "[unknown]".to_owned(), file: String::new(), line: 0 };
                (*number, 0, vec![frame])
            }
            Some((mapping, number)) => {
                (*number, location.address.wrapping_sub(mapping.start), location.frames.clone())
            }
            None => (0, location.address, location.frames.clone()),
        };
        let next = self.places.len();
        *self.places.entry(place).or_insert(next)
    }

    fn finish(self) -> (Vec<Mapping>, Vec<Location>, Vec<Sample>) {
        let mut mappings = Vec::new();
        let mut start = FIRST_ADDRESS;
        for (id, ((name, build_id, offset), (bytes, _))) in (1..).zip(self.objects) {
            let limit = start + bytes;
            mappings.push(Mapping { id, start, limit, offset, name, build_id });
            start = (limit / PAGE_BYTES + 2) * PAGE_BYTES;
        }
        let mut places: Vec<(Place, usize)> = self.places.into_iter().collect();
        places.sort();
        let mut renumbered = vec![0; places.len()];
        let mut locations = Vec::with_capacity(places.len());
        for (index, ((object, distance, frames), old)) in places.into_iter().enumerate() {
            if let Some(new) = renumbered.get_mut(old) {
                *new = index;
            }
            let mapping = mappings.get(object);
            let address = mapping.map_or(0, |mapping| mapping.start).wrapping_add(distance);
            let mapping = mapping.map_or(0, |mapping| mapping.id);
            locations.push(Location { mapping, address, frames });
        }
        let stack = |old: Vec<usize>| {
            old.iter().filter_map(|index| renumbered.get(*index).copied()).collect()
        };
        let samples = self.samples.into_iter().map(|((labels, old), values)| Sample {
            stack: stack(old),
            values,
            labels,
        });
        let mut samples: Vec<Sample> = samples.collect();
        samples.sort_by(|a, b| (&a.stack, &a.labels).cmp(&(&b.stack, &b.labels)));
        (mappings, locations, samples)
    }
}

fn object(mapping: &Mapping) -> Object {
    (mapping.name.clone(), mapping.build_id.clone(), mapping.offset)
}
