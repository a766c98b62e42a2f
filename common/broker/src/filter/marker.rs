//! What is wrong with a delivery, and the header frame that carries it from the filter to the consumer.

use lapin::types::{AMQPValue, FieldTable};

use super::properties;
use muster_protocol::limits::AMQP_DEFECT_BYTES_MAX;

/// The header that holds the reason. A message that arrives with one of its own is a defect itself, so an
/// endpoint cannot forge it.
pub(super) const MARKER: &str = "x-muster-defect";
const KEY: &str = "x-muster-defect-key";
const PROPERTIES: &str = "x-muster-defect-properties";
const BYTES: &str = "x-muster-defect-bytes";
const STREAM_OFFSET: &str = "x-stream-offset";

/// The class `basic`, of which every content is.
pub(super) const BASIC: [u8; 2] = [0, 60];
/// The flag of the headers among the properties.
const HAS_HEADERS: [u8; 2] = [0x20, 0];

/// Why a delivery did not reach the client library as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The routing key, the exchange or the consumer tag is not UTF-8.
    UnparsableKey,
    /// The properties do not parse: a string that is not UTF-8, an unknown type, a wrong length.
    UnparsableProperties,
    /// Headers are nested deeper than [`AMQP_HEADER_DEPTH_MAX`](muster_protocol::limits::AMQP_HEADER_DEPTH_MAX).
    NestedHeaders,
    /// The properties are over [`AMQP_HEADER_BYTES_MAX`](muster_protocol::limits::AMQP_HEADER_BYTES_MAX), or the headers
    /// over [`AMQP_HEADER_VALUES_MAX`](muster_protocol::limits::AMQP_HEADER_VALUES_MAX).
    HeadersTooBig,
    /// A header has a name that only the filter uses.
    ReservedHeader,
    /// The body is over the connection's bound; only its beginning was kept.
    TooBig,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::UnparsableKey,
        Self::UnparsableProperties,
        Self::NestedHeaders,
        Self::HeadersTooBig,
        Self::ReservedHeader,
        Self::TooBig,
    ];

    /// Returns the word that is counted and logged.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnparsableKey => "unparsable_key",
            Self::UnparsableProperties => "unparsable_properties",
            Self::NestedHeaders => "nested_headers",
            Self::HeadersTooBig => "headers_too_big",
            Self::ReservedHeader => "reserved_header",
            Self::TooBig => "too_big",
        }
    }
}

/// What is wrong with a delivery, and what is left of its outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What is wrong.
    pub reason: Reason,
    /// The routing key as it came.
    pub routing_key: Vec<u8>,
    /// The beginning of its properties as they came: flags, then fields.
    pub properties: Vec<u8>,
    /// The size of its body as it came; the delivery holds all of it, or its beginning.
    pub body_bytes: u64,
}

impl Defect {
    /// Writes the payload of a content header for this defect, with `body_bytes` that follow. `properties` are
    /// the original ones, for the offset in a stream.
    pub(super) fn header(&self, body_bytes: u64, properties: &[u8]) -> Vec<u8> {
        let mut table = Vec::new();
        push_bytes(&mut table, MARKER, b'S', self.reason.as_str().as_bytes());
        push_bytes(&mut table, KEY, b'x', &self.routing_key);
        push_bytes(&mut table, PROPERTIES, b'x', &self.properties);
        push_number(&mut table, BYTES, i64::try_from(self.body_bytes).unwrap_or(i64::MAX));
        if let Some(offset) = properties::stream_offset(properties) {
            push_number(&mut table, STREAM_OFFSET, offset);
        }
        let mut payload = Vec::with_capacity(table.len() + 18);
        payload.extend(BASIC);
        payload.extend([0, 0]);
        payload.extend(body_bytes.to_be_bytes());
        payload.extend(HAS_HEADERS);
        push_length(&mut payload, table.len());
        payload.extend(table);
        payload
    }

    /// Reads a defect back from the headers of a delivery.
    pub(crate) fn of(headers: &FieldTable) -> Option<Self> {
        let headers = headers.inner();
        let Some(AMQPValue::LongString(word)) = headers.get(MARKER) else { return None };
        let reason = Reason::ALL.into_iter().find(|r| r.as_str().as_bytes() == word.as_bytes())?;
        let bytes = |name: &str| match headers.get(name) {
            Some(AMQPValue::ByteArray(bytes)) => bytes.as_slice().to_vec(),
            _ => Vec::new(),
        };
        let body_bytes = match headers.get(BYTES) {
            Some(AMQPValue::LongLongInt(bytes)) => u64::try_from(*bytes).unwrap_or_default(),
            _ => 0,
        };
        Some(Self { reason, routing_key: bytes(KEY), properties: bytes(PROPERTIES), body_bytes })
    }
}

/// Returns the part of the properties that a defect keeps.
pub(super) fn beginning(properties: &[u8]) -> Vec<u8> {
    properties.iter().copied().take(AMQP_DEFECT_BYTES_MAX).collect()
}

fn push_name(out: &mut Vec<u8>, name: &str, kind: u8) {
    out.push(u8::try_from(name.len()).unwrap_or_default());
    out.extend(name.bytes());
    out.push(kind);
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    out.extend(u32::try_from(length).unwrap_or_default().to_be_bytes());
}

fn push_bytes(out: &mut Vec<u8>, name: &str, kind: u8, bytes: &[u8]) {
    push_name(out, name, kind);
    push_length(out, bytes.len());
    out.extend(bytes);
}

fn push_number(out: &mut Vec<u8>, name: &str, number: i64) {
    push_name(out, name, b'l');
    out.extend(number.to_be_bytes());
}
