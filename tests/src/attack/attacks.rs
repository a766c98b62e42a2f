//! Every attack that is known, one function each. An attack sends a bounded burst; the test repeats them all.

use crate::raw_amqp::{Properties, entry, long, nested};
use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash::SCHEMA;
use muster_protocol::clock::Clock;
use muster_protocol::ids::JournalId;
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::result::rows::sha256;
use muster_protocol::topology::Class;

use super::Attacker;
use super::message::Value;

/// A burst of messages.
pub type Attack = fn(&mut Attacker);

/// All of them, by name.
pub const ALL: [(&str, Attack); 14] = [
    ("bytes that the client library cannot parse", unparsable),
    ("headers in headers", nested_headers),
    ("samples that grow when they are encoded again", grown_sample),
    ("samples of thousands of journals", many_journals),
    ("samples with endless lists", wide_sample),
    ("statuses with endless footers, each of a run of its own", wide_status),
    ("chunks with most bytes in an unknown field", padded_chunk),
    ("chunks of many runs", many_runs),
    ("chunks that unpack to nonsense", nonsense_rows),
    ("blobs that are complete and wrong with each piece", one_byte_blobs),
    ("messages of many megabytes", huge),
    ("one-byte messages", tiny),
    ("results of a hunt that asks others", foreign),
    ("clocks of another century", wrong_clock),
];

fn unparsable(attacker: &mut Attacker) {
    let bad = || Some(b"a\xff\xfe".to_vec());
    let plain = Properties::default();
    let all = [
        Properties { kind: bad(), ..plain.clone() },
        Properties { message_id: bad(), ..plain.clone() },
        Properties { content_type: bad(), ..plain.clone() },
        Properties { headers: Some(entry(b"\xff", b't', &[1])), ..plain.clone() },
        Properties {
            headers: Some(entry(b"h", b'x', &long(&vec![b'z'; 100_000]))),
            ..plain.clone()
        },
    ];
    for class in Class::ALL {
        let key = format!("{}.{}.x", class.as_str(), attacker.target.agent);
        for properties in &all {
            attacker.send_raw(key.as_bytes(), &properties.encode(), b"body");
        }
        attacker.send_raw(&[key.as_bytes(), b"\xff\xfe"].concat(), &plain.encode(), b"body");
    }
}

fn nested_headers(attacker: &mut Attacker) {
    for (kind, depth) in [(b'F', 1_000), (b'A', 1_000), (b'F', 15_000), (b'A', 20_000)] {
        let headers = Some(nested(kind, depth));
        let properties = Properties { headers, ..Properties::default() }.encode();
        for class in Class::ALL {
            let key = format!("{}.{}.x", class.as_str(), attacker.target.agent);
            attacker.send_raw(key.as_bytes(), &properties, b"body");
        }
    }
}

fn sample(attacker: &Attacker, journal: JournalId) -> Value {
    Value::map([
        ("agent", Value::text(attacker.target.agent.as_str())),
        ("at", now()),
        ("journal", Value::Bytes(journal.as_bytes().to_vec())),
    ])
}

fn now() -> Value {
    Value::Number(Clock::system().now().0.unsigned_abs())
}

fn send_sample(attacker: &mut Attacker, sample: &Value) {
    attacker.send(Class::Telemetry, None, "telemetry", &sample.encode());
}

fn grown_sample(attacker: &mut Attacker) {
    let mut sample = sample(attacker, JournalId::new()).with("host", Value::text(""));
    let padding = RESULT_BYTES_MAX - 1 - sample.encode().len() - 5;
    if let Value::Map(entries) = &mut sample {
        entries.retain(|(name, _)| name != "host");
    }
    let sample = sample.with("host", Value::Text("h".repeat(padding)));
    send_sample(attacker, &sample);
}

fn many_journals(attacker: &mut Attacker) {
    for _ in 0..1_000 {
        let sample = sample(attacker, JournalId::new());
        send_sample(attacker, &sample);
    }
}

fn wide_sample(attacker: &mut Attacker) {
    let request = Value::Bytes(attacker.target.own_hunt.as_bytes().to_vec());
    let collection = Value::map([("request", request.clone()), ("state", Value::text("running"))]);
    let repeated = |count, value| Value::Repeated(count, Box::new(value));
    for (name, value) in [
        ("collections", repeated(15_000, collection)),
        ("directed", repeated(55_000, request)),
        ("capabilities", repeated(100_000, Value::text("profile"))),
        ("labels", Value::wide(20_000)),
    ] {
        let sample = sample(attacker, JournalId::new()).with(name, value);
        send_sample(attacker, &sample);
    }
}

