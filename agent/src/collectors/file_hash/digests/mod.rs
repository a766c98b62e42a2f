//! Several digests of a stream of bytes, of several streams together.
//!
//! SHA-NI is chosen at run time by the `sha2` and `sha1` crates. MD5 is the slow one: over several streams it runs in
//! vector lanes ([`sys`]); over one alone it alternates with the others block by block, so that the processor has
//! something to do while it waits for the chain.

mod md5;
mod sys;

use ::sha1::Sha1;
use common::request::hunt::HashKind;
use sha2::{Digest, Sha256, Sha512};

use self::md5::{Md5, More};

/// Bytes after which one digest makes way for the next where they alternate.
const TURN_BYTES: usize = 64;

/// The digests that were asked for, each fed with the same bytes.
#[derive(Debug, Clone)]
pub(super) struct Digests {
    running: Vec<Running>,
}

#[derive(Debug, Clone)]
enum Running {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    /// Two kilobytes of state, hence not in here.
    Blake3(Box<blake3::Hasher>),
}

/// Returns how many streams are worth reading at the same time for these digests.
pub(super) fn width(kinds: &[HashKind]) -> usize {
    if kinds.contains(&HashKind::Md5) { md5::width() } else { 1 }
}

/// Updates the digests of several streams, each with bytes of its own.
pub(super) fn update_many<'a>(streams: impl Iterator<Item = (&'a mut Digests, &'a [u8])>) {
    let mut md5s = Vec::new();
    for (digests, bytes) in streams {
        for running in &mut digests.running {
            match running {
                Running::Md5(md5) => md5s.push(More { md5, bytes }),
                other => other.update(bytes),
            }
        }
    }
    md5::update_many(&mut md5s);
}

/// Makes the digests of streams that lie in memory whole, each into its place.
pub(super) fn of_whole<'a>(
    kinds: &[HashKind],
    streams: impl Iterator<Item = (&'a [u8], &'a mut Vec<(HashKind, Vec<u8>)>)>,
) {
    if let [kind] = kinds
        && *kind != HashKind::Md5
    {
        streams.for_each(|(bytes, place)| place.push((*kind, of_one(*kind, bytes))));
        return;
    }
    let blank = Digests::new(kinds);
    let mut all: Vec<_> = streams.map(|(bytes, place)| (blank.clone(), bytes, place)).collect();
    if let [(digests, bytes, _)] = all.as_mut_slice() {
        digests.update(bytes);
    } else {
        update_many(all.iter_mut().map(|(digests, bytes, _)| (digests, *bytes)));
    }
    for (digests, _, place) in all {
        *place = digests.finish();
    }
}

/// Returns one digest of one stream.
fn of_one(kind: HashKind, bytes: &[u8]) -> Vec<u8> {
    match kind {
        HashKind::Md5 => {
            let mut md5 = Md5::new();
            md5.update(bytes);
            md5.finish()
        }
        HashKind::Sha1 => Sha1::digest(bytes).to_vec(),
        HashKind::Sha256 => Sha256::digest(bytes).to_vec(),
        HashKind::Sha512 => Sha512::digest(bytes).to_vec(),
        HashKind::Blake3 => blake3::hash(bytes).as_bytes().to_vec(),
    }
}

impl Digests {
    pub(super) fn new(kinds: &[HashKind]) -> Self {
        let begin = |kind: &HashKind| match kind {
            HashKind::Md5 => Running::Md5(Md5::new()),
            HashKind::Sha1 => Running::Sha1(Sha1::new()),
            HashKind::Sha256 => Running::Sha256(Sha256::new()),
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
        let turn = if alternating.len() > 1 { TURN_BYTES } else { bytes.len() };
        for bytes in bytes.chunks(turn.max(1)) {
            for running in &mut alternating {
                running.update(bytes);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<(HashKind, Vec<u8>)> {
        let end = |running| match running {
            Running::Md5(digest) => (HashKind::Md5, digest.finish()),
            Running::Sha1(digest) => (HashKind::Sha1, digest.finalize().to_vec()),
            Running::Sha256(digest) => (HashKind::Sha256, digest.finalize().to_vec()),
            Running::Sha512(digest) => (HashKind::Sha512, digest.finalize().to_vec()),
            Running::Blake3(digest) => (HashKind::Blake3, digest.finalize().as_bytes().to_vec()),
        };
        // Not collected in place: that would keep the memory of the running digests, many times that of the finished.
        let mut finished = Vec::with_capacity(self.running.len());
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

    fn one_by_one(kinds: &[HashKind], bytes: &[u8]) -> Vec<(HashKind, Vec<u8>)> {
        let of = |kind: &HashKind| {
            let mut digests = Digests::new(&[*kind]);
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
            let mut places = vec![Vec::new(); streams.len()];
            of_whole(&kinds, streams.iter().map(Vec::as_slice).zip(&mut places));
            for (digests, bytes) in places.iter().zip(&streams) {
                prop_assert_eq!(digests, &one_by_one(&kinds, bytes));
            }
        }
    }
}
