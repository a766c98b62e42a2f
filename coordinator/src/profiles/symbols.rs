//! Which local file belongs to a build id.
//!
//! The names that an endpoint gives to its mappings are never used as paths: a file is found by its build
//! id only, in the symbols folder, in this program's folder, or among the libraries that this process has
//! mapped itself.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use common::profile::maps;

/// The agent's program, looked for beside this one.
const AGENT_PROGRAM: &str = "muster-agent";

/// Why a file is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SymbolsError {
    /// The file has no build id.
    #[error("{0} is no 64-bit ELF file with a build id")]
    NoBuildId(PathBuf),
    /// It cannot be read or kept.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
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

    /// Copies a program or its debug companion into the folder and returns its build id.
    pub fn add_file(&self, path: &Path) -> Result<String, SymbolsError> {
        let failed = |path: &Path, error| SymbolsError::File { path: path.to_owned(), error };
        let file = File::open(path).map_err(|error| failed(path, error))?;
        let build_id = maps::build_id(&file).filter(|id| is_build_id(id));
        let build_id = build_id.ok_or_else(|| SymbolsError::NoBuildId(path.to_owned()))?;
        std::fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        // Nobody reads half a file: it gets its name when it is whole.
        let partial = self.folder.join(format!("{build_id}.partial"));
        std::fs::copy(path, &partial).map_err(|error| failed(&partial, error))?;
        let kept = self.folder.join(&build_id);
        std::fs::rename(&partial, &kept).map_err(|error| failed(&kept, error))?;
        Ok(build_id)
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

fn has_build_id(path: &Path, build_id: &str) -> bool {
    File::open(path).is_ok_and(|file| maps::build_id(&file).as_deref() == Some(build_id))
}

fn is_build_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (8..=128).contains(&text.len()) && text.bytes().all(is_digit)
}
