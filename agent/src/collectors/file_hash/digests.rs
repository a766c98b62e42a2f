//! Several digests of one stream of bytes.

use common::request::hunt::HashKind;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

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
}

impl Digests {
    pub(super) fn new(kinds: &[HashKind]) -> Self {
        let begin = |kind: &HashKind| match kind {
            HashKind::Md5 => Running::Md5(Md5::new()),
            HashKind::Sha1 => Running::Sha1(Sha1::new()),
            HashKind::Sha256 => Running::Sha256(Sha256::new()),
        };
        Self { running: kinds.iter().map(begin).collect() }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for running in &mut self.running {
            match running {
                Running::Md5(digest) => digest.update(bytes),
                Running::Sha1(digest) => digest.update(bytes),
                Running::Sha256(digest) => digest.update(bytes),
            }
        }
    }

    pub(super) fn finish(self) -> Vec<(HashKind, Vec<u8>)> {
        let end = |running| match running {
            Running::Md5(digest) => (HashKind::Md5, digest.finalize().to_vec()),
            Running::Sha1(digest) => (HashKind::Sha1, digest.finalize().to_vec()),
            Running::Sha256(digest) => (HashKind::Sha256, digest.finalize().to_vec()),
        };
        self.running.into_iter().map(end).collect()
    }
}
