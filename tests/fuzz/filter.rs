//! What a broker may send, through the filter before the client library: it never panics, holds little, comes to the same
//! however its input is cut, and each content that it lets through is parsed by the library's own parser.

use std::collections::BTreeSet;

use amq_protocol::frame::{AMQPFrame, parse_frame};
use amq_protocol::protocol::{AMQPClass, basic};
use muster_broker::filter::{Bounds, Filter, Output};
use muster_protocol::limits::AMQP_HEADER_HELD_BYTES_MAX;
use tests::fuzz::fuzz;
use tests::raw_amqp::{Properties, entry, long, nested};

const BOUNDS: Bounds = Bounds { frame_max: 8_192, body_bytes_max: 6_000 };

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 0, 1][..], &long(payload), &[0xce]].concat()
}

/// A delivery on channel 1.
fn delivery(key: &[u8], properties: &[u8], body: &[u8]) -> Vec<u8> {
    let key = [&[u8::try_from(key.len()).unwrap()], key].concat();
    let method = [&b"\0\x3c\0\x3c\x01c\0\0\0\0\0\0\0\x07\0\x07results"[..], &key].concat();
    let size = (body.len() as u64).to_be_bytes();
    let header = [&[0, 60, 0, 0][..], &size, properties].concat();
    let body = body.chunks(2_000).flat_map(|chunk| frame(3, chunk));
    frame(1, &method).into_iter().chain(frame(2, &header)).chain(body).collect()
}

/// Streams of a broker, good and bad deliveries among them.
fn streams() -> Vec<Vec<u8>> {
    let all = Properties {
        content_type: Some(b"text".to_vec()),
        headers: Some([entry(b"a", b'S', &long(b"b")), entry(b"n", b'l', &[1; 8])].concat()),
        message_id: Some(b"id".to_vec()),
        kind: Some(b"status".to_vec()),
    };
    let deep = |kind, depth| Properties { headers: Some(nested(kind, depth)), ..all.clone() };
    let tune = frame(1, b"\0\x0a\0\x1e\0\x10\0\0\x20\0\0\x3c");
    let good = delivery(b"status.a.r", &all.encode(), b"body");
    vec![
        [&tune[..], &good, &good].concat(),
        [&delivery(b"status.a.\xff", &all.encode(), b"body")[..], &good].concat(),
        [&delivery(b"k", &deep(b'F', 4).encode(), b""), &good[..]].concat(),
        [&delivery(b"k", &deep(b'A', 40).encode(), b"x"), &good[..]].concat(),
        [&delivery(b"k", &deep(b'A', 9_000).encode(), b"x"), &good[..]].concat(),
        [&delivery(b"k", &all.encode(), &[7; 9_000]), &good[..]].concat(),
    ]
}

fn through(bytes: &[u8], cuts: &mut dyn FnMut() -> usize) -> Vec<u8> {
    let mut filter = Filter::new(BOUNDS);
    let (mut all, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let read = &bytes[at..bytes.len().min(at + cuts().max(1))];
        let mut out = Output::default();
        filter.feed(read, &mut out);
        all.extend_from_slice(&read[..out.passed]);
        all.extend(out.rest);
        assert!(filter.held_bytes() <= 2 * AMQP_HEADER_HELD_BYTES_MAX);
        at += read.len();
    }
    all
}

/// Whether a frame announces a content on its channel.
fn is_announcement(frame: &AMQPFrame) -> bool {
    let AMQPFrame::Method(_, AMQPClass::Basic(method)) = frame else { return false };
    matches!(
        method,
        basic::AMQPMethod::Deliver(_) | basic::AMQPMethod::Return(_) | basic::AMQPMethod::GetOk(_)
    )
}

/// Parses what came through, as the library does, up to what is no frame; returns how many contents it had.
fn parsed(mut bytes: &[u8]) -> usize {
    let (mut announced, mut contents) = (BTreeSet::new(), 0);
    while let Some(head) = bytes.first_chunk::<7>() {
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        let is_frame = matches!(head[0], 1 | 2 | 3 | 8);
        let Some(whole) = size.checked_add(8).and_then(|size| bytes.get(..size)) else { break };
        if !is_frame || whole.last() != Some(&0xce) {
            break;
        }
        bytes = &bytes[whole.len()..];
        let channel = [head[1], head[2]];
        // Nested deeper than the filter lets through, this would overflow the stack.
        let is_content = head[0] == 2 && announced.remove(&channel);
        match head[0] {
            1 if size <= 1_024
                && parse_frame(whole).is_ok_and(|(_, frame)| is_announcement(&frame)) =>
            {
                announced.insert(channel);
            }
            2 if is_content && size >= 12 && whole[7..9] == [0, 60] => {
                let (_, frame) = parse_frame(whole).expect("a header that the library parses");
                assert!(matches!(frame, AMQPFrame::Header(..)), "{frame:?}");
                contents += 1;
            }
            _ => {}
        }
    }
    contents
}

#[test]
fn what_a_broker_sends_through_the_filter() {
    assert_eq!(parsed(&through(&streams()[0], &mut || usize::MAX)), 2);
    let report = fuzz("amqp.filter", 1, &streams(), |bytes| {
        let whole = through(bytes, &mut || bytes.len());
        let mut step = bytes.len();
        let chopped = through(bytes, &mut || {
            step = step.wrapping_mul(7) % 997;
            step % 61
        });
        assert!(whole == chopped, "it depends on how the bytes are cut");
        let contents = parsed(&whole);
        match (contents, whole == *bytes) {
            (1.., _) => Ok(()),
            (0, true) => Err("nothing in it, unchanged".to_owned()),
            (0, false) => Err("nothing in it, changed".to_owned()),
        }
    });
    assert!(report.answers > 1, "{report:?}");
}
#[test]
fn zz_speed() {
    let bounds = Bounds { frame_max: 131_072, body_bytes_max: 524_288 };
    let props = Properties { kind: Some(b"rows.chunk".to_vec()), ..Properties::default() }.encode();
    let body = vec![7; 262_144];
    let mut one = delivery(b"rows.agent-1-abcd.0190-aaaa", &props, b"");
    let hdr = [&[0, 60, 0, 0][..], &(body.len() as u64).to_be_bytes(), &props].concat();
    let n = frame(2, &[&[0, 60, 0, 0][..], &0_u64.to_be_bytes(), &props].concat()).len();
    one.truncate(one.len() - n);
    one.extend(frame(2, &hdr));
    for c in body.chunks(131_064) {
        one.extend(frame(3, c));
    }
    let all: Vec<u8> = one.iter().copied().cycle().take(one.len() * 64).collect();
    for read in [262_144, 65_536, 8_192, one.len(), 1_448] {
        let mut filter = Filter::new(bounds);
        let t = std::time::Instant::now();
        let mut passed = 0u64;
        let mut rest = 0u64;
        for _ in 0..20 {
            for r in all.chunks(read) {
                let mut out = Output::default();
                filter.feed(std::hint::black_box(r), &mut out);
                passed += out.passed as u64;
                rest += out.rest.len() as u64;
            }
        }
        eprintln!(
            "SPEED read {read}: {:.1} GB/s, in place {passed}, copied {rest}",
            f64::from(u32::try_from((passed + rest) / 1_000_000).unwrap())
                / t.elapsed().as_secs_f64()
                / 1e3
        );
    }
}
