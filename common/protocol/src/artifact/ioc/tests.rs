use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::artifact::Digest;

fn kind() -> impl Strategy<Value = HashKind> {
    prop::sample::select(HashKind::ALL.to_vec())
}

/// Digests that differ in few bytes only, so that neighbours, doubles and near misses are common.
fn digest(kind: HashKind) -> impl Strategy<Value = Vec<u8>> {
    (0_u8..6, 0_u8..4, 0_u8..3).prop_map(move |(first, sixteenth, last)| {
        let mut digest = vec![7; kind.bytes()];
        digest[0] = first.wrapping_mul(51);
        digest[15] = sixteenth;
        *digest.last_mut().unwrap() = last;
        digest
    })
}

fn case() -> impl Strategy<Value = (HashKind, usize, Vec<Vec<u8>>, Vec<Vec<u8>>)> {
    (kind(), prop::bool::ANY).prop_flat_map(|(kind, is_whole)| {
        let width = if is_whole { kind.bytes() } else { WIDTH_MIN };
        let digests = || prop::collection::vec(digest(kind), 1..60);
        (Just(kind), Just(width), digests(), digests())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_a_set((kind, width, listed, asked) in case()) {
        let list = IocList::new(kind, width, listed.iter().map(Vec::as_slice));
        prop_assert_eq!(check(std::slice::from_ref(&list), &[kind]), Ok(()));
        let naive: BTreeSet<&[u8]> = listed.iter().map(|digest| &digest[..width]).collect();
        prop_assert_eq!(list.count(), naive.len());
        for digest in asked.iter().chain(&listed) {
            prop_assert_eq!(list.contains(digest), naive.contains(&digest[..width]));
        }
    }
}

fn list(kind: HashKind, width: u32, digests: &[u8]) -> IocList {
    IocList { kind, width, digests: ByteBuf::from(digests) }
}

#[test]
fn what_no_client_of_ours_writes_is_refused() {
    let md5 = HashKind::Md5;
    let rising = [[1; 16], [2; 16]].concat();
    assert_eq!(check(&[list(md5, 16, &rising)], &[md5]), Ok(()));
    let falling = [[2; 16], [1; 16]].concat();
    let long = vec![0; limits::IOC_BYTES_MAX + 16];
    for (bad, hashes) in [
        (vec![list(md5, 16, &falling)], vec![md5]),
        (vec![list(md5, 16, &[[1; 16], [1; 16]].concat())], vec![md5]),
        (vec![list(md5, 16, &rising[1..])], vec![md5]),
        (vec![list(md5, 16, &[])], vec![md5]),
        (vec![list(md5, 15, &rising[2..])], vec![md5]),
        (vec![list(md5, 0, &rising)], vec![md5]),
        (vec![list(md5, 32, &rising)], vec![md5]),
        (vec![list(md5, 16, &rising)], vec![HashKind::Sha256]),
        (vec![list(md5, 16, &rising), list(md5, 16, &rising)], vec![md5]),
        (vec![list(md5, 16, &long)], vec![md5]),
    ] {
        assert!(check(&bad, &hashes).is_err(), "{} of {bad:?}", bad.len());
    }
}

#[test]
fn a_part_may_hold_fewer_bytes_than_a_list_that_is_carried() {
    let part = IocList::new(HashKind::Sha1, PART_WIDTH, [[7; 20].as_slice()]);
    assert_eq!((part.width(), part.check(PART_WIDTH)), (8, Ok(())));
    assert!(check(&[part], &[HashKind::Sha1]).is_err());
    assert!(list(HashKind::Sha1, 7, &[1; 7]).check(PART_WIDTH).is_err());
}

#[test]
fn pieces_make_a_list_only_in_their_order() {
    let (md5, sha1) = (HashKind::Md5, HashKind::Sha1);
    let piece = |kind, width: u32, byte: u8| list(kind, width, &vec![byte; width as usize]);
    let joined = |pieces: &[IocList]| {
        let mut lists = Vec::new();
        pieces.iter().try_for_each(|piece| join(&mut lists, piece.clone())).map(|()| lists)
    };
    let lists = joined(&[piece(md5, 8, 1), piece(md5, 8, 2), piece(sha1, 9, 0)]).unwrap();
    assert_eq!(lists, [list(md5, 8, &[[1; 8], [2; 8]].concat()), piece(sha1, 9, 0)]);
    for bad in [
        [piece(md5, 8, 2), piece(md5, 8, 1), piece(sha1, 8, 1)],
        [piece(md5, 8, 1), piece(md5, 8, 1), piece(sha1, 8, 1)],
        [piece(md5, 8, 1), piece(md5, 9, 2), piece(sha1, 8, 1)],
        [piece(md5, 8, 1), piece(sha1, 8, 1), piece(md5, 8, 2)],
    ] {
        assert!(joined(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_list_is_named_by_whole_digests_and_by_no_more_than_there_may_be() {
    let part = || IocPartRef { id: RequestId::new(), sha256: ByteBuf::from([1; 32]) };
    let good = SplitIocList { count: 1, parts: vec![part()], whole: vec![ByteBuf::from([2; 32])] };
    assert_eq!((good.check(), SplitIocList::default().check()), (Ok(()), Ok(())));
    for bad in [
        SplitIocList {
            parts: vec![IocPartRef { sha256: ByteBuf::from([1; 31]), ..part() }],
            ..good.clone()
        },
        SplitIocList { whole: vec![ByteBuf::new()], ..good.clone() },
        SplitIocList {
            parts: (0..=limits::LIST_PARTS_MAX).map(|_| part()).collect(),
            ..good.clone()
        },
        SplitIocList {
            whole: vec![ByteBuf::from([2; 32]); limits::LIST_PIECES_MAX + 1],
            ..good.clone()
        },
        SplitIocList { count: limits::IOC_HASHES_MAX as u64 + 1, ..good.clone() },
        SplitIocList { parts: Vec::new(), ..good },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

#[test]
fn a_digest_matches_in_its_own_kind_only() {
    let (same, other) = (Digest::from_elem(3, 32), Digest::from_elem(4, 32));
    let lists = [IocList::new(HashKind::Sha256, 32, [same.as_slice()])];
    let found = |digests: &[(HashKind, Digest)]| {
        let digests = digests.iter().map(|(kind, digest)| (*kind, digest.as_slice()));
        matches(&lists, digests).collect::<Vec<_>>()
    };
    let blake3 = (HashKind::Blake3, same.clone());
    assert_eq!(found(&[(HashKind::Sha256, same), blake3.clone()]), [HashKind::Sha256]);
    assert!(found(&[(HashKind::Sha256, other), blake3]).is_empty());
    assert!(
        found(&[(HashKind::Sha256, Digest::from_elem(3, 8))]).is_empty(),
        "a digest that is cut is none"
    );
}
