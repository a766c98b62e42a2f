//! What each thread does: pull entries from the one walker, look at them, put them into the window.

use std::sync::{Mutex, PoisonError};

use super::batch::{Batch, Item};
use super::examine::{Examined, Examiner};
use super::plan::Plan;
use super::read::{Delivery, Reader};
use super::walk::Walker;
use super::window::{Next, Place, Window};
use crate::collectors::CollectError;
use crate::session::{Session, Stop};

/// Files that are opened before the first of them is read: so many a disk is asked for at once.
const GROUP: usize = 16;

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
    let examiner = Examiner::new(shared.plan);
    let mut reader = Reader::new(shared.plan, window);
    loop {
        session.check()?;
        match window.next() {
            Next::End => return Ok(()),
            Next::Wait => window.wait(),
            Next::Read(big) => {
                let mut delivery = Delivery::new(window);
                reader.read_big(*big, &mut delivery, session)?;
                delivery.deliver();
            }
            Next::Walk => match pull(shared, session)? {
                Some(batch) => take(batch, &examiner, &mut reader, window, session)?,
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
    examiner: &Examiner<'_>,
    reader: &mut Reader<'_>,
    window: &Window,
    session: &dyn Session,
) -> Result<(), Stop> {
    let mut delivery = Delivery::new(window);
    let mut group = Vec::with_capacity(GROUP);
    for (index, item) in batch.items.into_iter().enumerate() {
        let place = Place { batch: batch.number, index };
        let examined = match item {
            Item::Leaf(leaf) => examiner.examine(leaf, session)?,
            Item::Done(outcome) => Examined::Done(outcome),
        };
        match examined {
            Examined::Done(outcome) => delivery.add(place, outcome, session)?,
            Examined::Open(open) => {
                let stream = reader.stream(place, *open);
                if !stream.is_big() {
                    group.push(stream);
                } else if let Some(big) = window.offer(stream) {
                    reader.read_big(big, &mut delivery, session)?;
                }
            }
        }
        if group.len() >= GROUP {
            reader.read_group(group.drain(..), &mut delivery, session)?;
        }
    }
    reader.read_group(group, &mut delivery, session)?;
    delivery.deliver();
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
