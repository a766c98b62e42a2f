//! How a command ends: the exit codes, and an error as a person meets it.

use std::io;
use std::path::Path;

/// The closed list of exit codes (`docs/reference/codes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done; all targeted agents finished.
    Done = 0,
    /// Our bug.
    Bug = 1,
    /// Some agents failed, cancelled, declined, expired, were silent or are incomplete.
    Partial = 2,
    /// No agent matches the target, or no such thing was found.
    NothingMatched = 3,
    /// The command line is wrong.
    Usage = 64,
    /// The broker or the coordinator is not there.
    Unavailable = 69,
    /// Busy, or changed under us.
    TryAgain = 75,
    /// Key, policy or token.
    Refused = 77,
    /// It took too long.
    TimedOut = 124,
    /// The operator left; the hunt goes on.
    Detached = 130,
}

impl Exit {
    /// Reads a code that the coordinator computed.
    pub fn from_code(code: i64) -> Self {
        let all = [
            Self::Done,
            Self::Partial,
            Self::NothingMatched,
            Self::Usage,
            Self::Unavailable,
            Self::TryAgain,
            Self::Refused,
            Self::TimedOut,
            Self::Detached,
        ];
        all.into_iter().find(|exit| *exit as i64 == code).unwrap_or(Self::Bug)
    }
}

/// What failed, why, what to do next, and the code to end with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct Failure {
    /// What failed.
    pub error: String,
    /// Why; empty when `error` says it.
    pub cause: String,
    /// What to do next; empty when there is nothing to advise.
    pub next: String,
    /// The code. [`Exit::Done`] for a reader that closed the pipe: nothing is printed.
    pub exit: Exit,
}

impl Failure {
    /// Makes a failure.
    pub fn new(
        exit: Exit,
        error: impl Into<String>,
        cause: impl std::fmt::Display,
        next: &str,
    ) -> Self {
        let next = next.to_owned();
        Self { error: error.into(), cause: cause.to_string(), next, exit }
    }

    /// Makes a failure of the command line.
    pub fn usage(error: impl Into<String>, cause: impl std::fmt::Display, next: &str) -> Self {
        Self::new(Exit::Usage, error, cause, next)
    }

    /// Makes a failure that only a bug explains.
    pub fn bug(error: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::new(Exit::Bug, error, cause, "report this with the command that led to it")
    }

    /// Makes a failure to read or write a file.
    pub fn file(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let next = match cause.kind() {
            io::ErrorKind::NotFound => "check the path, or run `muster init` first",
            io::ErrorKind::PermissionDenied => "check who owns the file and its folder",
            io::ErrorKind::AlreadyExists => "choose another place, or move the old file away",
            _ => "check the path",
        };
        Self::usage(format!("cannot {doing} {}", path.display()), cause, next)
    }

    /// Makes what follows from a failed write to stdout: success when the reader has gone.
    pub fn stdout(cause: &io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Done, "", "", "");
        }
        Self::new(Exit::Unavailable, "cannot write to stdout", cause, "check the disk or the pipe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_success() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::stdout(&gone).exit, Exit::Done);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::stdout(&full).exit, Exit::Unavailable);
    }

    #[test]
    fn a_code_that_nobody_knows_is_a_bug() {
        assert_eq!(Exit::from_code(2), Exit::Partial);
        assert_eq!(Exit::from_code(42), Exit::Bug);
    }
}
