//! Hunts whose threads do not come back from the kernel.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::result::ArtifactFooter;
use muster_protocol::wire::WireError;

use super::*;
use crate::session::Checkpoint;
use crate::session::batch::Batch;

/// A checkpoint at the beginning.
#[derive(Debug)]
struct Nowhere;

impl Checkpoint for Nowhere {
    fn cursor(&self) -> Result<Vec<u8>, WireError> {
        Ok(Vec::new())
    }

    fn footer(&self) -> Result<ArtifactFooter, WireError> {
        file_hash::Footer::default().sealed()
    }
}

/// Below `/stuck`, waits for a gate and hears nothing else; what is elsewhere is done at once.
#[derive(Debug, Default)]
struct Kernel {
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Runner for Kernel {
    fn collect(
        &self,
        _core: &Core,
        task: &Task,
        session: &dyn Session,
    ) -> Result<Collected, CollectError> {
        let crate::task::Work::Hunt(hunt) = &task.work else { return Ok(Collected::default()) };
        if hunt.file_hash().unwrap().roots[0].as_slice() == b"/stuck" {
            let _scope = session.enter_thread();
            session.set_current_path(b"/stuck/file");
            let (is_open, moved) = &*self.gate;
            let gate = moved.wait_while(is_open.lock().unwrap(), |is_open| !*is_open);
            drop(gate.unwrap());
            // What it has found meanwhile comes to nothing.
            let row = Row::bare(b"/stuck/a".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
            session.rows(Batch::of([row].iter_mut()), Arc::new(Nowhere))?;
        }
        Ok(collected(0))
    }
}

fn agent(fleet: &Fleet, folder: &Path) -> (Arc<Core>, Arc<(Mutex<bool>, Condvar)>) {
    let kernel = Kernel::default();
    let gate = Arc::clone(&kernel.gate);
    let core = Arc::into_inner(fleet.agent(folder, Policy::default())).unwrap();
    let core = Arc::new(Core { runner: Box::new(kernel), ..core });
    lock(&core.admission).open();
    (core, gate)
}

fn last(core: &Core) -> (State, String, String) {
    let said = statuses(core).pop().unwrap();
    (said.state, said.code, said.reason)
}

#[test]
fn they_are_left_to_themselves_counted_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let (core, gate) = agent(&fleet, folder.path());
    let stuck = || core.stuck.load(Ordering::Relaxed);
    for n in 1..=limits::STUCK_HUNTS_MAX {
        let hunt = fleet.hunt("/stuck");
        core.take(&hunt, STREAM).unwrap();
        work_until_running(&core);
        core.take(&fleet.cancel(&hunt, 1), STREAM).unwrap();
        work(&core, || core.journal.unfinished().unwrap() == 0);
        let (state, code, reason) = last(&core);
        assert_eq!((state, code.as_str(), stuck()), (State::Cancelled, "cancelled", n));
        assert!(reason.ends_with("does not come back from the kernel: /stuck/file"), "{reason}");
    }
    // Their lanes are free, but there is an end to it.
    core.take(&fleet.hunt("/fine"), STREAM).unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let (state, code, reason) = last(&core);
    assert_eq!((state, code.as_str()), (State::Declined, "stuck"));
    assert!(reason.starts_with("threads of 4 hunts"), "{reason}");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let deadline = Instant::now() + Duration::from_secs(30);
    while stuck() > 0 {
        assert!(Instant::now() < deadline, "{} have not come back", stuck());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert_eq!(core.journal.outbox_size(), (0, 0), "nothing comes of what was given up");
    core.take(&fleet.hunt("/fine"), STREAM).unwrap();
    work(&core, || core.journal.unfinished().unwrap() == 0);
    assert_eq!(last(&core).0, State::Finished);
}

/// Lets the lanes begin what waits, and leaves it running.
fn work_until_running(core: &Arc<Core>) {
    let begun = |core: &Core| lock(&core.runs).values().next().cloned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lanes = crate::dispatch::dispatch(Arc::clone(core), CancellationToken::new());
        let watch = async {
            while begun(core).is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // The lanes stop here, in the midst of it: the hunt is not told.
        tokio::select! { () = lanes => {}, () = watch => {} }
    });
}

#[test]
fn what_does_not_move_and_is_not_kept_by_a_limit_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let (core, gate) = agent(&fleet, folder.path());
    core.take(&fleet.hunt("/stuck"), STREAM).unwrap();
    work_until_running(&core);
    let run = lock(&core.runs).values().next().cloned().unwrap();
    let age = Duration::from_millis(limits::STUCK_MS_MAX);
    lock(&run.moved).1 = Instant::now().checked_sub(age).unwrap();
    drop(run);
    work(&core, || core.journal.unfinished().unwrap() == 0);
    let (state, code, reason) = last(&core);
    assert_eq!((state, code.as_str()), (State::Failed, "stuck"));
    assert!(reason.starts_with("nothing has moved for 300 s"), "{reason}");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
}

#[test]
fn a_pause_gives_up_the_run_and_not_the_collection() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let (core, gate) = agent(&fleet, folder.path());
    let hunt = fleet.hunt("/stuck");
    let id = hunt.id.parse().unwrap();
    core.take(&hunt, STREAM).unwrap();
    work_until_running(&core);
    core.take(&fleet.control(&hunt, Verb::Pause, 1), STREAM).unwrap();
    work(&core, || lock(&core.runs).is_empty());
    let told = statuses(&core).pop().unwrap();
    assert_eq!((told.state, told.revision), (State::Paused, 1));
    assert!(told.reason.ends_with("does not come back from the kernel: /stuck/file"), "{told:?}");
    assert_eq!(core.stuck.load(Ordering::Relaxed), 1);
    // Another run goes on; the thread of the one before comes back beside it, to nothing.
    core.take(&fleet.control(&hunt, Verb::Resume, 2), STREAM).unwrap();
    work_until_running(&core);
    let number = |core: &Core| lock(&core.runs).get(&id).map(|run| run.number);
    let second = number(&core).unwrap();
    core.run_ended(crate::runner::RunId { request: id, number: second - 1 });
    assert_eq!(number(&core), Some(second), "it is the first run that has ended");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let deadline = Instant::now() + Duration::from_secs(30);
    while core.stuck.load(Ordering::Relaxed) > 0 || core.journal.unfinished().unwrap() > 0 {
        assert!(Instant::now() < deadline, "the runs did not come back");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let states: Vec<_> = statuses(&core).iter().map(|it| (it.state, it.revision)).collect();
    assert_eq!(states, [(State::Started, 2), (State::Finished, 2)]);
    assert_eq!(core.journal.outbox_size().0, 1, "the row of the second run alone");
}
