//! Files beside the database: written whole, made durable, and only then named.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the name of a file ends with until it is whole.
const DRAFT: &str = "part";

/// Writes under another name, makes it durable, then gives it its own. What is there already stays: the name says what
/// it holds.
pub fn put(path: &Path, data: &[u8]) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let mut draft = Draft::beside(path)?;
    draft.write(data)?;
    draft.publish(path)
}

/// A file that has no name of its own yet; dropped, it is deleted.
#[derive(Debug)]
pub struct Draft {
    file: File,
    path: PathBuf,
}

impl Draft {
    /// Begins a file in the folder of `path`. Two drafts of one file do not meet.
    pub fn beside(path: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = path.with_extension(format!("{number}.{DRAFT}"));
        Ok(Self { file: File::create(&path)?, path })
    }

    /// Appends.
    pub fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)
    }

    /// Makes the file durable, then gives it its name.
    pub fn publish(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Published, it has another name; what cannot be deleted goes at the next start.
        drop(fs::remove_file(&self.path));
    }
}

/// Deletes the drafts that a death left in a folder.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == DRAFT) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
