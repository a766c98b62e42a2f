//! Accounts for entries that no worker looks at: each is an outcome of the batch that is being filled.

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::collectors::file_hash::entry::cursor::done_with;
use crate::collectors::file_hash::entry::meta;
use crate::collectors::file_hash::entry::{Batch, Found, Outcome};
use crate::collectors::file_hash::walk::Walker;

impl Walker<'_> {
    /// Accounts for an entry below which nothing follows.
    pub(crate) fn add(&mut self, outcome: Outcome, path: &[u8], batch: &mut Batch) {
        self.walked += 1;
        batch.push_done(outcome, &done_with(path));
    }

    /// Accounts for a folder whose entries follow after this cursor.
    pub(crate) fn add_entered(&mut self, mut outcome: Outcome, after: &[u8], batch: &mut Batch) {
        self.walked += 1;
        if let Outcome::Row(found) = &mut outcome {
            found.after = Some(after.to_vec());
        }
        batch.push_done(outcome, after);
    }

    pub(crate) fn add_failed(
        &mut self,
        path: &[u8],
        kind: FileKind,
        stat: Option<&Statx>,
        errno: Errno,
        batch: &mut Batch,
    ) {
        self.add(Outcome::row(meta::failed(path.to_vec(), kind, stat, errno)), path, batch);
    }

    /// Accounts for an entry that the policy does not let be looked at.
    pub(crate) fn add_refused(&mut self, path: &[u8], kind: FileKind, batch: &mut Batch) {
        let row = Row::bare(path.to_vec(), kind, FileStatus::DeniedByPolicy, 0);
        self.add(Outcome::row(row), path, batch);
    }

    pub(crate) fn add_elsewhere(
        &mut self,
        path: &[u8],
        point: &[u8],
        kind: &str,
        batch: &mut Batch,
    ) {
        let mount = format!("{} {kind}", String::from_utf8_lossy(point));
        self.add(Outcome::OtherFileSystem(mount), path, batch);
    }

    pub(crate) fn add_skipped(&mut self, row: Row, point: &[u8], kind: &str, batch: &mut Batch) {
        let path = row.path.clone();
        let mount = Some(format!("{} {kind}", String::from_utf8_lossy(point)));
        let found = Found { mount, ..Found::free(row) };
        self.add(Outcome::Row(Box::new(found)), &path, batch);
    }
}