fn wide_status(attacker: &mut Attacker) {
    let request = attacker.target.own_hunt;
    for name in ["filtered", "roots_failed", "mounts_skipped", "skipped"] {
        let files = Value::map([(name, Value::wide(15_000))]);
        for state in ["progress", "finished"] {
            let status = attacker
                .head(request, JournalId::new())
                .with("state", Value::text(state))
                .with("at", now())
                .with("footer", Value::map([("files", files.clone())]));
            attacker.send(Class::Status, Some(request), "status", &status.encode());
        }
    }
    // Small ones, of many runs.
    for _ in 0..200 {
        let status = attacker
            .head(request, JournalId::new())
            .with("state", Value::text("started"))
            .with("at", now());
        attacker.send(Class::Status, Some(request), "status", &status.encode());
    }
}

fn chunk(attacker: &Attacker, journal: JournalId, seq: u64, body: &[u8]) -> Value {
    attacker
        .head(attacker.target.own_hunt, journal)
        .with("seq", Value::Number(seq))
        .with("rows", Value::Number(0))
        .with("sha256", Value::Bytes(sha256(body).into_vec()))
        .with("body", Value::Bytes(body.to_vec()))
}

fn send_chunk(attacker: &mut Attacker, chunk: &Value) {
    let request = Some(attacker.target.own_hunt);
    attacker.send(Class::Rows, request, "rows.chunk", &chunk.encode());
}

fn padded_chunk(attacker: &mut Attacker) {
    let journal = JournalId::new();
    for seq in 0..20 {
        let padded = chunk(attacker, journal, seq, &no_rows())
            .with("padding", Value::Bytes(vec![0; 700 * 1_024]));
        send_chunk(attacker, &padded);
    }
}

fn many_runs(attacker: &mut Attacker) {
    for seq in 0..300 {
        let chunk = chunk(attacker, JournalId::new(), seq * 30_000, &no_rows());
        send_chunk(attacker, &chunk);
    }
}

/// A chunk's payload of no rows.
fn no_rows() -> Vec<u8> {
    Rows::new(&SCHEMA, 0).pack().expect("no rows")
}

fn nonsense_rows(attacker: &mut Attacker) {
    for seq in 0..50 {
        let nonsense = chunk(attacker, JournalId::new(), seq, &[0x28, 0xb5, 0x2f, 0xfd, 0xff]);
        send_chunk(attacker, &nonsense);
    }
}

fn one_byte_blobs(attacker: &mut Attacker) {
    let (journal, request) = (JournalId::new(), attacker.target.own_hunt);
    for seq in 0..200 {
        let piece = attacker.piece(journal, seq, 1, b"x");
        attacker.send(Class::Blobs, Some(request), "blob.chunk", &piece.encode());
    }
}

fn huge(attacker: &mut Attacker) {
    for class in [Class::Rows, Class::Blobs] {
        let request = Some(attacker.target.own_hunt);
        attacker.send(class, request, "rows.chunk", &vec![0; 12_000_000]);
    }
}

fn tiny(attacker: &mut Attacker) {
    for at in 0..5_000 {
        let class = Class::ALL[at % Class::ALL.len()];
        attacker.send(class, Some(attacker.target.own_hunt), "status", &[0]);
    }
}

fn foreign(attacker: &mut Attacker) {
    let request = attacker.target.foreign_hunt;
    for state in ["started", "finished"] {
        let status = attacker
            .head(request, JournalId::new())
            .with("state", Value::text(state))
            .with("at", now());
        attacker.send(Class::Status, Some(request), "status", &status.encode());
    }
}

fn wrong_clock(attacker: &mut Attacker) {
    let request = attacker.target.own_hunt;
    for at in [0, 4_000_000_000_000_000, i64::MAX.unsigned_abs()] {
        let journal = JournalId::new();
        let status = attacker
            .head(request, journal)
            .with("state", Value::text("started"))
            .with("at", Value::Number(at));
        attacker.send(Class::Status, Some(request), "status", &status.encode());
        let sample = Value::map([
            ("agent", Value::text(attacker.target.agent.as_str())),
            ("at", Value::Number(at)),
            ("journal", Value::Bytes(journal.as_bytes().to_vec())),
        ]);
        send_sample(attacker, &sample);
    }
}
