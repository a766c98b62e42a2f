//! What each thread does: pull entries from the one walker, look at them, put them into the window.

use std::sync::{Mutex, PoisonError};

use rustix::fs::Statx;

use super::batch::{Batch, Found, Item, Leaf, Outcome};
use super::examine::{Examiner, Looked, Opened};
use super::links::Links;
use super::meta;
use super::plan::Plan;
use super::read::{Delivery, Reader, Stream};
use super::recall::{self, Answer};
use super::walk::Walker;
use super::window::{Next, Place, Window};
use crate::collectors::CollectError;
use crate::session::cache::Digests;
use crate::session::{Cost, FileId, Session, Stop, Wait, blocking};

/// Files that are opened before the first of them is read: so many a disk is asked for at once.
const GROUP: usize = 16;

/// What the workers share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) walker: Mutex<Walker<'a>>,
    pub(super) window: Window,
    pub(super) links: Links,
}

/// Works until everything is done or something fails.
pub(super) fn work(shared: &Shared<'_>, session: &dyn Session) {
    let _thread = session.enter_thread();
    let alarm = Alarm { window: &shared.window };
    if let Err(stop) = Worker::new(shared, session).run() {
        shared.window.fail(stop.into());
    }
    drop(alarm);
}

/// One thread of a collection.
struct Worker<'a, 'p> {
    shared: &'a Shared<'p>,
    session: &'a dyn Session,
    examiner: Examiner<'a>,
    reader: Reader<'a>,
    /// Small files that are open and not read yet.
    group: Vec<Stream>,
}

impl<'a, 'p> Worker<'a, 'p> {
    fn new(shared: &'a Shared<'p>, session: &'a dyn Session) -> Self {
        let plan = shared.plan;
        Self {
            shared,
            session,
            examiner: Examiner::new(plan, recall::answering(plan, session).is_some()),
            reader: Reader::new(plan, &shared.window, &shared.links, session),
            group: Vec::with_capacity(GROUP),
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        let window = &self.shared.window;
        loop {
            self.session.check()?;
            match window.next() {
                Next::End => return Ok(()),
                Next::Wait => blocking(self.session, Wait::Peers, || window.wait()),
                Next::Read(big) => {
                    let mut delivery = Delivery::new(window);
                    self.reader.read_big(*big, &mut delivery, self.session)?;
                    delivery.deliver();
                }
                Next::Walk => match self.pull()? {
                    Some(batch) => self.take(batch)?,
                    None => window.close(),
                },
            }
            window.emit(self.session)?;
        }
    }

    /// Takes the next batch off the walker and opens its place in the window, in one order.
    fn pull(&self) -> Result<Option<Batch>, Stop> {
        let walker = blocking(self.session, Wait::Peers, || self.shared.walker.lock());
        let mut walker = walker.unwrap_or_else(PoisonError::into_inner);
        let batch = walker.next_batch(self.session)?;
        if let Some(batch) = &batch {
            self.shared.window.open(batch);
        }
        Ok(batch)
    }

    fn take(&mut self, batch: Batch) -> Result<(), Stop> {
        let mut delivery = Delivery::new(&self.shared.window);
        let mut asked = Vec::new();
        for (index, item) in batch.items.into_iter().enumerate() {
            let place = Place { batch: batch.number, index };
            let looked = match item {
                Item::Leaf(leaf) => self.examiner.look(leaf, self.session)?,
                Item::Done(outcome) => Looked::Done(outcome),
            };
            match looked {
                Looked::Done(outcome) => delivery.add(place, outcome, self.session)?,
                Looked::Read(leaf) => self.open(place, leaf, None, &mut delivery)?,
                Looked::Ask(leaf, stat) => asked.push((place, leaf, stat)),
            }
        }
        self.recall(asked, &mut delivery)?;
        self.reader.read_group(self.group.drain(..), &mut delivery, self.session)?;
        delivery.deliver();
        Ok(())
    }

    /// Makes rows of the files that the cache knows, and reads the others.
    fn recall(
        &mut self,
        asked: Vec<(Place, Leaf, Box<Statx>)>,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), Stop> {
        if asked.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = asked.iter().map(|(.., stat)| meta::file_id(stat)).collect();
        let answers = self.reader.recall.find(&ids);
        // What was looked up costs no file and no bytes, but time.
        self.session.spend(Cost::default())?;
        for (((place, leaf, stat), id), answer) in asked.into_iter().zip(ids).zip(answers) {
            match answer {
                Answer::Known(digests) => {
                    let row = recall::row(leaf.path, &stat, digests);
                    let found = Found::judged(self.shared.plan, row, 0);
                    delivery.add(place, Outcome::Row(Box::new(found)), self.session)?;
                }
                Answer::Unknown => self.open(place, leaf, None, delivery)?,
                Answer::Check(digests) => self.open(place, leaf, Some((id, digests)), delivery)?,
            }
        }
        Ok(())
    }

    /// Opens a file and puts it among those that are to be read. `expected` is what the cache said of it.
    fn open(
        &mut self,
        place: Place,
        leaf: Leaf,
        expected: Option<(FileId, Digests)>,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), Stop> {
        let mut open = match self.examiner.open(leaf, self.session) {
            Opened::Done(outcome) => return delivery.add(place, outcome, self.session),
            Opened::Open(open) => open,
        };
        let id = meta::file_id(&open.before);
        open.expected = expected.filter(|(asked, _)| *asked == id).map(|(_, digests)| digests);
        let stream = self.reader.stream(place, open, delivery, self.session)?;
        match stream {
            Some(stream) if !stream.is_big() => self.group.push(stream),
            Some(stream) => {
                if let Some(big) = self.shared.window.offer(stream) {
                    self.reader.read_big(big, delivery, self.session)?;
                }
            }
            None => {}
        }
        if self.group.len() >= GROUP {
            self.reader.read_group(self.group.drain(..), delivery, self.session)?;
        }
        Ok(())
    }
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
