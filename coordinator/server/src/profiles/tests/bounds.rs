//! Small profiles that would cost their reader much: refused, with the figure.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use muster_profiler::decode::DecodeError;
use muster_profiler::protos::{self, Message};
use muster_protocol::limits::{PROFILE_FRAMES_MAX, PROFILE_LABEL_BYTES_MAX, PROFILE_STACKS_MAX};

use crate::profiles::profile::Profile;
use crate::profiles::symbols::Symbols;

/// What an endpoint chooses.
struct Hostile {
    samples: usize,
    frames: usize,
    locations: u64,
    thread: String,
    file: String,
    /// All locations at one address.
    is_one_place: bool,
}

const MODEST: Hostile = Hostile {
    samples: 3,
    frames: 4,
    locations: 5,
    thread: String::new(),
    file: String::new(),
    is_one_place: false,
};

impl Hostile {
    fn gzip(&self) -> Vec<u8> {
        let texts =
            ["", "samples", "count", "cpu", "nanoseconds", "thread", &self.thread, &self.file];
        let kind = |ty, unit| protos::ValueType { ty, unit };
        let location = |id: u64| protos::Location {
            id,
            mapping_id: 1,
            address: 4_096 + if self.is_one_place { 0 } else { 16 * id },
            ..Default::default()
        };
        let sample = |at: usize| protos::Sample {
            location_id: (0..self.frames).map(|n| (at + n) as u64 % self.locations + 1).collect(),
            value: vec![1, 10_000_000],
            label: vec![protos::Label { key: 5, str: 6, ..Default::default() }],
        };
        let profile = protos::Profile {
            sample_type: vec![kind(1, 2), kind(3, 4)],
            sample: (0..self.samples).map(sample).collect(),
            mapping: vec![protos::Mapping {
                id: 1,
                memory_start: 0,
                memory_limit: 1 << 40,
                filename: 7,
                ..Default::default()
            }],
            location: (1..=self.locations).map(location).collect(),
            string_table: texts.map(str::to_owned).to_vec(),
            period: 10_000_000,
            ..Default::default()
        };
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&profile.encode_to_vec()).unwrap();
        gzip.finish().unwrap()
    }

    /// Returns of what there is too much.
    fn refused(&self) -> Option<&'static str> {
        match Profile::resolve(&self.gzip(), &Symbols::new(Path::new("/nonexistent"))) {
            Ok(_) => None,
            Err(DecodeError::TooMuch { what, found, max }) => {
                assert!(found > max, "{what}: {found} of {max}");
                Some(what)
            }
            Err(DecodeError::Inconsistent(what)) => Some(what),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_modest_profile_is_read() {
    assert_eq!(MODEST.refused(), None);
}

#[test]
fn copies_and_products_are_bounded() {
    let cases = [
        ("bytes of a label", Hostile { thread: "x".repeat(PROFILE_LABEL_BYTES_MAX + 1), ..MODEST }),
        ("location repeated", Hostile { is_one_place: true, ..MODEST }),
        ("frames of a sample", Hostile { frames: PROFILE_FRAMES_MAX + 1, ..MODEST }),
        // A name that every place without symbols would repeat.
        (
            "bytes of names",
            Hostile { locations: 60_000, file: "\u{1d11e}".repeat(1_000), ..MODEST },
        ),
        (
            "frames of all stacks",
            Hostile { samples: PROFILE_STACKS_MAX, frames: PROFILE_FRAMES_MAX, ..MODEST },
        ),
    ];
    for (what, hostile) in cases {
        assert_eq!(hostile.refused(), Some(what));
    }
}
