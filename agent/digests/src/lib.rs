//! Several digests of a stream of bytes, of several streams together.
//!
//! MD5, SHA-1 and SHA-256 are chains ([`chain`]): over several streams they run together, each stream in a lane of its own
//! ([`sys`]). Over one stream, which is the crates' work, they alternate block by block, so that the processor has
//! something to do while it waits for each chain. What the processor can is found out at run time.

mod chain;
mod md5;
mod sha1;
mod sha256;
mod sys;

use muster_protocol::request::hunt::HashKind;
use muster_protocol::result::{Digest, Digests};
use sha2::{Digest as _, Sha512};

use self::chain::{Chain, Kind, More};
use self::md5::Md5;
use self::sha1::Sha1;
use self::sha256::Sha256;

/// Bytes after which one digest makes way for the next where they alternate: a block, or two where SHA-256 is made of
/// two at a time.
fn turn_bytes() -> usize {
    if sys::sha_ni::is_there() { 64 } else { 128 }
}

/// The digests that were asked for, each fed with the same bytes.
#[derive(Debug, Clone)]
pub(super) struct Hasher {
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
pub(super) fn width(kinds: &[HashKind]) -> usize {
    let lanes = |kind: &HashKind| match kind {
        HashKind::Md5 => Md5::lanes(),
        HashKind::Sha1 => Sha1::lanes(),
        HashKind::Sha256 => Sha256::lanes(),
        HashKind::Sha512 | HashKind::Blake3 => 1,
    };
    if kinds.iter().any(|kind| lanes(kind) > 1) { TOGETHER } else { 1 }
}

/// Updates the digests of several streams, each with bytes of its own.
pub(super) fn update_many<'a>(streams: impl Iterator<Item = (&'a mut Hasher, &'a [u8])>) {
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

/// Makes the digests of streams that lie in memory whole, each into its place.
pub(super) fn of_whole<'a>(
    kinds: &[HashKind],
    streams: impl Iterator<Item = (&'a [u8], &'a mut Digests)>,
) {
    let (bytes, mut places): (Vec<_>, Vec<_>) = streams.unzip();
    for kind in kinds {
        let digests: Vec<_> = match kind {
            HashKind::Md5 => of_chains::<Md5>(&bytes),
            HashKind::Sha1 => of_chains::<Sha1>(&bytes),
            HashKind::Sha256 => of_chains::<Sha256>(&bytes),
            HashKind::Sha512 => {
                bytes.iter().map(|bytes| Digest::from_slice(&Sha512::digest(bytes))).collect()
            }
            HashKind::Blake3 => bytes
                .iter()
                .map(|bytes| Digest::from_slice(blake3::hash(bytes).as_bytes()))
                .collect(),
        };
        for (place, digest) in places.iter_mut().zip(digests) {
            place.push((*kind, digest));
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
    pub(super) fn new(kinds: &[HashKind]) -> Self {
        let begin = |kind: &HashKind| match kind {
            HashKind::Md5 => Running::Md5(Chain::new()),
            HashKind::Sha1 => Running::Sha1(Chain::new()),
            HashKind::Sha256 => Running::Sha256(Chain::new()),
            HashKind::Sha512 => Running::Sha512(Sha512::new()),
            HashKind::Blake3 => Running::Blake3(Box::default()),
        };
        Self { running: kinds.iter().map(begin).collect() }
    }

    /// Updates the digests of one stream that has no company.
    pub(super) fn update(&mut self, bytes: &[u8]) {
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

    pub(super) fn finish(self) -> Digests {
        let end = |running| match running {
            Running::Md5(digest) => (HashKind::Md5, digest.finish()),
            Running::Sha1(digest) => (HashKind::Sha1, digest.finish()),
            Running::Sha256(digest) => (HashKind::Sha256, digest.finish()),
            Running::Sha512(digest) => (HashKind::Sha512, Digest::from_slice(&digest.finalize())),
            Running::Blake3(digest) => {
                (HashKind::Blake3, Digest::from_slice(digest.finalize().as_bytes()))
            }
        };
        // Not collected in place: that would keep the memory of the running digests, many times that of the finished.
        let mut finished = Digests::with_capacity(self.running.len());
        finished.extend(self.running.into_iter().map(end));
        finished
    }
}

impl Running {
    /// Tells whether it is a chain of small blocks. BLAKE3 wants many at a time, and SHA-512 gains nothing.
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

    fn one_by_one(kinds: &[HashKind], bytes: &[u8]) -> Digests {
        let of = |kind: &HashKind| {
            let mut digests = Hasher::new(&[*kind]);
            digests.update(bytes);
            digests.finish()
        };
        kinds.iter().flat_map(of).collect()
    }

    proptest! {
        /// Whatever is asked for, however many streams lie there.
        #[test]
        fn whole_streams_have_the_digests_that_each_has_piece_by_piece(
            kinds in prop::sample::subsequence(HashKind::ALL.to_vec(), 1..=HashKind::ALL.len()),
            streams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..10),
        ) {
            let mut places = vec![Digests::new(); streams.len()];
            of_whole(&kinds, streams.iter().map(Vec::as_slice).zip(&mut places));
            for (digests, bytes) in places.iter().zip(&streams) {
                prop_assert_eq!(digests, &one_by_one(&kinds, bytes));
            }
        }
    }
}
