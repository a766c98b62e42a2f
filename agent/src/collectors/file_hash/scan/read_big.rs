//! Reads big files: several together where they share the work of a digest, one with the help of an idle worker.

use std::collections::VecDeque;

use crate::collectors::file_hash::reorder::outcome_buffer::OutcomeBuffer;
use crate::collectors::file_hash::scan::big_files::{BigFiles, ReadRequest};
use crate::collectors::file_hash::scan::pipelined::{Chunk, PipelinedRead};
use crate::collectors::file_hash::scan::reader::Reader;
use crate::collectors::file_hash::scan::stream::{Step, Stream};
use crate::session::{Session, Stop, Wait, blocking};

impl Reader<'_> {
    /// Reads a big file, and with it others that wait, as far as they share the work of a digest. Gives some of them
    /// away when another worker has nothing to do.
    pub(crate) fn read_big(
        &mut self,
        first: Stream,
        big: &BigFiles<'_>,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        self.digest_held(delivery, session)?;
        let mut active = vec![first];
        let mut cold = VecDeque::new();
        let mut asked = None;
        while !active.is_empty() {
            while active.len() < self.buffers.len()
                && let Some(stream) = big.take()
            {
                active.push(stream);
            }
            if active.len() > 1 && big.has_idle() {
                for stream in active.drain(active.len().div_ceil(2)..) {
                    big.give(stream);
                }
            }
            for stream in &mut active {
                stream.may_block = true;
                stream.begin(session)?;
            }
            asked = ask_ahead(&active, asked, big);
            match asked.take_if(|asked| asked.ahead.has_reader()) {
                Some(asked) => self.read_ahead(&mut active, &asked.ahead, delivery, session)?,
                None => self.round(&mut active, &mut cold, delivery, session)?,
            }
        }
        Ok(())
    }

    /// Puts a file through the digests that another worker reads, until that has other work.
    fn read_ahead(
        &mut self,
        active: &mut Vec<Stream>,
        ahead: &PipelinedRead,
        delivery: &mut OutcomeBuffer<'_>,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let Some(mut stream) = active.pop() else { return Ok(()) };
        ahead.begin();
        loop {
            session.check()?;
            match blocking(session, Wait::Peers, || ahead.take()) {
                None => {}
                Some(Chunk::Bytes(bytes)) => {
                    stream.digests.update(&bytes);
                    let count = bytes.len();
                    ahead.recycle(bytes);
                    if matches!(stream.advance(count, self.window, session)?, Step::End) {
                        self.finish(stream, None, delivery);
                        return Ok(());
                    }
                }
                Some(Chunk::End(end)) => {
                    self.finish(stream, end.err(), delivery);
                    return Ok(());
                }
                Some(Chunk::Left) => {
                    active.push(stream);
                    return Ok(());
                }
            }
        }
    }
}

/// Asks for a reader, where one file is alone and a worker is idle.
fn ask_ahead<'a>(
    active: &[Stream],
    asked: Option<ReadRequest<'a>>,
    big: &'a BigFiles<'_>,
) -> Option<ReadRequest<'a>> {
    let [alone] = active else { return None };
    if asked.is_some() || !alone.is_long() || !big.has_idle() {
        return asked;
    }
    let file = alone.open().file.try_clone().ok()?;
    big.ask_ahead(file)
}
