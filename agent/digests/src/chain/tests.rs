use std::fmt::Write as _;

use ::md5::Digest as _;
use proptest::prelude::*;

use super::super::md5::Md5;
use super::super::sha1::Sha1;
use super::super::sha256::Sha256;
use super::*;

/// A digest of ours, and a whole stream's by the crate.
trait Known: Kind {
    fn of_crate(bytes: &[u8]) -> Digest;
}

impl Known for Md5 {
    fn of_crate(bytes: &[u8]) -> Digest {
        Digest::from_slice(&::md5::Md5::digest(bytes))
    }
}

impl Known for Sha1 {
    fn of_crate(bytes: &[u8]) -> Digest {
        Digest::from_slice(&::sha1::Sha1::digest(bytes))
    }
}

impl Known for Sha256 {
    fn of_crate(bytes: &[u8]) -> Digest {
        Digest::from_slice(&sha2::Sha256::digest(bytes))
    }
}

fn hex<K: Kind>(text: &str) -> String {
    let mut chain = Chain::<K>::new();
    chain.update(text.as_bytes());
    chain.finish().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn known_digests() {
    assert_eq!(hex::<Md5>(""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(hex::<Md5>("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    assert_eq!(hex::<Sha1>("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex::<Sha256>("abc"), sha256);
}

fn every_length<K: Known>() {
    let bytes: Vec<u8> = (0..200_u8).collect();
    for len in 0..bytes.len() {
        let mut chain = Chain::<K>::new();
        chain.update(&bytes[..len]);
        assert_eq!(chain.finish(), K::of_crate(&bytes[..len]), "{len} bytes");
    }
}

#[test]
fn every_length_around_the_blocks() {
    every_length::<Md5>();
    every_length::<Sha1>();
    every_length::<Sha256>();
}

/// Feeds the streams piece by piece, as many together as `lanes`.
fn digests<K: Kind>(lanes: usize, streams: &[Vec<Vec<u8>>]) -> Vec<Digest> {
    let mut chains = vec![Chain::<K>::new(); streams.len()];
    for turn in 0..4 {
        let pieces = chains.iter_mut().zip(streams);
        let mut more: Vec<_> = pieces
            .filter_map(|(chain, pieces)| pieces.get(turn).map(|bytes| More { chain, bytes }))
            .collect();
        update_with(lanes, &mut more);
    }
    finish_with(lanes, &mut chains);
    chains.iter().map(Chain::digest).collect()
}

fn check<K: Known>(lanes: &[usize], streams: &[Vec<Vec<u8>>]) -> Result<(), TestCaseError> {
    let known: Vec<_> = streams.iter().map(|pieces| K::of_crate(&pieces.concat())).collect();
    for lanes in lanes {
        prop_assert_eq!(&digests::<K>(*lanes, streams), &known, "{} lanes", lanes);
    }
    Ok(())
}

/// Bytes a second of each digest: one stream, and as many together as each way takes.
///
/// `cargo test --release -p muster-digests digest_rates -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
fn digest_rates() {
    rates::<Md5>(&[1, 4, 8]);
    rates::<Sha1>(&[1, 2, 8]);
    rates::<Sha256>(&[1, 2, 8]);
}

fn rates<K: Kind>(ways: &[usize]) {
    let bytes = vec![7; 65_536];
    for lanes in ways {
        let mut chains = vec![Chain::<K>::new(); 8];
        let once = |chains: &mut [Chain<K>]| {
            let began = std::time::Instant::now();
            for _ in 0..50 {
                let more = chains.iter_mut().map(|chain| More { chain, bytes: &bytes });
                update_with(*lanes, &mut more.collect::<Vec<_>>());
            }
            began.elapsed()
        };
        let least = (0..20).map(|_| once(&mut chains)).min().unwrap();
        let rate = 50.0 * 8.0 * 65_536.0 / least.as_secs_f64() / 1e6;
        println!("{}, {lanes} together: {rate:.0} MB/s", std::any::type_name::<K>());
    }
}

proptest! {
    /// Streams of any length, in any pieces, any number of them together, in every width.
    #[test]
    fn together_as_each_by_itself(
        streams in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..4), 1..20),
    ) {
        check::<Md5>(&[1, 4, 8], &streams)?;
        check::<Sha1>(&[1, 2, 8], &streams)?;
        check::<Sha256>(&[1, 2, 8], &streams)?;
    }
}
