//! The messages of pprof's `profile.proto`, as far as we write and read them.
//!
//! Written out rather than generated: a code generator in the agent's build would weigh more than the agent's own code.
//! The tests hold them against the `pprof` crate's generated ones. Texts are indices into the string table, 0 is "".

use prost::Message;

/// A profile: samples, and what their numbers mean.
#[derive(Clone, PartialEq, Message)]
pub struct Profile {
    /// What the values of every sample are, in order.
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    /// Files in memory.
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    /// Addresses.
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    /// Functions, where names are known.
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    /// Every text; the first is empty.
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    /// Frames to drop, a regular expression.
    #[prost(int64, tag = "7")]
    pub drop_frames: i64,
    /// Frames to keep, a regular expression.
    #[prost(int64, tag = "8")]
    pub keep_frames: i64,
    /// Start of the window, nanoseconds since 1970 UTC.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// Length of the window, nanoseconds.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    /// Of what one sample is taken each `period`.
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// Distance of samples, in the unit of `period_type`.
    #[prost(int64, tag = "12")]
    pub period: i64,
    /// Remarks.
    #[prost(int64, repeated, tag = "13")]
    pub comment: Vec<i64>,
    /// The value that is shown first.
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
}

/// What a value is.
#[derive(Clone, PartialEq, Message)]
pub struct ValueType {
    /// Its name, e.g. `cpu`.
    #[prost(int64, tag = "1")]
    pub ty: i64,
    /// Its unit, e.g. `nanoseconds`.
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// A stack, its values and labels.
#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    /// Ids of locations, leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One value a sample type.
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    /// What the sample belongs to.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A name and its text or number.
#[derive(Clone, PartialEq, Message)]
pub struct Label {
    /// The name.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// Its text.
    #[prost(int64, tag = "2")]
    pub str: i64,
    /// Its number.
    #[prost(int64, tag = "3")]
    pub num: i64,
    /// The number's unit.
    #[prost(int64, tag = "4")]
    pub num_unit: i64,
}

/// A file, or part of one, in memory.
#[allow(clippy::struct_excessive_bools, reason = "the format has them")]
#[derive(Clone, PartialEq, Message)]
pub struct Mapping {
    /// Not 0, unique.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// First address.
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    /// First address behind it.
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    /// Offset in the file of the first address.
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    /// The file.
    #[prost(int64, tag = "5")]
    pub filename: i64,
    /// Its build id, lower-case hexadecimal.
    #[prost(int64, tag = "6")]
    pub build_id: i64,
    /// Whether functions are resolved.
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    /// Whether file names are.
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    /// Whether lines are.
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    /// Whether inlined frames are.
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

/// An address, and the frames that it stands for.
#[derive(Clone, PartialEq, Message)]
pub struct Location {
    /// Not 0, unique.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Id of its mapping.
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    /// The address.
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// Its frames, innermost inlined one first.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
    /// Whether the linker folded several functions into one.
    #[prost(bool, tag = "5")]
    pub is_folded: bool,
}

/// A line of a function.
#[derive(Clone, PartialEq, Message)]
pub struct Line {
    /// Id of the function.
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    /// The line, from 1.
    #[prost(int64, tag = "2")]
    pub line: i64,
}

/// A function.
#[derive(Clone, PartialEq, Message)]
pub struct Function {
    /// Not 0, unique.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// As a person reads it.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// As the linker knows it.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// Source file.
    #[prost(int64, tag = "4")]
    pub filename: i64,
    /// Its first line.
    #[prost(int64, tag = "5")]
    pub start_line: i64,
}
