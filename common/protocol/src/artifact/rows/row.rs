//! Reads one row: its values, by their places or by their names.

use super::{Rows, Values};
use crate::artifact::times::NS_PER_S;
use crate::artifact::{ColumnType, Digest, Digests, HashKind, Schema, Value};

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    pub(in crate::artifact) rows: &'a Rows,
    pub(in crate::artifact) at: usize,
    /// Which of the rows that have digests it is.
    pub(super) hashed: Option<usize>,
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

    /// Returns whether one of the columns at these places, a bit each, has a value that is not 0.
    pub(in crate::artifact) fn has_any(&self, mut places: u32) -> bool {
        while let Ok(place) = usize::try_from(places.trailing_zeros())
            && places != 0
        {
            if !matches!(self.value(place), Value::Unsigned(0) | Value::Nothing) {
                return true;
            }
            places &= places - 1;
        }
        false
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
