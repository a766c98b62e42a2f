//! Several digests of one stream of bytes.

use common::request::hunt::HashKind;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

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

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for running in &mut self.running {
            match running {
                Running::Md5(digest) => digest.update(bytes),
                Running::Sha1(digest) => digest.update(bytes),
                Running::Sha256(digest) => digest.update(bytes),
                Running::Sha512(digest) => digest.update(bytes),
                Running::Blake3(digest) => {
                    digest.update(bytes);
                }
            }
        }
    }

    pub(super) fn finish(self) -> Vec<(HashKind, Vec<u8>)> {
        let end = |running| match running {
            Running::Md5(digest) => (HashKind::Md5, digest.finalize().to_vec()),
            Running::Sha1(digest) => (HashKind::Sha1, digest.finalize().to_vec()),
            Running::Sha256(digest) => (HashKind::Sha256, digest.finalize().to_vec()),
            Running::Sha512(digest) => (HashKind::Sha512, digest.finalize().to_vec()),
            Running::Blake3(digest) => (HashKind::Blake3, digest.finalize().as_bytes().to_vec()),
        };
        self.running.into_iter().map(end).collect()
    }
}
