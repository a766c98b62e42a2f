//! One process per folder: an exclusive lock on a file in it, held for the life of the process.
//!
//! The kernel releases the lock when the process ends, so a kill leaves nothing behind that must be cleaned up. What the
//! file says of its holder is only for people.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::limits::TEXT_BYTES_MAX;

/// The file that is locked.
const NAME: &str = "lock";

/// A folder that cannot be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("{holder} works in {}", folder.display())]
    Taken {
        /// Where.
        folder: PathBuf,
        /// Which process.
        holder: Holder,
    },
    /// The file system has no locks.
    #[error("the file system of {} does not support locks: {cause}", folder.display())]
    Unsupported {
        /// Where.
        folder: PathBuf,
        /// What the system reported.
        cause: String,
    },
    /// The lock file cannot be opened or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system reported.
        cause: String,
    },
}

/// The process that holds a lock, as it described itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its id, in its own namespace.
    pub pid: Option<u32>,
    /// When it took the lock.
    pub since: Option<Timestamp>,
    /// Its command line.
    pub command: String,
}

impl Holder {
    /// Describes this process.
    fn this_process(now: Timestamp) -> Self {
        let line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let command = words.join(" ").trim().chars().take(TEXT_BYTES_MAX / 4).collect();
        Self { pid: Some(std::process::id()), since: Some(now), command }
    }

    /// Writes one line per field.
    fn text(&self) -> String {
        let number = |value: Option<i64>| value.map_or(String::new(), |value| value.to_string());
        let pid = number(self.pid.map(i64::from));
        let since = number(self.since.map(|at| at.0));
        format!("{pid}\n{since}\n{}\n", self.command.replace('\n', " "))
    }

    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        // The holder may just be writing it: what cannot be read is left out.
        let bytes_max = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX);
        if (&*file).take(bytes_max).read_to_string(&mut text).is_err() {
            return Self::default();
        }
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap_or_default();
        Self {
            pid: line().trim().parse().ok(),
            since: line().trim().parse().ok().map(Timestamp),
            command: line().chars().flat_map(char::escape_debug).collect(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => write!(f, "another process")?,
        }
        match (self.command.as_str(), self.since) {
            ("", None) => Ok(()),
            ("", Some(at)) => write!(f, " (since {at})"),
            (command, None) => write!(f, " ({command})"),
            (command, Some(at)) => write!(f, " ({command}, since {at})"),
        }
    }
}

/// Held by the process that works in a folder; released when dropped.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder, which is made when it is missing; does not wait.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(NAME);
        let failed = |error: io::Error| file_error(&path, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut opened = options.open(&path).map_err(failed)?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = Holder::read(&mut opened);
                return Err(LockError::Taken { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(refused(folder, &path, &error)),
        }
        let holder = Holder::this_process(Clock::system().now());
        let described = opened.set_len(0).and_then(|()| opened.write_all(holder.text().as_bytes()));
        if let Err(error) = described {
            // The lock holds all the same: a full disk must not keep the process from starting.
            warn!(path = %path.display(), %error, "the lock file does not name this process");
        }
        Ok(Self { _file: opened })
    }

    /// Returns the process that holds the lock of a folder, if any; changes nothing.
    pub fn holder(folder: &Path) -> Result<Option<Holder>, LockError> {
        let path = folder.join(NAME);
        let mut opened = match File::open(&path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error(&path, &error)),
        };
        match opened.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Holder::read(&mut opened))),
            Err(TryLockError::Error(error)) => Err(refused(folder, &path, &error)),
        }
    }
}

fn file_error(path: &Path, error: &io::Error) -> LockError {
    LockError::File { path: path.to_owned(), cause: error.to_string() }
}

/// Distinguishes a file system without locks from any other failure.
fn refused(folder: &Path, path: &Path, error: &io::Error) -> LockError {
    let unsupported = [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS];
    match error.raw_os_error() {
        Some(code) if unsupported.contains(&code) => {
            LockError::Unsupported { folder: folder.to_owned(), cause: error.to_string() }
        }
        _ => file_error(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_other_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::holder(folder.path()).unwrap(), None);
        let held = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err();
        let own = std::process::id();
        let LockError::Taken { holder, .. } = &refused else { panic!("{refused}") };
        assert_eq!(holder.pid, Some(own));
        assert!(holder.since.is_some() && !holder.command.is_empty(), "{holder:?}");
        assert!(refused.to_string().starts_with(&format!("process {own} (")), "{refused}");
        assert_eq!(Lock::holder(folder.path()).unwrap().as_ref(), Some(holder));
        drop(held);
        assert_eq!(Lock::holder(folder.path()).unwrap(), None, "its text alone is no lock");
        drop(Lock::take(folder.path()).unwrap());
    }

    #[test]
    fn what_a_holder_wrote_is_only_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        for text in ["", "x\ny\n", "12\n\n\u{1b}[2J\n", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            let held = File::options().write(true).open(&path).unwrap();
            held.try_lock().unwrap();
            let refused = Lock::take(folder.path()).unwrap_err().to_string();
            assert!(refused.contains("process") && !refused.contains('\u{1b}'), "{refused:?}");
        }
    }

    #[test]
    fn a_file_system_without_locks_is_named_as_such() {
        let of = |code| {
            refused(Path::new("/s"), Path::new("/s/lock"), &io::Error::from_raw_os_error(code))
        };
        assert!(matches!(of(libc::ENOLCK), LockError::Unsupported { .. }));
        assert!(matches!(of(libc::EOPNOTSUPP), LockError::Unsupported { .. }));
        assert!(matches!(of(libc::EIO), LockError::File { .. }));
    }
}
