use std::collections::BTreeMap;

use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash::{self, FILE_HASH, FileKind, FileStatus, Row, Upload};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{FleetId, JournalId};
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Limits, Target};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{Footer, State};
use serde_bytes::ByteBuf;

use super::*;
use crate::store::{Audit, DataDir, NewAgent, Request, Writer};

fn agent() -> AgentId {
    AgentId::new("web-1-ab12").unwrap()
}

fn request() -> RequestId {
    RequestId::from_bytes([1; 16])
}

fn attempt() -> Attempt {
    Attempt { origin: request(), journal: JournalId::from_bytes([2; 16]) }
}

fn known(id: RequestId, expected: Vec<AgentId>) -> Request {
    Request {
        id,
        kind: "hunt.start".into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after: Timestamp(1),
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: muster_protocol::request::Sealed {
            kind: "hunt.start".into(),
            id: id.to_string(),
            body: ByteBuf::new(),
            sig: ByteBuf::new(),
            cert: ByteBuf::new(),
        },
        control: None,
        expected,
        revokes: vec![],
        names: vec![],
    }
}

/// A store that knows one agent and one request.
fn reader() -> (tempfile::TempDir, Reader) {
    reader_of(known(request(), vec![]).sealed)
}

/// The same, with these signed bytes.
fn reader_of(sealed: muster_protocol::request::Sealed) -> (tempfile::TempDir, Reader) {
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(&place).unwrap();
        let new = NewAgent { id: agent(), name: "web-1".into(), labels: "{}".into() };
        writer.write(Write::Agents(vec![new], Audit::default())).await.unwrap();
        let request = Request { sealed, ..known(request(), vec![agent()]) };
        writer.write(Write::Request(Box::new(request), Audit::default())).await.unwrap();
    });
    let reader = place.reader().unwrap();
    (folder, reader)
}

