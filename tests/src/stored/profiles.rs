//! Profiles of CPU time, each with as many frames as a flame graph draws.

use std::time::Instant;

use muster_profiler::encode::{COLLECTION_LABEL, Strings, THREAD_LABEL, gzip};
use muster_profiler::protos;
use muster_protocol::ids::RequestId;
use muster_protocol::request::Args;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{BlobChunk, Footer, ProfileFooter, State};
use muster_protocol::wire;
use muster_server::store::{Chunk, Piece, Write};
use serde_bytes::ByteBuf;

use super::Filling;
use super::made::{agent, attempt, request, request_id, status};

/// Different stacks, and frames of each: with what they share, just below 20,000 frames in all.
const STACKS: u64 = 540;
const DEPTH: u64 = 44;
/// Stacks part from each other within so many frames of the root.
const SHARED: u64 = 9;
const MINUTE_MS: i64 = 60_000;
const SECONDS: u32 = 30;
const HERTZ: u32 = 99;

/// Stores the profiles: one an hour, the last one just now.
pub(super) async fn fill(filling: &mut Filling<'_>) {
    let began = Instant::now();
    for number in 0..filling.plan.profiles {
        let ago = i64::from(filling.plan.profiles - 1 - number) * 60 + 3;
        let issued = filling.now.plus_ms(-ago * MINUTE_MS);
        filling.at(issued);
        let id = request_id(issued, filling.plan.seed ^ (u64::from(number) << 32));
        let n = number * 7 % filling.plan.agents.max(1);
        let kinds = vec![ProfileKind::Cpu];
        let start =
            ProfileStart { revision: 0, kinds, seconds: SECONDS, during: None, hertz: HERTZ };
        let target = format!("agent:{}", agent(n));
        let made = request(id, &Args::ProfileStart(start), issued, vec![agent(n)], &target);
        filling.launch(made).await;
        let blob = gzip(&profile(u64::from(number) + filling.plan.seed)).expect("a profile");
        std::fs::write(filling.place.blob(&sha256(&blob)), &blob).expect("a blob");
        let piece = piece(id, n, &blob);
        let listed = Write::Blob {
            chunk: piece.key(),
            kind: ProfileKind::Cpu.blob().to_owned(),
            sha256: sha256(&blob).to_vec(),
            bytes: blob.len() as u64,
        };
        filling.write(Write::Chunk(piece)).await;
        filling.write(listed).await;
        let mut ended = status(id, n, State::Finished, issued.plus_ms(i64::from(SECONDS) * 1_000));
        ended.chunks = Some(1);
        let footer = ProfileFooter {
            kind: ProfileKind::Cpu.as_str().to_owned(),
            window_start: issued,
            window_end: issued.plus_ms(i64::from(SECONDS) * 1_000),
            hertz: HERTZ,
            samples: STACKS,
            cpu_ms: STACKS * 10,
            blob_sha256: ByteBuf::from(sha256(&blob).to_vec()),
            blob_bytes: blob.len() as u64,
            ..ProfileFooter::default()
        };
        ended.footer =
            Some(Footer { profiles: vec![footer], started: issued, ..Footer::default() });
        filling.write(Write::Status(ended)).await;
    }
    filling.step("profiles", filling.plan.profiles.into(), began);
}

/// The blob in one piece.
fn piece(of: RequestId, n: u32, blob: &[u8]) -> Chunk {
    let message = BlobChunk {
        agent: agent(n),
        request: of,
        attempt: attempt(of, n),
        seq: 0,
        blob: 0,
        kind: ProfileKind::Cpu.blob().to_owned(),
        offset: 0,
        total: blob.len() as u64,
        blob_sha256: sha256(blob),
        sha256: sha256(blob),
        data: ByteBuf::from(blob),
    };
    Chunk {
        request: of,
        agent: agent(n),
        attempt: attempt(of, n),
        seq: 0,
        rows: 0,
        blob: Some(Piece::of(&message)),
        sha256: message.sha256.to_vec(),
        body: wire::encode(&message).expect("a piece"),
    }
}

/// A tree of stacks that divides near its root. There are no names: the file is of no known build.
fn profile(seed: u64) -> protos::Profile {
    let mut strings = Strings::default();
    let mut kind = |name, unit| protos::ValueType { ty: strings.of(name), unit: strings.of(unit) };
    let (samples, cpu) = (kind("samples", "count"), kind("cpu", "nanoseconds"));
    let (of, by) = (strings.of(COLLECTION_LABEL), strings.of(THREAD_LABEL));
    let (agent, file) = (strings.of("agent"), strings.of("/usr/bin/muster-agent"));
    let threads = ["worker-0", "worker-1", "hash-0", "hash-1"].map(|name| strings.of(name));
    // A location's number is its place in the tree: stacks share what is above their parting.
    let place = |stack: u64, depth: u64| {
        let shared = SHARED.saturating_sub(depth);
        depth * STACKS + (stack >> shared) + 1
    };
    let sample = |stack: u64| {
        let count = i64::try_from(1 + (stack * 7 + seed) % 13).expect("a count");
        protos::Sample {
            location_id: (0..DEPTH).rev().map(|depth| place(stack, depth)).collect(),
            value: vec![count, count * 10_000_000],
            label: vec![
                protos::Label { key: of, str: agent, ..Default::default() },
                protos::Label {
                    key: by,
                    str: threads[usize::try_from(stack % 4).expect("an index")],
                    ..Default::default()
                },
            ],
        }
    };
    let location = |id| protos::Location {
        id,
        mapping_id: 1,
        address: 0x40_0000 + 16 * id,
        ..Default::default()
    };
    protos::Profile {
        sample_type: vec![samples, cpu.clone()],
        sample: (0..STACKS).map(sample).collect(),
        mapping: vec![protos::Mapping {
            id: 1,
            memory_start: 0x40_0000,
            memory_limit: 0x100_0000,
            filename: file,
            ..Default::default()
        }],
        location: (1..=DEPTH * STACKS).map(location).collect(),
        duration_nanos: i64::from(SECONDS) * 1_000_000_000,
        default_sample_type: cpu.ty,
        period_type: Some(cpu),
        period: 10_000_000,
        string_table: strings.into_table(),
        ..Default::default()
    }
}
