//! Limits, whatever they are together, make a collection wait or end; they never make it hang, and what was emitted is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_protocol::artifact::Value;
use muster_protocol::artifact::file_hash;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::{Limits, Sealed};
use proptest::prelude::*;
use serde_bytes::ByteBuf;
use tempfile::TempDir;

use crate::collectors::CollectError;
use crate::collectors::file_hash::collect_on;
use crate::collectors::file_hash::tests::files_so_far;
use crate::collectors::file_hash::tests::run;
use crate::collectors::file_hash::tests::spec;
use crate::collectors::file_hash::tests::write;
use crate::journal::{Intake, Journal};
use crate::session::Stop;
use crate::session::live::LiveSession;
use crate::session::printer::printer;

/// Longer than any of these runs may wait for its limits, on any machine.
const HANGS_AFTER: Duration = Duration::from_mins(2);

pub(super) fn session(journal: &Arc<Journal>, limits: Limits) -> LiveSession {
    let journal = Arc::clone(journal);
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
    let collection = journal.collection(id).unwrap().unwrap();
    journal.begin(id, Timestamp(1)).unwrap();
    LiveSession::new(journal, AgentId::new("a-1").unwrap(), collection, limits, false)
}

prop_compose! {
    /// Rates that let the small tree through in a moment, and bounds within it and beyond.
    fn any_limits()(
        max_cpu_percent in prop::option::of(5_u32..200),
        max_mbps in prop::option::of(1_u32..50),
        max_files_per_s in prop::option::of(100_u32..5_000),
        timeout_s in prop::option::weighted(0.2, 0_u32..2),
        max_rows in prop::option::weighted(0.3, 0_u64..60),
        max_bytes in prop::option::weighted(0.3, 0_u64..200_000),
    ) -> Limits {
        let max_memory_mb = None;
        Limits { max_cpu_percent, max_mbps, max_files_per_s, timeout_s, max_rows, max_bytes, max_memory_mb }
    }
}

/// Runs on a session; `stop_after` cancels it from outside.
fn limited(
    spec: &file_hash::Args,
    session: &LiveSession,
    workers: usize,
    stop_after: Option<Duration>,
) -> Result<(), CollectError> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                if stop_after.is_some_and(|after| began.elapsed() >= after) {
                    session.request_stop(Stop::Cancelled);
                }
                if began.elapsed() >= HANGS_AFTER {
                    // A thread that hangs cannot be joined: this test ends here, and says where.
                    eprintln!("it hangs: {spec:?} {session:?}");
                    std::process::abort();
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
        });
        let ended = collect_on(spec, session, workers).map(drop);
        is_over.store(true, Ordering::Relaxed);
        ended
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_never_deadlock(
        limits in any_limits(),
        sizes in prop::collection::vec(prop_oneof![0_usize..100, 60_000_usize..70_000], 5..50),
        workers in 1_usize..5,
        stop_after_ms in prop::option::weighted(0.3, 0_u64..40),
        rows_taken_ms in prop::option::weighted(0.5, 0_u64..5),
    ) {
        let folder = TempDir::new().unwrap();
        for (n, size) in sizes.iter().enumerate() {
            write(folder.path(), &format!("{}/{n}", n % 3), &vec![7; *size]);
        }
        let spec = spec(folder.path());
        let (whole, _) = run(&spec);
        let journal = Arc::new(Journal::in_memory().unwrap());
        let mut session = session(&journal, limits.clone());
        let mut taker = None;
        if let Some(pause_ms) = rows_taken_ms {
            // Rows are long, so that the small tree makes many pieces.
            let (printer, mut printed) = printer(|row, text| {
                let Value::Bytes(path) = row.get("path") else { panic!("no path") };
                text.extend_from_slice(path);
                text.resize(text.len() + 10_000, b' ');
                text.push(b'\n');
                Ok(())
            });
            session = session.with_printer(Some(printer));
            taker = Some(std::thread::spawn(move || {
                let mut taken = Vec::new();
                while let Some(some) = printed.blocking_next() {
                    taken.extend_from_slice(&some);
                    printed.give_back(some);
                    std::thread::park_timeout(Duration::from_millis(pause_ms));
                }
                taken
            }));
        }
        let stop_after = stop_after_ms.map(Duration::from_millis);
        let ended = limited(&spec, &session, workers, stop_after);
        let is_suspended = session.suspend();
        let (emitted, files) = (session.footer(None).rows, files_so_far(&session));
        drop(session);
        let may_stop = limits.timeout_s.is_some()
            || limits.max_rows.is_some()
            || limits.max_bytes.is_some()
            || stop_after.is_some();
        match ended {
            Ok(()) => prop_assert_eq!(emitted, whole.len() as u64),
            Err(CollectError::Stop(stop)) => prop_assert!(may_stop, "{}", stop),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(is_suspended, Ok(()));
        prop_assert_eq!(files.accounted(), files.seen);
        prop_assert!(limits.max_rows.is_none_or(|max| emitted <= max));
        if let Some(taken) = taker.map(|taker| taker.join().unwrap()) {
            let lines = taken.split_inclusive(|byte| *byte == b'\n');
            let taken: Vec<_> = lines.map(<[u8]>::trim_ascii_end).collect();
            prop_assert_eq!(taken.len() as u64, emitted);
            let mut rest = whole.iter().map(|row| row.path.as_slice());
            let is_in_order = taken.iter().all(|path| rest.any(|next| next == *path));
            prop_assert!(is_in_order, "each once, in walk order");
        }
    }
}
