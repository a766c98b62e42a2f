use super::super::contents::framed;
use super::super::marker::Reason;
use super::*;

const BOUNDS: Bounds = Bounds { frame_max: 32_768, body_bytes_max: 10_000 };

fn deliver(channel: u16, key: &[u8]) -> Vec<u8> {
    let mut payload = b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x07\0\x07results".to_vec();
    payload.push(u8::try_from(key.len()).unwrap());
    payload.extend(key);
    framed(METHOD, channel, &payload)
}

fn header(channel: u16, body_bytes: u64, properties: &[u8]) -> Vec<u8> {
    let fixed = [&[0, 60, 0, 0][..], &body_bytes.to_be_bytes()].concat();
    framed(HEADER, channel, &[&fixed, properties].concat())
}

fn body(channel: u16, bytes: &[u8], frame_bytes: usize) -> Vec<u8> {
    bytes.chunks(frame_bytes).flat_map(|chunk| framed(BODY, channel, chunk)).collect()
}

fn content(channel: u16, key: &[u8], properties: &[u8], bytes: &[u8]) -> Vec<u8> {
    let size = u64::try_from(bytes.len()).unwrap();
    [deliver(channel, key), header(channel, size, properties), body(channel, bytes, 1_000)].concat()
}

/// Sends bytes through a filter in reads of `step` bytes.
fn through(bounds: Bounds, bytes: &[u8], step: usize) -> Vec<u8> {
    let mut filter = Filter::new(bounds);
    let mut all = Vec::new();
    for read in bytes.chunks(step) {
        let mut out = Output::default();
        filter.feed(read, &mut out);
        all.extend(&read[..out.passed]);
        all.extend(out.rest);
        assert!(filter.held_bytes() <= 2 * limits::AMQP_HEADER_HELD_BYTES_MAX);
    }
    all
}

/// The same for many cuts, which must all come to the same.
fn filtered(bytes: &[u8]) -> Vec<u8> {
    let whole = through(BOUNDS, bytes, bytes.len());
    for step in [1, 2, 3, 7, 8, 64, 1_001] {
        assert_eq!(through(BOUNDS, bytes, step), whole, "in reads of {step} bytes");
    }
    whole
}

/// Splits filtered bytes into frames: type, channel, payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u16, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() {
        let size = u32::from_be_bytes(*head.last_chunk().unwrap()) as usize;
        assert_eq!(rest[size], FRAME_END);
        all.push((head[0], u16::from_be_bytes([head[1], head[2]]), rest[..size].to_vec()));
        bytes = &rest[size + 1..];
    }
    assert!(bytes.is_empty());
    all
}

/// What the marker of a header frame says; `None` when there is none.
fn word(frame: &(u8, u16, Vec<u8>)) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&frame.2).into_owned();
    let found = Reason::ALL.into_iter().find(|reason| text.contains(reason.as_str()));
    found.map(Reason::as_str)
}

fn body_bytes(frame: &(u8, u16, Vec<u8>)) -> u64 {
    u64::from_be_bytes(frame.2[4..12].try_into().unwrap())
}

const GOOD: &[u8] = b"\x20\x20\0\0\0\x03\x01aV\x06status";

#[test]
fn what_is_well_formed_passes_byte_for_byte() {
    let sent = [
        framed(METHOD, 0, b"\0\x0a\0\x0a\0\x09anything"),
        framed(HEARTBEAT, 0, b""),
        content(3, b"status.a.r", GOOD, &[7; 9_999]),
        content(3, b"status.a.r", b"\0\0", b""),
        [deliver(1, b"a"), deliver(2, b"b")].concat(),
        [header(2, 1, GOOD), header(1, 2, GOOD), body(2, b"x", 9), body(1, b"yz", 9)].concat(),
        framed(METHOD, 1, &vec![5; 40_000]),
    ]
    .concat();
    assert_eq!(filtered(&sent), sent);
}

