//! The boxes that rows travel in, used again: what one thread allocates and another frees takes the allocator's slow way,
//! which is three hundred instructions for each row.

use muster_protocol::artifact::file_hash::Row;

use crate::collectors::file_hash::entry::Found;

/// More are not kept: some 80 kB.
const BOXES_MAX: usize = 256;

/// Boxes with nothing in them.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "the boxes are what is kept")]
pub(crate) struct Boxes(Vec<Box<Found>>);

impl Boxes {
    /// Puts a row that cost nothing to speak of into a box.
    pub(crate) fn pack(&mut self, row: Row) -> Box<Found> {
        let found = Found::free(row);
        match self.0.pop() {
            Some(mut kept) => {
                *kept = found;
                kept
            }
            None => Box::new(found),
        }
    }

    /// Returns what is in a box, and keeps the box.
    pub(crate) fn unpack(&mut self, mut found: Box<Found>) -> Found {
        let taken = std::mem::take(&mut *found);
        if self.0.len() < BOXES_MAX {
            self.0.push(found);
        }
        taken
    }

    /// Takes boxes over from another place until there are `count`.
    pub(crate) fn refill(&mut self, from: &mut Self, count: usize) {
        let wanted = count.saturating_sub(self.0.len());
        let first = from.0.len().saturating_sub(wanted);
        self.0.extend(from.0.drain(first..));
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::artifact::file_hash::{FileKind, FileStatus};

    use super::*;
    use crate::collectors::file_hash::entry::Verdict;

    fn row(path: &str) -> Row {
        Row::bare(path.into(), FileKind::Regular, FileStatus::Ok, 0)
    }

    #[test]
    fn a_box_that_is_used_again_has_nothing_of_the_row_before() {
        let mut boxes = Boxes::default();
        let mut first = boxes.pack(Row { link_target: Some(b"t".to_vec()), ..row("/a") });
        (first.bytes, first.elapsed_ms, first.verdict) = (1, 2, Verdict::Matched);
        (first.mount, first.after) = (Some("m".to_owned()), Some(b"c".to_vec()));
        let taken = boxes.unpack(first);
        assert_eq!((taken.row.path.as_slice(), taken.verdict), (&b"/a"[..], Verdict::Matched));
        assert_eq!((taken.bytes, taken.elapsed_ms, taken.after), (1, 2, Some(b"c".to_vec())));
        assert_eq!(boxes.0.len(), 1, "it is kept");
        let second = boxes.pack(row("/b"));
        assert_eq!(boxes.0.len(), 0, "and taken");
        assert_eq!(format!("{second:?}"), format!("{:?}", Found::free(row("/b"))));
    }

    #[test]
    fn boxes_come_back_in_bounds() {
        let (mut kept, mut mine) = (Boxes::default(), Boxes::default());
        let full: Vec<_> = (0..2 * BOXES_MAX).map(|_| kept.pack(row("/"))).collect();
        for found in full {
            drop(kept.unpack(found));
        }
        assert_eq!(kept.0.len(), BOXES_MAX);
        mine.refill(&mut kept, 3);
        mine.refill(&mut kept, 5);
        mine.refill(&mut kept, 4);
        assert_eq!((mine.0.len(), kept.0.len()), (5, BOXES_MAX - 5));
        mine.refill(&mut kept, 2 * BOXES_MAX);
        assert_eq!((mine.0.len(), kept.0.len()), (BOXES_MAX, 0), "no more than there are");
    }
}