fn chunk() -> RowChunk {
    let row = Row::bare(b"/a".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    let body = Rows::of([row]).pack().unwrap();
    RowChunk {
        agent: agent(),
        request: request(),
        attempt: attempt(),
        seq: 0,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows: 1,
        sha256: sha256(&body),
        body: ByteBuf::from(body),
    }
}

fn key(class: &str, agent: &str) -> String {
    format!("{class}.{agent}.{}", request())
}

fn check(outside: Envelope<'_>, body: &[u8], reader: &Reader) -> Result<Write, Refused> {
    check_outside(outside, reader).and_then(|key| check_body(outside, &key, body, reader))
}

#[track_caller]
fn verdict(reader: &Reader, outside: Envelope<'_>, body: &[u8]) -> &'static str {
    match check(outside, body, reader) {
        Ok(_) => "stored",
        Err(Refused::Dead(reason) | Refused::Rejected(reason, _)) => reason,
        Err(Refused::Store(error)) => panic!("{error}"),
    }
}

#[track_caller]
fn rows(reader: &Reader, chunk: &RowChunk) -> &'static str {
    let routing_key = key("rows", "web-1-ab12");
    let outside = Envelope {
        class: Class::Rows,
        routing_key: &routing_key,
        kind: "rows.chunk",
        has_cc: false,
    };
    verdict(reader, outside, &wire::encode(chunk).unwrap())
}

#[test]
fn a_good_chunk_is_stored_and_each_lie_has_its_word() {
    let (_folder, reader) = reader();
    assert_eq!(rows(&reader, &chunk()), "stored");
    let other = AgentId::new("web-2-cd34").unwrap();
    assert_eq!(rows(&reader, &RowChunk { agent: other, ..chunk() }), "key_differs");
    assert_eq!(rows(&reader, &RowChunk { request: RequestId::new(), ..chunk() }), "key_differs");
    let stranger = Attempt { origin: RequestId::new(), ..attempt() };
    assert_eq!(rows(&reader, &RowChunk { attempt: stranger, ..chunk() }), "unknown_attempt");
    assert_eq!(rows(&reader, &RowChunk { seq: limits::SEQ_MAX, ..chunk() }), "seq_over_limit");
    assert_eq!(rows(&reader, &RowChunk { sha256: sha256(b"x"), ..chunk() }), "sha256_differs");
    assert_eq!(rows(&reader, &RowChunk { rows: 2, ..chunk() }), "malformed_rows");
}

#[test]
fn a_refused_chunk_names_the_attempt_that_cannot_be_complete_without_it() {
    let (_folder, reader) = reader();
    let refused = |chunk: RowChunk| {
        let routing_key = key("rows", "web-1-ab12");
        let outside = Envelope {
            class: Class::Rows,
            routing_key: &routing_key,
            kind: "rows.chunk",
            has_cc: false,
        };
        check(outside, &wire::encode(&chunk).unwrap(), &reader).unwrap_err()
    };
    let run = AttemptKey { request: request(), agent: agent(), attempt: attempt() };
    let is_rejected = |chunk| matches!(refused(chunk), Refused::Rejected(_, of) if *of == run);
    assert!(is_rejected(RowChunk { seq: limits::SEQ_MAX, ..chunk() }));
    assert!(is_rejected(RowChunk { sha256: sha256(b"x"), ..chunk() }));
    assert!(is_rejected(RowChunk { rows: 2, ..chunk() }));
    let body = ByteBuf::from(vec![0; limits::ROW_CHUNK_PACKED_BYTES_MAX + 1]);
    assert!(is_rejected(RowChunk { sha256: sha256(&body), body, ..chunk() }));
    let stranger = Attempt { origin: RequestId::new(), ..attempt() };
    assert!(matches!(refused(RowChunk { attempt: stranger, ..chunk() }), Refused::Dead(_)));
}

/// Adds a field that this version does not know to an encoded message.
fn with_unknown_field(mut message: Vec<u8>, bytes: usize) -> Vec<u8> {
    assert_eq!(message[0] & 0xf0, 0x80, "a small map");
    message[0] += 1;
    message.extend(b"\xa7unknown\xc6");
    message.extend(u32::try_from(bytes).unwrap().to_be_bytes());
    message.resize(message.len() + bytes, 7);
    message
}

#[test]
fn what_is_not_known_of_a_chunk_is_not_stored() {
    let (_folder, reader) = reader();
    let known = wire::encode(&chunk()).unwrap();
    let routing_key = key("rows", "web-1-ab12");
    let outside = Envelope {
        class: Class::Rows,
        routing_key: &routing_key,
        kind: "rows.chunk",
        has_cc: false,
    };
    let sent = with_unknown_field(known.clone(), 700 << 10);
    let Ok(Write::Chunk(stored)) = check(outside, &sent, &reader) else { panic!("a chunk") };
    assert_eq!(stored.body, known);
    let data = ByteBuf::from(vec![1; 10]);
    let piece = BlobChunk {
        agent: agent(),
        request: request(),
        attempt: attempt(),
        seq: 0,
        blob: 0,
        kind: "profile.cpu".into(),
        offset: 0,
        total: 10,
        blob_sha256: sha256(&data),
        sha256: sha256(&data),
        data,
    };
    let known = wire::encode(&piece).unwrap();
    let routing_key = key("blobs", "web-1-ab12");
    let outside = Envelope {
        class: Class::Blobs,
        routing_key: &routing_key,
        kind: "blob.chunk",
        has_cc: false,
    };
    let sent = with_unknown_field(known.clone(), 700 << 10);
    let Ok(Write::Chunk(stored)) = check(outside, &sent, &reader) else { panic!("a chunk") };
    assert_eq!(stored.body, known);
}

#[test]
fn a_sample_and_a_status_over_their_bounds_are_dead() {
    let (_folder, reader) = reader();
    let many = |count: usize| -> BTreeMap<String, String> {
        (0..count).map(|n| (format!("{n:04}"), String::new())).collect()
    };
    let sample = |labels: usize, bounds: usize| {
        let bounds: BTreeMap<String, u64> = (0..bounds).map(|n| (format!("{n:04}"), 1)).collect();
        let json = serde_json::json!({"agent": agent(), "at": 0, "journal": JournalId::new(), "labels": many(labels),
            "policy": {"bounds": bounds}});
        let sample: Telemetry = serde_json::from_value(json).unwrap();
        let routing_key = "telemetry.web-1-ab12.-";
        let outside =
            Envelope { class: Class::Telemetry, routing_key, kind: "telemetry", has_cc: false };
        verdict(&reader, outside, &wire::encode(&sample).unwrap())
    };
    let most = limits::RESULT_ENTRIES_MAX;
    assert_eq!(sample(most, most), "stored");
    assert_eq!(sample(most + 1, most), "over_bound");
    assert_eq!(sample(most, most + 1), "over_bound");
    let status = |roots: usize| {
        let files = file_hash::Footer { roots_failed: many(roots), ..file_hash::Footer::default() };
        let status = Status {
            agent: agent(),
            request: request(),
            attempt: attempt(),
            state: State::Finished,
            at: Timestamp(0),
            code: String::new(),
            // Only the text is cut instead.
            reason: "é".repeat(limits::TEXT_BYTES_MAX),
            revision: 0,
            chunks: Some(0),
            footer: Some(Footer { artifact: Some(files.sealed().unwrap()), ..Footer::default() }),
            host: String::new(),
            machine: None,
            instance: None,
        };
        let routing_key = key("status", "web-1-ab12");
        let outside = Envelope {
            class: Class::Status,
            routing_key: &routing_key,
            kind: "status",
            has_cc: false,
        };
        verdict(&reader, outside, &wire::encode(&status).unwrap())
    };
    assert_eq!(status(limits::RESULT_ENTRIES_MAX), "stored");
    assert_eq!(status(limits::RESULT_ENTRIES_MAX + 1), "over_bound");
}

#[test]
fn what_is_outside_is_checked_before_the_body() {
    let (_folder, reader) = reader();
    let body = wire::encode(&chunk()).unwrap();
    let good = key("rows", "web-1-ab12");
    let outside =
        Envelope { class: Class::Rows, routing_key: &good, kind: "rows.chunk", has_cc: false };
    assert_eq!(verdict(&reader, outside, &body), "stored");
    assert_eq!(verdict(&reader, Envelope { has_cc: true, ..outside }, &body), "cc_header");
    assert_eq!(
        verdict(&reader, Envelope { class: Class::Blobs, ..outside }, &body),
        "class_differs"
    );
    assert_eq!(verdict(&reader, Envelope { kind: "status", ..outside }, &body), "unknown_type");
    let stranger = key("rows", "nobody-0000");
    assert_eq!(
        verdict(&reader, Envelope { routing_key: &stranger, ..outside }, &body),
        "unknown_agent"
    );
    assert_eq!(verdict(&reader, Envelope { routing_key: "rows", ..outside }, &body), "routing_key");
    assert_eq!(verdict(&reader, outside, b"\x81"), "malformed");
    assert_eq!(verdict(&reader, outside, &vec![0; limits::RESULT_BYTES_MAX + 1]), "too_big");
}

#[test]
fn a_status_of_a_request_that_nobody_made_is_dead() {
    let (_folder, reader) = reader();
    let unknown = RequestId::new();
    let status = Status {
        agent: agent(),
        request: unknown,
        attempt: Attempt { origin: unknown, ..attempt() },
        state: State::Finished,
        at: Timestamp(0),
        code: String::new(),
        reason: "é".repeat(limits::TEXT_BYTES_MAX),
        revision: 0,
        chunks: Some(0),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    };
    let routing_key = format!("status.web-1-ab12.{unknown}");
    let outside =
        Envelope { class: Class::Status, routing_key: &routing_key, kind: "status", has_cc: false };
    assert_eq!(verdict(&reader, outside, &wire::encode(&status).unwrap()), "unknown_request");
}

#[test]
fn what_a_revoked_agent_had_queued_is_taken_if_it_was_asked_for() {
    let (folder, reader) = reader();
    let place = DataDir::prepare(folder.path()).unwrap();
    let unasked = RequestId::from_bytes([7; 16]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(&place).unwrap();
        let revoked = Write::Revoked(agent(), Audit::default());
        writer
            .write(Write::Request(Box::new(known(unasked, vec![])), Audit::default()))
            .await
            .unwrap();
        writer.write(revoked).await.unwrap();
    });
    assert_eq!(rows(&reader, &chunk()), "stored");
    let attempt = Attempt { origin: unasked, ..attempt() };
    let body = wire::encode(&RowChunk { request: unasked, attempt, ..chunk() }).unwrap();
    let routing_key = format!("rows.web-1-ab12.{unasked}");
    let outside = Envelope {
        class: Class::Rows,
        routing_key: &routing_key,
        kind: "rows.chunk",
        has_cc: false,
    };
    assert_eq!(verdict(&reader, outside, &body), "revoked_agent");
    let routing_key = "telemetry.web-1-ab12.-";
    let outside =
        Envelope { class: Class::Telemetry, routing_key, kind: "telemetry", has_cc: false };
    assert_eq!(verdict(&reader, outside, b""), "revoked_agent");
}

