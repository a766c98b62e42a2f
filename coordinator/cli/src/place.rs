//! Where what a command makes goes: one meaning of `-o` and `--out` for all verbs.
//!
//! `-` is stdout. Without the flag a pipe gets the data; on a terminal it goes to a file with the usual name.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::{Context, private};
use crate::output::{Out, units};

/// A place to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Stdout,
    File(PathBuf),
}

impl Place {
    /// Finds what is meant; `usual` names the file where nothing was typed.
    pub(super) fn of(out: Out, typed: Option<&Path>, usual: impl FnOnce() -> PathBuf) -> Self {
        match typed {
            Some(path) => Self::typed(path),
            None if out.to_terminal => Self::File(usual()),
            None => Self::Stdout,
        }
    }

    /// Takes what was typed.
    pub(super) fn typed(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdout } else { Self::File(path.to_owned()) }
    }

    /// Writes; `next` says what the file is good for.
    pub(super) fn put(&self, context: &Context, bytes: &[u8], next: &str) -> Result<(), Failure> {
        let Self::File(path) = self else { return context.out.bytes(bytes) };
        let mut file = private::create(path)?;
        file.write_all(bytes).map_err(|error| Failure::file("write", path, &error))?;
        let size = units::bytes(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        context.out.note(&format!("{} ({size}): {next}", path.display()));
        Ok(())
    }
}

/// Refuses stdout where a folder is wanted.
pub(super) fn folder(path: &Path) -> Result<&Path, Failure> {
    match Place::typed(path) {
        Place::File(_) => Ok(path),
        Place::Stdout => Err(Failure::usage(
            "--out wants a folder here",
            "several files do not go to stdout",
            "--out DIR",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn a_pipe_gets_the_data_and_a_terminal_a_file() {
        let out = |to_terminal| Out { to_terminal, ..Out::new(Format::Table, true, false) };
        let usual = || PathBuf::from("id.svg");
        let of = |to_terminal, typed: Option<&str>| {
            Place::of(out(to_terminal), typed.map(Path::new), usual)
        };
        assert_eq!(of(false, None), Place::Stdout);
        assert_eq!(of(true, None), Place::File(usual()));
        for to_terminal in [false, true] {
            assert_eq!(of(to_terminal, Some("-")), Place::Stdout);
            assert_eq!(of(to_terminal, Some("a")), Place::File("a".into()));
            assert_eq!(of(to_terminal, Some("./-")), Place::File("./-".into()));
        }
        assert!(folder(Path::new("-")).is_err() && folder(Path::new("a")).is_ok());
    }
}
