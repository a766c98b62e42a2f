//! Reads files to their end through all digests: several at a time where that pays, the cold ones last.
//!
//! What is in memory is read at once. What is not is asked for (`WILLNEED`) and read when everything else of its group is
//! done: by then the disk has worked at all of them, not at one after another.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::result::{FileKind, FileStatus, Row};
use rustix::fs::{self, Statx, StatxTimestamp};
use rustix::io::{self, Errno, ReadWriteFlags};

use super::batch::{Found, Outcome};
use super::digests::{self, Digests};
use super::examine::Open;
use super::links::{Claim, Links};
use super::meta;
use super::pages::Pages;
use super::plan::Plan;
use super::recall::Recall;
use super::window::{Place, Window};
use crate::session::{Cost, Session, Stop, Wait, blocking};

/// Bytes of one read: at 256 KiB and beyond a copy is five times slower.
const BUFFER_BYTES: usize = 65_536;
/// Bytes between two requests to the session for more.
const SPEND_BYTES: u64 = 1 << 20;
/// From this size on any free worker may take a file.
const BIG_BYTES: u64 = 8 << 20;
/// Outcomes go into the window at least so often; in tests each does.
const DELIVER_AFTER: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 100 });
/// Where `preadv2` reads on from where it was.
const HERE: u64 = u64::MAX;

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Stream {
    place: Place,
    open: Open,
    digests: Digests,
    /// Other names of it may wait.
    is_first: bool,
    size: u64,
    got: u64,
    /// The session allows to read up to here.
    allowed: u64,
    began: Option<Instant>,
    /// The same by the clock, nanoseconds since 1970.
    began_ns: i64,
    pages: Pages,
    is_looked_at: bool,
    /// It is worth waiting for.
    may_block: bool,
}

/// What one step with a stream led to.
#[derive(Debug, Clone, Copy)]
enum Step {
    Got(usize),
    /// The next bytes are not in memory.
    Cold,
    End,
    Failed(Errno),
}

/// Outcomes on their way into the window.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    window: &'a Window,
    outcomes: Vec<(Place, Outcome)>,
    began: Instant,
}

