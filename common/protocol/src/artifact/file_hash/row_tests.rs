use proptest::prelude::*;

use super::*;
use crate::artifact::{Digest, Digests, HashKind, Rows};

/// What the kernel can say: 64 bits of seconds, and of most files what fits 64 bits of nanoseconds.
fn ns() -> impl Strategy<Value = i128> {
    let far = (any::<i64>(), 0..1_000_000_000_i128)
        .prop_map(|(s, ns)| i128::from(s) * 1_000_000_000 + ns);
    prop_oneof![any::<i64>().prop_map(i128::from), far]
}

prop_compose! {
    fn row()(
        path in prop::collection::vec(any::<u8>(), 0..60),
        kind in prop::sample::select(FileKind::ALL),
        status in prop::sample::select(FileStatus::ALL),
        numbers in (any::<i32>(), any::<u64>(), ns(), ns(), prop::option::of(ns()), ns()),
        more in any::<(u32, u32, u32, u64, u64, u64)>(),
        link_target in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
        digest in prop::option::of(any::<([u8; 16], [u8; 32], [u8; 64], [u8; 32])>()),
    ) -> Row {
        let digests = digest.map_or_else(Digests::new, |(md5, sha256, sha512, blake3)| {
            Digests::from_iter([
                (HashKind::Md5, Digest::from_slice(&md5)),
                (HashKind::Sha256, Digest::from_slice(&sha256)),
                (HashKind::Sha512, Digest::from_slice(&sha512)),
                (HashKind::Blake3, Digest::from_slice(&blake3)),
            ])
        });
        Row {
            path, kind, status, errno: numbers.0, size: numbers.1, mtime_ns: numbers.2,
            ctime_ns: numbers.3, btime_ns: numbers.4, atime_ns: numbers.5, mode: more.0,
            uid: more.1, gid: more.2, nlink: more.3, dev: more.4, ino: more.5, link_target, digests,
        }
    }
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(rows in prop::collection::vec(row(), 0..40)) {
        let count = u32::try_from(rows.len()).unwrap();
        let (front, back) = rows.split_at(rows.len() / 2);
        let mut packed = Rows::of(front.to_vec());
        packed.append(Rows::of(back.to_vec()));
        let body = packed.pack().unwrap();
        let unpacked = Rows::unpack(&SCHEMA, &body, count).unwrap();
        prop_assert_eq!(unpacked.records::<Row>(), rows);
        prop_assert!(Rows::unpack(&SCHEMA, &body, count + 1).is_err());
    }

    #[test]
    fn no_bytes_crash_it(bytes in prop::collection::vec(any::<u8>(), 0..400), count in any::<u32>()) {
        let _refused = Rows::unpack(&SCHEMA, &bytes, count);
        let _refused = Rows::unpack(&SCHEMA, &wire::compress(&bytes).unwrap(), count);
    }
}
