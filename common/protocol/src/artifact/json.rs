//! A row as JSON: the one form of it, for the API, for the CLI's files, and for an agent that prints.
//!
//! Written straight: at 200,000 rows a second a tree of values costs more than hashing.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Column, ColumnType, RowRef, Value};
use crate::clock::{Nanoseconds, Timestamp};
use crate::hex;

/// Writes the values of a row as members of a JSON object, `"path":"/a","size":5`, without the braces. A digest or bytes
/// that are not there are left out; numbers and times are null then.
pub fn members(row: &RowRef<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    let mut times = Times::default();
    let mut known = Known::default();
    let from = line.len();
    for (place, column) in row.schema().columns.iter().enumerate() {
        let value = if known.is_known(row, column) { row.value(place) } else { Value::Nothing };
        let is_left_out = matches!(
            column.kind,
            ColumnType::Bytes | ColumnType::OptionalBytes | ColumnType::Digest(_)
        );
        if value == Value::Nothing && is_left_out {
            continue;
        }
        if line.len() > from {
            line.push(b',');
        }
        name(line, column.name);
        match value {
            Value::Nothing => line.extend_from_slice(b"null"),
            Value::Bytes(bytes) => put_bytes(line, column.name, bytes)?,
            // A word of ours has nothing to escape.
            Value::Word(word) => quoted(line, word.as_bytes()),
            Value::Signed(number) => put(line, &number)?,
            Value::Unsigned(number) => put(line, &number)?,
            Value::Bool(is_so) => put(line, &is_so)?,
            Value::Time(ns) => times.put(line, ns)?,
            Value::Digest(digest) => {
                line.push(b'"');
                hex::append(digest, line);
                line.push(b'"');
            }
        }
    }
    Ok(())
}

/// Writes a row as one JSON object.
pub fn object(row: &RowRef<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    line.push(b'{');
    members(row, line)?;
    line.push(b'}');
    Ok(())
}

fn name(line: &mut Vec<u8>, name: &str) {
    quoted(line, name.as_bytes());
    line.push(b':');
}

fn quoted(line: &mut Vec<u8>, text: &[u8]) {
    line.push(b'"');
    line.extend_from_slice(text);
    line.push(b'"');
}

fn put<T: Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) -> io::Result<()> {
    Ok(serde_json::to_writer(line, value)?)
}

/// Bytes that are no text are shown lossily, and exactly in a member of their own.
fn put_bytes(line: &mut Vec<u8>, of: &str, bytes: &[u8]) -> io::Result<()> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return put(line, text);
    }
    put(line, &String::from_utf8_lossy(bytes))?;
    line.push(b',');
    name(line, &format!("{of}_b64"));
    quoted(line, STANDARD.encode(bytes).as_bytes());
    Ok(())
}

/// Whether columns of one row are known. Those that depend on others mostly depend on the same.
#[derive(Default)]
struct Known {
    last: Option<(&'static [&'static str], bool)>,
}

impl Known {
    fn is_known(&mut self, row: &RowRef<'_>, column: &'static Column) -> bool {
        if column.known_by.is_empty() {
            return true;
        }
        if let Some((by, is_known)) = self.last
            && std::ptr::eq(by, column.known_by)
        {
            return is_known;
        }
        let is_known = row.is_known(column);
        self.last = Some((column.known_by, is_known));
        is_known
    }
}

/// Writes the times of one row. Some of them mostly are of the same second.
#[derive(Default)]
struct Times {
    /// A second, and its text.
    last: Option<(i64, [u8; 24])>,
}

impl Times {
    fn put(&mut self, line: &mut Vec<u8>, ns: i128) -> io::Result<()> {
        const NS_PER_S: i64 = 1_000_000_000;
        // Division of 128 bits is slow, and few times need it.
        let near = i64::try_from(ns).ok().filter(|ns| *ns >= 0);
        let parts = near.map(|ns| (ns / NS_PER_S, ns % NS_PER_S));
        let text = match (self.last, parts) {
            (Some((of, text)), Some((second, _))) if of == second => Some(text),
            (_, parts) => parts.and_then(|(second, _)| Timestamp(second * 1_000).utc()),
        };
        line.push(b'"');
        match parts.zip(text) {
            Some(((second, within), text)) => {
                self.last = Some((second, text));
                line.extend_from_slice(text.get(..20).unwrap_or_default());
                digits(line, within);
                line.push(b'Z');
            }
            None => write!(line, "{}", Nanoseconds(ns))?,
        }
        line.push(b'"');
        Ok(())
    }
}

/// Writes nine digits.
fn digits(line: &mut Vec<u8>, mut number: i64) {
    let mut text = [b'0'; 9];
    for digit in text.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    line.extend_from_slice(&text);
}

#[cfg(test)]
mod tests;
