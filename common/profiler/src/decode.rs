//! Pprof from an endpoint: untrusted bytes, checked before they take memory.
//!
//! Counts are taken by a walk over the wire format before anything is built from it; then every index
//! that the message holds is checked. What passes is safe to follow blindly.

use std::collections::HashSet;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::protos::{self, Message};
use muster_protocol::limits::{
    PROFILE_FRAMES_MAX, PROFILE_LABEL_BYTES_MAX, PROFILE_LOCATIONS_MAX, PROFILE_MAPPINGS_MAX,
    PROFILE_SAMPLE_BYTES_MAX, PROFILE_STACKS_MAX, PROFILE_STRINGS_MAX, PROFILE_UNPACKED_BYTES_MAX,
    PROFILE_VALUES_MAX, TEXT_BYTES_MAX,
};

/// What values are counted in.
const UNITS: [&str; 3] = ["count", "nanoseconds", "bytes"];
/// Length of the name of a value.
const NAME_BYTES_MAX: usize = 32;

/// Why bytes are no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not gzip, or damaged.
    #[error("not gzip: {0}")]
    Gzip(String),
    /// Not the wire format.
    #[error("not a pprof message: {0}")]
    Wire(String),
    /// More of something than its bound.
    #[error("too much: {found} {what}, at most {max}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much there is; the count stops where the bound is passed.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// A reference to what is not there, or a value that cannot be.
    #[error("inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// Decodes and checks an unsymbolised profile.
pub fn decode(gzip: &[u8]) -> Result<protos::Profile, DecodeError> {
    let mut bytes = Vec::new();
    let limit = PROFILE_UNPACKED_BYTES_MAX as u64 + 1;
    let unpacked = GzDecoder::new(gzip).take(limit).read_to_end(&mut bytes);
    unpacked.map_err(|error| DecodeError::Gzip(error.to_string()))?;
    within("unpacked bytes", bytes.len(), PROFILE_UNPACKED_BYTES_MAX)?;
    count(&bytes)?;
    let profile = protos::Profile::decode(bytes.as_slice())
        .map_err(|error| DecodeError::Wire(error.to_string()))?;
    check(&profile)?;
    Ok(profile)
}

/// Refuses more of something than its bound.
///
/// # Errors
/// [`DecodeError::TooMuch`], with both figures.
pub fn within(what: &'static str, found: usize, max: usize) -> Result<(), DecodeError> {
    if found > max { Err(DecodeError::TooMuch { what, found, max }) } else { Ok(()) }
}

/// Counts the parts of the message, without building anything.
fn count(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut counted = [
        (1, 0, PROFILE_VALUES_MAX, "sample types"),
        (2, 0, PROFILE_STACKS_MAX, "samples"),
        (3, 0, PROFILE_MAPPINGS_MAX, "mappings"),
        (4, 0, PROFILE_LOCATIONS_MAX, "locations"),
        (5, 0, 0, "functions"),
        (6, 0, PROFILE_STRINGS_MAX, "strings"),
        (13, 0, 0, "comments"),
    ];
    let mut rest = bytes;
    while let Some((number, body)) = field(&mut rest)? {
        let entry = counted.iter_mut().find(|(field, ..)| *field == number);
        if let Some((_, found, max, name)) = entry {
            *found += 1;
            within(name, *found, *max)?;
        }
        match number {
            2 => {
                within("bytes of a sample", body.len(), PROFILE_SAMPLE_BYTES_MAX)?;
                count_numbers(body, 1, PROFILE_FRAMES_MAX, "frames of a sample")?;
                count_numbers(body, 2, PROFILE_VALUES_MAX, "values of a sample")?;
                count_inner(body, 3, 4, "labels of a sample")?;
            }
            4 => count_inner(body, 4, 0, "lines")?,
            6 => within("bytes of a string", body.len(), TEXT_BYTES_MAX * 4)?,
            _ => {}
        }
    }
    Ok(())
}

fn count_inner(
    body: &[u8],
    counted: u64,
    max: usize,
    name: &'static str,
) -> Result<(), DecodeError> {
    count_each(body, counted, max, name, |_| 1)
}

/// Counts the numbers of a repeated field. A packed one is a byte each on the wire and eight in memory.
fn count_numbers(
    body: &[u8],
    counted: u64,
    max: usize,
    name: &'static str,
) -> Result<(), DecodeError> {
    count_each(body, counted, max, name, |packed| {
        let ends = packed.iter().filter(|byte| **byte < 0x80).count();
        if packed.is_empty() { 1 } else { ends }
    })
}

