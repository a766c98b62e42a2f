//! A store with generated rows, and generated filters.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use muster_protocol::artifact::file_hash::{FILE_HASH, FileKind, FileStatus, Row, SCHEMA};
use muster_protocol::artifact::ioc::IocList;
use muster_protocol::artifact::{Digest, Digests, HashKind, Rows};
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::result::{RowChunk, rows as wire_rows};
use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::super::source::{Run, Source};
use super::NOW;
use crate::store::{Chunk, DataDir, Reader, Write, Writer};

const HUNT: [u8; 16] = [1; 16];
/// Agents that have rows.
const AGENTS: usize = 3;
const MS: i128 = 1_000_000;

/// A chunk: the number of its agent, and its rows.
pub(in crate::rows) type Files = (usize, Vec<Row>);

/// A store, and the rows in it.
pub(in crate::rows) struct Made {
    pub(in crate::rows) reader: Reader,
    pub(in crate::rows) files: RefCell<BTreeMap<usize, Vec<Vec<Row>>>>,
    writer: Writer,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Made {
    pub(in crate::rows) fn new(chunks: &[Files]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let made = Self {
            reader: place.reader().unwrap(),
            files: RefCell::default(),
            writer: Writer::start(&place).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            _folder: folder,
        };
        for (agent, files) in chunks {
            made.add(*agent, files);
        }
        made
    }

    /// Stores a chunk behind those of its agent. Paths become different from all others.
    pub(in crate::rows) fn add(&self, agent: usize, files: &[Row]) {
        let mut all = self.files.borrow_mut();
        let known = all.values().flatten().flatten().count();
        let mut files = files.to_vec();
        for (at, file) in files.iter_mut().enumerate() {
            file.path =
                [b"/r/", file.path.as_slice(), (known + at).to_string().as_bytes()].concat();
            if file.uid.is_multiple_of(2) {
                file.path.extend_from_slice(b".php");
            }
        }
        let chunks = all.entry(agent).or_default();
        let seq = chunks.len() as u64;
        chunks.push(files.clone());
        let chunk = chunk(agent, seq, files);
        self.runtime.block_on(self.writer.write(chunk)).unwrap();
    }

    pub(in crate::rows) fn source(&self) -> Source {
        let files = self.files.borrow();
        let run = |agent: usize| Run {
            agent: named(agent),
            host: format!("host-{agent}"),
            attempt: attempt(agent),
            is_clone: agent == 1,
            uploaded: if agent == 2 { [vec![3; 32], vec![4; 32]].into() } else { [].into() },
            rows: files.get(&agent).into_iter().flatten().flatten().count() as u64,
        };
        let listed = [[2_u8; 32], [3; 32]];
        let list = IocList::new(HashKind::Sha256, 32, listed.iter().map(<[u8; 32]>::as_slice));
        Source {
            hunt: RequestId::from_bytes(HUNT),
            named: "hunt".to_owned(),
            schema: &SCHEMA,
            roots: vec![b"/r".to_vec()],
            ioc: Arc::new(vec![list]),
            runs: (0..AGENTS).map(run).collect(),
        }
    }
}

pub(in crate::rows) fn named(agent: usize) -> AgentId {
    AgentId::new(&format!("a-{agent}")).unwrap()
}

fn attempt(agent: usize) -> Attempt {
    let journal = JournalId::from_bytes([u8::try_from(9 - agent).unwrap(); 16]);
    Attempt { origin: RequestId::from_bytes(HUNT), journal }
}

fn chunk(agent: usize, seq: u64, files: Vec<Row>) -> Write {
    let rows = Rows::of(files);
    let body = rows.pack().unwrap();
    let sha256 = wire_rows::sha256(&body);
    let message = RowChunk {
        agent: named(agent),
        request: RequestId::from_bytes(HUNT),
        attempt: attempt(agent),
        seq,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows: u32::try_from(rows.len()).unwrap(),
        sha256: sha256.clone(),
        body: ByteBuf::from(body),
    };
    Write::Chunk(Chunk {
        request: message.request,
        agent: message.agent.clone(),
        attempt: message.attempt,
        seq,
        rows: message.rows,
        blob: None,
        sha256: sha256.into_vec(),
        body: muster_protocol::wire::encode(&message).unwrap(),
    })
}

/// A file with a size.
pub(in crate::rows) fn file(n: usize, size: usize) -> Row {
    let bare = Row::bare(b"x".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    Row { size: size as u64, ino: 1 + n as u64, ..bare }
}

prop_compose! {
    fn row()(
        folder in prop::sample::select(vec![&b""[..], b"sub/", b"sub/deep/", b"\xff/"]),
        kind in prop::sample::select(FileKind::ALL.to_vec()),
        status in prop::sample::select(FileStatus::ALL.to_vec()),
        errno in prop::sample::select(vec![0, 2, 13]),
        size in prop::sample::select(vec![0, 10, 4_096, u64::MAX]),
        ages in prop::array::uniform2(prop::sample::select(vec![0, 1, 60_000, -1_i64, 9_000_000_000_000])),
        mode in prop::sample::select(vec![0o100_644, 0o104_755, 0o120_777, 0o041_777, 0]),
        uid in 0_u32..4,
        gid in 0_u32..2,
        digest in 0_u8..9,
        is_seen: bool,
    ) -> Row {
        let time = |age_ms: i64| i128::from(NOW.0) * MS - i128::from(age_ms) * MS;
        let digests = match digest {
            0..5 => Digests::from_iter([
                (HashKind::Md5, Digest::from_elem(digest, 16)),
                (HashKind::Sha256, Digest::from_elem(digest, 32)),
            ]),
            _ => Digests::new(),
        };
        Row {
            size, mode, uid, gid, digests,
            ino: is_seen.into(),
            mtime_ns: time(ages[0]),
            // Beyond 64 bits of nanoseconds.
            ctime_ns: time(ages[1]) - if uid == 3 { 10_000_000_000_000_000_000 } else { 0 },
            ..Row::bare(folder.to_vec(), kind, status, errno)
        }
    }
}

/// Makes chunks of rows.
pub(in crate::rows) fn rows() -> impl Strategy<Value = Vec<Files>> {
    let files = prop::collection::vec(row(), 0..30);
    prop::collection::vec((0..AGENTS, files), 0..8)
}

/// Makes filters: names, each once, with values that leave some rows.
pub(in crate::rows) fn filters() -> impl Strategy<Value = Vec<(String, String)>> {
    let known = vec![
        ("agent", "a-0"),
        ("agent", "a-2"),
        ("status", "denied,io_error,ok"),
        ("status", "ok"),
        ("errno", "13"),
        ("errno", "ENOENT,0"),
        ("match", "yes"),
        ("match", "no"),
        ("uploaded", "yes"),
        ("uploaded", "no"),
        ("path", "*.php"),
        ("path", "sub/*"),
        ("path", "/r/sub/**"),
        ("hash", "02020202"),
        ("hash", "040404040"),
        ("kind", "file,dir"),
        ("min_size", "10"),
        ("max_size", "4096"),
        ("newer", "1m"),
        ("older", "1ms"),
        ("changed_newer", "1m"),
        ("uid", "0,2"),
        ("gid", "1"),
        ("mode", "/4001"),
        ("mode", "=644"),
    ];
    prop::sample::subsequence(known, 0..4).prop_map(|chosen| {
        let once: BTreeMap<_, _> = chosen.into_iter().collect();
        once.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    })
}
