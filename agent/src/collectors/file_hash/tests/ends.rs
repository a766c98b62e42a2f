//! However a run ends, what was found until then is handed on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_protocol::artifact::file_hash::Upload;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::request::Limits;
use muster_protocol::result::{RowChunk, State, Status};
use muster_protocol::wire;

use super::*;
use crate::collectors::file_hash::collect_on;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::{Batch, Outcome, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::stats::Rules;
use crate::collectors::file_hash::tests::files_so_far;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::limits::session;
use crate::collectors::file_hash::tests::{seen, unpack};
use crate::collectors::file_hash::upload::Uploads;
use crate::journal::Journal;
use crate::session::Session;
use crate::session::live::LiveSession;

/// Size of each file.
const BYTES: u64 = 100_000;

/// Three files that match come first, then so many that do not.
fn tree(root: &Path, files: usize) -> file_hash::Args {
    let content = |byte: usize| vec![byte.to_le_bytes()[0]; usize::try_from(BYTES).unwrap()];
    let bad = [content(251), content(252), content(253)];
    for (n, content) in bad.iter().enumerate() {
        write(root, &format!("a/{n}"), content);
    }
    for n in 0..files {
        write(root, &format!("b/{n:03}"), &content(n % 250));
    }
    let bad: Vec<_> = bad.iter().map(Vec::as_slice).collect();
    file_hash::Args { ioc: vec![sha256_of(&bad)], ..spec(root) }
}

/// What a run left in the journal when it had its final status.
struct Ended {
    result: Result<file_hash::Footer, CollectError>,
    rows: Vec<Row>,
    blobs: usize,
    files: file_hash::Footer,
}

/// Runs until the end, or until `stop` says that it has seen enough and why that is the end.
fn run_until(
    spec: &file_hash::Args,
    limits: Limits,
    workers: usize,
    stop: impl Fn(&Journal, &LiveSession) -> Option<Stop> + Sync,
) -> Ended {
    let journal = Arc::new(Journal::in_memory().unwrap());
    let session = session(&journal, limits);
    let is_over = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if let Some(stop) = stop(&journal, &session) {
                    session.request_stop(stop);
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
        });
        let result = collect_on(spec, &session, workers);
        is_over.store(true, Ordering::Relaxed);
        result
    });
    session.finish(final_status(&journal)).unwrap();
    let (rows, blobs) = stored(&journal);
    assert_eq!(rows.len() as u64, session.footer(None).rows);
    Ended { result, rows, blobs, files: files_so_far(&session) }
}

