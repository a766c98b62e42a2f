//! Answers whose bytes are made while they are sent.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use tokio::sync::mpsc;

/// Pieces that wait for a slow client.
const WAITING_MAX: usize = 8;

/// A piece of an answer.
#[derive(Debug)]
pub enum Piece {
    /// A part.
    Part(Bytes),
    /// Nothing is missing.
    End,
}

/// The way to the client.
pub type Pieces = mpsc::Sender<io::Result<Piece>>;

/// Makes a body, and what it is sent through. The status is sent before the pieces: a body that ends without [`Piece::End`],
/// because the coordinator stops, is cut, so that its client does not take it for whole.
pub fn body() -> (Pieces, Body) {
    let (pieces, arriving) = mpsc::channel(WAITING_MAX);
    let stream = futures_lite::stream::unfold(Some(arriving), |arriving| async move {
        let mut arriving: mpsc::Receiver<io::Result<Piece>> = arriving?;
        match arriving.recv().await {
            Some(Ok(Piece::Part(part))) => Some((Ok(part), Some(arriving))),
            Some(Ok(Piece::End)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(io::Error::other("the coordinator stops")), None)),
        }
    });
    (pieces, Body::from_stream(stream))
}

/// Sends what is written, for a thread that may wait.
#[derive(Debug)]
pub struct Sender(pub Pieces);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = Piece::Part(Bytes::copy_from_slice(bytes));
        let sent = self.0.blocking_send(Ok(part));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
