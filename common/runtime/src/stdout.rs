//! Stdout as it is. The standard library takes a closed one for `/dev/null`, and one that cannot be written for
//! written.

mod sys;

use std::io::{self, Write};

/// Writes to stdout without a buffer; that it is closed is an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if sys::was_closed() {
            return Err(rustix::io::Errno::BADF.into());
        }
        let write = || rustix::io::write(io::stdout(), bytes);
        Ok(rustix::io::retry_on_intr(write)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
