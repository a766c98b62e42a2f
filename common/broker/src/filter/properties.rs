//! Checks the property bytes of a content header exactly as the client library parses them, with bounds.

use super::marker::{MARKER, Reason};
use muster_protocol::limits::{AMQP_HEADER_DEPTH_MAX, AMQP_HEADER_VALUES_MAX};

/// What a stream adds to the headers of each delivery. RabbitMQ 3.10 appends it last, and removes one that
/// the publisher has set.
const STREAM_OFFSET: &[u8] = b"x-stream-offset";

const SHORT: u8 = b's';
const TABLE: u8 = b'F';
const OCTET: u8 = b'B';
const TIME: u8 = b'T';

/// The properties in the order of their flags, from the highest bit down.
const FIELDS: [u8; 14] = [
    SHORT, SHORT, TABLE, OCTET, OCTET, SHORT, SHORT, SHORT, SHORT, TIME, SHORT, SHORT, SHORT, SHORT,
];

/// Reads bytes from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Takes a string with a length of one byte.
    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let [length] = self.array()?;
        self.take(usize::from(length))
    }

    /// Takes bytes with a length of four bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).ok()?)
    }

    /// Takes the bytes of a value of this type without looking into it.
    fn value(&mut self, kind: u8) -> Option<&'a [u8]> {
        match kind {
            b'V' => self.take(0),
            b't' | b'b' | b'B' => self.take(1),
            b's' | b'U' | b'u' => self.take(2),
            b'I' | b'i' | b'f' => self.take(4),
            b'D' => self.take(5),
            b'L' | b'l' | b'd' | b'T' => self.take(8),
            b'S' | b'A' | b'F' | b'x' => self.long(),
            _ => None,
        }
    }
}

fn text(bytes: Option<&[u8]>) -> Result<&str, Reason> {
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or(Reason::UnparsableProperties)
}

/// Checks the bytes after the body size of a content header: flags and properties, to the last byte.
pub(super) fn check(properties: &[u8]) -> Result<(), Reason> {
    let mut cursor = Cursor(properties);
    let mut values = AMQP_HEADER_VALUES_MAX;
    for field in present(&mut cursor).ok_or(Reason::UnparsableProperties)? {
        match field {
            SHORT => {
                text(cursor.short())?;
            }
            TABLE => {
                let table = cursor.long().ok_or(Reason::UnparsableProperties)?;
                entries(table, true, 1, &mut values)?;
            }
            other => {
                cursor.value(other).ok_or(Reason::UnparsableProperties)?;
            }
        }
    }
    if cursor.0.is_empty() { Ok(()) } else { Err(Reason::UnparsableProperties) }
}

/// Takes the flags and returns the types of the properties that are there.
fn present(cursor: &mut Cursor<'_>) -> Option<impl Iterator<Item = u8> + use<>> {
    let flags = u16::from_be_bytes(cursor.array()?);
    let is_there = move |bit: &(usize, u8)| flags & (0x8000_u16 >> bit.0) != 0;
    Some(FIELDS.into_iter().enumerate().filter(is_there).map(|(_, field)| field))
}

/// Checks the entries of a table (`is_named`) or of an array. Its recursion is bounded by
/// [`AMQP_HEADER_DEPTH_MAX`].
fn entries(bytes: &[u8], is_named: bool, depth: usize, values: &mut usize) -> Result<(), Reason> {
    if depth > AMQP_HEADER_DEPTH_MAX {
        return Err(Reason::NestedHeaders);
    }
    let mut cursor = Cursor(bytes);
    while !cursor.0.is_empty() {
        *values = values.checked_sub(1).ok_or(Reason::HeadersTooBig)?;
        if is_named && text(cursor.short())? == MARKER && depth == 1 {
            return Err(Reason::ReservedHeader);
        }
        let [kind] = cursor.array().ok_or(Reason::UnparsableProperties)?;
        let value = cursor.value(kind).ok_or(Reason::UnparsableProperties)?;
        if matches!(kind, b'A' | b'F') {
            entries(value, kind == TABLE, depth + 1, values)?;
        }
    }
    Ok(())
}

