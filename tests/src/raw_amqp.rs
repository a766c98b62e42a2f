//! A minimal AMQP 0-9-1 client that sends any bytes: what a hostile endpoint can do with the credentials of one agent.
//!
//! It shares no code with the client library, which refuses to write most of what it cannot read. It publishes on one
//! confirmed channel and waits for each answer, so a test knows that the broker took the message. It blocks, and works
//! over any stream: [`Raw::connect`] opens a socket, [`Raw::over`] takes one that is open (TLS).
//!
//! ```no_run
//! # use tests::raw_amqp::{Properties, Raw, nested};
//! let mut raw = Raw::connect(5672, "/", "agent-1", "secret").unwrap();
//! let bomb = Properties { headers: Some(nested(b'A', 20_000)), ..Properties::default() };
//! raw.publish("results", b"status.agent-1.\xff", &bomb.encode(), b"body").unwrap();
//! ```

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer of the broker takes no longer.
const ANSWER: Duration = Duration::from_mins(1);
/// The largest frame that RabbitMQ takes by default.
const FRAME_MAX: u32 = 131_072;
const CHANNEL: u16 = 1;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xce;

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The broker refused it and closed the channel or the connection; its reply.
    #[error("refused: {0}")]
    Refused(String),
    /// The broker could not take it now: a queue is full.
    #[error("nack")]
    Nack,
    /// The stream.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One connection with one channel whose publishes are confirmed.
pub struct Raw<S> {
    stream: S,
    /// Messages that were taken.
    pub confirmed: u64,
}

impl<S> fmt::Debug for Raw<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

impl Raw<TcpStream> {
    /// Connects to a port of 127.0.0.1.
    pub fn connect(port: u16, vhost: &str, user: &str, password: &str) -> Result<Self, RawError> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_nodelay(true)?;
        Self::over(stream, vhost, user, password)
    }
}

impl<S: Read + Write> Raw<S> {
    /// Shakes hands on an open stream.
    pub fn over(stream: S, vhost: &str, user: &str, password: &str) -> Result<Self, RawError> {
        let mut raw = Self { stream, confirmed: 0 };
        raw.stream.write_all(b"AMQP\0\0\x09\x01")?;
        raw.expect(10, 10)?;
        let login = format!("\0{user}\0{password}");
        let start_ok =
            [&long(b"")[..], &short(b"PLAIN"), &long(login.as_bytes()), &short(b"en_US")].concat();
        raw.method(0, 10, 11, &start_ok)?;
        raw.expect(10, 30)?;
        let tune_ok = [&[0, 16][..], &FRAME_MAX.to_be_bytes(), &[0, 0]].concat();
        raw.method(0, 10, 31, &tune_ok)?;
        raw.method(0, 10, 40, &[&short(vhost.as_bytes())[..], &[0, 0]].concat())?;
        raw.expect(10, 41)?;
        raw.method(CHANNEL, 20, 10, &[0])?;
        raw.expect(20, 11)?;
        raw.method(CHANNEL, 85, 10, &[0])?;
        raw.expect(85, 11)?;
        Ok(raw)
    }

    /// Publishes and waits for the confirm. After [`RawError::Refused`] the channel is closed: connect again.
    pub fn publish(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        properties: &[u8],
        body: &[u8],
    ) -> Result<(), RawError> {
        self.send(exchange, routing_key, properties, body)?;
        self.confirm(self.confirmed + 1)
    }

    /// Publishes without waiting. The properties are flags and fields, as [`Properties::encode`] writes them, or anything
    /// else.
    pub fn send(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        properties: &[u8],
        body: &[u8],
    ) -> Result<(), RawError> {
        let arguments =
            [&[0, 0][..], &short(exchange.as_bytes()), &short(routing_key), &[0]].concat();
        self.method(CHANNEL, 60, 40, &arguments)?;
        let size = (body.len() as u64).to_be_bytes();
        self.frame(HEADER, CHANNEL, &[&[0, 60, 0, 0][..], &size, properties].concat())?;
        for chunk in body.chunks(FRAME_MAX as usize - 8) {
            self.frame(BODY, CHANNEL, chunk)?;
        }
        Ok(())
    }

    /// Waits until `count` messages of this connection are confirmed.
    pub fn confirm(&mut self, count: u64) -> Result<(), RawError> {
        while self.confirmed < count {
            let (class, method, arguments) = self.answer()?;
            match (class, method) {
                (60, 80) => {
                    let tag = arguments.first_chunk().ok_or_else(short_answer)?;
                    self.confirmed = u64::from_be_bytes(*tag);
                }
                (60, 120) => return Err(RawError::Nack),
                _ => {}
            }
        }
        Ok(())
    }

    fn expect(&mut self, class: u16, method: u16) -> Result<(), RawError> {
        let (came_class, came_method, _) = self.answer()?;
        if (came_class, came_method) == (class, method) {
            return Ok(());
        }
        let said = format!("{came_class}.{came_method} instead of {class}.{method}");
        Err(RawError::Refused(said))
    }

