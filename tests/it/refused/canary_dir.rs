//! The marker that would show a request that was carried out: folders that nobody may open.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// The kernel tells of every open and read in these folders.
pub(super) struct Bait(OwnedFd);

impl Bait {
    /// Puts a file into each of these folders, then watches.
    pub(super) fn put(folders: &[&Path]) -> Self {
        let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
        for folder in folders {
            fs::create_dir_all(folder).expect("a folder");
            fs::write(folder.join("bait"), "bait").expect("a file");
            let events = WatchFlags::OPEN | WatchFlags::ACCESS;
            add_watch(&watch, *folder, events).expect("a watch");
        }
        Self(watch)
    }

    /// Returns what was opened or read since the last call.
    pub(super) fn touched(&self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut touched = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => {
                    touched.push(format!("{:?} {:?}", event.events(), event.file_name()));
                }
                Err(Errno::AGAIN) => return touched,
                Err(error) => panic!("inotify: {error}"),
            }
        }
    }
}
