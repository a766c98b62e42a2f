//! A store with something in it, for tests.

use super::{DataDir, Write, Writer};

/// Writes one after the other.
pub(crate) fn fill(place: &DataDir, writes: impl IntoIterator<Item = Write>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(place).unwrap();
        for write in writes {
            writer.write(write).await.unwrap();
        }
    });
}
