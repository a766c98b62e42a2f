use std::collections::BTreeSet;

use muster_profiler::Captured;
use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::clock::Timestamp;
use muster_protocol::limits;
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::request::{Sealed, Verb};
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{BlobChunk, FILE_BLOB, RowChunk, State};
use muster_protocol::wire;
use muster_protocol::wire::WireError;
use serde_bytes::ByteBuf;

use super::*;
use crate::journal::{Controlled, Intake};
use crate::session::upload::{Content, Sent};
use crate::session::{Cost, Session};

fn session(journal: &Arc<Journal>, limits: Limits) -> LiveSession {
    let id = RequestId::new();
    let sealed = Sealed {
        kind: "hunt.start".to_owned(),
        id: id.to_string(),
        body: ByteBuf::new(),
        sig: ByteBuf::new(),
        cert: ByteBuf::new(),
    };
    let intake = Intake { start: Some((id, &sealed, false)), ..Intake::default() };
    journal.take(&intake, Timestamp(1)).unwrap();
    again(journal, id, limits)
}

fn again(journal: &Arc<Journal>, id: RequestId, limits: Limits) -> LiveSession {
    let collection = journal.collection(id).unwrap().unwrap();
    journal.begin(id, Timestamp(1)).unwrap();
    let agent = AgentId::new("a-1").unwrap();
    LiveSession::new(Arc::clone(journal), agent, collection, limits, false)
}

/// A checkpoint that is a number.
#[derive(Debug)]
struct Upto(u64);

impl Checkpoint for Upto {
    fn cursor(&self) -> Result<Vec<u8>, WireError> {
        wire::encode(&self.0)
    }

    fn footer(&self) -> Result<ArtifactFooter, WireError> {
        file_hash::Footer { seen: self.0, ..file_hash::Footer::default() }.sealed()
    }
}

fn rows(first: usize, count: usize, name_bytes: usize) -> Vec<Row> {
    let path = |n: usize| [format!("/{n:08}/").into_bytes(), vec![b'x'; name_bytes]].concat();
    let row = |n| Row::bare(path(n), FileKind::Regular, FileStatus::Ok, 0);
    (first..first + count).map(row).collect()
}

fn batch(first: usize, count: usize, name_bytes: usize) -> (Batch, Arc<Upto>) {
    (Batch::of(rows(first, count, name_bytes).iter_mut()), Arc::new(Upto((first + count) as u64)))
}

fn chunks(journal: &Journal) -> Vec<RowChunk> {
    let mut taken = BTreeSet::new();
    let mut chunks = Vec::new();
    while let Some(message) = journal.outbox_next(true, &taken).unwrap() {
        taken.insert(message.key);
        chunks.push(wire::decode(&message.body, limits::RESULT_BYTES_MAX).unwrap());
    }
    chunks
}

fn status(session: &LiveSession) -> Status {
    Status {
        agent: session.agent.clone(),
        request: session.request,
        attempt: session.attempt(),
        state: State::Finished,
        at: Timestamp(9),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: None,
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    }
}

fn captured(bytes: &[u8]) -> Captured {
    let footer = ProfileFooter {
        blob_sha256: sha256(bytes),
        blob_bytes: bytes.len() as u64,
        ..ProfileFooter::default()
    };
    Captured { kind: ProfileKind::Cpu, bytes: bytes.to_vec(), footer }
}

#[test]
fn a_batch_over_the_cut_is_several_chunks_with_one_seq_space() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let session = session(&journal, Limits::default());
    let (first, cursor) = batch(0, 400, 1_000);
    session.rows(first, cursor).unwrap();
    session.blobs(vec![captured(&[1; 300_000]), captured(b"pprof")]).unwrap();
    let (more, cursor) = batch(400, 1, 10);
    session.rows(more, cursor).unwrap();
    session.finish(status(&session)).unwrap();
    let mut taken = BTreeSet::new();
    let mut seqs = Vec::new();
    let mut seen = Vec::new();
    while let Some(message) = journal.outbox_next(true, &taken).unwrap() {
        taken.insert(message.key);
        if message.kind == "rows.chunk" {
            let chunk: RowChunk = wire::decode(&message.body, limits::RESULT_BYTES_MAX).unwrap();
            assert!(message.body.len() < limits::RESULT_BYTES_MAX);
            seen.extend(chunk.unpack().unwrap().records::<Row>());
            seqs.push(chunk.seq);
        } else {
            let chunk: BlobChunk = wire::decode(&message.body, limits::RESULT_BYTES_MAX).unwrap();
            seqs.push(chunk.seq);
        }
    }
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
    assert!(seqs.len() >= 5, "{seqs:?}");
    assert_eq!(seen, [rows(0, 400, 1_000), rows(400, 1, 10)].concat());
    let last = journal.outbox_next(false, &BTreeSet::new()).unwrap().unwrap();
    let last: Status = wire::decode(&last.body, 100_000).unwrap();
    assert_eq!(last.chunks, Some(seqs.len() as u64));
}

