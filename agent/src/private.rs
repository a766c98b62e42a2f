//! What the agent keeps on disk is for its own user alone: paths, hashes and requests of a whole machine.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;

/// Makes the state folder where there is none, mode 0700. One that others may write to is refused: they could put a journal
/// of theirs there. Its mode is not changed, for it may be a folder of the system.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.mode();
    if mode & OTHERS_WRITE != 0 {
        let shown = mode & 0o7777;
        return Err(io::Error::other(format!("others may write to it (mode {shown:o})")));
    }
    Ok(())
}

/// Makes the file of a database, mode 0600, and takes the rights of others away from one that is there, and from its
/// logs. SQLite gives new logs the mode of their database.
pub(crate) fn database(path: &Path) -> io::Result<()> {
    file(path, true)?;
    for end in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(end);
        match file(&PathBuf::from(beside), false) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn file(path: &Path, is_made: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(is_made).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let file = options.open(path)?;
    let mode = file.metadata()?.mode();
    if mode & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_database_is_for_its_user_alone_also_where_it_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new.sqlite");
        database(&new).unwrap();
        assert_eq!(mode(&new), 0o600);
        let old = ["old.sqlite", "old.sqlite-wal", "old.sqlite-shm"].map(|n| folder.path().join(n));
        for path in &old {
            fs::write(path, "kept").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        database(&old[0]).unwrap();
        for path in &old {
            assert_eq!((mode(path), fs::read(path).unwrap()), (0o600, b"kept".to_vec()));
        }
        std::os::unix::fs::symlink("elsewhere", folder.path().join("link")).unwrap();
        database(&folder.path().join("link")).unwrap_err();
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/state");
        folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        for (bits, is_good) in [(0o755, true), (0o775, false), (0o1777, false), (0o700, true)] {
            fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
            assert_eq!(folder(&path).is_ok(), is_good, "{bits:o}");
        }
    }
}
