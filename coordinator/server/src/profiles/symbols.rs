//! Which local file belongs to a build id.
//!
//! The names that an endpoint gives to its mappings are never used as paths: a file is found by its build
//! id only, in the symbols folder, in this program's folder, or among the libraries that this process has
//! mapped itself.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muster_profiler::maps;
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{SYMBOLS_BYTES_MAX, SYMBOLS_FILE_BYTES_MAX};
use uuid::Uuid;

/// The agent's program, looked for beside this one.
const AGENT_PROGRAM: &str = "muster-agent";
/// What the name of a file ends with that is not whole yet.
const PARTIAL: &str = ".partial";
/// After so long nobody sends the rest.
const ABANDONED: Duration = Duration::from_hours(24);

/// Why a file is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SymbolsError {
    /// It is no program, no library and no debug companion.
    #[error("it is no 64-bit ELF file with a build id")]
    NoBuildId,
    /// It is too large by itself.
    #[error("it is larger than {SYMBOLS_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// There are too many.
    #[error("all symbols together would be more than {SYMBOLS_BYTES_MAX} bytes")]
    Full,
    /// The rest of it never came.
    #[error("it did not arrive whole: {0}")]
    Cut(String),
    /// It cannot be kept.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A file that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its build id, lower-case hex.
    pub build_id: String,
    /// Its size.
    pub bytes: u64,
    /// When it was added.
    pub at: Timestamp,
}

/// The files that addresses are looked up in.
#[derive(Debug, Clone)]
pub struct Symbols {
    folder: PathBuf,
}

impl Symbols {
    /// Looks in `folder`, too, where files are named by their build id in lower-case hex.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Takes in a program or its debug companion, piece by piece.
    pub fn add<P: AsRef<[u8]>>(
        &self,
        pieces: impl IntoIterator<Item = Result<P, String>>,
    ) -> Result<Added, SymbolsError> {
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        let room = SYMBOLS_BYTES_MAX.saturating_sub(self.held()?);
        // Nobody reads half a file: it gets its name when it is whole.
        let partial = self.folder.join(format!("{}{PARTIAL}", Uuid::new_v4()));
        let added = self.receive(&partial, pieces, room);
        if added.is_err() {
            match fs::remove_file(&partial) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&partial, error));
                }
                _ => {}
            }
        }
        added
    }

    fn receive<P: AsRef<[u8]>>(
        &self,
        partial: &Path,
        pieces: impl IntoIterator<Item = Result<P, String>>,
        room: u64,
    ) -> Result<Added, SymbolsError> {
        let mut file = File::create_new(partial).map_err(|error| failed(partial, error))?;
        let mut bytes = 0_u64;
        for piece in pieces {
            let piece = piece.map_err(SymbolsError::Cut)?;
            bytes = bytes.saturating_add(piece.as_ref().len() as u64);
            if bytes > SYMBOLS_FILE_BYTES_MAX {
                return Err(SymbolsError::TooLarge);
            }
            if bytes > room {
                return Err(SymbolsError::Full);
            }
            file.write_all(piece.as_ref()).map_err(|error| failed(partial, error))?;
        }
        file.sync_all().map_err(|error| failed(partial, error))?;
        let file = File::open(partial).map_err(|error| failed(partial, error))?;
        let build_id = maps::build_id(&file).filter(|id| is_build_id(id));
        let build_id = build_id.ok_or(SymbolsError::NoBuildId)?;
        let kept = self.folder.join(&build_id);
        fs::rename(partial, &kept).map_err(|error| failed(&kept, error))?;
        Ok(Added { build_id, bytes, at: SystemTime::now().into() })
    }

    /// Lists what was added, by build id.
    pub fn added(&self) -> Result<Vec<Added>, SymbolsError> {
        let mut added = Vec::new();
        for (name, metadata) in self.files()? {
            let at = metadata.modified().map_err(|error| failed(&self.folder, error))?;
            if is_build_id(&name) {
                added.push(Added { build_id: name, bytes: metadata.len(), at: at.into() });
            }
        }
        added.sort_by(|a, b| a.build_id.cmp(&b.build_id));
        Ok(added)
    }

    /// Returns the size of all files of the folder; what was left half is deleted on the way.
    fn held(&self) -> Result<u64, SymbolsError> {
        let mut held = 0_u64;
        for (name, metadata) in self.files()? {
            let path = self.folder.join(&name);
            let age = metadata.modified().ok().and_then(|at| at.elapsed().ok());
            if name.ends_with(PARTIAL) && age.is_some_and(|age| age > ABANDONED) {
                fs::remove_file(&path).map_err(|error| failed(&path, error))?;
            } else {
                held = held.saturating_add(metadata.len());
            }
        }
        Ok(held)
    }

    fn files(&self) -> Result<Vec<(String, fs::Metadata)>, SymbolsError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| failed(&self.folder, error))?,
        };
        let file = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?))
        };
        let files: io::Result<_> = entries.map(file).collect();
        files.map_err(|error| failed(&self.folder, error))
    }

    /// Finds the file of a build id. What it finds has this build id.
    pub fn find(&self, build_id: &str) -> Option<PathBuf> {
        if !is_build_id(build_id) {
            return None;
        }
        // The folder first: a companion has the lines that a stripped program lacks.
        let mut known = vec![self.folder.join(build_id), PathBuf::from("/proc/self/exe")];
        if let Ok(own) = std::env::current_exe() {
            known.push(own.with_file_name(AGENT_PROGRAM));
        }
        known.into_iter().find(|path| has_build_id(path, build_id)).or_else(|| {
            let libraries = maps::own().unwrap_or_default();
            let same = libraries.into_iter().find(|mapping| mapping.build_id == build_id)?;
            Some(PathBuf::from(same.name)).filter(|path| has_build_id(path, build_id))
        })
    }
}

fn failed(path: &Path, error: io::Error) -> SymbolsError {
    SymbolsError::File { path: path.to_owned(), error }
}

fn has_build_id(path: &Path, build_id: &str) -> bool {
    File::open(path).is_ok_and(|file| maps::build_id(&file).as_deref() == Some(build_id))
}

fn is_build_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (8..=128).contains(&text.len()) && text.bytes().all(is_digit)
}