#[test]
fn after_a_kill_the_cursor_and_the_chunks_agree() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let first = session(&journal, Limits::default());
    let (rows, cursor) = batch(0, 300, 1_000);
    first.rows(rows, cursor.clone()).unwrap();
    // Emitted, not yet cut: lost with the process, and so before the cursor.
    let (rows, _) = batch(300, 3, 10);
    first.rows(rows, batch(300, 3, 10).1).unwrap();
    let second = again(&journal, first.request, Limits::default());
    assert_eq!(second.resume(), Some(cursor.cursor().unwrap()));
    let sent: u32 = chunks(&journal).iter().map(|chunk| chunk.rows).sum();
    assert_eq!(sent, 300);
    let (rows, cursor) = batch(300, 3, 10);
    second.rows(rows, cursor).unwrap();
    second.suspend().unwrap();
    let chunks = chunks(&journal);
    let seqs: Vec<_> = chunks.iter().map(|chunk| chunk.seq).collect();
    assert_eq!(seqs, (0..chunks.len() as u64).collect::<Vec<_>>());
    assert_eq!(second.footer(None).rows, 303);
    assert_eq!(second.footer(None).resumed, 1);
}

#[test]
fn the_first_rows_of_a_run_are_durable_sooner_than_the_later_ones() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let session = session(&journal, Limits::default());
    let due = |first| {
        let (rows, cursor) = batch(first, 1, 10);
        session.rows(rows, cursor).unwrap();
        let due = session.flush_at_ms.load(Ordering::Relaxed);
        session.flush(&mut lock(&session.pending), None).unwrap();
        due
    };
    let first = due(0);
    assert!(first <= session.elapsed_ms() + limits::FIRST_CHUNK_AGE_MS_MAX, "{first}");
    let now = session.elapsed_ms();
    assert!(due(1) >= now + limits::ROW_CHUNK_AGE_MS_MAX);
}

#[test]
fn limits_end_the_run_by_name() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let few = session(&journal, Limits { max_rows: Some(2), ..Limits::default() });
    let (rows, cursor) = batch(0, 3, 1);
    assert_eq!(few.rows(rows, cursor), Err(Stop::Limit("rows")));
    assert_eq!(few.check(), Err(Stop::Limit("rows")));
    let small = session(&journal, Limits { max_bytes: Some(10), ..Limits::default() });
    small.spend(Cost { files: 1, bytes: 10 }).unwrap();
    assert_eq!(small.spend(Cost { files: 0, bytes: 1 }), Err(Stop::Limit("bytes")));
    let late = session(&journal, Limits { timeout_s: Some(0), ..Limits::default() });
    assert_eq!(late.check(), Err(Stop::TimedOut(0)));
    let modest = session(&journal, Limits { max_memory_mb: Some(100), ..Limits::default() });
    modest.look_at_the_limits();
    assert_eq!(modest.check(), Ok(()));
    // Other tests of this process come and go with a few megabytes.
    let taken = std::hint::black_box(vec![1_u8; 300_000_000]);
    modest.look_at_the_limits();
    assert_eq!((modest.check(), taken.len()), (Err(Stop::Limit("memory")), 300_000_000));
}

#[test]
fn a_cancel_reaches_a_thread_that_sleeps_for_a_limit() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let slow = session(&journal, Limits { max_mbps: Some(1), ..Limits::default() });
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| slow.spend(Cost { files: 0, bytes: 1_000_000_000 }));
        slow.request_stop(Stop::Cancelled);
        // A thousand seconds of waiting end here, or the test does not.
        assert_eq!(waiter.join().unwrap(), Err(Stop::Cancelled));
    });
}

#[test]
fn what_was_sampled_is_delivered_after_a_cancel() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let session = session(&journal, Limits::default());
    session.request_stop(Stop::Cancelled);
    session.blobs(vec![captured(b"pprof")]).unwrap();
    assert_eq!(session.footer(None).profiles[0].blob_bytes, 5);
    assert_eq!(journal.outbox_size().0, 1);
}

