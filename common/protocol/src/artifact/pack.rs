//! Rows on the wire: zstd of one named MessagePack map, a column each.
//!
//! Digests are one byte string an algorithm, beside a list of which rows have any (`hashed`, `digests`); times that do not
//! fit are listed apart (`far_times`).

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rows::Values;
use super::times::is_time;
use super::{Column, ColumnType, Rows, Schema};
use crate::limits;
use crate::wire::{self, WireError};

const HASHED: &str = "hashed";
const FAR_TIMES: &str = "far_times";
const DIGESTS: &str = "digests";

impl Rows {
    /// Packs the rows for the wire.
    pub fn pack(&self) -> Result<Vec<u8>, WireError> {
        wire::compress(&wire::encode(self)?)
    }

    /// Unpacks what [`Rows::pack`] made of rows of this schema in its version or an older one; every column must have
    /// exactly `count` entries. What a newer version has added is left out.
    pub fn unpack(schema: &'static Schema, body: &[u8], count: u32) -> Result<Self, WireError> {
        Self::unpack_wanted(schema, body, count, None)
    }

    /// The same, of some columns, by their places in the schema: the others have no values. For those who look through many
    /// rows for few.
    pub fn unpack_columns(
        schema: &'static Schema,
        body: &[u8],
        count: u32,
        places: &[usize],
    ) -> Result<Self, WireError> {
        let is_of_times = |place: usize| schema.columns.get(place).is_some_and(|c| is_time(c.kind));
        // A time that does not fit is listed beside the columns, by its number among all columns of times.
        let has_times = places.iter().any(|place| is_of_times(*place));
        let is_wanted = |place: usize| places.contains(&place) || has_times && is_of_times(place);
        let wanted: Vec<_> = (0..schema.columns.len()).map(is_wanted).collect();
        Self::unpack_wanted(schema, body, count, Some(&wanted))
    }

    fn unpack_wanted(
        schema: &'static Schema,
        body: &[u8],
        count: u32,
        wanted: Option<&[bool]>,
    ) -> Result<Self, WireError> {
        let cap = limits::ROW_CHUNK_UNPACKED_BYTES_MAX;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > limits::ROW_CHUNK_ROWS_MAX {
            return Err(WireError::Malformed(format!("{count} rows in one chunk")));
        }
        let bytes = wire::decompress(body, cap)?;
        let wanted = Wanted(wanted);
        let mut rows = wire::decode_with(Unpack { schema, count, wanted }, &bytes, cap)?;
        rows.count = count;
        rows.check(wanted).map_err(WireError::Malformed)?;
        Ok(rows)
    }

    /// Checks that the columns fit each other and the count, and that words are known.
    fn check(&self, wanted: Wanted<'_>) -> Result<(), String> {
        let values = self.values.iter().enumerate().filter(|(place, _)| wanted.has(*place));
        let lengths = values.filter_map(|(_, values)| values.len());
        let mut lengths =
            lengths.chain(wanted.has_digests(self.schema).then_some(self.hashed.len()));
        if lengths.any(|length| length != self.count) {
            return Err("columns differ in length from the count of rows".to_owned());
        }
        let hashed = self.hashed.iter().filter(|has| **has).count();
        if self.digests.iter().any(|(kind, bytes)| bytes.len() != hashed * kind.bytes()) {
            return Err("digests differ in length from the rows that have them".to_owned());
        }
        let is_known =
            |kind| self.schema.columns.iter().any(|c| c.kind == ColumnType::Digest(kind));
        if let Some(kind) = self.digests.keys().find(|kind| !is_known(**kind)) {
            return Err(format!("no column for {}", kind.as_str()));
        }
        for (column, values) in self.schema.columns.iter().zip(&self.values) {
            if let (ColumnType::Word(words), Values::Words(values)) = (column.kind, values)
                && let Some(value) = values.iter().find(|value| (words.0)(**value).is_none())
            {
                return Err(format!("{value} is no {}", column.name));
            }
        }
        let times: Vec<_> = self.values.iter().filter(|values| is_times(values)).collect();
        let within = |row: usize, column: usize| match times.get(column)? {
            Values::Times(values) => values.get(row).copied(),
            Values::OptionalTimes(values) => values.get(row).copied().flatten(),
            _ => None,
        };
        self.far.check(self.count, times.len(), within)
    }

    fn has_digests(&self) -> bool {
        self.schema.columns.iter().any(Column::is_digest)
    }
}

fn is_times(values: &Values) -> bool {
    matches!(values, Values::Times(_) | Values::OptionalTimes(_))
}