#[test]
fn a_defect_is_marked_and_its_neighbours_pass() {
    let nested = {
        let mut value = vec![b'V'];
        for _ in 0..20 {
            let length = u32::try_from(value.len()).unwrap().to_be_bytes();
            value = [&b"A"[..], &length, &value].concat();
        }
        let entry = [&b"\x01n"[..], &value].concat();
        [&b"\x20\0"[..], &u32::try_from(entry.len()).unwrap().to_be_bytes(), &entry].concat()
    };
    let cases: [(&[u8], &[u8], &str); 4] = [
        (b"status.a.\xff", GOOD, "unparsable_key"),
        (b"status.a.r", b"\0\x20\x02t\xff", "unparsable_properties"),
        (b"status.a.r", &nested, "nested_headers"),
        (b"status.a.r", b"\x20\0\0\0\0\x12\x0fx-muster-defectV\0", "reserved_header"),
    ];
    let good = content(1, b"status.b.r", GOOD, b"honest");
    for (key, properties, reason) in cases {
        let sent = [&good[..], &content(1, key, properties, b"body"), &good].concat();
        let came = filtered(&sent);
        assert!(came.starts_with(&good) && came.ends_with(&good), "{reason}");
        let frames = frames(&came[good.len()..came.len() - good.len()]);
        let kinds: Vec<_> = frames.iter().map(|frame| frame.0).collect();
        assert_eq!(kinds, [METHOD, HEADER, BODY], "{reason}");
        assert_eq!(word(&frames[1]), Some(reason));
        assert_eq!((body_bytes(&frames[1]), frames[2].2.as_slice()), (4, &b"body"[..]));
        assert!(frames[0].2.is_ascii() || reason != "unparsable_key");
    }
}

#[test]
fn of_a_body_over_the_bound_the_beginning_passes() {
    let bytes: Vec<u8> = (0..30_000_u32).flat_map(u32::to_be_bytes).collect();
    let good = content(2, b"k", GOOD, b"honest");
    let came = filtered(&[content(1, b"k", GOOD, &bytes), good.clone()].concat());
    assert!(came.ends_with(&good));
    let frames = frames(&came);
    let cut = usize::try_from(limits::AMQP_BODY_CUT_BYTES).unwrap();
    assert_eq!(word(&frames[1]), Some("too_big"));
    assert_eq!(body_bytes(&frames[1]), limits::AMQP_BODY_CUT_BYTES);
    let kept: Vec<u8> =
        frames.iter().filter(|f| f.0 == BODY && f.1 == 1).flat_map(|f| f.2.clone()).collect();
    assert_eq!(kept, bytes[..cut]);
    let alive = frames.iter().filter(|frame| frame.0 == HEARTBEAT).count();
    assert_eq!(alive, bytes.len() / 1_000 - cut.div_ceil(1_000), "a sign of life for each frame");
}

#[test]
fn the_bound_itself_passes() {
    let sent = content(1, b"k", GOOD, &[1; 10_000]);
    assert_eq!(filtered(&sent), sent);
}

/// A header with one long string and, last, the offset that a stream adds.
fn big(bytes: usize) -> Vec<u8> {
    let length = u32::try_from(bytes).unwrap().to_be_bytes();
    let offset = [&b"\x0fx-stream-offsetl"[..], &77_i64.to_be_bytes()].concat();
    let table = [&b"\x04certx"[..], &length, &vec![b'z'; bytes], &offset].concat();
    [&b"\x20\0"[..], &u32::try_from(table.len()).unwrap().to_be_bytes(), &table].concat()
}

#[test]
fn a_header_over_its_bound_is_replaced_and_keeps_the_offset_of_a_stream() {
    let good = content(1, b"k", GOOD, b"honest");
    for (bytes, has_offset) in [(9_000, true), (100_000, true), (300_000, false)] {
        let came = filtered(&[content(1, b"k", &big(bytes), b"body"), good.clone()].concat());
        assert!(came.ends_with(&good), "{bytes}");
        let frames = frames(&came);
        assert_eq!(word(&frames[1]), Some("headers_too_big"));
        assert!(frames[1].2.len() < 4_096);
        let ending = 77_i64.to_be_bytes();
        assert_eq!(frames[1].2.ends_with(&ending), has_offset, "{bytes}");
        assert_eq!(frames[2].2, b"body");
    }
}

#[test]
fn the_servers_limit_of_a_frame_counts() {
    let tune = framed(METHOD, 0, b"\0\x0a\0\x1e\0\x10\0\0\x10\0\0\0");
    let sent = [tune, content(1, b"k", &big(5_000), b"")].concat();
    assert_eq!(word(&frames(&filtered(&sent))[2]), Some("headers_too_big"));
    let sent = content(1, b"k", &big(5_000), b"");
    assert_eq!(filtered(&sent), sent);
}

#[test]
fn what_is_not_amqp_passes_from_there_on() {
    let bad = content(1, b"\xff", b"\0\x20\x01\xff", b"x");
    for stranger in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x01\0\0\0\0\0\x01x\0"] {
        let sent = [&content(1, b"k", GOOD, b"x")[..], stranger, &bad].concat();
        assert_eq!(filtered(&sent), sent);
    }
}
