//! Files that are open, and that the disk was asked for, but that are not read yet.
//!
//! A disk gives its most when it is asked for a hundred files. The oldest half is read when there are so many: a group that
//! is read to its last file would leave the disk without work while the next ones are opened.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::collectors::file_hash::scan::stream::Stream;

/// Files of all workers: each is a descriptor.
const FILES_MAX: usize = 256;
/// Files of one worker.
const FILES_EACH_MAX: usize = 128;
/// Bytes of the files of one worker.
const BYTES_EACH_MAX: u64 = 32 << 20;

/// None waits for longer, however few there are.
const AGE_MAX: Duration = Duration::from_millis(250);

/// What one worker has asked for, oldest first.
#[derive(Debug)]
pub(crate) struct Prefetch {
    streams: VecDeque<Stream>,
    bytes: u64,
    files_max: usize,
}

impl Prefetch {
    /// Makes that of one of so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        let files_max = (FILES_MAX / workers.max(1)).clamp(2, FILES_EACH_MAX);
        Self { streams: VecDeque::new(), bytes: 0, files_max }
    }

    /// Holds as few descriptors open as it can.
    pub(crate) fn spare_descriptors(&mut self) {
        self.files_max = 1;
    }

    pub(crate) fn push(&mut self, stream: Stream) {
        self.bytes = self.bytes.saturating_add(stream.size());
        self.streams.push_back(stream);
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Returns how many are to be read before more are asked for.
    pub(crate) fn due(&self, now: Instant) -> usize {
        let long_ago = now.checked_sub(AGE_MAX);
        let is_old = |oldest: &Stream| long_ago.is_some_and(|then| oldest.is_older(then));
        if self.streams.front().is_some_and(is_old) {
            return self.streams.len();
        }
        let is_full = self.streams.len() >= self.files_max || self.bytes >= BYTES_EACH_MAX;
        if is_full { self.streams.len().div_ceil(2) } else { 0 }
    }

    /// Returns how many belong to batches before this one.
    pub(crate) fn before(&self, batch: u64) -> usize {
        self.streams.iter().take_while(|stream| stream.place().batch < batch).count()
    }

    /// Takes the oldest.
    pub(crate) fn take(&mut self, count: usize) -> VecDeque<Stream> {
        let rest = self.streams.split_off(count.min(self.streams.len()));
        let oldest = std::mem::replace(&mut self.streams, rest);
        let bytes = oldest.iter().fold(0_u64, |sum, stream| sum.saturating_add(stream.size()));
        self.bytes = self.bytes.saturating_sub(bytes);
        oldest
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use muster_protocol::artifact::file_hash::{FileKind, Row};
    use rustix::io::Errno;

    use super::*;
    use crate::collectors::file_hash::entry::meta;
    use crate::collectors::file_hash::entry::{Found, Place};
    use crate::collectors::file_hash::scan::open::Open;
    use crate::collectors::file_hash::scan::stream::ToRead;
    use muster_digests::Hasher;

    fn stream(batch: u64, size: u64) -> Stream {
        let row = meta::failed(Vec::new(), FileKind::Regular, None, Errno::IO);
        let found = Box::new(Found::free(Row { size, ..row }));
        let file = File::open("/dev/null").unwrap().into();
        let open = Open { file, found, expected: None };
        let file = ToRead { place: Place { batch, index: 0 }, open, is_first: false };
        Stream::new(file, Hasher::new(&[]))
    }

    /// Pushes until some are due; returns how many were there, and how many are due.
    fn fill(prefetch: &mut Prefetch, size: u64) -> (usize, usize) {
        let now = Instant::now();
        while prefetch.due(now) == 0 {
            prefetch.push(stream(0, size));
        }
        (prefetch.len(), prefetch.due(now))
    }

    #[test]
    fn half_of_them_are_due_when_there_are_enough_or_they_weigh_enough() {
        for (workers, size, full) in [
            (1, 0, (128, 64)),
            (2, 4_096, (128, 64)),
            (8, 0, (32, 16)),
            (1_000, 0, (2, 1)),
            (2, 7 << 20, (5, 3)),
            (2, 64 << 20, (1, 1)),
            (2, u64::MAX, (1, 1)),
        ] {
            let mut prefetch = Prefetch::new(workers);
            assert_eq!(fill(&mut prefetch, size), full, "{workers} workers, {size} bytes");
            // What was taken weighs nothing any more.
            assert_eq!(prefetch.take(full.0).len(), full.0);
            assert_eq!(fill(&mut prefetch, size), full, "{workers} workers, {size} bytes");
        }
    }

    #[test]
    fn the_oldest_go_first() {
        let mut prefetch = Prefetch::new(1);
        for batch in [0, 0, 1, 1, 1, 2] {
            prefetch.push(stream(batch, 1));
        }
        assert_eq!([0, 1, 2, 3].map(|batch| prefetch.before(batch)), [0, 2, 5, 6]);
        let taken: Vec<_> = prefetch.take(3).iter().map(|stream| stream.place().batch).collect();
        assert_eq!((taken.as_slice(), prefetch.len()), ([0, 0, 1].as_slice(), 3));
        assert_eq!((prefetch.take(9).len(), prefetch.len()), (3, 0));
    }
}