/// Returns whether `key` is what a column is called on the wire.
fn is_called(column: &Column, key: &str) -> bool {
    match key.strip_suffix("_ns") {
        Some(name) if is_time(column.kind) => name == column.name,
        _ => !is_time(column.kind) && key == column.name,
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.schema.columns.iter().zip(&self.values);
        let columns = columns.filter(|(column, _)| !column.is_digest());
        let more = if self.has_digests() { 2 } else { 0 } + usize::from(!self.far.is_empty());
        let mut map = serializer.serialize_map(Some(columns.clone().count() + more))?;
        for (column, values) in columns {
            if is_time(column.kind) {
                map.serialize_entry(&format!("{}_ns", column.name), values)?;
            } else {
                map.serialize_entry(column.name, values)?;
            }
        }
        if self.has_digests() {
            map.serialize_entry(HASHED, &self.hashed)?;
        }
        if !self.far.is_empty() {
            map.serialize_entry(FAR_TIMES, &self.far)?;
        }
        if self.has_digests() {
            map.serialize_entry(DIGESTS, &self.digests)?;
        }
        map.end()
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(values) => values.serialize(serializer),
            Self::OptionalBytes(values) => values.serialize(serializer),
            Self::Words(values) => values.serialize(serializer),
            Self::I32(values) => values.serialize(serializer),
            Self::U32(values) => values.serialize(serializer),
            Self::U64(values) => values.serialize(serializer),
            Self::OptionalU64(values) => values.serialize(serializer),
            Self::OptionalBool(values) => values.serialize(serializer),
            Self::Times(values) => values.serialize(serializer),
            Self::OptionalTimes(values) => values.serialize(serializer),
            Self::None => serializer.serialize_none(),
        }
    }
}

/// Which columns are read; without a list every one.
#[derive(Clone, Copy)]
struct Wanted<'a>(Option<&'a [bool]>);

impl Wanted<'_> {
    fn has(self, place: usize) -> bool {
        self.0.is_none_or(|wanted| wanted.get(place) == Some(&true))
    }

    fn has_digests(self, schema: &Schema) -> bool {
        self.has_any(schema, Column::is_digest)
    }

    fn has_times(self, schema: &Schema) -> bool {
        self.has_any(schema, |column| is_time(column.kind))
    }

    fn has_any(self, schema: &Schema, of: impl Fn(&Column) -> bool) -> bool {
        let mut columns = schema.columns.iter().enumerate();
        columns.any(|(place, column)| self.has(place) && of(column))
    }
}

/// Reads rows of a schema.
#[derive(Clone, Copy)]
struct Unpack<'a> {
    schema: &'static Schema,
    count: usize,
    wanted: Wanted<'a>,
}

impl<'de> DeserializeSeed<'de> for Unpack<'_> {
    type Value = Rows;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Rows, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Unpack<'_> {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "columns of {}", self.schema.artifact)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::new(self.schema, 0);
        let mut seen = vec![false; self.schema.columns.len()];
        // Of whole rows everything is read and checked, also what no column is there for.
        let is_part = self.wanted.0.is_some();
        let skips_digests = is_part && !self.wanted.has_digests(self.schema);
        let skips_times = is_part && !self.wanted.has_times(self.schema);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                HASHED | DIGESTS if skips_digests => drop(map.next_value::<IgnoredAny>()?),
                FAR_TIMES if skips_times => drop(map.next_value::<IgnoredAny>()?),
                HASHED => rows.hashed = map.next_value()?,
                FAR_TIMES => rows.far = map.next_value()?,
                DIGESTS => rows.digests = map.next_value()?,
                key => {
                    let place = self.schema.columns.iter().position(|c| is_called(c, key));
                    let place = place.filter(|place| self.wanted.has(*place));
                    let slot = place.and_then(|at| rows.values.get_mut(at).zip(seen.get_mut(at)));
                    let Some((values, is_seen)) = slot else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if std::mem::replace(is_seen, true) {
                        return Err(A::Error::custom(format!("column {key} is there twice")));
                    }
                    values.fill(&mut map)?;
                }
            }
        }
        // Of a column that joined later an older agent says nothing.
        for ((column, values), is_seen) in
            self.schema.columns.iter().zip(&mut rows.values).zip(seen)
        {
            if column.since > 1 && !is_seen {
                values.leave_out(self.count);
            }
        }
        Ok(rows)
    }
}

impl Values {
    fn fill<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        fn next<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
            map: &mut A,
            to: &mut T,
        ) -> Result<(), A::Error> {
            *to = map.next_value()?;
            Ok(())
        }
        match self {
            Self::Bytes(values) => next(map, values),
            Self::OptionalBytes(values) => next(map, values),
            Self::Words(values) => next(map, values),
            Self::I32(values) => next(map, values),
            Self::U32(values) => next(map, values),
            Self::U64(values) => next(map, values),
            Self::OptionalU64(values) => next(map, values),
            Self::OptionalBool(values) => next(map, values),
            Self::Times(values) => next(map, values),
            Self::OptionalTimes(values) => next(map, values),
            Self::None => map.next_value::<IgnoredAny>().map(drop),
        }
    }

    /// Fills a column that may be missing with nothing.
    fn leave_out(&mut self, count: usize) {
        match self {
            Self::OptionalBytes(values) => values.resize(count, None),
            Self::OptionalU64(values) => values.resize(count, None),
            Self::OptionalBool(values) => values.resize(count, None),
            Self::OptionalTimes(values) => values.resize(count, None),
            // A column that joins later is optional.
            _ => {}
        }
    }
}
