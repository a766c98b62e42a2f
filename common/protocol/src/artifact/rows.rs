//! Rows of one artifact, as columns: in memory as they are on the wire.

mod row;
mod writer;

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

pub use self::row::RowRef;
pub use self::writer::RowWriter;
use super::times::FarTimes;
use super::{Column, ColumnType, HashKind, Schema, Value};

/// About what the fixed part of a value takes before compression.
const VALUE_BYTES: usize = 6;

/// A row with fields of its own for each column, for code that knows the artifact.
pub trait Record: Sized {
    /// Its columns.
    const SCHEMA: &'static Schema;

    /// Moves every value out, in the order of the columns. A record is some hundred bytes: it is not moved for it.
    fn write(&mut self, row: &mut RowWriter<'_>);

    /// Reads a row of this artifact.
    fn read(row: &RowRef<'_>) -> Self;
}

/// Rows of one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    pub(super) schema: &'static Schema,
    pub(super) count: usize,
    /// The values of every column but digests, in the schema's order.
    pub(super) values: Vec<Values>,
    /// Which rows have digests.
    pub(super) hashed: Vec<bool>,
    /// Times that do not fit 64 bits.
    pub(super) far: FarTimes,
    /// Per algorithm the digests of the rows that have any, one behind the other.
    pub(super) digests: BTreeMap<HashKind, ByteBuf>,
    bytes: usize,
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    Bytes(Vec<ByteBuf>),
    OptionalBytes(Vec<Option<ByteBuf>>),
    Words(Vec<u8>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    OptionalU64(Vec<Option<u64>>),
    OptionalBool(Vec<Option<bool>>),
    /// Nanoseconds; where the row has a far time, those within its second.
    Times(Vec<i64>),
    OptionalTimes(Vec<Option<i64>>),
    /// Digests are held apart.
    None,
}

impl Values {
    /// Makes an empty column.
    pub(super) fn new(kind: ColumnType, room: usize) -> Self {
        match kind {
            ColumnType::Bytes => Self::Bytes(Vec::with_capacity(room)),
            ColumnType::OptionalBytes => Self::OptionalBytes(Vec::with_capacity(room)),
            ColumnType::Word(_) => Self::Words(Vec::with_capacity(room)),
            ColumnType::I32 => Self::I32(Vec::with_capacity(room)),
            ColumnType::U32 => Self::U32(Vec::with_capacity(room)),
            ColumnType::U64 => Self::U64(Vec::with_capacity(room)),
            ColumnType::OptionalU64 => Self::OptionalU64(Vec::with_capacity(room)),
            ColumnType::OptionalBool => Self::OptionalBool(Vec::with_capacity(room)),
            ColumnType::Time => Self::Times(Vec::with_capacity(room)),
            ColumnType::OptionalTime => Self::OptionalTimes(Vec::with_capacity(room)),
            ColumnType::Digest(_) => Self::None,
        }
    }

    /// Returns how many there are; `None` for a digest.
    pub(super) fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Bytes(values) => values.len(),
            Self::OptionalBytes(values) => values.len(),
            Self::Words(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::OptionalU64(values) => values.len(),
            Self::OptionalBool(values) => values.len(),
            Self::Times(values) => values.len(),
            Self::OptionalTimes(values) => values.len(),
            Self::None => return None,
        })
    }

    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Bytes(to), Self::Bytes(from)) => to.extend(from),
            (Self::OptionalBytes(to), Self::OptionalBytes(from)) => to.extend(from),
            (Self::Words(to), Self::Words(from)) => to.extend(from),
            (Self::I32(to), Self::I32(from)) => to.extend(from),
            (Self::U32(to), Self::U32(from)) => to.extend(from),
            (Self::U64(to), Self::U64(from)) => to.extend(from),
            (Self::OptionalU64(to), Self::OptionalU64(from)) => to.extend(from),
            (Self::OptionalBool(to), Self::OptionalBool(from)) => to.extend(from),
            (Self::Times(to), Self::Times(from)) => to.extend(from),
            (Self::OptionalTimes(to), Self::OptionalTimes(from)) => to.extend(from),
            // Of one schema both are of one type.
            _ => {}
        }
    }

    fn value(&self, at: usize, column: &Column) -> Value<'_> {
        let unsigned = |value: Option<u64>| value.map_or(Value::Nothing, Value::Unsigned);
        match self {
            Self::Bytes(values) => bytes(values.get(at)),
            Self::OptionalBytes(values) => bytes(values.get(at).and_then(Option::as_ref)),
            Self::Words(values) => match (values.get(at), column.kind) {
                (Some(value), ColumnType::Word(words)) => {
                    (words.0)(*value).map_or(Value::Nothing, Value::Word)
                }
                _ => Value::Nothing,
            },
            Self::I32(values) => {
                values.get(at).map_or(Value::Nothing, |value| Value::Signed((*value).into()))
            }
            Self::U32(values) => unsigned(values.get(at).map(|value| (*value).into())),
            Self::U64(values) => unsigned(values.get(at).copied()),
            Self::OptionalU64(values) => unsigned(values.get(at).copied().flatten()),
            Self::OptionalBool(values) => {
                values.get(at).copied().flatten().map_or(Value::Nothing, Value::Bool)
            }
            Self::Times(values) => {
                values.get(at).map_or(Value::Nothing, |ns| Value::Time((*ns).into()))
            }
            Self::OptionalTimes(values) => values
                .get(at)
                .copied()
                .flatten()
                .map_or(Value::Nothing, |ns| Value::Time(ns.into())),
            Self::None => Value::Nothing,
        }
    }
}

