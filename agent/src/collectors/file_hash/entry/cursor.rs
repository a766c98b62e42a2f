//! Where an earlier run stopped.
//!
//! A cursor is the path of the last entry that is accounted for. A folder is accounted for before what is in
//! it, so its path alone says "go on in it". Everything else is done with its entry, and so is a folder that
//! could not be entered: those cursors end with a `/`, as no path of an entry does. Without the mark a folder
//! that was unreadable would be a row again at each resume, and one that has *become* unreadable would be none.

use crate::collectors::file_hash::cursor::Cursor;
use crate::files::paths::{below, components};

/// The place in the walk that a cursor names.
#[derive(Debug)]
pub(crate) struct Resume {
    /// Index of the root.
    pub(crate) root: usize,
    /// The names that lead from the root to the last entry.
    names: Vec<Vec<u8>>,
    /// Nothing below the last entry is left to do.
    is_done: bool,
    /// The cursor's path as it was.
    pub(crate) after: Vec<u8>,
}

/// What an earlier run did with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// Nothing.
    New,
    /// It is a folder that was entered: itself accounted for, what is in it in part or not at all.
    Entered,
    /// It is accounted for with all that is in it.
    Done,
}

impl Resume {
    /// Reads a cursor; `None` when it does not lie below its root.
    pub(crate) fn new(roots: &[Vec<u8>], cursor: &Cursor) -> Option<Self> {
        let root = usize::try_from(cursor.root).ok()?;
        let (path, is_done) = match cursor.after.strip_suffix(b"/") {
            Some(path) if !path.is_empty() => (path, true),
            // The root of all.
            _ => (cursor.after.as_slice(), false),
        };
        let names = components(below(roots.get(root)?, path)?).map(<[u8]>::to_vec).collect();
        Some(Self { root, names, is_done, after: cursor.after.clone() })
    }

    /// Returns the name that leads on from a folder on the way, `level` levels below the root.
    pub(crate) fn resume_child(&self, level: usize) -> Option<&[u8]> {
        self.names.get(level).map(Vec::as_slice)
    }

    /// Returns what became of the entry on the way, `level` levels below the root.
    pub(crate) fn past(&self, level: usize) -> Past {
        if self.is_done && level >= self.names.len() { Past::Done } else { Past::Entered }
    }
}

/// Returns the cursor's path for an entry below which nothing is left to do.
pub(crate) fn done_with(path: &[u8]) -> Vec<u8> {
    let mut after = Vec::with_capacity(path.len() + 1);
    put_done_with(path, &mut after);
    after
}

/// Puts the same in the place of another.
pub(crate) fn put_done_with(path: &[u8], after: &mut Vec<u8>) {
    after.clear();
    after.extend_from_slice(path);
    after.push(b'/');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resume(root: &str, after: &str) -> Option<Resume> {
        let cursor = Cursor { after: after.as_bytes().to_vec(), ..Cursor::default() };
        Resume::new(&[root.as_bytes().to_vec()], &cursor)
    }

    #[test]
    fn a_cursor_says_what_is_done_and_what_was_only_entered() {
        let on = resume("/r", "/r/a/b").unwrap();
        assert_eq!(
            (on.resume_child(0), on.resume_child(1), on.resume_child(2)),
            (Some(&b"a"[..]), Some(&b"b"[..]), None)
        );
        assert_eq!(
            (on.past(0), on.past(1), on.past(2)),
            (Past::Entered, Past::Entered, Past::Entered)
        );
        let behind = resume("/r", "/r/a/b/").unwrap();
        assert_eq!(
            (behind.past(0), behind.past(1), behind.past(2)),
            (Past::Entered, Past::Entered, Past::Done)
        );
        assert_eq!(resume("/r", "/r").unwrap().past(0), Past::Entered);
        assert_eq!(resume("/r", "/r/").unwrap().past(0), Past::Done);
        assert!(resume("/r", "/rest").is_none());
    }

    #[test]
    fn the_root_of_all_ends_with_a_slash_itself() {
        assert_eq!(resume("/", "/").unwrap().past(0), Past::Entered);
        assert_eq!(resume("/", "//").unwrap().past(0), Past::Done);
        assert_eq!(done_with(b"/"), b"//");
        assert_eq!(resume("/", "/a/").unwrap().past(1), Past::Done);
    }
}