fn final_status(journal: &Journal) -> Status {
    let request = journal.collections().unwrap().remove(0).request;
    Status {
        agent: AgentId::new("a-1").unwrap(),
        request,
        attempt: Attempt { origin: request, journal: journal.id() },
        state: State::Failed,
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

fn run_limited(spec: &file_hash::Args, limits: Limits, workers: usize) -> Ended {
    run_until(spec, limits, workers, |_, _| None)
}

/// Returns the rows in the outbox, and the number of pieces of files.
fn stored(journal: &Journal) -> (Vec<Row>, usize) {
    let (mut taken, mut rows, mut blobs) = (BTreeSet::new(), Vec::new(), 0);
    while let Some(message) = journal.outbox_next(true, &taken).unwrap() {
        taken.insert(message.key);
        if message.kind == "rows.chunk" {
            let chunk: RowChunk = wire::decode(&message.body, RESULT_BYTES_MAX).unwrap();
            rows.extend(unpack(&chunk));
        } else {
            blobs += 1;
        }
    }
    (rows, blobs)
}

fn stopped(ended: &Ended) -> Stop {
    match &ended.result {
        Err(CollectError::Stop(stop)) => stop.clone(),
        other => panic!("{other:?}"),
    }
}

/// Checks that the matches came back, and that the figures are those of what was examined.
fn check_figures(ended: &Ended) {
    let files = &ended.files;
    assert_eq!((ended.rows.len(), files.matched), (3, 3), "{files:?}");
    assert_eq!(files.hashed, files.matched + files.unmatched);
    assert_eq!(files.accounted(), files.seen);
    assert_eq!(files.bytes_hashed, files.hashed * BYTES);
    assert!(files.bytes_read >= files.bytes_hashed, "{files:?}");
}

#[test]
fn a_limit_of_rows_lets_exactly_so_many_through_in_walk_order() {
    let folder = TempDir::new().unwrap();
    for n in 0..300 {
        write(folder.path(), &format!("{n:03}"), b"x");
    }
    let spec = spec(folder.path());
    let (whole, _) = run(&spec);
    for (max, workers) in [(0, 1), (1, 2), (43, 1), (100, 2), (299, 2), (299, 5)] {
        let limits = Limits { max_rows: Some(max), ..Limits::default() };
        let ended = run_limited(&spec, limits, workers);
        assert_eq!(stopped(&ended), Stop::Limit("rows"));
        let paths = |rows: &[Row]| rows.iter().map(|row| row.path.clone()).collect::<Vec<_>>();
        let wanted = &whole[..usize::try_from(max).unwrap()];
        assert_eq!(paths(&ended.rows), paths(wanted), "{max} rows, {workers} workers");
        assert_eq!((ended.files.hashed, ended.files.accounted()), (max, ended.files.seen));
    }
    let limits = Limits { max_rows: Some(300), ..Limits::default() };
    let ended = run_limited(&spec, limits, 2);
    assert_eq!((ended.result.is_ok(), ended.rows.len()), (true, 300), "no more than allowed");
}

#[test]
fn a_limit_of_bytes_counts_every_file_that_it_allowed() {
    let folder = TempDir::new().unwrap();
    let spec = tree(folder.path(), 60);
    for workers in [1, 2, 5] {
        let limits = Limits { max_bytes: Some(1_500_000), ..Limits::default() };
        let ended = run_limited(&spec, limits, workers);
        assert_eq!(stopped(&ended), Stop::Limit("bytes"));
        check_figures(&ended);
        assert_eq!(ended.files.hashed, 15, "{workers} workers");
    }
}

#[test]
fn matches_are_sent_though_the_bytes_are_used_up() {
    let folder = TempDir::new().unwrap();
    let upload = Some(Box::new(Upload { max_file_bytes: BYTES, max_bytes: 3 * BYTES }));
    let spec = file_hash::Args { upload, ..tree(folder.path(), 3) };
    let ended = run_limited(&spec, Limits { max_bytes: Some(3 * BYTES), ..Limits::default() }, 1);
    assert_eq!((ended.files.matched, ended.files.uploaded, ended.blobs), (3, 3, 3));
    assert_eq!((ended.rows.len(), stopped(&ended)), (3, Stop::Limit("bytes")));
}

#[test]
fn a_time_out_under_a_rate_counts_what_was_read_until_then() {
    let folder = TempDir::new().unwrap();
    let spec = tree(folder.path(), 60);
    for workers in [1, 2] {
        let limits = Limits { max_mbps: Some(1), timeout_s: Some(1), ..Limits::default() };
        let ended = run_limited(&spec, limits, workers);
        assert_eq!(stopped(&ended), Stop::TimedOut(1));
        check_figures(&ended);
        assert!((1..60).contains(&ended.files.unmatched), "{:?}", ended.files);
    }
}

#[test]
fn whatever_stops_it_what_was_found_is_handed_on() {
    let folder = TempDir::new().unwrap();
    let spec = tree(folder.path(), 60);
    let stops = [Stop::Cancelled, Stop::Limit("memory"), Stop::Stuck(300), Stop::TimedOut(7)];
    for stop in stops {
        let limits = Limits { max_mbps: Some(1), ..Limits::default() };
        let ended = run_until(&spec, limits, 2, |_, session| {
            (files_so_far(session).unmatched > 2).then(|| stop.clone())
        });
        assert_eq!(stopped(&ended), stop);
        check_figures(&ended);
    }
}

#[test]
fn a_row_is_durable_while_the_files_behind_it_wait_for_a_rate() {
    let folder = TempDir::new().unwrap();
    let spec = tree(folder.path(), 200);
    for workers in [1, 2] {
        let limits = Limits { max_mbps: Some(1), ..Limits::default() };
        // Twenty seconds of work: it is cancelled as soon as the matches are durable.
        let ended = run_until(&spec, limits, workers, |journal, _| {
            (stored(journal).0.len() == 3).then_some(Stop::Cancelled)
        });
        assert_eq!(stopped(&ended), Stop::Cancelled);
        assert!(ended.files.unmatched < 60, "{:?}", ended.files);
        check_figures(&ended);
    }
}

#[test]
fn a_listing_shows_each_entry_before_the_next_one_waits_for_its_rate() {
    let folder = TempDir::new().unwrap();
    for n in 0..30 {
        write(folder.path(), &format!("{n:03}"), b"");
    }
    let spec = file_hash::Args { hashes: Vec::new(), ..spec(folder.path()) };
    let limits = Limits { max_files_per_s: Some(2), ..Limits::default() };
    let ended = run_until(&spec, limits, 1, |journal, _| {
        (!stored(journal).0.is_empty()).then_some(Stop::Cancelled)
    });
    assert_eq!(stopped(&ended), Stop::Cancelled);
    assert!((1..20).contains(&ended.rows.len()), "{}", ended.rows.len());
}

/// Opens two batches of three; the worker has finished all but the first entry, and holds it back.
fn with_a_gap<T>(stop: Stop, then: impl FnOnce(&ReorderBuffer, &FakeSession) -> T) -> T {
    let plan = Plan::new(&spec(Path::new("/")), &FakeSession::new()).unwrap();
    let window = ReorderBuffer::new(Cursor::default(), Rules::of(&plan), Uploads::default());
    let mut delivery = OutcomeBuffer::new(&window);
    for number in 0..2 {
        let mut batch = Batch::new(number);
        (0..3).for_each(|n| batch.push_done(Outcome::Folder, &[b'a' + n]));
        window.open(&batch);
        for index in usize::from(number == 0)..3 {
            let path = format!("/{number}{index}").into_bytes();
            let row = Row::bare(path, FileKind::Regular, FileStatus::Ok, 0);
            delivery.add(Place { batch: number, index }, Outcome::row(row));
        }
    }
    let session = FakeSession::new();
    session.end(stop.clone());
    window.fail(stop.into());
    then(&window, &session)
}

#[test]
fn what_lies_behind_an_entry_that_is_not_finished_is_handed_on_once() {
    with_a_gap(Stop::Cancelled, |window, session| {
        window.hand_on(session);
        window.hand_on(session);
        let found = seen(session);
        let (rows, footer) = found.last.unwrap();
        let paths: Vec<_> = rows.iter().map(|row| row.path.as_slice()).collect();
        assert_eq!(paths, [b"/01", b"/02", b"/10", b"/11", b"/12"]);
        assert_eq!((footer.seen, found.rows.len()), (5, 0));
        let late = Row::bare(b"/00".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        window.put([(Place { batch: 0, index: 0 }, Outcome::row(late))], 0);
        window.emit(session).unwrap();
        assert_eq!(seen(session).rows.len(), 0, "what comes late is dropped");
    });
}

#[test]
fn what_another_run_goes_on_from_has_no_gap() {
    for stop in [Stop::Shutdown, Stop::Paused] {
        with_a_gap(stop, |window, session| {
            window.hand_on(session);
            assert!(seen(session).last.is_none() && seen(session).rows.is_empty());
        });
    }
}

#[test]
fn a_worker_that_does_not_come_back_withholds_nothing() {
    with_a_gap(Stop::Cancelled, |window, session| {
        // No worker says that it has ended.
        crate::collectors::file_hash::keep_time(window, session);
        assert_eq!(seen(session).last.unwrap().0.len(), 5);
    });
}

#[test]
fn a_run_that_is_suspended_under_a_rate_goes_on_where_it_was() {
    let folder = TempDir::new().unwrap();
    let spec = tree(folder.path(), 12);
    let (whole, plain) = run(&spec);
    let journal = Arc::new(Journal::in_memory().unwrap());
    let first = session(&journal, Limits { max_mbps: Some(2), ..Limits::default() });
    std::thread::scope(|scope| {
        let running = scope.spawn(|| collect_on(&spec, &first, 2));
        while files_so_far(&first).unmatched == 0 {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        first.request_stop(Stop::Shutdown);
        assert_eq!(running.join().unwrap(), Err(CollectError::Stop(Stop::Shutdown)));
    });
    first.suspend().unwrap();
    let collection = journal.collections().unwrap().remove(0);
    let agent = AgentId::new("a-1").unwrap();
    let limits = Limits::default();
    let second = LiveSession::new(Arc::clone(&journal), agent, collection, limits, false);
    let footer = collect_on(&spec, &second, 2).unwrap();
    second.suspend().unwrap();
    let paths = |rows: Vec<Row>| rows.into_iter().map(|row| row.path).collect::<Vec<_>>();
    assert_eq!(paths(stored(&journal).0), paths(whole));
    let exact = |footer: &file_hash::Footer| (footer.seen, footer.hashed, footer.unmatched);
    assert_eq!(exact(&footer), exact(&plain));
    assert_eq!(footer.bytes_hashed, plain.bytes_hashed);
}

/// Takes a collection up again, as after a kill.
fn again(journal: &Arc<Journal>, limits: Limits) -> LiveSession {
    let collection = journal.collections().unwrap().remove(0);
    journal.begin(collection.request, Timestamp(1)).unwrap();
    let agent = AgentId::new("a-1").unwrap();
    LiveSession::new(Arc::clone(journal), agent, collection, limits, false)
}

#[test]
fn a_kill_before_the_final_status_doubles_and_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let spec = file_hash::Args { ioc: Vec::new(), ..tree(folder.path(), 40) };
    let (whole, _) = run(&spec);
    let whole: Vec<_> = whole.into_iter().map(|row| row.path).collect();
    let none = Limits::default();
    for limits in [
        Limits { max_rows: Some(20), ..none.clone() },
        Limits { max_bytes: Some(20 * BYTES), ..none.clone() },
        Limits { timeout_s: Some(1), max_mbps: Some(1), ..none.clone() },
        none,
    ] {
        let journal = Arc::new(Journal::in_memory().unwrap());
        // Killed when all is handed on and the final status is not written, twice.
        for n in 0..3 {
            let session = if n == 0 {
                session(&journal, limits.clone())
            } else {
                again(&journal, limits.clone())
            };
            let ended = collect_on(&spec, &session, 2);
            assert_eq!(ended.is_ok(), limits == Limits::default(), "{ended:?}");
            if n < 2 {
                continue;
            }
            session.finish(final_status(&journal)).unwrap();
            assert!(journal.collections().unwrap().is_empty(), "no run follows");
        }
        let (rows, _) = stored(&journal);
        let mut rest = whole.iter();
        let is_in_order = rows.iter().all(|row| rest.any(|path| *path == row.path));
        assert!(is_in_order, "each once, in walk order: {limits:?}");
        // Bytes that were read for nothing before a kill were read all the same.
        let most = limits.max_rows.or(limits.max_bytes.map(|bytes| bytes / BYTES));
        let most = most.map_or(whole.len(), |most| usize::try_from(most).unwrap());
        assert!(rows.len() <= most, "{limits:?}");
        if limits.max_bytes.is_none() && limits.timeout_s.is_none() {
            assert_eq!(rows.len(), most, "{limits:?}");
        }
    }
}
