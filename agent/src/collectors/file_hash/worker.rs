//! What each thread does: pull entries from the one walker, look at them, put them into the window.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Batch, Item};
use super::examine::{Examined, Examiner};
use super::plan::Plan;
use super::walk::Walker;
use super::window::{Big, Next, Window};
use crate::collectors::CollectError;
use crate::session::{Session, Stop};

/// A batch that takes longer is put into the window in parts; in tests each does.
const PART_AFTER: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 100 });

/// What the workers share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) walker: Mutex<Walker<'a>>,
    pub(super) window: Window,
}

/// Works until everything is done or something fails.
pub(super) fn work(shared: &Shared<'_>, session: &dyn Session) {
    let _thread = session.enter_thread();
    let alarm = Alarm { window: &shared.window };
    if let Err(stop) = run(shared, session) {
        shared.window.fail(stop.into());
    }
    drop(alarm);
}

fn run(shared: &Shared<'_>, session: &dyn Session) -> Result<(), Stop> {
    let window = &shared.window;
    let mut examiner = Examiner::new(shared.plan, window);
    loop {
        session.check()?;
        match window.next() {
            Next::End => return Ok(()),
            Next::Wait => window.wait(),
            Next::Read(big) => {
                let Big { batch, index, open } = *big;
                let outcome = examiner.read(open, session)?;
                window.put(batch, [(index, outcome)]);
            }
            Next::Walk => match pull(shared, session)? {
                Some(batch) => take(batch, &mut examiner, window, session)?,
                None => window.close(),
            },
        }
        window.emit(session)?;
    }
}

/// Takes the next batch off the walker and opens its place in the window, in one order.
fn pull(shared: &Shared<'_>, session: &dyn Session) -> Result<Option<Batch>, Stop> {
    let mut walker = shared.walker.lock().unwrap_or_else(PoisonError::into_inner);
    let batch = walker.next_batch(session)?;
    if let Some(batch) = &batch {
        shared.window.open(batch);
    }
    Ok(batch)
}

fn take(
    batch: Batch,
    examiner: &mut Examiner<'_>,
    window: &Window,
    session: &dyn Session,
) -> Result<(), Stop> {
    let number = batch.number;
    let mut outcomes = Vec::with_capacity(batch.items.len());
    let mut part_began = Instant::now();
    for (index, item) in batch.items.into_iter().enumerate() {
        let leaf = match item {
            Item::Leaf(leaf) => leaf,
            Item::Done(outcome) => {
                outcomes.push((index, outcome));
                continue;
            }
        };
        match examiner.examine(leaf, session)? {
            Examined::Done(outcome) => outcomes.push((index, outcome)),
            Examined::Big(open) => {
                if let Some(big) = window.offer(Big { batch: number, index, open: *open }) {
                    outcomes.push((index, examiner.read(big.open, session)?));
                }
            }
        }
        if part_began.elapsed() >= PART_AFTER {
            window.put(number, outcomes.drain(..));
            window.emit(session)?;
            part_began = Instant::now();
        }
    }
    window.put(number, outcomes);
    Ok(())
}

/// Ends the other workers when one panics: they would wait for its rows for ever.
struct Alarm<'a> {
    window: &'a Window,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.window.fail(CollectError::failed(CollectError::BUG, "a worker panicked"));
        }
    }
}
