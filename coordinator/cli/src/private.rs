//! Files that hold secrets: mode 0600 in folders of mode 0700, never overwritten.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::{Exit, Failure};

/// What a key, token or password file may hold.
const SECRET_BYTES_MAX: u64 = 65_536;
/// What a list of names may hold.
const LIST_BYTES_MAX: u64 = 16_777_216;

/// Makes a folder that only its owner may enter, with the folders above it.
pub(super) fn folder(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::file("make the folder", path, &error))
}

/// Writes a new file, durably; one that is there already stays as it is and is an error.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| Failure::file("write", path, &error))
}

/// Writes a file of results, replacing what was there.
pub(super) fn create(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::file("write", path, &error))
}

/// Reads a small file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(SECRET_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| Failure::file("read", path, &error))?;
    Ok(bytes)
}

/// Reads a key file, which nobody but its owner may be able to read.
pub(super) fn key(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let file = fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let mode = file.metadata().map_err(|error| Failure::file("read", path, &error))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("{} is no secret", path.display());
        let cause = format!("its mode is {mode:04o}: others than its owner can read or change it");
        let next = format!("chmod 600 {}; if others had it, have the key revoked", path.display());
        return Err(Failure::new(Exit::Refused, what, cause, &next));
    }
    file.take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::file("read", path, &error))?;
    Ok(text)
}

/// Reads a list that a person made, like the names of ten thousand agents.
pub(super) fn read_list(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(LIST_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| Failure::file("read", path, &error))?;
    Ok(text)
}
