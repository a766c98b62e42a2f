//! The lines of a list, in whatever encoding and with whatever line ends it was saved.

use std::io::{self, BufRead, BufReader, Cursor, Read as _};

use muster_protocol::limits;

/// Bytes of the longest byte order mark.
const MARK_BYTES: usize = 4;

/// What reading a line found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// A line.
    Line,
    /// What no list holds.
    Refused(&'static str),
    /// The end.
    End,
}

/// Reads lines; they end with LF, CR, both, or a vertical tab or form feed.
pub(super) struct Lines<'a> {
    reader: Box<dyn BufRead + 'a>,
    refused: Option<&'static str>,
    bytes: Vec<u8>,
    number: u64,
    is_after_cr: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(mut reader: impl BufRead + 'a) -> io::Result<Self> {
        let mut head = Vec::with_capacity(MARK_BYTES);
        reader.by_ref().take(MARK_BYTES as u64).read_to_end(&mut head)?;
        let (mark, refused) = match head.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => (3, None),
            [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => {
                (4, Some("the list is in UTF-32; save it as UTF-8"))
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => (2, None),
            _ => (0, None),
        };
        let is_utf16 = mark == 2;
        let is_big = head.first() == Some(&0xfe);
        let rest = head.split_off(mark);
        let reader = Cursor::new(rest).chain(reader);
        let reader: Box<dyn BufRead + 'a> = if is_utf16 {
            Box::new(BufReader::new(Utf16 { reader, is_big, high: None, made: Vec::new() }))
        } else {
            Box::new(reader)
        };
        Ok(Self { reader, refused, bytes: Vec::new(), number: 0, is_after_cr: false })
    }

    /// Returns the number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line without its end.
    pub(super) fn next(&mut self, line: &mut String) -> io::Result<Read> {
        line.clear();
        self.number += 1;
        if let Some(why) = self.refused {
            return Ok(Read::Refused(why));
        }
        self.bytes.clear();
        let is_ended = self.fill()?;
        line.push_str(&String::from_utf8_lossy(&self.bytes));
        Ok(match () {
            () if self.bytes.len() > limits::IOC_LINE_BYTES_MAX => {
                Read::Refused("the line is too long; is this a list of hashes?")
            }
            () if self.bytes.contains(&0) => {
                Read::Refused("the line holds NUL bytes; save the list as text in UTF-8")
            }
            () if self.bytes.is_empty() && !is_ended => Read::End,
            () => Read::Line,
        })
    }

    /// Reads up to a line's end, which is dropped; returns whether there was one before the end of the list.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            if std::mem::take(&mut self.is_after_cr) && buffer.first() == Some(&b'\n') {
                self.reader.consume(1);
                continue;
            }
            let room = (limits::IOC_LINE_BYTES_MAX + 1).saturating_sub(self.bytes.len());
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0x0b | 0x0c);
            let end = buffer.iter().position(is_end);
            let length = end.unwrap_or(buffer.len());
            let kept = length.min(room);
            self.bytes.extend(buffer.iter().take(kept));
            self.is_after_cr = end.and_then(|at| buffer.get(at)) == Some(&b'\r');
            self.reader.consume(length + usize::from(end.is_some()));
            if end.is_some() || self.bytes.len() > limits::IOC_LINE_BYTES_MAX {
                return Ok(true);
            }
        }
    }
}

/// Reads UTF-16 as UTF-8.
struct Utf16<R> {
    reader: R,
    is_big: bool,
    /// The first half of a pair.
    high: Option<u16>,
    /// What is made and not read yet, the last byte first.
    made: Vec<u8>,
}

impl<R: BufRead> Utf16<R> {
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut pair = Vec::with_capacity(2);
        self.reader.by_ref().take(2).read_to_end(&mut pair)?;
        Ok(match pair.as_slice() {
            [a, b] if self.is_big => Some(u16::from_be_bytes([*a, *b])),
            [a, b] => Some(u16::from_le_bytes([*a, *b])),
            // Half a unit at the end is damage, not an end.
            [_] => Some(0xdc00),
            _ => None,
        })
    }

    fn refill(&mut self) -> io::Result<()> {
        let units = [self.high.take(), self.unit()?];
        let mut units: Vec<u16> = units.into_iter().flatten().collect();
        if let [high @ 0xd800..0xdc00] = *units {
            match self.unit()? {
                Some(low @ 0xdc00..0xe000) => units.push(low),
                other => {
                    self.high = other;
                    units = vec![high];
                }
            }
        }
        let mut text = [0; 4];
        for c in char::decode_utf16(units) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.made.splice(..0, c.encode_utf8(&mut text).bytes().rev());
        }
        Ok(())
    }
}

impl<R: BufRead> io::Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        for place in buffer {
            if self.made.is_empty() {
                self.refill()?;
            }
            let Some(byte) = self.made.pop() else { break };
            *place = byte;
            written += 1;
        }
        Ok(written)
    }
}
