//! The profile as pprof with names, for `go tool pprof` and its like.

use std::collections::HashMap;

use muster_profiler::encode::{AGENT_LABEL, COLLECTION_LABEL, Strings, THREAD_LABEL, gzip};
use muster_profiler::protos;

use crate::profiles::module::Frame;
use crate::profiles::profile::{Labels, Location, Profile, ValueType};

impl Profile {
    /// Returns the profile as gzipped pprof: as it came, plus functions, files, lines.
    pub fn to_pprof_gz(&self) -> std::io::Result<Vec<u8>> {
        gzip(&self.message())
    }

    fn message(&self) -> protos::Profile {
        let mut strings = Strings::default();
        let mut functions = Functions::default();
        let location = (1..)
            .zip(&self.locations)
            .map(|(id, location)| functions.location(id, location, &mut strings))
            .collect();
        let mut sample = Vec::with_capacity(self.samples.len());
        for item in &self.samples {
            sample.push(protos::Sample {
                location_id: item.stack.iter().map(|index| *index as u64 + 1).collect(),
                value: item.values.clone(),
                label: labels(&item.labels, &mut strings),
            });
        }
        let mapping = self.mappings.iter().map(|mapping| protos::Mapping {
            id: mapping.id,
            memory_start: mapping.start,
            memory_limit: mapping.limit,
            file_offset: mapping.offset,
            filename: strings.of(&mapping.name),
            build_id: strings.of(&mapping.build_id),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
        });
        let mapping = mapping.collect();
        let mut kind = |kind: &ValueType| protos::ValueType {
            ty: strings.of(&kind.name),
            unit: strings.of(&kind.unit),
        };
        let sample_type = self.types.iter().map(&mut kind).collect();
        let period_type = self.period_type.as_ref().map(&mut kind);
        let default_sample_type = kind(&self.shown_type()).ty;
        protos::Profile {
            sample_type,
            sample,
            mapping,
            location,
            function: functions.list,
            time_nanos: self.time_ns,
            duration_nanos: self.duration_ns,
            period_type,
            period: self.period,
            default_sample_type,
            string_table: strings.into_table(),
            ..Default::default()
        }
    }
}

fn labels(labels: &Labels, strings: &mut Strings) -> Vec<protos::Label> {
    let known = [
        (COLLECTION_LABEL, &labels.collection),
        (THREAD_LABEL, &labels.thread),
        (AGENT_LABEL, &labels.agent),
    ];
    let more = labels.more.iter().map(|(key, text)| (key.as_str(), text));
    let told = known.into_iter().filter(|(_, text)| !text.is_empty()).chain(more);
    let mut label = |(key, text): (&str, &String)| protos::Label {
        key: strings.of(key),
        str: strings.of(text),
        ..Default::default()
    };
    told.map(&mut label).collect()
}

#[derive(Debug, Default)]
struct Functions<'a> {
    ids: HashMap<(&'a str, &'a str), u64>,
    list: Vec<protos::Function>,
}

impl<'a> Functions<'a> {
    fn location(
        &mut self,
        id: u64,
        location: &'a Location,
        strings: &mut Strings,
    ) -> protos::Location {
        let lines = location.frames.iter().map(|frame| protos::Line {
            function_id: self.of(frame, strings),
            line: frame.line.into(),
        });
        protos::Location {
            id,
            mapping_id: location.mapping,
            address: location.address,
            line: lines.collect(),
            is_folded: false,
        }
    }

    fn of(&mut self, frame: &'a Frame, strings: &mut Strings) -> u64 {
        let list = &mut self.list;
        *self.ids.entry((&frame.function, &frame.file)).or_insert_with(|| {
            let id = list.len() as u64 + 1;
            let (name, filename) = (strings.of(&frame.function), strings.of(&frame.file));
            list.push(protos::Function { id, name, system_name: name, filename, start_line: 0 });
            id
        })
    }
}
