//! One coordinator a store: two writers would each ack what the other may not have.
//!
//! The kernel holds the lock for as long as the process lives, so a kill leaves nothing behind that must be cleaned up.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Held by the coordinator that works in a folder; given back when dropped.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder, which is made when it is missing; does not wait.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("lock");
        let file = |source| StoreError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut opened = options.open(&path).map_err(file)?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(folder.to_owned(), &mut opened)),
            Err(TryLockError::Error(source)) => return Err(file(source)),
        }
        opened.set_len(0).map_err(file)?;
        opened.write_all(std::process::id().to_string().as_bytes()).map_err(file)?;
        Ok(Self { _file: opened })
    }
}

/// Names the other process, as well as it is known.
fn taken(folder: PathBuf, held: &mut File) -> StoreError {
    let mut said = String::new();
    // The file says who; it is only for people, and may just be being written.
    let pid = held.read_to_string(&mut said).ok().and_then(|_| said.trim().parse().ok());
    StoreError::Taken { folder, pid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err();
        let own = std::process::id();
        assert!(
            matches!(refused, StoreError::Taken { pid: Some(pid), .. } if pid == own),
            "{refused}"
        );
        drop(held);
        drop(Lock::take(folder.path()).unwrap());
    }
}
