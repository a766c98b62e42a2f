//! Files that are read several at a time have the digests that each has by itself.

use std::fs::File;

use rustix::fd::OwnedFd;

use super::*;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::{Batch, Found, Outcome, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::scan::big_files::{self, BigFiles, Next};
use crate::collectors::file_hash::scan::open::Open;
use crate::collectors::file_hash::scan::stream::{Stream, ToRead};
use crate::collectors::file_hash::spec::Plan;
use crate::collectors::file_hash::stats::Rules;
use crate::collectors::file_hash::tests::seen;
use crate::collectors::file_hash::upload::Uploads;
use muster_digests::Hasher;

/// Sizes around a block, a buffer, a spending and the size from which any worker may take a file.
const SIZES: [usize; 14] = [
    0, 1, 63, 64, 65, 4_095, 65_535, 65_536, 65_537, 131_072, 1_048_576, 1_048_577, 8_388_608,
    9_000_001,
];

#[test]
fn digests_are_those_of_each_file_whatever_its_company() {
    let folder = TempDir::new().unwrap();
    let bytes: Vec<u8> =
        (0..9_100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    let mut wanted = Vec::new();
    for (n, size) in SIZES.into_iter().chain(SIZES).enumerate() {
        // Each file begins somewhere else, so that no two are alike.
        let content = &bytes[n * 1_000..n * 1_000 + size];
        let path = write(folder.path(), &format!("{n:02}-{size}"), content);
        let digests = Digests::from_iter([
            (HashKind::Md5, Digest::from_slice(&md5::Md5::digest(content))),
            (HashKind::Sha1, Digest::from_slice(&sha1::Sha1::digest(content))),
            sha256(content),
        ]);
        wanted.push((path.into_os_string().into_encoded_bytes(), size as u64, digests));
    }
    let hashes = vec![HashKind::Md5, HashKind::Sha1, HashKind::Sha256];
    for workers in [1, 2, 5] {
        let session = FakeSession::new();
        let spec = file_hash::Args { hashes: hashes.clone(), ..spec(folder.path()) };
        let footer = crate::collectors::file_hash::collect_on(&spec, &session, workers).unwrap();
        let found = seen(&session).rows.into_iter().map(|row| (row.path, row.size, row.digests));
        assert!(found.eq(wanted.iter().cloned()), "{workers} workers");
        assert_eq!(footer.bytes_read, wanted.iter().map(|(_, size, _)| size).sum::<u64>());
    }
}

/// Makes what stands for a big file, the first entry of the first batch.
fn big(plan: &Plan, path: &Path) -> Stream {
    let file = OwnedFd::from(File::open(path).unwrap());
    let row = Row::bare(b"big".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    let open = Open { file, found: Box::new(Found::free(row)), expected: None };
    let place = Place { batch: 0, index: 0 };
    Stream::new(ToRead { place, open, is_first: false }, Hasher::new(&plan.algorithms))
}

fn is_walk(next: &Next) -> bool {
    matches!(next, Next::Walk)
}

fn is_read(next: &Next) -> bool {
    matches!(next, Next::Read(_))
}

#[test]
fn behind_a_big_file_more_may_be_done_than_behind_another() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "big", b"");
    let plan = Plan::new(&spec(folder.path()), &FakeSession::new()).unwrap();
    let window = ReorderBuffer::new(Cursor::default(), Rules::of(&plan), Uploads::default());
    let big_files = BigFiles::new(&window);
    let mut opened = 0;
    let mut fill = || loop {
        match big_files.next(true) {
            Next::Walk => {}
            other => return (opened * 64, other),
        }
        let mut batch = Batch::new(opened);
        (0..64).for_each(|_| batch.push_done(Outcome::Folder, b""));
        window.open(&batch);
        opened += 1;
    };
    assert!(matches!(fill(), (8_192, Next::Wait)));
    assert!(big_files.offer(big(&plan, &path)).is_none());
    assert!(matches!(fill(), (20_480, Next::Read(_))), "then it waits for no other");
    window.put([(Place { batch: 0, index: 0 }, Outcome::Folder)], 0);
    assert!(matches!(fill(), (20_480, Next::Wait)), "it is done");
}

#[test]
fn a_big_file_waits_for_company_and_not_for_ever() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "big", b"");
    let plan = Plan::new(&spec(folder.path()), &FakeSession::new()).unwrap();
    let window = || ReorderBuffer::new(Cursor::default(), Rules::of(&plan), Uploads::default());
    let big = || big(&plan, &path);

    let window_of_pair = window();
    let pair = BigFiles::new(&window_of_pair);
    assert!(pair.offer(big()).is_none() && is_walk(&pair.next(true)), "alone");
    assert!(pair.offer(big()).is_none() && is_read(&pair.next(true)), "two");
    pair.give(big());
    assert!(is_read(&pair.next(true)) && is_read(&pair.next(true)), "what was begun goes on");

    let window_of_alone = window();
    let alone = BigFiles::new(&window_of_alone);
    assert!(alone.offer(big()).is_none() && is_read(&alone.next(false)), "nothing is gained");
    assert!(alone.offer(big()).is_none() && is_walk(&alone.next(true)));
    std::thread::park_timeout(big_files::PAIR_WAIT);
    assert!(is_read(&alone.next(true)), "it has waited");
    assert!(alone.offer(big()).is_none() && is_walk(&alone.next(true)));
    window_of_alone.close();
    assert!(is_read(&alone.next(true)), "there will be no other");
}
