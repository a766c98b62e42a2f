//! A row as JSON: the one form of it, for the API, for the CLI's files, and for an agent that prints.
//!
//! Written straight from the columns: at 200,000 rows a second a tree of values costs more than hashing.

mod name;
mod time;

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_bytes::ByteBuf;
use serde_json::{Map, Value};

pub(super) use self::name::MemberName;
use self::time::Times;
use super::rows::Values;
use super::{Column, ColumnType, RowRef};
use crate::{decimal, hex};

/// Writes the values of a row as members of a JSON object, `"path":"/a","size":5`, without the braces. A digest or bytes
/// that are not there are left out; numbers and times are null then.
pub fn members(row: &RowRef<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    let from = line.len();
    append(row, line)?;
    if line.len() > from {
        // The comma before the first.
        line.remove(from);
    }
    Ok(())
}

/// Writes a row as one JSON object.
pub fn object(row: &RowRef<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    let from = line.len();
    append(row, line)?;
    match line.get_mut(from) {
        Some(comma) => *comma = b'{',
        None => line.push(b'{'),
    }
    line.push(b'}');
    Ok(())
}

/// Shows bytes among the members of a JSON object as those of a row are shown: as text, and those that are no text
/// exactly in a member of their own, too.
pub fn insert_bytes(name: &str, bytes: &[u8], members: &mut Map<String, Value>) {
    members.insert(name.to_owned(), String::from_utf8_lossy(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        members.insert(format!("{name}_b64"), STANDARD.encode(bytes).into());
    }
}

/// Writes the members of a row, each behind a comma.
fn append(row: &RowRef<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    let schema = row.schema();
    let mut known = Known::default();
    let mut times = Times::new(row);
    let columns = schema.columns.iter().zip(&schema.known_at).zip(&row.rows.values);
    for (place, ((column, known_at), values)) in columns.enumerate() {
        // No column has a value beyond the last row.
        let at = if known.is_known(row, *known_at) { row.at } else { usize::MAX };
        match values {
            Values::Bytes(values) => bytes(column, values.get(at), line)?,
            Values::OptionalBytes(values) => {
                bytes(column, values.get(at).and_then(Option::as_ref), line)?;
            }
            Values::Words(values) => word(column, values.get(at), named(column, line)),
            Values::I32(values) => signed(values.get(at).copied(), named(column, line)),
            Values::U32(values) => {
                unsigned(values.get(at).map(|number| (*number).into()), named(column, line));
            }
            Values::U64(values) => unsigned(values.get(at).copied(), named(column, line)),
            Values::OptionalU64(values) => {
                unsigned(values.get(at).copied().flatten(), named(column, line));
            }
            Values::OptionalBool(values) => {
                bool(values.get(at).copied().flatten(), named(column, line));
            }
            Values::Times(values) => {
                times.append(place, values.get(at).copied(), named(column, line))?;
            }
            Values::OptionalTimes(values) => {
                times.append(place, values.get(at).copied().flatten(), named(column, line))?;
            }
            // Digests are the last columns.
            Values::None => break,
        }
    }
    for (kind, digest) in row.digests() {
        let is_of = |column: &&Column| column.kind == ColumnType::Digest(kind);
        if let Some(column) = schema.digests().iter().find(is_of) {
            let line = named(column, line);
            line.push(b'"');
            hex::append(digest, line);
            line.push(b'"');
        }
    }
    Ok(())
}

/// Writes the name of a column; returns the line for its value.
fn named<'a>(column: &Column, line: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
    column.member.append(line);
    line
}

fn null(line: &mut Vec<u8>) {
    line.extend_from_slice(b"null");
}

/// Writes bytes, which mostly are text with nothing to escape. Those that are no text are shown lossily, and exactly in a
/// member of their own.
fn bytes(column: &Column, bytes: Option<&ByteBuf>, line: &mut Vec<u8>) -> io::Result<()> {
    let Some(bytes) = bytes else { return Ok(()) };
    let line = named(column, line);
    if is_plain(bytes) {
        quoted(bytes, line);
        return Ok(());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(serde_json::to_writer(line, text)?);
    }
    serde_json::to_writer(&mut *line, &String::from_utf8_lossy(bytes))?;
    write!(line, ",\"{}_b64\":\"{}\"", column.name, STANDARD.encode(bytes))
}

/// Returns whether there is nothing to escape: ASCII without control characters, quotes and backslashes. Looked at in
/// vectors.
fn is_plain(bytes: &[u8]) -> bool {
    fn all(bytes: &[u8]) -> bool {
        #[expect(
            clippy::needless_bitwise_bool,
            reason = "without branches it becomes a vector comparison"
        )]
        let is_plain = |byte: u8| (b' '..0x80).contains(&byte) & (byte != b'"') & (byte != b'\\');
        bytes.iter().fold(true, |all, byte| all & is_plain(*byte))
    }
    let (blocks, rest) = bytes.as_chunks::<16>();
    blocks.iter().all(|block| all(block)) && all(rest)
}

fn quoted(text: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    line.extend_from_slice(text);
    line.push(b'"');
}

/// Writes a word of a closed list. It has nothing to escape.
fn word(column: &Column, value: Option<&u8>, line: &mut Vec<u8>) {
    let word = match (column.kind, value) {
        (ColumnType::Word(words), Some(value)) => (words.0)(*value),
        _ => None,
    };
    match word {
        Some(word) => quoted(word.as_bytes(), line),
        None => null(line),
    }
}

fn signed(value: Option<i32>, line: &mut Vec<u8>) {
    if value.is_some_and(i32::is_negative) {
        line.push(b'-');
    }
    unsigned(value.map(|number| number.unsigned_abs().into()), line);
}

fn unsigned(value: Option<u64>, line: &mut Vec<u8>) {
    match value {
        Some(number) => decimal::append(number, line),
        None => null(line),
    }
}

fn bool(value: Option<bool>, line: &mut Vec<u8>) {
    match value {
        Some(true) => line.extend_from_slice(b"true"),
        Some(false) => line.extend_from_slice(b"false"),
        None => null(line),
    }
}

/// Whether columns of one row are known. Those that depend on others mostly depend on the same.
#[derive(Default)]
struct Known {
    /// Places that were looked at, a bit each, and whether one of them has a value that is not 0.
    last: Option<(u32, bool)>,
}

impl Known {
    /// Returns whether one of the columns at these places has a value that is not 0, or there are no places.
    fn is_known(&mut self, row: &RowRef<'_>, places: u32) -> bool {
        if places == 0 {
            return true;
        }
        match self.last {
            Some((last, is_known)) if last == places => is_known,
            _ => {
                let is_known = row.has_any(places);
                self.last = Some((places, is_known));
                is_known
            }
        }
    }
}

#[cfg(test)]
mod tests;
