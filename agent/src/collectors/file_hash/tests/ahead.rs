//! A file that one thread reads and another puts through the digests.

use std::fs::File;
use std::io::Seek;
use std::sync::Arc;
use std::thread;

use rustix::io::Errno;

use super::*;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::{Batch, Outcome};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::scan::big_files::{BigFiles, Next, ReadRequest};
use crate::collectors::file_hash::scan::pipelined::{Chunk, PipelinedRead};
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::stats::Rules;
use crate::collectors::file_hash::tests::seen;
use crate::collectors::file_hash::upload::Uploads;

/// Has a file read ahead by another thread; gives what comes of it to `consume` until that wants no more. Returns
/// where the file's position is then.
fn read(
    path: &Path,
    session: &FakeSession,
    mut consume: impl FnMut(Chunk, &ReadRequest<'_>, &ReorderBuffer) -> bool,
) -> u64 {
    let plan = Plan::new(&spec(path), &FakeSession::new()).unwrap();
    let window = ReorderBuffer::new(Cursor::default(), Rules::of(&plan), Uploads::default());
    // One entry is not done, and nothing is left to walk.
    let mut batch = Batch::new(0);
    batch.push_done(Outcome::Folder, b"");
    window.open(&batch);
    window.close();
    let big_files = BigFiles::new(&window);
    let mut file = File::open(path).unwrap();
    let asked = big_files.ask_ahead(file.try_clone().unwrap().into()).unwrap();
    assert!(big_files.ask_ahead(file.try_clone().unwrap().into()).is_none(), "one at a time");
    let reader = || -> Arc<PipelinedRead> {
        match big_files.next(false) {
            Next::ReadAhead(ahead) => ahead,
            other => panic!("{other:?}"),
        }
    };
    thread::scope(|scope| {
        let reading = scope.spawn(|| reader().read(|| big_files.has_work(), session));
        asked.ahead.begin();
        loop {
            let got = asked.ahead.take();
            if got.is_some_and(|got| !consume(got, &asked, &window)) {
                break;
            }
        }
        drop(asked);
        // It ends here, or this test does not.
        drop(reading.join().unwrap());
    });
    file.stream_position().unwrap()
}

fn content() -> Vec<u8> {
    (0..3_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect()
}

#[test]
fn all_bytes_come_in_their_order_and_then_the_end() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "big", &content());
    let mut found = Vec::new();
    let until = read(&path, &FakeSession::new(), |got, asked, _| match got {
        Chunk::Bytes(bytes) => {
            found.extend_from_slice(&bytes);
            asked.ahead.recycle(bytes);
            true
        }
        Chunk::End(Ok(())) => false,
        other => panic!("{other:?}"),
    });
    assert!(found == content() && until == 3_000_000);
}

#[test]
fn what_the_kernel_refuses_is_told() {
    let folder = TempDir::new().unwrap();
    read(folder.path(), &FakeSession::new(), |got, _, _| {
        assert!(matches!(got, Chunk::End(Err(Errno::ISDIR))), "{got:?}");
        false
    });
}

#[test]
fn a_reader_leaves_when_nobody_wants_more_or_it_has_to_stop() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "big", &content());
    // The buffers are not given back: it waits for one when this ends.
    read(&path, &FakeSession::new(), |got, _, _| {
        assert!(matches!(got, Chunk::Bytes(..)), "{got:?}");
        false
    });
    let stopped = FakeSession::new();
    stopped.stop(Stop::Cancelled);
    let until = read(&path, &stopped, |got, _, _| {
        assert!(matches!(got, Chunk::Left), "{got:?}");
        false
    });
    assert_eq!(until, 0);
}

#[test]
fn where_a_reader_has_other_work_the_file_stands_behind_what_it_gave() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "big", &content());
    let mut given = 0;
    let until = read(&path, &FakeSession::new(), |got, asked, window| match got {
        Chunk::Bytes(bytes) => {
            given += bytes.len() as u64;
            asked.ahead.recycle(bytes);
            window.fail(CollectError::failed(CollectError::BUG, "all ends"));
            true
        }
        Chunk::Left => false,
        other @ Chunk::End(_) => panic!("{other:?}"),
    });
    assert!(until == given && until < 3_000_000, "{until}");
}

#[test]
fn a_big_file_alone_has_its_digests_whoever_reads_it() {
    let folder = TempDir::new().unwrap();
    let content = content().repeat(15);
    write(folder.path(), "big", &content);
    for hashes in [vec![HashKind::Sha256], vec![HashKind::Sha256, HashKind::Blake3]] {
        for workers in [1, 2, 3] {
            let session = FakeSession::new();
            let spec = file_hash::Args { hashes: hashes.clone(), ..spec(folder.path()) };
            let footer =
                crate::collectors::file_hash::collect_on(&spec, &session, workers).unwrap();
            let rows = seen(&session).rows;
            assert_eq!(rows[0].digests[0], sha256(&content), "{workers} workers");
            assert_eq!((rows[0].status, footer.bytes_read), (FileStatus::Ok, 45_000_000));
        }
    }
}
