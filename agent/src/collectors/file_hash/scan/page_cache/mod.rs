//! Leaves the page cache as it was found.
//!
//! Dropping what was read costs the next reader a hundred times what it saves us, so only what was *not* cached before is
//! dropped again: what `cachestat(2)` (Linux 6.5) says. Where it says nothing, nothing is dropped.
//!
//! Where small files are in memory they are not looked at before they are read: that would be a system call for each. Of
//! one whose beginning cannot be had without waiting nothing was cached, as far as we can tell: by then the kernel has
//! asked the disk, and `cachestat` counts what it asked for.

mod sys;

use std::num::NonZeroU64;

use rustix::fd::OwnedFd;
use rustix::fs::{Advice, fadvise};

#[cfg(test)]
pub(crate) use self::sys::cached_pages;

/// Bytes of the smallest part that is judged by itself.
const PART_BYTES_MIN: u64 = 1 << 20;
/// Parts of one file; those of a huge one are larger.
const PARTS_MAX: u64 = 256;
/// Bytes that are asked for ahead of the reader.
const AHEAD_BYTES: u64 = if cfg!(test) { 2 << 20 } else { 8 << 20 };
const PAGE_BYTES: u64 = 4_096;

/// What of one file was not in memory before it was read.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    part_bytes: u64,
    /// For each part whether nothing of it was cached; empty when nothing is to be dropped.
    was_absent: Vec<bool>,
    /// Parts that are dealt with.
    dropped: usize,
    /// Something of it was not cached.
    is_cold: bool,
    asked: u64,
}

impl Pages {
    /// Looks at a file before it is read.
    pub(crate) fn look(file: &OwnedFd, size: u64) -> Self {
        let Some(cached) = sys::cached_pages(file, 0, 0) else {
            // Asking for what is there costs nothing.
            return Self { is_cold: true, ..Self::default() };
        };
        if size == 0 || cached >= size.div_ceil(PAGE_BYTES) {
            return Self::default();
        }
        let part_bytes = size.div_ceil(PARTS_MAX).next_multiple_of(PART_BYTES_MIN);
        let is_absent = |part: u64| {
            cached == 0 || sys::cached_pages(file, part * part_bytes, part_bytes) == Some(0)
        };
        let was_absent = (0..size.div_ceil(part_bytes)).map(is_absent).collect();
        Self { part_bytes, was_absent, dropped: 0, is_cold: true, asked: 0 }
    }

    /// Notes that nothing of a small file was in memory.
    pub(crate) fn absent() -> Self {
        let was_absent = vec![true];
        Self { part_bytes: PART_BYTES_MIN, was_absent, is_cold: true, ..Self::default() }
    }

    /// Returns whether something of the file is known not to be in memory.
    pub(crate) fn are_missing(&self) -> bool {
        !self.was_absent.is_empty()
    }

    /// Asks the system to read what comes next, and does not wait for it.
    pub(crate) fn ask_ahead(&mut self, file: &OwnedFd, from: u64, size: u64) {
        let until = size.min(from.saturating_add(AHEAD_BYTES));
        let from = self.asked.max(from);
        if self.is_cold
            && let Some(len) = NonZeroU64::new(until.saturating_sub(from))
        {
            self.asked = until;
            advise(file, from, Some(len), Advice::WillNeed);
        }
    }

    /// Drops what is read by now and was not cached before; `until` the end all of it.
    pub(crate) fn drop_until(&mut self, file: &OwnedFd, until: u64) {
        if self.was_absent.is_empty() {
            return;
        }
        let whole = usize::try_from(until / self.part_bytes).unwrap_or(usize::MAX);
        self.drop_parts(file, whole.min(self.was_absent.len()));
    }

    /// Drops what was not cached before.
    pub(crate) fn drop_rest(&mut self, file: &OwnedFd) {
        self.drop_parts(file, self.was_absent.len());
    }

    fn drop_parts(&mut self, file: &OwnedFd, until: usize) {
        while self.dropped < until {
            let rest = self.was_absent.get(self.dropped..until).unwrap_or_default();
            let run = rest.iter().take_while(|absent| **absent).count();
            let from = self.part_bytes.saturating_mul(self.dropped as u64);
            if let Some(len) = NonZeroU64::new(self.part_bytes.saturating_mul(run as u64)) {
                advise(file, from, Some(len), Advice::DontNeed);
            }
            self.dropped += run.max(1);
        }
    }
}

/// Advice that is not taken changes nothing but speed.
fn advise(file: &OwnedFd, from: u64, len: Option<NonZeroU64>, advice: Advice) {
    fadvise(file, from, len, advice).unwrap_or(());
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    const PART: u64 = PART_BYTES_MIN;

    fn cached(file: &OwnedFd, part: u64) -> u64 {
        sys::cached_pages(file, part * PART, PART).unwrap()
    }

    fn read_part(file: &OwnedFd, part: u64) {
        let mut file = std::fs::File::from(file.try_clone().unwrap());
        file.seek(std::io::SeekFrom::Start(part * PART)).unwrap();
        file.take(PART).read_to_end(&mut Vec::new()).unwrap();
    }

    /// A file of four parts of which nothing is in memory. `None` where the kernel cannot tell (before 6.5) or the file
    /// system lives in memory: there it is checked that nothing would be dropped.
    fn cold_file() -> Option<(tempfile::NamedTempFile, OwnedFd)> {
        let mut file = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.write_all(&vec![7; 4 << 20]).unwrap();
        file.as_file().sync_all().unwrap();
        let fd = OwnedFd::from(file.reopen().unwrap());
        advise(&fd, 0, None, Advice::Random);
        advise(&fd, 0, None, Advice::DontNeed);
        if sys::cached_pages(&fd, 0, 0) == Some(0) {
            return Some((file, fd));
        }
        assert!(Pages::look(&fd, 4 * PART).was_absent.is_empty());
        None
    }

    #[test]
    fn what_was_cached_stays_and_what_was_not_goes() {
        let Some((_file, fd)) = cold_file() else { return };
        read_part(&fd, 1);
        let mut pages = Pages::look(&fd, 4 * PART);
        (0..4).for_each(|part| read_part(&fd, part));
        pages.drop_until(&fd, 3 * PART - 1);
        let left: Vec<_> = (0..4).map(|part| cached(&fd, part)).collect();
        assert_eq!(left, [0, 256, 256, 256], "what is not passed by whole stays for now");
        pages.drop_rest(&fd);
        let left: Vec<_> = (0..4).map(|part| cached(&fd, part)).collect();
        assert_eq!(left, [0, 256, 0, 0]);
    }

    #[test]
    fn what_is_asked_for_comes_although_nobody_waits() {
        let Some((_file, fd)) = cold_file() else { return };
        let mut pages = Pages::look(&fd, 4 * PART);
        pages.ask_ahead(&fd, 0, 4 * PART);
        let began = std::time::Instant::now();
        while cached(&fd, 1) < 256 && began.elapsed() < std::time::Duration::from_secs(20) {
            std::thread::yield_now();
        }
        assert_eq!((cached(&fd, 0), cached(&fd, 1), cached(&fd, 2)), (256, 256, 0));
    }
}