/// Finds the offset that a stream has added, in properties that may be wrong everywhere else or cut at the end.
pub(super) fn stream_offset(properties: &[u8]) -> Option<i64> {
    let mut cursor = Cursor(properties);
    for field in present(&mut cursor)? {
        match field {
            SHORT => cursor.short()?,
            TABLE => {
                let length = u32::from_be_bytes(cursor.array()?);
                let length = usize::try_from(length).ok()?.min(cursor.0.len());
                return last_offset(cursor.take(length)?);
            }
            other => cursor.value(other)?,
        };
    }
    None
}

fn last_offset(table: &[u8]) -> Option<i64> {
    let mut cursor = Cursor(table);
    let mut found = None;
    while let Some(name) = cursor.short() {
        let Some([kind]) = cursor.array() else { break };
        let Some(value) = cursor.value(kind) else { break };
        if name == STREAM_OFFSET && matches!(kind, b'l' | b'L') {
            found = value.try_into().ok().map(i64::from_be_bytes);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(bytes: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        out.extend(bytes);
        out
    }

    fn entry(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![u8::try_from(name.len()).unwrap()];
        out.extend(name);
        out.push(kind);
        out.extend(value);
        out
    }

    fn headers(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut out = 0x2000_u16.to_be_bytes().to_vec();
        out.extend(long(&entries.concat()));
        out
    }

    fn nested(kind: u8, depth: usize) -> Vec<u8> {
        let mut value = Vec::new();
        for _ in 1..depth {
            let head: &[u8] = if kind == b'F' { b"\x01aF" } else { b"A" };
            value = [head, &long(&value)].concat();
        }
        headers(&[entry(b"n", kind, &long(&value))])
    }

    #[test]
    fn what_the_library_parses_is_good() {
        let all = [
            &0xfffc_u16.to_be_bytes()[..],
            b"\x02ct\x02ce",
            &long(&entry(b"a", b't', &[1])),
            b"\x02\x05",
            b"\x01c\x01r\x01e\x01m",
            &[0; 8],
            b"\x01t\x01u\x01a\x01k",
        ]
        .concat();
        assert_eq!(check(&all), Ok(()));
        assert_eq!(check(&[0, 0]), Ok(()));
        assert_eq!(check(&nested(b'F', AMQP_HEADER_DEPTH_MAX - 1)), Ok(()));
    }

    #[test]
    fn each_defect_has_its_reason() {
        let unparsable = Err(Reason::UnparsableProperties);
        assert_eq!(check(&[]), unparsable);
        assert_eq!(check(&[0, 0, 0]), unparsable, "bytes behind the last property");
        assert_eq!(check(b"\x00\x20\x02t\xff"), unparsable, "a type that is not UTF-8");
        assert_eq!(check(b"\x00\x20\x09t"), unparsable, "a string behind the end");
        assert_eq!(check(&headers(&[entry(b"\xff", b'V', b"")])), unparsable);
        assert_eq!(check(&headers(&[entry(b"a", b'?', b"")])), unparsable, "an unknown type");
        for kind in [b'A', b'F'] {
            for depth in [AMQP_HEADER_DEPTH_MAX, 20_000] {
                assert_eq!(check(&nested(kind, depth)), Err(Reason::NestedHeaders));
            }
        }
        let many = vec![entry(b"a", b'V', b""); AMQP_HEADER_VALUES_MAX + 1];
        assert_eq!(check(&headers(&many)), Err(Reason::HeadersTooBig));
        let forged = entry(MARKER.as_bytes(), b'S', &long(b"too_big"));
        assert_eq!(check(&headers(&[forged])), Err(Reason::ReservedHeader));
    }

    #[test]
    fn the_offset_is_found_behind_what_cannot_be_parsed() {
        let offset = |n: i64| entry(STREAM_OFFSET, b'l', &n.to_be_bytes());
        let broken = [entry(b"\xff", b'S', &long(b"x")), entry(b"n", b'F', &long(&[0xff; 9]))];
        let [name, nest] = broken;
        assert_eq!(stream_offset(&headers(&[offset(9), name, nest, offset(7)])), Some(7));
        assert_eq!(stream_offset(&headers(&[])), None);
        let mut cut = headers(&[offset(5), entry(b"cert", b'x', &long(&[0; 999]))]);
        cut.truncate(100);
        assert_eq!(stream_offset(&cut), Some(5));
        let behind = [&b"\xa0\x00\x02t\xff"[..], &headers(&[offset(3)])[2..]].concat();
        assert_eq!(stream_offset(&behind), Some(3));
    }
}
