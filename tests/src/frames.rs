//! AMQP 0-9-1 in the bytes that a process sent and received, read without the client library.

use crate::syscall_trace::Call;

/// `basic`, the class of everything here.
const BASIC: u16 = 60;

/// A method of the class `basic` that matters here, with the place in the order of calls where its first byte is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its connection, as the tracer names the socket: the same in both directions.
    pub connection: String,
    /// Its channel.
    pub channel: u16,
    /// The number of the call that carried its first byte: when it was made, and when it returned.
    pub began: usize,
    /// See `began`.
    pub ended: usize,
    /// What it is.
    pub what: Basic,
}

/// What is read of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basic {
    /// `basic.publish` and `basic.deliver` with their body.
    Message {
        /// The delivery tag; 0 for a publish.
        tag: u64,
        /// The routing key.
        routing_key: String,
        /// The body.
        body: Vec<u8>,
    },
    /// `basic.ack`.
    Ack {
        /// The delivery tag.
        tag: u64,
        /// Stands for all before it, too.
        multiple: bool,
    },
}

/// Reads one direction of every connection to `port`.
///
/// # Panics
/// When the bytes are no AMQP.
pub fn frames(calls: &[Call], port: u16, is_received: bool) -> Vec<Frame> {
    let to = format!("127.0.0.1:{port}]");
    let ours: Vec<_> = calls
        .iter()
        .filter(|call| call.on.starts_with("TCP") && call.on.ends_with(&to))
        .filter(|call| call.is_read() == is_received)
        .collect();
    let mut sockets: Vec<_> = ours.iter().map(|call| call.on.as_str()).collect();
    sockets.sort_unstable();
    sockets.dedup();
    let of = |socket: &str| {
        let mut stream = Stream { connection: socket.to_owned(), ..Stream::default() };
        for call in ours.iter().filter(|call| call.on == socket) {
            stream.marks.push((stream.bytes.len(), call.began, call.ended));
            stream.bytes.extend_from_slice(&call.bytes);
        }
        stream.frames(if is_received { 0 } else { b"AMQP\0\0\x09\x01".len() })
    };
    sockets.into_iter().flat_map(of).collect()
}

#[derive(Default)]
struct Stream {
    connection: String,
    bytes: Vec<u8>,
    /// Where each call begins.
    marks: Vec<(usize, usize, usize)>,
}

impl Stream {
    fn frames(&self, first: usize) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut at = first;
        // The last frame may be cut by the end of the process.
        while let Some(header) = self.bytes.get(at..at + 7) {
            let channel = u16::from_be_bytes([header[1], header[2]]);
            let length = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
            let length = usize::try_from(length).expect("a small frame");
            let Some(payload) = self.bytes.get(at + 7..at + 7 + length) else { break };
            assert_eq!(self.bytes.get(at + 7 + length), Some(&0xce), "the end of a frame at {at}");
            match header[0] {
                1 => {
                    if let Some(what) = method(payload) {
                        let (began, ended) = self.call_at(at);
                        let connection = self.connection.clone();
                        frames.push(Frame { connection, channel, began, ended, what });
                    }
                }
                3 => {
                    let last = frames.iter_mut().rev().find(|frame| frame.channel == channel);
                    let last = last.expect("a body after its method");
                    match &mut last.what {
                        Basic::Message { body, .. } => body.extend_from_slice(payload),
                        Basic::Ack { .. } => panic!("a body after an ack"),
                    }
                }
                _ => {}
            }
            at += length + 8;
        }
        frames
    }

    fn call_at(&self, at: usize) -> (usize, usize) {
        let after = self.marks.partition_point(|(start, ..)| *start <= at);
        let (_, began, ended) = self.marks[after - 1];
        (began, ended)
    }
}

fn method(payload: &[u8]) -> Option<Basic> {
    let mut rest = payload;
    if number::<2>(&mut rest) != u64::from(BASIC) {
        return None;
    }
    match number::<2>(&mut rest) {
        40 => {
            number::<2>(&mut rest);
            text(&mut rest);
            Some(Basic::Message { tag: 0, routing_key: text(&mut rest), body: Vec::new() })
        }
        60 => {
            text(&mut rest);
            let tag = number::<8>(&mut rest);
            number::<1>(&mut rest);
            text(&mut rest);
            Some(Basic::Message { tag, routing_key: text(&mut rest), body: Vec::new() })
        }
        80 => {
            let tag = number::<8>(&mut rest);
            Some(Basic::Ack { tag, multiple: number::<1>(&mut rest) & 1 == 1 })
        }
        _ => None,
    }
}

fn number<const BYTES: usize>(rest: &mut &[u8]) -> u64 {
    let (bytes, after) = rest.split_at(BYTES);
    *rest = after;
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn text(rest: &mut &[u8]) -> String {
    let length = usize::try_from(number::<1>(rest)).expect("one byte");
    let (bytes, after) = rest.split_at(length);
    *rest = after;
    String::from_utf8_lossy(bytes).into_owned()
}