/// Reads streams; one for each worker.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    window: &'a Window,
    links: &'a Links,
    pub(super) recall: Recall<'a>,
    blank: Digests,
    buffers: Vec<Vec<u8>>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(window: &'a Window) -> Self {
        Self { window, outcomes: Vec::new(), began: Instant::now() }
    }

    /// Adds an outcome; those of a slow group go into the window before its end.
    pub(super) fn add(
        &mut self,
        place: Place,
        outcome: Outcome,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        self.outcomes.push((place, outcome));
        if self.began.elapsed() < DELIVER_AFTER {
            return Ok(());
        }
        self.deliver();
        self.window.emit(session)
    }

    /// Puts everything into the window.
    pub(super) fn deliver(&mut self) {
        self.window.put(self.outcomes.drain(..));
        self.began = Instant::now();
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        window: &'a Window,
        links: &'a Links,
        session: &'a dyn Session,
    ) -> Self {
        let width = digests::width(&plan.hashes).max(1);
        let buffers = std::iter::repeat_with(|| vec![0; BUFFER_BYTES]).take(width).collect();
        let recall = Recall::new(plan, session);
        Self { plan, window, links, recall, blank: Digests::new(&plan.hashes), buffers }
    }

    /// Makes a stream of a file that was just opened, unless its digests are known by another name.
    pub(super) fn stream(
        &self,
        place: Place,
        open: Box<Open>,
        delivery: &mut Delivery<'_>,
        session: &dyn Session,
    ) -> Result<Option<Stream>, Stop> {
        let (open, is_first) = match self.links.claim(place, open) {
            Claim::ReadFirst(open) => (*open, true),
            Claim::Read(open) => (*open, false),
            Claim::Waits => {
                session.spend(Cost { files: 1, bytes: 0 })?;
                return Ok(None);
            }
            Claim::Known(row) => {
                session.spend(Cost { files: 1, bytes: 0 })?;
                let found = Found::judged(self.plan, *row, 0);
                delivery.add(place, Outcome::Row(Box::new(found)), session)?;
                return Ok(None);
            }
        };
        Ok(Some(Stream {
            place,
            is_first,
            size: open.before.stx_size,
            open,
            digests: self.blank.clone(),
            got: 0,
            allowed: 0,
            began: None,
            began_ns: 0,
            pages: Pages::default(),
            is_looked_at: false,
            may_block: false,
        }))
    }

    /// Reads a group of small files.
    pub(super) fn read_group(
        &mut self,
        group: impl IntoIterator<Item = Stream>,
        delivery: &mut Delivery<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut waiting: VecDeque<_> = group.into_iter().collect();
        let mut cold = VecDeque::new();
        let mut active = Vec::with_capacity(self.buffers.len());
        loop {
            while active.len() < self.buffers.len()
                && let Some(mut stream) = waiting.pop_front()
            {
                stream.begin(session)?;
                active.push(stream);
            }
            if active.is_empty() {
                if cold.is_empty() {
                    return Ok(());
                }
                std::mem::swap(&mut waiting, &mut cold);
                continue;
            }
            self.round(&mut active, &mut cold, delivery, session)?;
        }
    }

    /// Reads a big file, and with it others that wait, as far as they share the work of a digest. Gives some of them
    /// away when another worker has nothing to do.
    pub(super) fn read_big(
        &mut self,
        first: Stream,
        delivery: &mut Delivery<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut active = vec![first];
        let mut cold = VecDeque::new();
        while !active.is_empty() {
            while active.len() < self.buffers.len()
                && let Some(stream) = self.window.take_big()
            {
                active.push(stream);
            }
            if active.len() > 1 && self.window.has_idle() {
                for stream in active.drain(active.len().div_ceil(2)..) {
                    self.window.give(stream);
                }
            }
            for stream in &mut active {
                stream.may_block = true;
                stream.begin(session)?;
            }
            self.round(&mut active, &mut cold, delivery, session)?;
        }
        Ok(())
    }

    /// Reads one buffer of each stream and puts it through the digests.
    fn round(
        &mut self,
        active: &mut Vec<Stream>,
        cold: &mut VecDeque<Stream>,
        delivery: &mut Delivery<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut steps = Vec::with_capacity(active.len());
        for (stream, buffer) in active.iter_mut().zip(&mut self.buffers) {
            session.check()?;
            steps.push(stream.pull(buffer, session));
        }
        let read = active.iter_mut().zip(&self.buffers).zip(&steps);
        let mut fed = read.filter_map(|((stream, buffer), step)| match step {
            Step::Got(count) => Some((&mut stream.digests, buffer.get(..*count)?)),
            _ => None,
        });
        if steps.len() == 1 {
            fed.for_each(|(digests, bytes)| digests.update(bytes));
        } else {
            digests::update_many(&mut fed);
        }
        let mut steps = steps.into_iter();
        for mut stream in std::mem::take(active) {
            let step = match steps.next() {
                Some(Step::Got(count)) => stream.advance(count, self.window, session)?,
                Some(other) => other,
                None => Step::End,
            };
            match step {
                Step::Got(_) => active.push(stream),
                Step::Cold => {
                    stream.may_block = true;
                    cold.push_back(stream);
                }
                Step::End => self.finish(stream, None, delivery, session)?,
                Step::Failed(errno) => self.finish(stream, Some(errno), delivery, session)?,
            }
        }
        Ok(())
    }

    /// Makes rows of a file that was read to its end, or could not be: its own, and those of its names that waited.
    fn finish(
        &mut self,
        stream: Stream,
        problem: Option<Errno>,
        delivery: &mut Delivery<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let (place, is_first, id) =
            (stream.place, stream.is_first, meta::file_id(&stream.open.before));
        let (is_kept, began_ns) = (self.recall.takes(&stream.open), stream.began_ns);
        let (row, elapsed_ms) = stream.end(problem);
        if is_kept {
            self.recall.keep(id, began_ns, &row);
        }
        let others = if is_first { self.links.finish(id, &row) } else { Vec::new() };
        let mut add = |place, row, elapsed_ms| {
            let found = Found::judged(self.plan, row, elapsed_ms);
            delivery.add(place, Outcome::Row(Box::new(found)), session)
        };
        add(place, row, elapsed_ms)?;
        others.into_iter().try_for_each(|(place, row)| add(place, row, 0))
    }
}

impl Stream {
    pub(super) fn is_big(&self) -> bool {
        self.size >= BIG_BYTES
    }

    /// Asks the session for the first bytes.
    fn begin(&mut self, session: &dyn Session) -> Result<(), Stop> {
        if self.began.is_some() {
            return Ok(());
        }
        self.allowed = self.size.min(SPEND_BYTES);
        session.spend(Cost { files: 1, bytes: self.allowed })?;
        self.began = Some(Instant::now());
        self.began_ns = now_ns();
        if self.size > BUFFER_BYTES as u64 {
            self.look();
        }
        Ok(())
    }

