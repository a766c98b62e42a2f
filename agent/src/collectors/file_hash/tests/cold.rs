//! Files that are not in memory: the disk is asked for many before the first is read.

use std::os::fd::OwnedFd;

use rustix::fs::{Advice, fadvise};

use super::*;
use crate::collectors::file_hash::scan::page_cache::cached_pages;
use crate::collectors::file_hash::tests::seen;

fn open(path: &Path) -> OwnedFd {
    fs::File::open(path).unwrap().into()
}

/// Forgets what is in memory of a file; false where the file system lives in memory, or the kernel cannot tell.
fn forget(path: &Path) -> bool {
    let file = open(path);
    rustix::fs::fsync(&file).unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    cached_pages(&file, 0, 0) == Some(0)
}

/// Some three hundred files of every size from nothing to two buffers and a half, in folders of five.
fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let sizes = (0..300_usize).map(|n| if n % 7 == 0 { n * 530 } else { n * 13 });
    let written = sizes.enumerate().map(|(n, size)| {
        let content: Vec<_> = (0..size).map(|at| (at * 31 + n).to_le_bytes()[0]).collect();
        (write(root, &format!("{:02}/{n:03}", n / 5), &content), content)
    });
    written.collect()
}

#[test]
fn cold_files_have_their_digests_and_leave_memory_as_it_was() {
    // Where the sources lie is a disk; a folder for temporary files often is none.
    let folder = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let files = tree(folder.path());
    for workers in [1, 2, 5] {
        // Every third file stays in memory: those are read at once, and leave after the others.
        let cold = files.iter().enumerate().filter(|(n, _)| n % 3 > 0).map(|(_, file)| file);
        let forgotten: Vec<_> = cold.filter(|(path, _)| forget(path)).collect();
        let session = FakeSession::new();
        let footer =
            crate::collectors::file_hash::collect_on(&spec(folder.path()), &session, workers)
                .unwrap();
        let rows = seen(&session).rows;
        assert_eq!((rows.len(), footer.hashed), (300, 300));
        for (row, (path, content)) in rows.iter().zip(&files) {
            assert_eq!(row.path, path.as_os_str().as_bytes(), "in walk order");
            assert_eq!((row.status, row.size), (FileStatus::Ok, content.len() as u64), "{path:?}");
            assert_eq!(row.digests[0], sha256(content), "{path:?}");
        }
        let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
        assert_eq!((footer.bytes_read, seen(&session).bytes), (bytes as u64, bytes as u64));
        for (path, _) in forgotten {
            assert_eq!(cached_pages(&open(path), 0, 0), Some(0), "{path:?} is in memory now");
        }
    }
}
