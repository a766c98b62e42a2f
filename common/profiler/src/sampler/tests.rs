//! Windows that open while others close, and a start that fails half-way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, PoisonError};
use std::time::Duration;

use super::*;
use crate::tests::ALONE;

/// Far above what a round takes, far below how long a forgotten sweeper would hold a window back.
const WATCHDOG: Duration = Duration::from_secs(20);

fn open() -> Window {
    Sampler::global().window(ProfileKind::Cpu, 250, Scope::Process, &Clock::system()).unwrap()
}

fn sweepers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name == b"muster-sampler\n").count()
}

struct Stage {
    go: Barrier,
    is_late: AtomicBool,
}

/// Hands a window from thread to thread: one closes while the other opens, and the new window stays open
/// until the old one is through. Both end in the same round when that took too long.
fn relay(first: bool, stage: &Stage, done: &Sender<()>, other: &Receiver<()>) {
    let mut window = first.then(open);
    for _ in 0..200 {
        stage.go.wait();
        if stage.is_late.load(Ordering::SeqCst) {
            return;
        }
        if let Some(window) = window.take() {
            window.finish();
            done.send(()).unwrap();
        } else {
            window = Some(open());
            if other.recv_timeout(WATCHDOG).is_err() {
                stage.is_late.store(true, Ordering::SeqCst);
                // Closed, so that the one that waits for it goes on.
                window = None;
            }
        }
    }
}

#[test]
fn a_window_that_opens_while_the_last_one_closes_holds_nobody_back() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stage = Stage { go: Barrier::new(2), is_late: AtomicBool::new(false) };
    let (to_second, of_first) = channel();
    let (to_first, of_second) = channel();
    std::thread::scope(|scope| {
        let stage = &stage;
        scope.spawn(move || relay(true, stage, &to_second, &of_second));
        scope.spawn(move || relay(false, stage, &to_first, &of_first));
    });
    let is_late = stage.is_late.into_inner();
    assert!(!is_late, "a window waits for another one's sweeper");
    assert_eq!(sweepers(), 0, "threads left after the last window");
}

#[test]
fn a_start_without_a_thread_leaves_nothing_on() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = |_| Err(std::io::Error::from(std::io::ErrorKind::WouldBlock));
    let error = Sampler::global().lock().start(refused).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert!(!sys::is_on(), "the handler stays on");
    open().finish();
    assert!(!sys::is_on());
}