    /// Finds out what is in memory, and asks for what is not.
    fn look(&mut self) {
        if !std::mem::replace(&mut self.is_looked_at, true) {
            self.pages = Pages::look(&self.open.file, self.size);
        }
        self.pages.ask_ahead(&self.open.file, self.got, self.size);
    }

    /// Reads into `buffer`; waits for the disk only if it may.
    fn pull(&mut self, buffer: &mut [u8], session: &dyn Session) -> Step {
        loop {
            let read = if self.may_block || self.got > 0 {
                blocking(session, Wait::Read, || io::read(&self.open.file, &mut *buffer))
            } else {
                let mut buffers = [IoSliceMut::new(buffer)];
                io::preadv2(&self.open.file, &mut buffers, HERE, ReadWriteFlags::NOWAIT)
            };
            match read {
                Ok(0) => return Step::End,
                Ok(count) => return Step::Got(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !self.may_block => {
                    self.look();
                    return Step::Cold;
                }
                // This file system reads only one way.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if !self.may_block => {
                    self.may_block = true;
                    self.look();
                }
                Err(errno) => return Step::Failed(errno),
            }
        }
    }

    /// Accounts for bytes that went through the digests.
    fn advance(
        &mut self,
        count: usize,
        window: &Window,
        session: &dyn Session,
    ) -> Result<Step, Stop> {
        self.got += count as u64;
        window.count_bytes(count as u64);
        if self.got == self.size && count < BUFFER_BYTES {
            return Ok(Step::End);
        }
        if self.got < self.allowed {
            // Half of a small file is in memory: the rest is waited for with the others.
            let is_cut = count < BUFFER_BYTES && !self.may_block;
            return Ok(if is_cut { self.cut() } else { Step::Got(count) });
        }
        window.pass_time(&self.open.path, session)?;
        if self.size == 0 {
            // It claims to be empty and is not: a file of /proc, or one that has just begun to grow.
            self.size = meta::of_open(&self.open.file).map_or(0, |now| now.stx_size);
        }
        if self.size > 0 && self.got > self.size.saturating_add(SPEND_BYTES) {
            return Ok(Step::End);
        }
        self.pages.drop_until(&self.open.file, self.got);
        self.pages.ask_ahead(&self.open.file, self.got, self.size);
        let more = self.size.saturating_sub(self.got).clamp(BUFFER_BYTES as u64, SPEND_BYTES);
        session.spend(Cost { files: 0, bytes: more })?;
        self.allowed = self.got.saturating_add(more);
        Ok(Step::Got(count))
    }

    fn cut(&mut self) -> Step {
        self.look();
        Step::Cold
    }

    /// Makes the row of a file that was read to its end, or could not be; also returns the milliseconds that it took.
    fn end(mut self, problem: Option<Errno>) -> (Row, u64) {
        self.pages.drop_rest(&self.open.file);
        let Open { file, path, before, expected } = self.open;
        let row = match problem.map_or_else(|| io::retry_on_intr(|| fs::fstat(&file)), Err) {
            Err(errno) => meta::failed(path, FileKind::Regular, Some(&before), errno),
            Ok(after) => {
                let digests = self.digests.finish();
                let status = if is_changed(&before, &after) {
                    FileStatus::Changed
                } else if expected.is_some_and(|expected| expected != digests) {
                    FileStatus::CacheMismatch
                } else {
                    FileStatus::Ok
                };
                // Of a file of /proc, or of one that grows, the kernel's size is not that of what was read.
                Row { digests, size: self.got, ..meta::row(path, &before, status) }
            }
        };
        let elapsed = self.began.map(|began| began.elapsed()).unwrap_or_default();
        (row, u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Tells whether a file is not what it was.
fn is_changed(before: &Statx, after: &fs::Stat) -> bool {
    let is_same = |then: &StatxTimestamp, seconds: i64, nanoseconds: u64| {
        then.tv_sec == seconds && u64::from(then.tv_nsec) == nanoseconds
    };
    u64::try_from(after.st_size) != Ok(before.stx_size)
        || !is_same(&before.stx_mtime, after.st_mtime, after.st_mtime_nsec)
        || !is_same(&before.stx_ctime, after.st_ctime, after.st_ctime_nsec)
}
