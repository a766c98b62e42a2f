//! The digests of the files that processes run, each file once.

use std::collections::HashMap;

use muster_digests::Algorithm;
use muster_protocol::artifact::Digests;
use muster_protocol::artifact::processes::{Process, ProcessStatus, Processes, ProcessesFooter};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, retry_on_intr};

use super::exe::Exe;
use super::proc;
use crate::files::known::{Answer, CacheLookup, now_ns};
use crate::files::{digests, statx};
use crate::session::cache::Hashed;
use crate::session::{Cost, FileId, Session, Stop, Wait, blocking};

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 262_144;

/// What came of a file.
#[derive(Debug, Clone)]
struct Outcome {
    status: ProcessStatus,
    errno: Option<Errno>,
    digests: Digests,
}

/// Computes the digests of files, or finds them.
pub(super) struct Hasher<'a> {
    algorithms: Vec<Algorithm>,
    is_fresh: bool,
    known: CacheLookup<'a>,
    done: HashMap<FileId, Outcome>,
    buffer: Vec<u8>,
    bytes_hashed: u64,
    bytes_read: u64,
}

impl<'a> Hasher<'a> {
    pub(super) fn new(args: &'a Processes, session: &'a dyn Session) -> Self {
        Self {
            algorithms: digests::algorithms(&digests::distinct(&args.hashes)),
            is_fresh: args.fresh,
            known: CacheLookup::new(&args.hashes, session),
            done: HashMap::new(),
            buffer: vec![0; BUFFER_BYTES],
            bytes_hashed: 0,
            bytes_read: 0,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Adds what was done to the figures.
    pub(super) fn count(&self, footer: &mut ProcessesFooter) {
        let with_digests = self.done.values().filter(|outcome| !outcome.digests.is_empty());
        footer.files = with_digests.count() as u64;
        footer.bytes_hashed = self.bytes_hashed;
        footer.bytes_read = self.bytes_read;
    }

    /// Puts the digests of its file into the row of a process.
    pub(super) fn hash(
        &mut self,
        exe: &Exe,
        row: &mut Process,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        if self.algorithms.is_empty() {
            return Ok(());
        }
        let id = statx::file_id(&exe.stat);
        let outcome = if let Some(outcome) = self.done.get(&id) {
            outcome.clone()
        } else {
            let outcome = self.find(exe, id, session)?;
            self.done.insert(id, outcome.clone());
            outcome
        };
        (row.status, row.digests) = (outcome.status, outcome.digests);
        if let Some(errno) = outcome.errno {
            *row = proc::failed(row.clone(), errno);
        }
        Ok(())
    }

    fn find(&mut self, exe: &Exe, id: FileId, session: &dyn Session) -> Result<Outcome, Stop> {
        let mut expected = None;
        if !self.is_fresh {
            match self.known.find(&[id]).pop() {
                Some(Answer::Known(digests)) => {
                    self.bytes_hashed = self.bytes_hashed.saturating_add(id.size);
                    return Ok(Outcome { status: ProcessStatus::Cached, errno: None, digests });
                }
                Some(Answer::Check(digests)) => expected = Some(digests),
                Some(Answer::Unknown) | None => {}
            }
        }
        session.set_current_path(&exe.path);
        session.spend(Cost { files: 1, bytes: 0 })?;
        let began_ns = now_ns();
        let read = match blocking(session, Wait::Open, || exe.open()) {
            Ok(file) => self.read(&file, session)?.map(|digests| (file, digests)),
            Err(errno) => Err(errno),
        };
        let (file, digests) = match read {
            Ok(read) => read,
            Err(errno) => {
                let (status, digests) = (ProcessStatus::IoError, Digests::new());
                return Ok(Outcome { status, errno: Some(errno), digests });
            }
        };
        let is_same = statx::of_open(&file).is_ok_and(|after| statx::file_id(&after) == id);
        if is_same && self.known.is_cacheable(id.dev, &file) && expected.as_ref() != Some(&digests)
        {
            let is_mismatch = expected.is_some();
            self.known.store(Hashed { id, began_ns, digests: digests.clone() }, is_mismatch);
        }
        let status = if is_same { ProcessStatus::Ok } else { ProcessStatus::Changed };
        Ok(Outcome { status, errno: None, digests })
    }

    /// Reads a file to its end.
    fn read(
        &mut self,
        file: &OwnedFd,
        session: &dyn Session,
    ) -> Result<Result<Digests, Errno>, Stop> {
        let mut hasher = muster_digests::Hasher::new(&self.algorithms);
        loop {
            session.spend(Cost { files: 0, bytes: BUFFER_BYTES as u64 })?;
            let buffer = &mut self.buffer;
            let read = blocking(session, Wait::Read, || {
                retry_on_intr(|| rustix::io::read(file, &mut buffer[..]))
            });
            let count = match read {
                Ok(0) => break,
                Ok(count) => count,
                Err(errno) => return Ok(Err(errno)),
            };
            self.bytes_read = self.bytes_read.saturating_add(count as u64);
            self.bytes_hashed = self.bytes_hashed.saturating_add(count as u64);
            hasher.update(self.buffer.get(..count).unwrap_or_default());
        }
        Ok(Ok(digests::finish(hasher)))
    }
}
