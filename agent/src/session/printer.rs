//! Rows that go to a reader in this process, in the place of the outbox: made text by the thread that emits them, which
//! has them at hand, and passed on in pieces whose memory comes back.

use std::io;
use std::sync::{Arc, Mutex};

use muster_protocol::artifact::RowRef;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::stop::lock;

/// Bytes of a piece: a hundred rows and more, and little beside the rest of the process.
const PIECE_BYTES: usize = 56 << 10;
/// With so much free the piece is passed on: most rows fit, for a longer one it grows.
const ROW_BYTES: usize = 2 << 10;
/// Pieces that the reader has not taken yet, at most; then the collection waits.
const PIECES_MAX: usize = 2;

/// How a row becomes text.
pub type Format = fn(&RowRef<'_>, &mut Vec<u8>) -> io::Result<()>;

/// The end at which rows go in.
#[derive(Debug, Clone)]
pub struct Printer {
    format: Format,
    pieces: Sender<Vec<u8>>,
    spare: Spare,
}

/// The end at which text comes out.
#[derive(Debug)]
pub struct Printed {
    pieces: Receiver<Vec<u8>>,
    spare: Spare,
}

/// Memory of pieces that were taken.
type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// Makes both ends.
pub fn printer(format: Format) -> (Printer, Printed) {
    let (to, pieces) = mpsc::channel(PIECES_MAX);
    let spare = Spare::default();
    (Printer { format, pieces: to, spare: Arc::clone(&spare) }, Printed { pieces, spare })
}

impl Printer {
    /// Appends a row to `text`.
    pub(super) fn put(&self, row: &RowRef<'_>, text: &mut Vec<u8>) -> io::Result<()> {
        if text.capacity() == 0 {
            *text = lock(&self.spare).pop().unwrap_or_default();
            text.reserve(PIECE_BYTES);
        }
        (self.format)(row, text)
    }

    /// Returns whether `text` is to be passed on.
    pub(super) fn is_piece(text: &[u8]) -> bool {
        text.len() + ROW_BYTES > PIECE_BYTES
    }

    /// Passes on a piece that need not wait.
    pub(super) fn try_pass(&self, text: Vec<u8>) -> Result<(), TrySendError<Vec<u8>>> {
        self.pieces.try_send(text)
    }

    /// Passes on a piece, when there is room; `false` when the reader is gone.
    pub(super) fn pass(&self, text: Vec<u8>) -> bool {
        self.pieces.blocking_send(text).is_ok()
    }
}

impl Printed {
    /// Waits for the next piece; `None` when there will be none.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.pieces.recv().await
    }

    /// Waits for the next piece on a thread of its own.
    #[cfg(test)]
    pub(crate) fn blocking_next(&mut self) -> Option<Vec<u8>> {
        self.pieces.blocking_recv()
    }

    /// Returns the next piece, if it is there.
    pub fn try_next(&mut self) -> Result<Vec<u8>, TryRecvError> {
        self.pieces.try_recv()
    }

    /// Gives the memory of a piece back.
    pub fn give_back(&self, mut piece: Vec<u8>) {
        piece.clear();
        let mut spare = lock(&self.spare);
        if spare.len() < PIECES_MAX && piece.capacity() <= 2 * PIECE_BYTES {
            spare.push(piece);
        }
    }
}
