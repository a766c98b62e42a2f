//! Reads files to their end through all digests: several at a time where that pays, the cold ones last.
//!
//! What is in memory is read at once ([`crate::collectors::file_hash::scan::small`]). What is not is asked for (`WILLNEED`) and read when the disk was
//! asked for many more ([`crate::collectors::file_hash::scan::read_ahead`]): it works at all of them, not at one after another.

use std::collections::VecDeque;

use rustix::io::Errno;

use crate::collectors::file_hash::entry::{Outcome, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::scan::cache;
use crate::collectors::file_hash::scan::hard_links::{Claim, HardLinks};
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::scan::small::{BufferedFile, LOOK_AT};
use crate::collectors::file_hash::scan::stream::{BUFFER_BYTES, Done, Step, Stream, ToRead};
use crate::collectors::file_hash::spec::Plan;
use crate::files::known::CacheLookup;
use crate::session::{Session, Stop};
use muster_digests::{self, Hasher};

/// Reads streams; one for each worker.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) window: &'a ReorderBuffer,
    links: &'a HardLinks,
    pub(crate) recall: CacheLookup<'a>,
    pub(crate) blank: Hasher,
    pub(crate) buffers: Vec<Vec<u8>>,
    /// Small files that lie in the first buffers.
    pub(crate) held: Vec<BufferedFile>,
    /// So many small files more are looked at before they are read.
    pub(crate) to_look_at: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        window: &'a ReorderBuffer,
        links: &'a HardLinks,
        session: &'a dyn Session,
    ) -> Self {
        let width = muster_digests::width(&plan.algorithms).max(1);
        let buffers = std::iter::repeat_with(|| vec![0; BUFFER_BYTES]).take(width).collect();
        let recall = CacheLookup::new(&plan.hashes, session);
        Self {
            plan,
            window,
            links,
            recall,
            blank: Hasher::new(&plan.algorithms),
            buffers,
            held: Vec::new(),
            to_look_at: LOOK_AT,
        }
    }

    /// Returns whether several streams together are read faster than one after the other.
    pub(crate) fn is_wide(&self) -> bool {
        self.buffers.len() > 1
    }

    /// Decides what to do with a file that was just opened; `None` when its digests are known by another name, or will be.
    pub(crate) fn claim(
        &self,
        place: Place,
        open: Open,
        delivery: &mut OutcomeBuffer<'_>,
    ) -> Option<ToRead> {
        match self.links.claim(place, open) {
            Claim::ReadFirst(open) => Some(ToRead { place, open, is_first: true }),
            Claim::Read(open) => Some(ToRead { place, open, is_first: false }),
            Claim::Waits => None,
            Claim::Known(found) => {
                delivery.add(place, Outcome::judged(|row| self.plan.judge(row), found, 0));
                None
            }
        }
    }

    /// Makes a stream of a file that was not begun.
    pub(crate) fn stream(&self, file: ToRead) -> Stream {
        Stream::new(file, self.blank.clone())
    }

    /// Reads a group of small files.
    pub(crate) fn read_group(
        &mut self,
        mut waiting: VecDeque<Stream>,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        self.digest_held(delivery, session)?;
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

    /// Reads one buffer of each stream and puts it through the digests.
    pub(crate) fn round(
        &mut self,
        active: &mut Vec<Stream>,
        cold: &mut VecDeque<Stream>,
        delivery: &mut OutcomeBuffer<'_>,
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
            muster_digests::update_many(&mut fed);
        }
        let mut steps = steps.into_iter();
        let mut stopped = Ok(());
        for mut stream in std::mem::take(active) {
            let step = match steps.next() {
                Some(Step::Got(count)) => match stream.advance(count, self.window, session) {
                    Ok(step) => step,
                    // The others may be finished all the same.
                    Err(stop) => {
                        stopped = stopped.and(Err(stop));
                        continue;
                    }
                },
                Some(other) => other,
                None => Step::End,
            };
            match step {
                Step::Got(_) => active.push(stream),
                Step::Cold => {
                    stream.may_block = true;
                    cold.push_back(stream);
                }
                Step::End => self.finish(stream, None, delivery),
                Step::Failed(errno) => self.finish(stream, Some(errno), delivery),
            }
        }
        stopped?;
        delivery.pass(session)
    }

    /// Makes rows of a file that was read to its end, or could not be.
    pub(crate) fn finish(
        &mut self,
        stream: Stream,
        problem: Option<Errno>,
        delivery: &mut OutcomeBuffer<'_>,
    ) {
        let is_kept = cache::is_cacheable(&mut self.recall, stream.open());
        let done = stream.end(problem);
        delivery.lap.restart();
        self.settle(done, is_kept, delivery);
    }

    /// Delivers the rows of a file: its own, and those of its names that waited.
    pub(crate) fn settle(&mut self, done: Done, is_kept: bool, delivery: &mut OutcomeBuffer<'_>) {
        let Done { place, mut found, is_first, expected, id, began_ns, elapsed_ms } = done;
        let is_news = cache::compare(&mut found.row, expected.as_ref());
        if is_kept && is_news {
            cache::store(&mut self.recall, id, began_ns, &found.row);
        }
        let others = if is_first { self.links.finish(id, &found.row) } else { Vec::new() };
        delivery.add(place, Outcome::judged(|row| self.plan.judge(row), found, elapsed_ms));
        for (place, found) in others {
            delivery.add(place, Outcome::judged(|row| self.plan.judge(row), found, 0));
        }
    }
}
