//! Small files: most are in memory and are read whole in one call, and then closed before the next is opened.
//!
//! Where several streams share the work of a digest their bytes are kept until there are as many.

use std::time::Duration;

use rustix::io::Errno;

use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::scan::cache;
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::scan::page_cache::Pages;
use crate::collectors::file_hash::scan::reader::Reader;
use crate::collectors::file_hash::scan::stream::{
    BUFFER_BYTES, Done, Step, Stream, ToRead, read_cached, status_after,
};
use crate::files::known::now_ns;
use crate::session::{Session, Stop};

/// Small files that are looked at before they are read, at the beginning and after each one that was not in memory. Where
/// the kernel has a file from the disk before it would have to say that one must wait, nothing else tells.
pub(crate) const LOOK_AT: u32 = 64;

/// A file whose bytes lie in a buffer and did not go through the digests yet.
#[derive(Debug)]
pub(crate) struct BufferedFile {
    done: Done,
    is_kept: bool,
    bytes: usize,
    took: Duration,
}

impl Reader<'_> {
    /// Takes a file for which the session was asked. Reads it at once if it is small; gives it back when there is
    /// more to it.
    pub(crate) fn take(
        &mut self,
        file: ToRead,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Result<Option<Stream>, Stop> {
        let size = file.open.found.row.size;
        if size >= BUFFER_BYTES as u64 {
            return Ok(Some(Stream::begun(file, self.blank.clone())));
        }
        delivery.lap.restart();
        let began_ns = if self.recall.is_on() { now_ns() } else { 0 };
        if self.to_look_at > 0 {
            self.to_look_at -= 1;
            let pages = Pages::look(&file.open.file, size);
            if pages.are_missing() {
                return Ok(Some(self.ask(file, pages)));
            }
        }
        let Some(buffer) = self.buffers.get_mut(self.held.len()) else { return Ok(None) };
        let count = match read_cached(&file.open.file, buffer) {
            Ok(count) => count,
            Err(Errno::AGAIN) => return Ok(Some(self.ask(file, Pages::absent()))),
            Err(_) => return Ok(Some(Stream::begun(file, self.blank.clone()))),
        };
        if count as u64 != size && count > 0 {
            let mut stream = Stream::begun(file, self.blank.clone());
            stream.digests.update(buffer.get(..count).unwrap_or_default());
            return self.go_on(stream, count, delivery, session);
        }
        self.hold(file, count, began_ns, delivery);
        if self.held.len() >= self.buffers.len() {
            self.digest_held(delivery, session)?;
        }
        Ok(None)
    }

    /// Asks the disk for a file that is not in memory, or not whole; others like it may follow.
    fn ask(&mut self, file: ToRead, pages: Pages) -> Stream {
        self.to_look_at = LOOK_AT;
        let mut stream = Stream::begun(file, self.blank.clone());
        stream.ask(pages);
        stream
    }

    /// Goes on with a file of which other than the expected bytes were there.
    fn go_on(
        &mut self,
        mut stream: Stream,
        count: usize,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Result<Option<Stream>, Stop> {
        match stream.advance(count, self.window, session)? {
            Step::End => {
                self.finish(stream, None, delivery);
                Ok(None)
            }
            step => {
                stream.may_block |= matches!(step, Step::Cold);
                Ok(Some(stream))
            }
        }
    }

    /// Closes a file that lies in a buffer, whole.
    fn hold(
        &mut self,
        file: ToRead,
        bytes: usize,
        began_ns: i64,
        delivery: &mut OutcomeBuffer<'_>,
    ) {
        delivery.count_bytes(bytes as u64);
        let is_kept = cache::is_cacheable(&mut self.recall, &file.open);
        let ToRead { place, open, is_first } = file;
        let Open { file, mut found, expected } = open;
        let id = meta::file_id_of(&found.row);
        match status_after(&found.row, &file) {
            Ok(status) => found.row.status = status,
            Err(errno) => meta::fail(&mut found.row, errno),
        }
        drop(file);
        let took = if self.buffers.len() > 1 { delivery.lap.restart() } else { Duration::ZERO };
        let done = Done { place, found, is_first, expected, id, began_ns, elapsed_ms: 0 };
        self.held.push(BufferedFile { done, is_kept, bytes, took });
    }

    /// Puts what is held through the digests, and makes rows of it.
    pub(crate) fn digest_held(
        &mut self,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut all = std::mem::take(&mut self.held);
        let whole = all.iter_mut().zip(&self.buffers).filter_map(|(held, buffer)| {
            let row = &mut held.done.found.row;
            let bytes = buffer.get(..held.bytes)?;
            row.status.has_digests().then_some((bytes, &mut row.digests))
        });
        crate::files::digests::of_whole(&self.plan.algorithms, whole);
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
        let share = delivery.lap.restart() / count;
        let mut passed = Ok(());
        for held in all.drain(..) {
            let BufferedFile { mut done, is_kept, bytes, took } = held;
            let row = &mut done.found.row;
            if row.status.has_digests() {
                row.size = bytes as u64;
            }
            let elapsed = took.saturating_add(share);
            done.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            self.settle(done, is_kept, delivery);
            // The rest is finished, too, whatever this says.
            passed = passed.and(delivery.pass(session));
        }
        self.held = all;
        passed
    }
}
