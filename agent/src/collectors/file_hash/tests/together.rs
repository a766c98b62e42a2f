//! Files that are read several at a time have the digests that each has by itself.

use super::*;

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
        let digests = vec![
            (HashKind::Md5, md5::Md5::digest(content).to_vec()),
            (HashKind::Sha1, sha1::Sha1::digest(content).to_vec()),
            (HashKind::Sha256, Sha256::digest(content).to_vec()),
        ];
        wanted.push((path.into_os_string().into_encoded_bytes(), size as u64, digests));
    }
    let hashes = vec![HashKind::Md5, HashKind::Sha1, HashKind::Sha256];
    for workers in [1, 2, 5] {
        let session = FakeSession::new();
        let spec = FileHash { hashes: hashes.clone(), ..spec(folder.path()) };
        let footer = super::super::collect_on(&spec, &session, workers).unwrap();
        let found = session.seen().rows.into_iter().map(|row| (row.path, row.size, row.digests));
        assert!(found.eq(wanted.iter().cloned()), "{workers} workers");
        assert_eq!(footer.bytes_read, wanted.iter().map(|(_, size, _)| size).sum::<u64>());
    }
}