#[test]
fn threads_are_accounted_for() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let session = session(&journal, Limits::default());
    let scope = session.enter_thread();
    let began = Instant::now();
    let mut sum = 0_u64;
    while session.meter.cpu_ms() < 30 && began.elapsed() < Duration::from_mins(1) {
        (0..100_000_u64).for_each(|n| sum = std::hint::black_box(sum.wrapping_add(n)));
        session.spend(Cost::default()).unwrap();
    }
    drop(scope);
    let footer = session.footer(None);
    assert!(footer.cpu_user_ms + footer.cpu_system_ms >= 29, "{footer:?}");
}

#[test]
fn a_file_that_a_kill_cuts_short_is_begun_anew_as_another_blob() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let first = session(&journal, Limits::default());
    let held = vec![7; 2 * limits::BLOB_CHUNK_BYTES_MAX + 1];
    let sha256 = sha256(&held);
    let content = Content { total: held.len() as u64, sha256: &sha256 };
    // So far the process lived: the next piece never came.
    let mut left = limits::BLOB_CHUNK_BYTES_MAX;
    let mut dies = |buffer: &mut [u8]| {
        let count = buffer.len().min(left);
        buffer[..count].fill(7);
        left -= count;
        if count == 0 { Err(std::io::Error::other("dead")) } else { Ok(count) }
    };
    assert_eq!(first.upload(&content, &mut dies), Ok(Sent::Unreadable));
    let second = again(&journal, first.request, Limits::default());
    let mut rest = held.as_slice();
    let mut read = |buffer: &mut [u8]| std::io::Read::read(&mut rest, buffer);
    assert_eq!(second.upload(&content, &mut read), Ok(Sent::Whole));
    let (rows, cursor) = batch(0, 3, 10);
    second.rows(rows, cursor).unwrap();
    second.finish(status(&second)).unwrap();
    let (mut taken, mut found) = (BTreeSet::new(), Vec::new());
    while let Some(message) = journal.outbox_next(true, &taken).unwrap() {
        taken.insert(message.key);
        if message.kind == "blob.chunk" {
            let chunk: BlobChunk = wire::decode(&message.body, limits::RESULT_BYTES_MAX).unwrap();
            assert_eq!((chunk.kind.as_str(), chunk.total), (FILE_BLOB, content.total));
            found.push((chunk.seq, chunk.blob, chunk.offset));
        }
    }
    let piece = limits::BLOB_CHUNK_BYTES_MAX as u64;
    assert_eq!(found, [(0, 0, 0), (1, 1, 0), (2, 1, piece), (3, 1, 2 * piece)]);
    let last = journal.outbox_next(false, &BTreeSet::new()).unwrap().unwrap();
    let last: Status = wire::decode(&last.body, 100_000).unwrap();
    assert_eq!(last.chunks, Some(5));
}

#[test]
fn a_pause_is_durable_with_what_was_found_until_then_and_its_time_stands_still() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let first = session(&journal, Limits { timeout_s: Some(60), ..Limits::default() });
    let (rows, cursor) = batch(0, 3, 10);
    first.rows(rows, cursor.clone()).unwrap();
    let said = Status { state: State::Paused, ..status(&first) };
    let control =
        Controlled { about: first.request, verb: Verb::Pause, revision: 1, status: said.clone() };
    journal.take(&Intake { control: Some(control), ..Intake::default() }, Timestamp(7)).unwrap();
    first.request_stop(Stop::Paused);
    first.stand_still(said).unwrap();
    assert_eq!(chunks(&journal).len(), 1);
    let told = journal.outbox_next(false, &BTreeSet::new()).unwrap().unwrap();
    let told: Status = wire::decode(&told.body, 100_000).unwrap();
    assert_eq!((told.state, told.revision, told.chunks), (State::Paused, 1, None));
    let kept = journal.collection(first.request).unwrap().unwrap();
    assert_eq!(kept.cursor, Some(cursor.cursor().unwrap()));
    assert_eq!((kept.held_since, kept.is_hold_told), (Some(Timestamp(7)), true));
    // Nothing that its threads do later counts.
    let (rows, cursor) = batch(3, 1, 10);
    first.rows(rows, cursor).unwrap_err();
    first.finish(status(&first)).unwrap();
    let still = journal.collection(first.request).unwrap().unwrap();
    assert_eq!((still.next_seq, still.figures.ran_ms), (1, kept.figures.ran_ms));
}

#[test]
fn a_pause_waits_for_no_disk() {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let session = session(&journal, Limits::default());
    session.request_stop(Stop::Paused);
    assert_eq!(session.sleep(Duration::from_hours(1)), Err(Stop::Paused));
}
