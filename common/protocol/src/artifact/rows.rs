//! Rows of one artifact, as columns: in memory as they are on the wire.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

use super::times::{FarTimes, NS_PER_S};
use super::{Column, ColumnType, Digest, Digests, HashKind, Schema, Value};

/// About what the fixed part of a value takes before compression.
const VALUE_BYTES: usize = 6;

/// A row with fields of its own for each column, for those who know the artifact.
pub trait Record: Sized {
    /// Its columns.
    const SCHEMA: &'static Schema;

    /// Writes every value, in the order of the columns.
    fn write(self, row: &mut RowWriter<'_>);

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
        records.for_each(|record| rows.push(record));
        rows
    }

    /// Adds a record of the same artifact. All that have digests must have those of the same algorithms.
    pub fn push<R: Record>(&mut self, record: R) {
        let bytes = self.bytes + VALUE_BYTES * self.values.len();
        let mut writer = RowWriter { rows: self, at: 0, bytes };
        record.write(&mut writer);
        let (written, bytes) = (writer.at, writer.bytes);
        debug_assert_eq!(written, self.schema.columns.iter().filter(|c| !c.is_digest()).count());
        self.hashed.resize(self.count + 1, false);
        self.count += 1;
        self.bytes = bytes;
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

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    rows: &'a Rows,
    at: usize,
    /// Which of the rows that have digests it is.
    hashed: Option<usize>,
}

impl<'a> RowRef<'a> {
    /// Returns what it is a row of.
    pub fn schema(&self) -> &'static Schema {
        self.rows.schema
    }

    /// Returns the value of the column at a place of the schema.
    pub fn value(&self, place: usize) -> Value<'a> {
        let Some(column) = self.rows.schema.columns.get(place) else { return Value::Nothing };
        if let ColumnType::Digest(kind) = column.kind {
            return self.digest(kind).map_or(Value::Nothing, Value::Digest);
        }
        let Some(values) = self.rows.values.get(place) else { return Value::Nothing };
        match values.value(self.at, column) {
            Value::Time(ns) => {
                let seconds = self.rows.far.seconds(self.at, self.rows.schema, place);
                Value::Time(ns + seconds.map_or(0, |seconds| i128::from(seconds) * NS_PER_S))
            }
            value => value,
        }
    }

    /// Returns the value of a column.
    pub fn get(&self, name: &str) -> Value<'a> {
        self.schema().place(name).map_or(Value::Nothing, |place| self.value(place))
    }

    /// Returns whether a column is shown: whether one of those that it is known by is not 0.
    pub fn is_known(&self, column: &Column) -> bool {
        let is_zero = |name: &&str| matches!(self.get(name), Value::Unsigned(0) | Value::Nothing);
        column.known_by.is_empty() || !column.known_by.iter().all(is_zero)
    }

    /// Returns its digest of one kind.
    pub fn digest(&self, kind: HashKind) -> Option<&'a [u8]> {
        let from = self.hashed?.checked_mul(kind.bytes())?;
        self.rows.digests.get(&kind)?.get(from..from.checked_add(kind.bytes())?)
    }

    /// Returns its digests.
    pub fn digests(&self) -> impl Iterator<Item = (HashKind, &'a [u8])> {
        let row = *self;
        let kinds = self.rows.digests.keys().copied();
        kinds.filter_map(move |kind| Some((kind, row.digest(kind)?)))
    }

    /// Returns copies of its digests.
    pub fn own_digests(&self) -> Digests {
        self.digests().map(|(kind, digest)| (kind, Digest::from_slice(digest))).collect()
    }

    /// Returns a word as a value of its closed list.
    pub fn word<T: TryFrom<u8>>(&self, name: &str) -> Option<T> {
        match self.rows.values.get(self.schema().place(name)?)? {
            Values::Words(values) => T::try_from(*values.get(self.at)?).ok(),
            _ => None,
        }
    }

    /// Returns a number; 0 where there is none.
    pub fn u64(&self, name: &str) -> u64 {
        if let Value::Unsigned(number) = self.get(name) { number } else { 0 }
    }

    /// Returns a number; 0 where there is none.
    pub fn u32(&self, name: &str) -> u32 {
        u32::try_from(self.u64(name)).unwrap_or_default()
    }

    /// Returns a number with a sign; 0 where there is none.
    pub fn i32(&self, name: &str) -> i32 {
        let Value::Signed(number) = self.get(name) else { return 0 };
        i32::try_from(number).unwrap_or_default()
    }

    /// Returns bytes.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        if let Value::Bytes(bytes) = self.get(name) { Some(bytes.to_vec()) } else { None }
    }
}

/// Writes one row, value by value in the order of the columns.
#[derive(Debug)]
pub struct RowWriter<'a> {
    rows: &'a mut Rows,
    at: usize,
    bytes: usize,
}

fn bytes(value: Option<&ByteBuf>) -> Value<'_> {
    value.map_or(Value::Nothing, |bytes| Value::Bytes(bytes.as_slice()))
}

macro_rules! put {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&mut self, value: $type) {
            if let Some(Values::$variant(values)) = self.next() {
                values.push(value);
            }
        }
    };
}

impl RowWriter<'_> {
    put!(/// Writes a word by its number.
        word, Words, u8);
    put!(/// Writes a number.
        i32, I32, i32);
    put!(/// Writes a number.
        u32, U32, u32);
    put!(/// Writes a number.
        u64, U64, u64);
    put!(/// Writes a number or nothing.
        optional_u64, OptionalU64, Option<u64>);
    put!(/// Writes yes, no or nothing.
        optional_bool, OptionalBool, Option<bool>);

    /// Writes bytes.
    pub fn bytes(&mut self, value: Vec<u8>) {
        self.bytes += value.len();
        if let Some(Values::Bytes(values)) = self.next() {
            values.push(ByteBuf::from(value));
        }
    }

    /// Writes bytes or nothing.
    pub fn optional_bytes(&mut self, value: Option<Vec<u8>>) {
        self.bytes += value.as_ref().map_or(0, Vec::len);
        if let Some(Values::OptionalBytes(values)) = self.next() {
            values.push(value.map(ByteBuf::from));
        }
    }

    /// Writes a time.
    pub fn time(&mut self, ns: i128) {
        let value = self.near(ns);
        if let Some(Values::Times(values)) = self.next() {
            values.push(value);
        }
    }

    /// Writes a time or nothing.
    pub fn optional_time(&mut self, ns: Option<i128>) {
        let value = ns.map(|ns| self.near(ns));
        if let Some(Values::OptionalTimes(values)) = self.next() {
            values.push(value);
        }
    }

    /// Writes the digests, last.
    pub fn digests(&mut self, digests: &Digests) {
        if digests.is_empty() {
            return;
        }
        self.rows.hashed.push(true);
        for (kind, digest) in digests {
            self.bytes += digest.len();
            self.rows.digests.entry(*kind).or_default().extend_from_slice(digest);
        }
    }

    /// Returns what the next column has of a time, and notes the seconds of one that does not fit there.
    fn near(&mut self, ns: i128) -> i64 {
        let (row, schema, place) = (self.rows.count, self.rows.schema, self.at);
        i64::try_from(ns).unwrap_or_else(|_| self.rows.far.note(ns, row, schema, place))
    }

    fn next(&mut self) -> Option<&mut Values> {
        let values = self.rows.values.get_mut(self.at);
        self.at += 1;
        values
    }
}

#[cfg(test)]
mod tests;
