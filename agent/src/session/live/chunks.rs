//! What was emitted becomes chunks, durable with the cursor that they belong to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_profiler::Captured;
use muster_protocol::artifact::Rows;
use muster_protocol::limits;
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{BlobChunk, FILE_BLOB, RowChunk, Status};
use muster_protocol::wire::WireError;
use serde_bytes::ByteBuf;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use super::{Last, LiveSession, Pending, Stop, Wait, lock};
use crate::journal::{JournalError, Step};
use crate::session::batch::Batch;
use crate::session::printer::Printer;
use crate::session::upload::Content;

/// Pause between two tries to write a journal that is full.
const RETRY: Duration = muster_runtime::retry::JOURNAL.first();

/// What its chunks say of a blob.
#[derive(Debug)]
struct Blob<'a> {
    number: u32,
    kind: &'a str,
    total: u64,
    sha256: &'a [u8],
}

impl LiveSession {
    /// Makes everything pending durable in one transaction: chunks, cursor, figures, next seq, last status.
    pub(super) fn flush(&self, pending: &mut Pending, last: Option<Last>) -> Result<(), Stop> {
        self.flush_at_ms.store(u64::MAX, Ordering::Relaxed);
        if let Some(printer) = &self.printer {
            self.hand_over(printer, &mut pending.text)?;
        }
        let (last, paused) = match last {
            Some(Last::Final(status)) => (Some(status), None),
            Some(Last::Paused(status)) => (None, Some(status)),
            None => (None, None),
        };
        // No run may go on from a cursor that some of the rows lie behind.
        if pending.is_ending && last.is_none() {
            let step = Step { paused: paused.as_ref(), ..Step::default() };
            return if paused.is_some() { self.commit(&step) } else { Ok(()) };
        }
        let chunks = self.row_chunks(pending)?;
        let cursor = pending.at.as_ref().map(|at| at.cursor()).transpose().map_err(broken)?;
        let count = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
        let next_seq = pending.next_seq.saturating_add(count);
        if next_seq > limits::SEQ_MAX && last.is_none() {
            return Err(Stop::Limit("chunks"));
        }
        let last = last.map(|status| Status { chunks: Some(next_seq), ..status });
        let figures = self.figures();
        let step = Step {
            rows: &chunks,
            cursor: cursor.as_deref(),
            figures: Some(&figures),
            paused: paused.as_ref(),
            last: last.as_ref(),
            ..Step::default()
        };
        self.commit(&step)?;
        pending.next_seq = next_seq;
        pending.has_begun = true;
        pending.rows.clear();
        pending.at = None;
        Ok(())
    }

    /// Prints rows behind what is printed, and hands it over as often as it is a piece.
    pub(super) fn print(
        &self,
        printer: &Printer,
        rows: &Batch,
        text: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        for row in rows.chunks().iter().flat_map(Rows::iter) {
            printer.put(&row, text).map_err(|error| Stop::Journal(error.to_string()))?;
            if Printer::is_piece(text) {
                self.hand_over(printer, text)?;
            }
        }
        Ok(())
    }

    /// Hands over what is printed; waits while the reader has not taken the pieces before it.
    fn hand_over(&self, printer: &Printer, text: &mut Vec<u8>) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        let is_taken = match printer.try_pass(std::mem::take(text)) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(text)) => {
                self.meter.waiting(Wait::Outbox, || printer.pass(text))
            }
        };
        let gone = || Stop::Journal("the reader of the rows is gone".to_owned());
        is_taken.then_some(()).ok_or_else(gone)
    }

    /// Packs the pending rows. All chunks go into one transaction, for only the last row of a batch has a cursor: a cut in
    /// between would send rows twice after a kill.
    fn row_chunks(&self, pending: &Pending) -> Result<Vec<RowChunk>, Stop> {
        let chunk = |(seq, rows): (u64, &Rows)| {
            let body = rows.pack().map_err(broken)?;
            let schema = rows.schema();
            Ok(RowChunk {
                agent: self.agent.clone(),
                request: self.request,
                attempt: self.attempt(),
                seq,
                artifact: schema.artifact.to_owned(),
                schema: schema.version,
                rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
                sha256: sha256(&body),
                body: ByteBuf::from(body),
            })
        };
        (pending.next_seq..).zip(pending.rows.chunks()).map(chunk).collect()
    }

    /// Makes a piece of a file durable. With the first the blob's number is taken: what a kill cuts short is begun again
    /// as another blob.
    pub(super) fn piece(
        &self,
        content: &Content<'_>,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Stop> {
        let mut pending = lock(&self.pending);
        pending.may_go_on()?;
        if pending.next_seq >= limits::SEQ_MAX {
            return Err(Stop::Limit("chunks"));
        }
        if offset == 0 {
            pending.next_blob += 1;
        }
        let blob = Blob {
            number: pending.next_blob.saturating_sub(1),
            kind: FILE_BLOB,
            total: content.total,
            sha256: content.sha256,
        };
        let chunk = self.blob_chunk(pending.next_seq, &blob, offset, data);
        let figures = self.figures();
        let blobs = std::slice::from_ref(&chunk);
        self.commit(&Step { blobs, figures: Some(&figures), ..Step::default() })?;
        pending.next_seq += 1;
        Ok(())
    }

    /// Writes a step; while the journal is full, tries again each second, until another run is to go on.
    pub(super) fn commit(&self, step: &Step<'_>) -> Result<(), Stop> {
        loop {
            match self.journal.step(&self.agent, self.request, step) {
                Ok(()) => return Ok(()),
                Err(JournalError::Full(error)) => {
                    warn!(request = %self.request, error, "journal full: the collection waits");
                    let waited = self.meter.waiting(Wait::Journal, || self.sleep(RETRY));
                    if waited.is_err() {
                        return Err(Stop::Journal(error));
                    }
                }
                Err(error) => return Err(Stop::Journal(error.to_string())),
            }
        }
    }

    /// Cuts a profile into the chunks that follow `chunks`, of which the first has the number `first_seq`.
    pub(super) fn cut(
        &self,
        number: u32,
        profile: &Captured,
        first_seq: u64,
        chunks: &mut Vec<BlobChunk>,
    ) {
        let blob = Blob {
            number,
            kind: profile.kind.blob(),
            total: profile.bytes.len() as u64,
            sha256: &profile.footer.blob_sha256,
        };
        let mut offset = 0;
        for data in profile.bytes.chunks(limits::BLOB_CHUNK_BYTES_MAX) {
            let seq = first_seq.saturating_add(chunks.len() as u64);
            chunks.push(self.blob_chunk(seq, &blob, offset, data));
            offset += data.len() as u64;
        }
    }

    fn blob_chunk(&self, seq: u64, blob: &Blob<'_>, offset: u64, data: &[u8]) -> BlobChunk {
        BlobChunk {
            agent: self.agent.clone(),
            request: self.request,
            attempt: self.attempt(),
            seq,
            blob: blob.number,
            kind: blob.kind.to_owned(),
            offset,
            total: blob.total,
            blob_sha256: ByteBuf::from(blob.sha256),
            sha256: sha256(data),
            data: ByteBuf::from(data),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: WireError) -> Stop {
    Stop::Journal(error.to_string())
}
