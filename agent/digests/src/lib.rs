//! MD5, SHA-1, SHA-256, SHA-512 and BLAKE3 of streams of bytes: several digests in one pass, several streams together.
//!
//! MD5, SHA-1 and SHA-256 are chains ([`chain`]): over several streams they run together, each stream in a lane of its own
//! ([`sys`]). Over one stream, which is the crates' work, they alternate block by block, so that the processor has
//! something to do while it waits for each chain. What the processor can is found out at run time.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod chain;
mod md5;
mod sha1;
mod sha256;
mod sys;

use sha2::{Digest as _, Sha512};
use smallvec::SmallVec;

use self::chain::{Chain, Kind, More};
use self::md5::Md5;
use self::sha1::Sha1;
use self::sha256::Sha256;

/// The bytes of one digest.
pub type Digest = SmallVec<[u8; 32]>;

/// A digest that can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
    /// 32 bytes.
    Blake3,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512, Self::Blake3];
}

/// Bytes after which one digest makes way for the next where they alternate: a block, or two where SHA-256 is made of
/// two at a time.
fn turn_bytes() -> usize {
    if sys::sha_ni::is_there() { 64 } else { 128 }
}

/// The digests that were asked for, each fed with the same bytes.
#[derive(Debug, Clone)]
pub struct Hasher {
    running: Vec<Running>,
}

#[derive(Debug, Clone)]
enum Running {
    Md5(Chain<Md5>),
    Sha1(Chain<Sha1>),
    Sha256(Chain<Sha256>),
    Sha512(Sha512),
    /// Two kilobytes of state, hence not in here.
    Blake3(Box<blake3::Hasher>),
}

/// Streams that are read at the same time where that pays: as many as the widest lanes take. Fewer lanes take one after
/// the other, and of many some are always as long as others.
const TOGETHER: usize = 8;

/// Returns how many streams are worth reading at the same time for these digests.
pub fn width(algorithms: &[Algorithm]) -> usize {
    let lanes = |kind: &Algorithm| match kind {
        Algorithm::Md5 => Md5::lanes(),
        Algorithm::Sha1 => Sha1::lanes(),
        Algorithm::Sha256 => Sha256::lanes(),
        Algorithm::Sha512 | Algorithm::Blake3 => 1,
    };
    if algorithms.iter().any(|kind| lanes(kind) > 1) { TOGETHER } else { 1 }
}

/// Updates the digests of several streams, each with bytes of its own.
pub fn update_many<'a>(streams: impl Iterator<Item = (&'a mut Hasher, &'a [u8])>) {
    let (mut md5s, mut sha1s, mut sha256s) = (Vec::new(), Vec::new(), Vec::new());
    for (digests, bytes) in streams {
        for running in &mut digests.running {
            match running {
                Running::Md5(chain) => md5s.push(More { chain, bytes }),
                Running::Sha1(chain) => sha1s.push(More { chain, bytes }),
                Running::Sha256(chain) => sha256s.push(More { chain, bytes }),
                other => other.update(bytes),
            }
        }
    }
    chain::update_many(&mut md5s);
    chain::update_many(&mut sha1s);
    chain::update_many(&mut sha256s);
}

/// Computes the digests of streams that lie in memory whole. `put` is given each stream's place with a digest at a
/// time, in the order of `algorithms`.
pub fn of_whole<'a, P>(
    algorithms: &[Algorithm],
    streams: impl Iterator<Item = (&'a [u8], P)>,
    mut put: impl FnMut(&mut P, Algorithm, Digest),
) {
    let (bytes, mut places): (Vec<_>, Vec<_>) = streams.unzip();
    for algorithm in algorithms {
        let digests: Vec<_> = match algorithm {
            Algorithm::Md5 => of_chains::<Md5>(&bytes),
            Algorithm::Sha1 => of_chains::<Sha1>(&bytes),
            Algorithm::Sha256 => of_chains::<Sha256>(&bytes),
            Algorithm::Sha512 => {
                bytes.iter().map(|bytes| Digest::from_slice(&Sha512::digest(bytes))).collect()
            }
            Algorithm::Blake3 => bytes
                .iter()
                .map(|bytes| Digest::from_slice(blake3::hash(bytes).as_bytes()))
                .collect(),
        };
        for (place, digest) in places.iter_mut().zip(digests) {
            put(place, *algorithm, digest);
        }
    }
}

