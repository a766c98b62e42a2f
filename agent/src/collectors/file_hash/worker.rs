//! What each thread does: pull entries from the one walker, look at them, put them into the window.

use std::sync::{Arc, Mutex, PoisonError};

use common::result::Digests;
use rustix::fd::OwnedFd;
use rustix::fs::Statx;
use rustix::io::Errno;

use super::batch::{Batch, Item, Leaf, Outcome};
use super::delivery::Delivery;
use super::examine::{Examiner, Looked, Opened};
use super::links::Links;
use super::meta;
use super::plan::Plan;
use super::prefetch::Prefetch;
use super::read::Reader;
use super::recall::{self, Answer};
use super::walk::Walker;
use super::window::{Next, Place, Window};
use crate::collectors::CollectError;
use crate::session::{Cost, FileId, Session, Stop, Wait, blocking};

/// What the workers share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) walker: Mutex<Walker<'a>>,
    pub(super) window: Window,
    pub(super) links: Links,
    /// How many share the work.
    pub(super) workers: usize,
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
    /// Files that are not in memory, or not small.
    prefetch: Prefetch,
    delivery: Delivery<'a>,
}

impl<'a, 'p> Worker<'a, 'p> {
    fn new(shared: &'a Shared<'p>, session: &'a dyn Session) -> Self {
        let plan = shared.plan;
        Self {
            shared,
            session,
            examiner: Examiner::new(plan, recall::answering(plan, session).is_some()),
            reader: Reader::new(plan, &shared.window, &shared.links, session),
            prefetch: Prefetch::new(shared.workers),
            delivery: Delivery::new(&shared.window),
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        let window = &self.shared.window;
        loop {
            self.session.check()?;
            match window.next(self.reader.is_wide()) {
                Next::End => return Ok(()),
                Next::Walk => {
                    if let Some(batch) = self.pull()? {
                        self.take(batch)?;
                    } else {
                        self.read_rest()?;
                        window.close();
                    }
                }
                Next::Wait if self.prefetch.len() > 0 => self.read_rest()?,
                Next::Wait => blocking(self.session, Wait::Peers, || window.wait()),
                Next::Read(big) => {
                    self.read_rest()?;
                    self.delivery.begin();
                    self.reader.read_big(*big, &mut self.delivery, self.session)?;
                    self.delivery.deliver();
                }
                Next::ReadAhead(ahead) => {
                    self.read_rest()?;
                    ahead.read(window, self.session)?;
                }
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
        self.delivery.begin();
        let Batch { number, items, folders, .. } = batch;
        let mut asked = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = Place { batch: number, index };
            let looked = match item {
                Item::Leaf(leaf) => match folders.get(leaf.folder) {
                    Some(folder) => self.examiner.look(folder, leaf, self.session)?,
                    None => Looked::Done(without_folder(leaf)),
                },
                Item::Done(outcome) => Looked::Done(outcome),
            };
            match looked {
                Looked::Done(outcome) => self.delivery.add(place, outcome, self.session)?,
                Looked::Read(leaf) => self.open(place, &folders, leaf, None)?,
                Looked::Ask(leaf, stat) => asked.push((place, leaf, stat)),
            }
        }
        self.recall(asked, &folders)?;
        self.reader.digest_held(&mut self.delivery, self.session)?;
        // Those of this batch come while the next one is looked at.
        self.read_oldest(self.prefetch.before(number))?;
        self.delivery.deliver();
        Ok(())
    }

    /// Reads the oldest of the files that the disk was asked for.
    fn read_oldest(&mut self, count: usize) -> Result<(), Stop> {
        if count == 0 {
            return Ok(());
        }
        let oldest = self.prefetch.take(count);
        self.reader.read_group(oldest, &mut self.delivery, self.session)?;
        self.delivery.deliver();
        Ok(())
    }

    /// Reads all files that the disk was asked for.
    fn read_rest(&mut self) -> Result<(), Stop> {
        self.read_oldest(self.prefetch.len())
    }

    /// Makes rows of the files that the cache knows, and reads the others.
    fn recall(
        &mut self,
        asked: Vec<(Place, Leaf, Box<Statx>)>,
        folders: &[Arc<OwnedFd>],
    ) -> Result<(), Stop> {
        if asked.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = asked.iter().map(|(.., stat)| meta::file_id(stat)).collect();
        let answers = self.reader.recall.find(&ids);
        // What was looked up costs no file and no bytes, but time.
        self.session.spend(Cost::default())?;
        self.delivery.lap.restart();
        for (((place, leaf, stat), id), answer) in asked.into_iter().zip(ids).zip(answers) {
            match answer {
                Answer::Known(digests) => {
                    let row = recall::row(leaf.named.into_path(), &stat, digests);
                    let found = self.delivery.boxes.pack(row);
                    let outcome = Outcome::judged(self.shared.plan, found, 0);
                    self.delivery.add(place, outcome, self.session)?;
                }
                Answer::Unknown => self.open(place, folders, leaf, None)?,
                Answer::Check(digests) => self.open(place, folders, leaf, Some((id, digests)))?,
            }
        }
        Ok(())
    }

    /// Opens a file and reads it, or puts it among those that are to be read. `expected` is what the cache said of it.
    fn open(
        &mut self,
        place: Place,
        folders: &[Arc<OwnedFd>],
        leaf: Leaf,
        expected: Option<(FileId, Digests)>,
    ) -> Result<(), Stop> {
        let Self { session, reader, delivery, .. } = self;
        let Some(folder) = folders.get(leaf.folder) else {
            return delivery.add(place, without_folder(leaf), *session);
        };
        let mut open = match self.examiner.open(folder, leaf, delivery, *session) {
            Opened::Done(outcome) => return delivery.add(place, outcome, *session),
            Opened::Open(open) => open,
        };
        if let Some((asked, digests)) = expected
            && asked == meta::file_id_of(&open.found.row)
        {
            open.expected = Some(digests);
        }
        let Some(file) = reader.claim(place, open, delivery, *session)? else { return Ok(()) };
        match reader.take(file, delivery, *session)? {
            Some(mut stream) if !stream.is_big() => {
                stream.begin(*session)?;
                self.prefetch.push(stream);
            }
            Some(stream) => {
                if let Some(big) = self.shared.window.offer(stream) {
                    reader.read_big(big, delivery, *session)?;
                }
            }
            None => {}
        }
        self.read_oldest(self.prefetch.due())
    }
}

/// Accounts for a leaf whose folder its batch does not know, which the walk does not make.
fn without_folder(leaf: Leaf) -> Outcome {
    Outcome::row(meta::failed(leaf.named.into_path(), leaf.hint, None, Errno::BADF))
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