impl Rows {
    /// Makes rows of none, with room for some.
    pub fn new(schema: &'static Schema, room: usize) -> Self {
        Self {
            schema,
            count: 0,
            values: schema.columns.iter().map(|column| Values::new(column.kind, room)).collect(),
            hashed: Vec::with_capacity(room),
            far: FarTimes::default(),
            digests: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Makes rows of records.
    pub fn of<R: Record>(records: impl IntoIterator<Item = R>) -> Self {
        let records = records.into_iter();
        let mut rows = Self::new(R::SCHEMA, records.size_hint().0);
        records.for_each(|mut record| rows.push(&mut record));
        rows
    }

    /// Adds a record of the same artifact. All that have digests must have those of the same algorithms.
    pub fn push<R: Record>(&mut self, record: &mut R) {
        let bytes = RowWriter::write(self, record);
        self.bytes += bytes + VALUE_BYTES * self.values.len();
        self.count += 1;
        self.hashed.resize(self.count, false);
    }

    /// Adds the rows of another one of the same schema behind these.
    pub fn append(&mut self, other: Self) {
        let from = u32::try_from(self.count).unwrap_or(u32::MAX);
        self.far.append(other.far, from);
        for (to, from) in self.values.iter_mut().zip(other.values) {
            to.append(from);
        }
        self.hashed.extend(other.hashed);
        for (kind, digests) in other.digests {
            self.digests.entry(kind).or_default().extend_from_slice(&digests);
        }
        self.count += other.count;
        self.bytes += other.bytes;
    }

    /// Returns what they are rows of.
    pub fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns about what they take before compression, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Visits them in order.
    pub fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        let mut hashed_before = 0;
        (0..self.count).map(move |at| {
            let is_hashed = self.hashed.get(at) == Some(&true);
            let row = RowRef { rows: self, at, hashed: is_hashed.then_some(hashed_before) };
            hashed_before += usize::from(is_hashed);
            row
        })
    }

    /// Reads them as records; of another artifact there are none.
    pub fn records<R: Record>(&self) -> Vec<R> {
        if self.schema != R::SCHEMA {
            return Vec::new();
        }
        self.iter().map(|row| R::read(&row)).collect()
    }
}

fn bytes(value: Option<&ByteBuf>) -> Value<'_> {
    value.map_or(Value::Nothing, |bytes| Value::Bytes(bytes.as_slice()))
}

#[cfg(test)]
mod tests;
