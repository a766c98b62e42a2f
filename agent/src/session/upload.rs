//! Sends the content of a file, piece by piece; never that of another file than the one that is meant.
//!
//! The digest is known before the first byte leaves. The last piece is held back until all that was read has that digest:
//! whatever changes meanwhile stays incomplete, and is never taken for the file.

use std::io;

use muster_protocol::limits::BLOB_CHUNK_BYTES_MAX;
use sha2::{Digest, Sha256};

use super::Stop;

/// What became of a file that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// All of it is on its way.
    Whole,
    /// It is not what it was.
    Differs,
    /// It cannot be read.
    Unreadable,
}

/// A file that is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Size in bytes; not 0.
    pub total: u64,
    /// SHA-256 of the whole.
    pub sha256: &'a [u8],
}

/// Fills a buffer from the next place of a file on; 0 at its end.
pub type Read<'a> = dyn FnMut(&mut [u8]) -> io::Result<usize> + 'a;

/// Takes a piece: its place, its bytes.
pub(super) type Take<'a> = dyn FnMut(u64, &[u8]) -> Result<(), Stop> + 'a;

/// Reads a file and hands its pieces to `send`, each with its place.
pub(super) fn pieces(
    content: &Content<'_>,
    read: &mut Read<'_>,
    send: &mut Take<'_>,
) -> Result<Sent, Stop> {
    let mut buffer = vec![0; BLOB_CHUNK_BYTES_MAX];
    let mut digest = Sha256::new();
    let mut offset = 0;
    while offset < content.total {
        let left = usize::try_from(content.total - offset).unwrap_or(usize::MAX);
        let Some(piece) = buffer.get_mut(..left.min(BLOB_CHUNK_BYTES_MAX)) else { break };
        match fill(read, piece) {
            Ok(true) => {}
            Ok(false) => return Ok(Sent::Differs),
            Err(_) => return Ok(Sent::Unreadable),
        }
        digest.update(&*piece);
        let next = offset.saturating_add(piece.len() as u64);
        if next >= content.total {
            let is_longer = !matches!(read(&mut [0]), Ok(0));
            if is_longer || digest.finalize_reset().as_slice() != content.sha256 {
                return Ok(Sent::Differs);
            }
        }
        send(offset, piece)?;
        offset = next;
    }
    Ok(Sent::Whole)
}

/// Fills the buffer to its end; `false` when the file ends before.
fn fill(read: &mut Read<'_>, mut buffer: &mut [u8]) -> io::Result<bool> {
    while !buffer.is_empty() {
        match read(buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => buffer = buffer.split_at_mut(count.min(buffer.len())).1,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends what `held` says it is, from what `found` holds; returns what left.
    fn sent(held: &[u8], found: &[u8]) -> (Sent, Vec<(u64, usize)>) {
        let sha256 = Sha256::digest(held);
        let content = Content { total: held.len() as u64, sha256: &sha256 };
        let mut left = found;
        // In small bites, as a file may be read.
        let mut read = |buffer: &mut [u8]| {
            let count = left.len().min(buffer.len()).min(100_000);
            let (bite, rest) = left.split_at(count);
            buffer[..count].copy_from_slice(bite);
            left = rest;
            Ok(count)
        };
        let mut pieces_sent = Vec::new();
        let outcome = pieces(&content, &mut read, &mut |offset, piece| {
            pieces_sent.push((offset, piece.len()));
            Ok(())
        });
        (outcome.unwrap(), pieces_sent)
    }

    #[test]
    fn a_file_leaves_whole_or_without_its_last_piece() {
        let max = BLOB_CHUNK_BYTES_MAX;
        let held: Vec<u8> = (0..2 * max + 7).map(|n| n.to_le_bytes()[1]).collect();
        let all = vec![(0, max), (max as u64, max), (2 * max as u64, 7)];
        assert_eq!(sent(&held, &held), (Sent::Whole, all.clone()));
        let mut other = held.clone();
        other[3] ^= 1;
        let longer = [held.as_slice(), b"+"].concat();
        for found in [&other[..], &longer, &held[..held.len() - 1]] {
            assert_eq!(sent(&held, found), (Sent::Differs, all[..2].to_vec()));
        }
        assert_eq!(sent(&held[..max], &held[..max]).0, Sent::Whole);
        assert_eq!(sent(&held[..max], &held[..max - 1]), (Sent::Differs, vec![]));
    }

    #[test]
    fn what_cannot_be_read_and_whoever_says_stop_end_it() {
        let content = Content { total: 10, sha256: &[0; 32] };
        let broken = &mut |_: &mut [u8]| Err(io::Error::from_raw_os_error(5));
        assert_eq!(pieces(&content, broken, &mut |_, _| Ok(())), Ok(Sent::Unreadable));
        let sha256 = Sha256::digest([7; 10]);
        let content = Content { total: 10, sha256: &sha256 };
        let mut left = 10;
        let mut read = |buffer: &mut [u8]| {
            let count = buffer.len().min(left);
            buffer[..count].fill(7);
            left -= count;
            Ok(count)
        };
        let stopped = pieces(&content, &mut read, &mut |_, _| Err(Stop::Cancelled));
        assert_eq!(stopped, Err(Stop::Cancelled));
    }
}
