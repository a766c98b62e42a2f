//! The digests that a request names, as `muster_digests` computes them.

use muster_digests::{Algorithm, Hasher};
use muster_protocol::artifact::Digests;
use muster_protocol::artifact::HashKind;

/// Returns the digests that are asked for, each once.
pub(crate) fn distinct(asked: &[HashKind]) -> Vec<HashKind> {
    let mut distinct = Vec::new();
    for kind in asked {
        if !distinct.contains(kind) {
            distinct.push(*kind);
        }
    }
    distinct
}

/// Returns what computes each digest that is asked for.
pub(crate) fn algorithms(hashes: &[HashKind]) -> Vec<Algorithm> {
    let algorithm = |hash: &HashKind| match hash {
        HashKind::Md5 => Algorithm::Md5,
        HashKind::Sha1 => Algorithm::Sha1,
        HashKind::Sha256 => Algorithm::Sha256,
        HashKind::Sha512 => Algorithm::Sha512,
        HashKind::Blake3 => Algorithm::Blake3,
    };
    hashes.iter().map(algorithm).collect()
}

const fn kind(algorithm: Algorithm) -> HashKind {
    match algorithm {
        Algorithm::Md5 => HashKind::Md5,
        Algorithm::Sha1 => HashKind::Sha1,
        Algorithm::Sha256 => HashKind::Sha256,
        Algorithm::Sha512 => HashKind::Sha512,
        Algorithm::Blake3 => HashKind::Blake3,
    }
}

/// Returns the digests of a stream that has ended.
pub(crate) fn finish(hasher: Hasher) -> Digests {
    // Not collected in place: that would keep the memory of the running digests, many times that of the finished.
    let mut finished = Digests::new();
    finished.extend(hasher.finish().map(|(algorithm, digest)| (kind(algorithm), digest)));
    finished
}

/// Computes the digests of files that lie in memory whole, each into its row's place.
pub(crate) fn of_whole<'a>(
    algorithms: &[Algorithm],
    files: impl Iterator<Item = (&'a [u8], &'a mut Digests)>,
) {
    muster_digests::of_whole(algorithms, files, |place, algorithm, digest| {
        place.push((kind(algorithm), digest));
    });
}
