//! What each thread does: pull entries from the one walker, look at them, put them into the window.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_protocol::artifact::Digests;
use rustix::fd::OwnedFd;
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::collectors::CollectError;
use crate::collectors::file_hash::descriptors::Descriptors;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::{Batch, Found, Item, Leaf, Outcome, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::scan::big_files::{BigFiles, Next};
use crate::collectors::file_hash::scan::cache;
use crate::collectors::file_hash::scan::hard_links::HardLinks;
use crate::collectors::file_hash::scan::open::{Examiner, Looked, Opened, Unlooked};
use crate::collectors::file_hash::scan::read_ahead::Prefetch;
use crate::collectors::file_hash::scan::reader::Reader;
use crate::collectors::file_hash::scan::stream::ToRead;
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::walk::{Pulled, Walker};
use crate::files::known::Answer;
use crate::files::statx;
use crate::session::{Cost, FileId, Session, Stop, Wait, blocking};

/// Before a longer wait for a limit a worker reads what it was allowed to, and delivers what it has.
const FLUSH_BEFORE: Duration = Duration::from_millis(10);

/// What the workers share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) walker: Mutex<Walker<'a>>,
    pub(crate) window: &'a ReorderBuffer,
    pub(crate) big_files: BigFiles<'a>,
    pub(crate) links: HardLinks,
    /// How many share the work.
    pub(crate) workers: usize,
    pub(crate) descriptors: Descriptors,
}

