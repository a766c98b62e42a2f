//! Reads a folder whole and sorts it.

use std::mem::MaybeUninit;

use muster_protocol::artifact::file_hash::FileKind;
use rustix::fd::OwnedFd;
use rustix::fs::RawDir;
use rustix::io::Errno;

use crate::files::statx;
use crate::session::{Session, Stop, Wait, blocking};

/// Bytes that one `getdents64` may return.
const BUFFER_BYTES: usize = 65_536;
/// Names between two checks of the session.
const NAMES_PER_CHECK: usize = 4_096;

/// Where the kernel writes names; one for a whole walk.
pub(crate) struct Buffer(Vec<MaybeUninit<u8>>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![MaybeUninit::uninit(); BUFFER_BYTES])
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({})", self.0.len())
    }
}

/// The names of a folder in byte order, in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct DirListing {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    len: usize,
    kind: FileKind,
}

impl DirListing {
    /// Reads a folder. An error in the middle leaves the names before it.
    pub(crate) fn read(
        folder: &OwnedFd,
        buffer: &mut Buffer,
        session: &dyn Session,
    ) -> Result<(Self, Option<Errno>), Stop> {
        let mut names = Self::default();
        let mut problem = None;
        let mut raw = RawDir::new(folder, &mut buffer.0);
        loop {
            // Only then the kernel is asked for more.
            let next = if raw.is_buffer_empty() {
                blocking(session, Wait::List, || raw.next())
            } else {
                raw.next()
            };
            let Some(next) = next else { break };
            let entry = match next {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                Err(errno) => {
                    problem = Some(errno);
                    break;
                }
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.entries.len() % NAMES_PER_CHECK == NAMES_PER_CHECK - 1 {
                session.check()?;
            }
            let start = names.bytes.len();
            names.bytes.extend_from_slice(name);
            let kind = statx::kind(entry.file_type());
            names.entries.push(Entry { start, len: name.len(), kind });
        }
        let Self { bytes, entries, .. } = &mut names;
        entries.sort_unstable_by(|a, b| a.of(bytes).cmp(b.of(bytes)));
        Ok((names, problem))
    }

    /// Takes the next name.
    pub(crate) fn next(&mut self) -> Option<(&[u8], FileKind)> {
        let entry = self.entries.get(self.next)?;
        self.next += 1;
        Some((entry.of(&self.bytes), entry.kind))
    }

    /// Gives the last name back.
    pub(crate) fn step_back(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    /// Passes over all names before `name`.
    pub(crate) fn skip_to(&mut self, name: &[u8]) {
        self.next = self.entries.partition_point(|entry| entry.of(&self.bytes) < name);
    }
}

impl Entry {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start..self.start + self.len).unwrap_or_default()
    }
}