/// Counts what a field holds, and stops where there is too much.
fn count_each(
    mut rest: &[u8],
    counted: u64,
    max: usize,
    name: &'static str,
    holds: impl Fn(&[u8]) -> usize,
) -> Result<(), DecodeError> {
    let mut found = 0;
    while let Some((number, held)) = field(&mut rest)? {
        if number == counted {
            found += holds(held);
            within(name, found, max)?;
        }
    }
    Ok(())
}

/// Takes one field off the front: its number and, when it is length-delimited, its body.
fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u64, &'a [u8])>, DecodeError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = varint(rest)?;
    let bytes = match key & 7 {
        0 => {
            varint(rest)?;
            0
        }
        1 => 8,
        2 => varint(rest)?,
        5 => 4,
        _ => return Err(DecodeError::Wire("wire type".into())),
    };
    let cut = usize::try_from(bytes).ok().and_then(|bytes| rest.split_at_checked(bytes));
    let (body, tail) = cut.ok_or_else(|| DecodeError::Wire("truncated".into()))?;
    *rest = tail;
    Ok(Some((key >> 3, body)))
}

fn varint(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, tail)) = rest.split_first() else { break };
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(DecodeError::Wire("number".into()))
}

/// Checks every index and value.
fn check(profile: &protos::Profile) -> Result<(), DecodeError> {
    let sure =
        |holds: bool, what| if holds { Ok(()) } else { Err(DecodeError::Inconsistent(what)) };
    let strings = profile.string_table.len();
    let is_text = |index: i64| usize::try_from(index).is_ok_and(|index| index < strings);
    sure(profile.string_table.first().is_some_and(String::is_empty), "first string")?;
    let types = sample_types(profile);
    sure(!types.is_empty() && types.len() == profile.sample_type.len(), "sample types")?;
    sure(types.iter().all(|(name, unit)| is_named(name, unit)), "sample types")?;
    // Time is not measured but counted: every sample stands for one period.
    let is_counted =
        ["cpu", "wall"].iter().any(|kind| types == [("samples", "count"), (*kind, "nanoseconds")]);
    sure((1..=1_000_000_000).contains(&profile.period), "period")?;
    sure(profile.duration_nanos >= 0, "duration")?;
    let mut mappings = HashSet::new();
    for mapping in &profile.mapping {
        sure(mapping.id != 0 && mappings.insert(mapping.id), "mapping id")?;
        sure(mapping.memory_start <= mapping.memory_limit, "mapping range")?;
        sure(is_text(mapping.filename) && is_text(mapping.build_id), "mapping text")?;
    }
    let (mut locations, mut places) = (HashSet::new(), HashSet::new());
    for location in &profile.location {
        sure(location.id != 0 && locations.insert(location.id), "location id")?;
        // One address under many ids would be named as often.
        sure(places.insert((location.mapping_id, location.address)), "location repeated")?;
        sure(mappings.contains(&location.mapping_id), "mapping of a location")?;
    }
    let mut totals = vec![0_i64; types.len()];
    for sample in &profile.sample {
        sure((1..=PROFILE_FRAMES_MAX).contains(&sample.location_id.len()), "frames of a sample")?;
        sure(sample.location_id.iter().all(|id| locations.contains(id)), "location of a sample")?;
        sure(sample.value.len() == types.len(), "values of a sample")?;
        for (value, total) in sample.value.iter().zip(&mut totals) {
            sure(*value >= 0, "values of a sample")?;
            *total = total.checked_add(*value).ok_or(DecodeError::Inconsistent("sum of values"))?;
        }
        if let ([count, cpu_ns], true) = (sample.value.as_slice(), is_counted) {
            sure(count.checked_mul(profile.period) == Some(*cpu_ns), "values of a sample")?;
        }
        for label in &sample.label {
            sure(is_text(label.key) && is_text(label.str), "label")?;
            // Each sample has a copy of its own.
            for index in [label.key, label.str] {
                let bytes = text(profile, index).map_or(0, str::len);
                within("bytes of a label", bytes, PROFILE_LABEL_BYTES_MAX)?;
            }
        }
    }
    Ok(())
}

/// Returns name and unit of every value; fewer than there are when one has none.
fn sample_types(profile: &protos::Profile) -> Vec<(&str, &str)> {
    let types = profile.sample_type.iter();
    types.filter_map(|kind| Some((text(profile, kind.ty)?, text(profile, kind.unit)?))).collect()
}

/// Whether a value is one that a view can show: `inuse_space` in `bytes`.
fn is_named(name: &str, unit: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_word);
    is_name && UNITS.contains(&unit)
}

/// Returns a string of the table.
pub fn text(profile: &protos::Profile, index: i64) -> Option<&str> {
    profile.string_table.get(usize::try_from(index).ok()?).map(String::as_str)
}