/// Works until everything is done or something fails.
pub(crate) fn work(shared: &Shared<'_>, session: &dyn Session) {
    let _thread = session.enter_thread();
    let alarm = Alarm { window: shared.window };
    let mut worker = Worker::new(shared, session);
    let ended = worker.run();
    worker.hand_over();
    if let Err(stop) = ended {
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
    delivery: OutcomeBuffer<'a>,
}

impl<'a, 'p> Worker<'a, 'p> {
    fn new(shared: &'a Shared<'p>, session: &'a dyn Session) -> Self {
        let plan = shared.plan;
        let mut prefetch = Prefetch::new(shared.workers);
        if shared.descriptors.are_scarce() {
            prefetch.spare_descriptors();
        }
        Self {
            shared,
            session,
            examiner: Examiner::new(plan, cache::answering(plan, session).is_some()),
            reader: Reader::new(plan, shared.window, &shared.links, session),
            prefetch,
            delivery: OutcomeBuffer::new(shared.window),
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        let Shared { window, big_files, .. } = self.shared;
        loop {
            self.session.check()?;
            match big_files.next(self.reader.is_wide()) {
                Next::End => return Ok(()),
                Next::Walk => match self.pull()? {
                    Pulled::Batch(batch) => self.take(batch)?,
                    Pulled::Starved => self.await_descriptor()?,
                    Pulled::End => {
                        self.read_rest()?;
                        window.close();
                    }
                },
                Next::Wait if self.prefetch.len() > 0 => self.read_rest()?,
                Next::Wait => {
                    self.session.set_current_path(b"");
                    blocking(self.session, Wait::Peers, || big_files.wait());
                }
                Next::Read(big) => {
                    self.read_rest()?;
                    self.delivery.begin();
                    self.reader.read_big(*big, big_files, &mut self.delivery, self.session)?;
                    self.delivery.deliver();
                }
                Next::ReadAhead(ahead) => {
                    self.read_rest()?;
                    self.session.set_current_path(b"");
                    ahead.read(|| big_files.has_work(), self.session)?;
                }
            }
            window.emit(self.session)?;
        }
    }

    /// Delivers everything that is finished, however the work ended. What was allowed and is not read yet is read, unless
    /// all have to stop.
    fn hand_over(&mut self) {
        drop(self.read_rest());
        drop(self.reader.digest_held(&mut self.delivery, self.session));
        self.delivery.deliver();
    }

    /// Waits until the limits allow the cost. Before a wait that matters, what this worker has is read and delivered.
    fn pay(&mut self, cost: Cost) -> Result<(), Stop> {
        let Some(until) = self.session.ask(cost)? else { return Ok(()) };
        if until.saturating_duration_since(Instant::now()) >= FLUSH_BEFORE {
            self.flush()?;
        }
        self.session.pause(until)
    }

    /// Reads what this worker was allowed to, and delivers and emits what it has.
    fn flush(&mut self) -> Result<(), Stop> {
        self.read_rest()?;
        self.reader.digest_held(&mut self.delivery, self.session)?;
        self.delivery.deliver();
        self.shared.window.emit(self.session)
    }

    /// Takes the next batch off the walker and opens its place in the window, in one order.
    fn pull(&self) -> Result<Pulled, Stop> {
        let walker = blocking(self.session, Wait::Peers, || self.shared.walker.lock());
        let mut walker = walker.unwrap_or_else(PoisonError::into_inner);
        if self.shared.descriptors.are_scarce() {
            walker.spare_descriptors();
        }
        let pulled = walker.next_batch(self.session)?;
        if let Pulled::Batch(batch) = &pulled {
            self.shared.descriptors.opened();
            self.shared.window.open(batch);
        }
        Ok(pulled)
    }

    /// Closes what this worker has open and can do without, and waits a moment for a descriptor.
    fn await_descriptor(&mut self) -> Result<(), Stop> {
        self.flush()?;
        self.prefetch.spare_descriptors();
        self.shared.descriptors.wait(self.session)
    }

    fn take(&mut self, batch: Batch) -> Result<(), Stop> {
        self.delivery.begin();
        let Batch { number, items, folders, .. } = batch;
        let mut asked = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = Place { batch: number, index };
            let is_leaf = matches!(item, Item::Leaf(_));
            let looked = match item {
                Item::Leaf(leaf) => self.look(&folders, leaf)?,
                Item::Done(outcome) => Looked::Done(outcome),
            };
            match looked {
                Looked::Done(outcome) => {
                    let is_listed = is_leaf && self.shared.plan.is_listing() && outcome.is_row();
                    self.delivery.add(place, outcome);
                    if is_listed {
                        self.pay(Cost { files: 1, bytes: 0 })?;
                    }
                }
                Looked::Read(leaf) => self.open(place, &folders, leaf, None)?,
                Looked::Ask(leaf, stat) => asked.push((place, leaf, stat)),
            }
            self.delivery.pass(self.session)?;
        }
        self.recall(asked, &folders)?;
        self.reader.digest_held(&mut self.delivery, self.session)?;
        // Those of this batch come while the next one is looked at.
        self.read_oldest(self.prefetch.before(number))?;
        self.delivery.deliver();
        Ok(())
    }

    /// Looks at an entry of a batch with these folders.
    fn look(&mut self, folders: &[Arc<OwnedFd>], mut leaf: Leaf) -> Result<Looked, Stop> {
        loop {
            let Some(folder) = folders.get(leaf.folder) else {
                return Ok(Looked::Done(without_folder(leaf)));
            };
            match self.examiner.look(folder, leaf, self.session) {
                Ok(looked) => return Ok(looked),
                Err(Unlooked::Starved(same)) => leaf = *same,
                Err(Unlooked::Stop(stop)) => return Err(stop),
            }
            self.await_descriptor()?;
        }
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
        let ids: Vec<_> = asked.iter().map(|(.., stat)| statx::file_id(stat)).collect();
        let answers = self.reader.recall.find(&ids);
        // What was looked up costs no file and no bytes, but time.
        self.pay(Cost::default())?;
        self.delivery.lap.restart();
        for (((place, leaf, stat), id), answer) in asked.into_iter().zip(ids).zip(answers) {
            match answer {
                Answer::Known(digests) => {
                    let row = cache::row(leaf.named.into_path(), &stat, digests);
                    let found = Box::new(Found::free(row));
                    let outcome = Outcome::judged(|row| self.shared.plan.judge(row), found, 0);
                    self.delivery.add(place, outcome);
                }
                Answer::Unknown => self.open(place, folders, leaf, None)?,
                Answer::Check(digests) => self.open(place, folders, leaf, Some((id, digests)))?,
            }
            self.delivery.pass(self.session)?;
        }
        Ok(())
    }

    /// Opens a file and reads it, or puts it among those that are to be read. `expected` is what the cache said of it.
    fn open(
        &mut self,
        place: Place,
        folders: &[Arc<OwnedFd>],
        mut leaf: Leaf,
        expected: Option<(FileId, Digests)>,
    ) -> Result<(), Stop> {
        let Some(folder) = folders.get(leaf.folder) else {
            self.delivery.add(place, without_folder(leaf));
            return Ok(());
        };
        let mut open = loop {
            match self.examiner.open(folder, leaf, &mut self.delivery, self.session) {
                Opened::Done(outcome) => {
                    self.delivery.add(place, outcome);
                    return Ok(());
                }
                Opened::Open(open) => break open,
                Opened::Starved(same) => leaf = same,
            }
            self.await_descriptor()?;
        };
        self.shared.descriptors.opened();
        if let Some((asked, digests)) = expected
            && asked == meta::file_id_of(&open.found.row)
        {
            open.expected = Some(digests);
        }
        match self.reader.claim(place, open, &mut self.delivery) {
            None => self.pay(Cost { files: 1, bytes: 0 }),
            Some(file) => self.read(file),
        }
    }

    /// Puts a big file up for a worker that is free, or reads it where too many wait.
    fn put_up(&mut self, file: ToRead) -> Result<(), Stop> {
        let big_files = &self.shared.big_files;
        let stream = self.reader.stream(file);
        let is_kept = self.shared.descriptors.are_scarce();
        let kept = if is_kept { Some(stream) } else { big_files.offer(stream) };
        let Some(big) = kept else { return Ok(()) };
        self.read_rest()?;
        self.reader.read_big(big, big_files, &mut self.delivery, self.session)
    }

    /// Reads a file, or puts it among those that are to be read.
    fn read(&mut self, file: ToRead) -> Result<(), Stop> {
        if file.is_big() {
            return self.put_up(file);
        }
        self.pay(file.first_cost())?;
        if let Some(stream) = self.reader.take(file, &mut self.delivery, self.session)? {
            self.prefetch.push(stream);
        }
        self.read_oldest(self.prefetch.due(self.delivery.lap.at()))
    }
}

/// Accounts for a leaf whose folder its batch does not know, which the walk does not make.
fn without_folder(leaf: Leaf) -> Outcome {
    Outcome::row(meta::failed(leaf.named.into_path(), leaf.hint, None, Errno::BADF))
}

/// Ends the other workers when one panics: they would wait for its rows without end.
struct Alarm<'a> {
    window: &'a ReorderBuffer,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.window.fail(CollectError::failed(CollectError::BUG, "a worker panicked"));
        }
    }
}