    /// Reads the next method; a close is a refusal.
    fn answer(&mut self) -> Result<(u16, u16, Vec<u8>), RawError> {
        loop {
            let (kind, payload) = self.read_frame()?;
            if kind == HEARTBEAT {
                self.frame(HEARTBEAT, 0, b"")?;
            }
            if kind != METHOD {
                continue;
            }
            let [c0, c1, m0, m1] = *payload.first_chunk::<4>().ok_or_else(short_answer)?;
            let (class, method) = (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([m0, m1]));
            let arguments = payload[4..].to_vec();
            if matches!((class, method), (10, 50) | (20, 40)) {
                let text = arguments.get(3..).unwrap_or_default();
                return Err(RawError::Refused(String::from_utf8_lossy(text).into_owned()));
            }
            return Ok((class, method, arguments));
        }
    }

    fn read_frame(&mut self) -> Result<(u8, Vec<u8>), RawError> {
        let mut head = [0; 7];
        self.stream.read_exact(&mut head)?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; size as usize + 1];
        self.stream.read_exact(&mut payload)?;
        payload.pop();
        Ok((head[0], payload))
    }

    fn method(
        &mut self,
        channel: u16,
        class: u16,
        method: u16,
        arguments: &[u8],
    ) -> Result<(), RawError> {
        let payload = [&class.to_be_bytes(), &method.to_be_bytes(), arguments].concat();
        self.frame(METHOD, channel, &payload)
    }

    /// Sends one frame, whatever is in it.
    pub fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) -> Result<(), RawError> {
        let size = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let head = [&[kind][..], &channel.to_be_bytes(), &size.to_be_bytes()].concat();
        self.stream.write_all(&[&head, payload, &[FRAME_END]].concat())?;
        Ok(())
    }
}

fn short_answer() -> RawError {
    RawError::Io(io::Error::other("an answer that is too short"))
}

/// The properties that matter here; each may hold any bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// `content_type`.
    pub content_type: Option<Vec<u8>>,
    /// The entries of the table of headers, made by [`entry`].
    pub headers: Option<Vec<u8>>,
    /// `message_id`.
    pub message_id: Option<Vec<u8>>,
    /// `type`.
    pub kind: Option<Vec<u8>>,
}

impl Properties {
    /// Returns flags and fields.
    pub fn encode(&self) -> Vec<u8> {
        let fields = [
            (15, self.content_type.as_deref().map(short)),
            (13, self.headers.as_deref().map(long)),
            (7, self.message_id.as_deref().map(short)),
            (5, self.kind.as_deref().map(short)),
        ];
        let there = fields.iter().filter(|(_, field)| field.is_some());
        let flags = there.fold(0_u16, |flags, (bit, _)| flags | 1 << bit);
        let fields = fields.iter().filter_map(|(_, field)| field.as_deref());
        fields.fold(flags.to_be_bytes().to_vec(), |all, field| [&all, field].concat())
    }
}

/// Returns a short string: its length in one byte, and the first 255 bytes.
pub fn short(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    [&[length], &bytes[..usize::from(length)]].concat()
}

/// Returns bytes with their length in four bytes.
pub fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()[..], bytes].concat()
}

/// Returns one entry of a table: name, type and the bytes of its value.
pub fn entry(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    [&short(name), &[kind][..], value].concat()
}

/// Returns the entry of a header that holds tables (`F`) or arrays (`A`), one in the other.
pub fn nested(kind: u8, depth: usize) -> Vec<u8> {
    let head: &[u8] = if kind == b'F' { b"\x01aF" } else { b"A" };
    // From the inside out, each with its length; written backwards, so that the time is linear.
    let mut backwards: Vec<u8> = vec![0; 4];
    for _ in 1..depth {
        let size = u32::try_from(backwards.len()).unwrap_or(u32::MAX);
        backwards.extend(head.iter().rev());
        let size = size + u32::try_from(head.len()).unwrap_or_default();
        backwards.extend(size.to_be_bytes().iter().rev());
    }
    backwards.reverse();
    entry(b"n", kind, &backwards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_written_with_the_length_of_each_level() {
        assert_eq!(nested(b'A', 1), b"\x01nA\0\0\0\0");
        assert_eq!(nested(b'A', 3), b"\x01nA\0\0\0\x0aA\0\0\0\x05A\0\0\0\0");
        assert_eq!(nested(b'F', 2), b"\x01nF\0\0\0\x07\x01aF\0\0\0\0");
    }

    #[test]
    fn properties_have_their_flags() {
        let properties = Properties {
            kind: Some(b"k".to_vec()),
            headers: Some(Vec::new()),
            ..Properties::default()
        };
        assert_eq!(properties.encode(), b"\x20\x20\0\0\0\0\x01k");
    }
}
