//! Files beside the database: written whole, made durable, and only then named.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes under another name, makes it durable, then gives it its own. What is there already stays: the name says what
/// it holds.
pub fn put(path: &Path, data: &[u8]) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let draft = path.with_extension("part");
    let mut file = File::create(&draft)?;
    file.write_all(data)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