#[test]
fn a_file_comes_only_where_the_signed_hunt_asks_for_it() {
    let data = ByteBuf::from(vec![1; 10]);
    let chunk = |total| BlobChunk {
        agent: agent(),
        request: request(),
        attempt: attempt(),
        seq: 0,
        blob: 0,
        kind: FILE_BLOB.into(),
        offset: 0,
        total,
        blob_sha256: sha256(b"all of it"),
        sha256: sha256(&data),
        data: data.clone(),
    };
    let verdict = |upload: Option<Upload>, total: u64| {
        let (_folder, reader) = reader_of(sealed(upload));
        let routing_key = key("blobs", "web-1-ab12");
        let outside = Envelope {
            class: Class::Blobs,
            routing_key: &routing_key,
            kind: "blob.chunk",
            has_cc: false,
        };
        verdict(&reader, outside, &wire::encode(&chunk(total)).unwrap())
    };
    let asked = Some(Upload { max_file_bytes: 20, max_bytes: 100 });
    assert_eq!(verdict(None, 10), "file_not_asked_for");
    assert_eq!(verdict(asked, 20), "stored");
    assert_eq!(verdict(asked, 21), "file_not_asked_for");
}

/// Seals a hunt; its signature is not checked again.
fn sealed(upload: Option<Upload>) -> muster_protocol::request::Sealed {
    let spec = file_hash::Args { upload: upload.map(Box::new), ..file_hash::Args::default() };
    let start = HuntStart::files(&spec).unwrap();
    let key = SigningKey::from_seed(&[3; 32]);
    let draft = Draft {
        fleet: FleetId::new(),
        target: Target::all(),
        limits: Limits::default(),
        issued: Timestamp(0),
        valid_ms: 1,
    };
    let body = draft.body(key.id(), &Args::HuntStart(start)).unwrap();
    key.seal(&body, None).unwrap()
}
