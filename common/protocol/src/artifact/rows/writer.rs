//! Writes one row.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

use super::{Record, Rows, Values};
use crate::artifact::times::FarTimes;
use crate::artifact::{Digests, HashKind, Schema};

/// Writes one row, value by value in the order of the columns.
#[derive(Debug)]
pub struct RowWriter<'a> {
    /// Those that have no value of the row yet.
    columns: std::slice::IterMut<'a, Values>,
    hashed: &'a mut Vec<bool>,
    digests: &'a mut BTreeMap<HashKind, ByteBuf>,
    far: &'a mut FarTimes,
    schema: &'static Schema,
    /// How many rows there are before this one.
    row: usize,
    /// Bytes that were written whose number is not fixed.
    bytes: usize,
}

macro_rules! put {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&mut self, value: $type) {
            if let Some(Values::$variant(values)) = self.columns.next() {
                values.push(value);
            }
        }
    };
}

impl<'a> RowWriter<'a> {
    /// Writes a row behind some; returns the bytes of it whose number is not fixed.
    pub(super) fn write<R: Record>(rows: &'a mut Rows, record: &mut R) -> usize {
        let mut writer = Self {
            columns: rows.values.iter_mut(),
            hashed: &mut rows.hashed,
            digests: &mut rows.digests,
            far: &mut rows.far,
            schema: rows.schema,
            row: rows.count,
            bytes: 0,
        };
        record.write(&mut writer);
        debug_assert!(writer.columns.all(|left| left.len().is_none()), "a column has no value");
        writer.bytes
    }

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
        if let Some(Values::Bytes(values)) = self.columns.next() {
            values.push(ByteBuf::from(value));
        }
    }

    /// Writes bytes or nothing.
    pub fn optional_bytes(&mut self, value: Option<Vec<u8>>) {
        self.bytes += value.as_ref().map_or(0, Vec::len);
        if let Some(Values::OptionalBytes(values)) = self.columns.next() {
            values.push(value.map(ByteBuf::from));
        }
    }

    /// Writes a time.
    pub fn time(&mut self, ns: i128) {
        let value = self.near(ns);
        if let Some(Values::Times(values)) = self.columns.next() {
            values.push(value);
        }
    }

    /// Writes a time or nothing.
    pub fn optional_time(&mut self, ns: Option<i128>) {
        let value = ns.map(|ns| self.near(ns));
        if let Some(Values::OptionalTimes(values)) = self.columns.next() {
            values.push(value);
        }
    }

    /// Writes the digests, last.
    pub fn digests(&mut self, digests: &Digests) {
        if digests.is_empty() {
            return;
        }
        self.hashed.push(true);
        for (kind, digest) in digests {
            self.bytes += digest.len();
            self.digests.entry(*kind).or_default().extend_from_slice(digest);
        }
    }

    /// Returns what the next column has of a time, and notes the seconds of one that does not fit there.
    fn near(&mut self, ns: i128) -> i64 {
        match i64::try_from(ns) {
            Ok(ns) => ns,
            Err(_) => self.note_far(ns),
        }
    }

    #[cold]
    fn note_far(&mut self, ns: i128) -> i64 {
        let place = self.schema.columns.len().saturating_sub(self.columns.len());
        self.far.note(ns, self.row, self.schema, place)
    }
}