fn of_chains<K: Kind>(streams: &[&[u8]]) -> Vec<Digest> {
    let mut chains = vec![Chain::<K>::new(); streams.len()];
    let mut more: Vec<_> =
        chains.iter_mut().zip(streams).map(|(chain, bytes)| More { chain, bytes }).collect();
    chain::update_many(&mut more);
    chain::finish_many(chains).collect()
}

impl Hasher {
    /// Begins the digests of one stream.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let begin = |kind: &Algorithm| match kind {
            Algorithm::Md5 => Running::Md5(Chain::new()),
            Algorithm::Sha1 => Running::Sha1(Chain::new()),
            Algorithm::Sha256 => Running::Sha256(Chain::new()),
            Algorithm::Sha512 => Running::Sha512(Sha512::new()),
            Algorithm::Blake3 => Running::Blake3(Box::default()),
        };
        Self { running: algorithms.iter().map(begin).collect() }
    }

    /// Updates the digests of one stream that has no company.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut alternating: Vec<_> = Vec::with_capacity(self.running.len());
        for running in &mut self.running {
            if running.takes_turns() { alternating.push(running) } else { running.update(bytes) }
        }
        let turn = if alternating.len() > 1 { turn_bytes() } else { bytes.len() };
        for bytes in bytes.chunks(turn.max(1)) {
            for running in &mut alternating {
                running.update(bytes);
            }
        }
    }

    /// Returns the digests, in the order in which they were asked for.
    pub fn finish(self) -> impl Iterator<Item = (Algorithm, Digest)> {
        self.running.into_iter().map(|running| match running {
            Running::Md5(digest) => (Algorithm::Md5, digest.finish()),
            Running::Sha1(digest) => (Algorithm::Sha1, digest.finish()),
            Running::Sha256(digest) => (Algorithm::Sha256, digest.finish()),
            Running::Sha512(digest) => (Algorithm::Sha512, Digest::from_slice(&digest.finalize())),
            Running::Blake3(digest) => {
                (Algorithm::Blake3, Digest::from_slice(digest.finalize().as_bytes()))
            }
        })
    }
}

impl Running {
    /// Returns whether it is a chain of small blocks. BLAKE3 wants many at a time, and SHA-512 gains nothing.
    fn takes_turns(&self) -> bool {
        matches!(self, Self::Md5(_) | Self::Sha1(_) | Self::Sha256(_))
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
            Self::Sha512(digest) => digest.update(bytes),
            Self::Blake3(digest) => {
                digest.update(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Digests = Vec<(Algorithm, Digest)>;

    fn one_by_one(algorithms: &[Algorithm], bytes: &[u8]) -> Digests {
        let of = |algorithm: &Algorithm| {
            let mut digests = Hasher::new(&[*algorithm]);
            digests.update(bytes);
            digests.finish()
        };
        algorithms.iter().flat_map(of).collect()
    }

    proptest! {
        /// Whatever is asked for, however many streams lie there.
        #[test]
        fn whole_streams_have_the_digests_that_each_has_piece_by_piece(
            kinds in prop::sample::subsequence(Algorithm::ALL.to_vec(), 1..=Algorithm::ALL.len()),
            streams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..10),
        ) {
            let mut places = vec![Digests::new(); streams.len()];
            let each = streams.iter().map(Vec::as_slice).zip(&mut places);
            of_whole(&kinds, each, |place, algorithm, digest| place.push((algorithm, digest)));
            for (digests, bytes) in places.iter().zip(&streams) {
                prop_assert_eq!(digests, &one_by_one(&kinds, bytes));
            }
        }
    }
}
