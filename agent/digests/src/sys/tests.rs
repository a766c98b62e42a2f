//! Each way that this processor has, beside the crates. `lanes` takes the best of them; the others are for others.

use proptest::prelude::*;

use super::*;

/// Blocks of eight streams, and states to begin with.
fn streams() -> impl Strategy<Value = (Vec<Vec<Block>>, [u32; 8])> {
    let block = prop::array::uniform32(any::<u16>()).prop_map(|words| -> Block {
        std::array::from_fn(|at| words[at / 2].to_be_bytes()[at % 2])
    });
    (0..6_usize).prop_flat_map(move |count| {
        let stream = prop::collection::vec(block.clone(), count);
        (prop::collection::vec(stream, 8), prop::array::uniform8(any::<u32>()))
    })
}

fn check<const W: usize>(
    (streams, start): &(Vec<Vec<Block>>, [u32; 8]),
    ways: &[(&str, Compress<W, 8>)],
    known: fn(&mut [u32; W], &[Block]),
) -> Result<(), TestCaseError> {
    let streams: [&[Block]; 8] = std::array::from_fn(|lane| streams[lane].as_slice());
    let states: States<W, 8> =
        std::array::from_fn(|word| std::array::from_fn(|lane| start[(word + lane) % 8]));
    let mut want = states;
    one_by_one(&mut want, streams, streams[0].len(), known);
    for (name, way) in ways {
        let mut got = states;
        way(&mut got, streams, streams[0].len());
        prop_assert_eq!(got, want, "{}", name);
    }
    Ok(())
}

fn one_stream(states: &mut States<8, 8>, streams: [&[Block]; 8], count: usize) {
    one_by_one(states, streams, count, sha256::compress);
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "what a processor has is called where it has it")]
mod ways {
    use super::*;

    /// A way as a safe function, which is to be called where the processor has it.
    macro_rules! safe {
        ($way:path) => {
            // SAFETY: `with` takes it only where the processor has it.
            |states, streams, count| unsafe { $way(states, streams, count) }
        };
    }

    fn with<const W: usize>(
        avx2: Compress<W, 8>,
        avx512: Compress<W, 8>,
    ) -> Vec<(&'static str, Compress<W, 8>)> {
        match lanes() {
            Lanes::None => vec![],
            Lanes::Avx2 => vec![("AVX2", avx2)],
            Lanes::Avx512 => vec![("AVX2", avx2), ("AVX-512", avx512)],
        }
    }

    pub(super) fn md5() -> Vec<(&'static str, Compress<4, 8>)> {
        with(safe!(md5::avx2::compress), safe!(md5::avx512::compress))
    }

    pub(super) fn sha1() -> Vec<(&'static str, Compress<5, 8>)> {
        with(safe!(sha1::eight::avx2), safe!(sha1::eight::avx512))
    }

    pub(super) fn sha256() -> Vec<(&'static str, Compress<8, 8>)> {
        with(safe!(sha256::eight::avx2), safe!(sha256::eight::avx512))
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod ways {
    use super::*;

    pub(super) fn md5() -> Vec<(&'static str, Compress<4, 8>)> {
        vec![]
    }

    pub(super) fn sha1() -> Vec<(&'static str, Compress<5, 8>)> {
        vec![]
    }

    pub(super) fn sha256() -> Vec<(&'static str, Compress<8, 8>)> {
        vec![]
    }
}

proptest! {
    #[test]
    fn every_way_does_what_the_crates_do(streams in streams()) {
        check(&streams, &ways::md5(), ::md5::block_api::compress)?;
        check(&streams, &ways::sha1(), ::sha1::block_api::compress)?;
        let mut ways = ways::sha256();
        ways.push(("one stream", one_stream));
        check(&streams, &ways, sha2::block_api::compress256)?;
    }
}

/// Bytes a second of each way, and of one stream by the crates.
///
/// `cargo test --release -p muster-digests digest_rates -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
fn digest_rates_of_each_way() {
    rates("md5", ways::md5(), ::md5::block_api::compress);
    rates("sha1", ways::sha1(), ::sha1::block_api::compress);
    rates("sha256", ways::sha256(), sha2::block_api::compress256);
    let one_stream: Compress<8, 8> = one_stream;
    rates("sha256", vec![("one stream, ours", one_stream)], sha2::block_api::compress256);
}

fn rates<const W: usize>(
    digest: &str,
    ways: Vec<(&str, Compress<W, 8>)>,
    known: fn(&mut [u32; W], &[Block]),
) {
    let stream = vec![[7; 64]; 1_024];
    let mut state = [7; W];
    print_rate(digest, "one stream, the crate's", || {
        (0..8).for_each(|_| known(&mut state, &stream));
    });
    let mut states = [[7; 8]; W];
    for (name, way) in ways {
        print_rate(digest, name, || way(&mut states, [&stream; 8], stream.len()));
    }
}

/// `work` is done with eight times 64 KiB.
fn print_rate(digest: &str, way: &str, mut work: impl FnMut()) {
    let mut once = || {
        let began = std::time::Instant::now();
        (0..20).for_each(|_| work());
        began.elapsed()
    };
    let least = (0..40).map(|_| once()).min().unwrap();
    let rate = 20.0 * 8.0 * 65_536.0 / least.as_secs_f64() / 1e6;
    println!("{digest}, {way}: {rate:.0} MB/s");
}
