//! All kinds over one window, again and again, while threads come and go. `tests/run valgrind` runs this one, too.

use std::hint::black_box;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::decode::decode;
use crate::tests::ALONE;
use muster_protocol::ids::JournalId;

const CYCLES: usize = 100;
const BLOCK: usize = 300_000;

/// Ends the other threads, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn said() -> ProcessReport {
    let telemetry = serde_json::json!({
        "agent": "cycles", "at": 1, "journal": JournalId::from_bytes([1; 16]),
    });
    let telemetry = serde_json::from_value(telemetry).unwrap();
    ProcessReport { telemetry, tasks: Vec::new() }
}

/// Each thread leaves its memory to another one, which frees it.
fn come_and_go(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let left = thread::spawn(|| black_box(vec![1_u8; BLOCK])).join().unwrap();
        assert_eq!(black_box(left).len(), BLOCK);
    }
}

#[test]
fn every_kind_comes_and_goes_while_threads_do() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let kinds = offered();
    assert_eq!(kinds.len(), ProfileKind::ALL.len());
    let args = ProfileStart { revision: 0, during: None, kinds, seconds: 1, hertz: 250 };
    let (said, is_over) = (said(), AtomicBool::new(false));
    let mut sums = std::collections::BTreeMap::<_, (u64, u64)>::new();
    thread::scope(|scope| {
        scope.spawn(|| come_and_go(&is_over));
        let _over = Over(&is_over);
        for _ in 0..CYCLES {
            let windows = Capture::open(&args, &Scope::Process, &Clock::system(), &said).unwrap();
            for byte in 0..50 {
                drop(black_box(vec![byte; BLOCK]));
            }
            thread::park_timeout(Duration::from_millis(5));
            for Captured { kind, bytes, footer } in windows.finish(false, || said.clone()).unwrap()
            {
                let sum = sums.entry(kind.as_str()).or_default();
                if kind.has_stacks() {
                    decode(&bytes).unwrap();
                    *sum = (sum.0 + footer.samples, sum.1 + footer.handler_runs);
                } else {
                    serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
                }
            }
        }
    });
    let (cpu, wall, heap) = (sums["cpu"], sums["wall"], sums["heap"]);
    assert!([cpu, wall, heap].iter().all(|sum| sum.0 > 0 && sum.1 > 0), "{sums:?}");
}
