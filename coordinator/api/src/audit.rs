//! The audit log: its lines, and the chain that they form.
//!
//! Each line carries a SHA-256 of itself and of the line before it. A line that is changed, taken out or put in later breaks
//! the chain from there on, and whoever noted the hash of the last line once can tell that everything before it is the same.

use muster_protocol::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
#[cfg(test)]
use utoipa::ToSchema;

use super::Time;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct AuditView {
    /// Its number, from 1, without gaps.
    pub id: i64,
    /// When.
    pub at: Time,
    /// Whose token it was.
    pub token: String,
    /// Who signed, where something was signed.
    pub operator: String,
    /// What was done: `request`, `enrol`, `revoke`, …
    pub action: String,
    /// To what: the id.
    pub subject: String,
    /// More, for people.
    pub detail: String,
    /// SHA-256 of this line and of the hash of the line before it, in hexadecimal.
    pub hash: String,
}

/// What a line says, as it is hashed.
#[derive(Debug, Clone, Copy)]
pub struct AuditWords<'a> {
    /// Its number.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Token, operator, action, subject, detail.
    pub words: [&'a [u8]; 5],
}

impl AuditWords<'_> {
    /// Returns the hash of the line; `before` is that of the line before it, zeros for the first.
    pub fn hash(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"muster audit v1\0");
        hash.update(before);
        hash.update(self.id.to_be_bytes());
        hash.update(self.at_ms.to_be_bytes());
        for word in self.words {
            // With its length: else what one word loses another could win.
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word);
        }
        hash.finalize().into()
    }
}

impl AuditView {
    /// Returns the hash that the line must have; `None` where `before` is no hash.
    pub fn expected(&self, before: &str) -> Option<String> {
        let before = hex::decode(before)?.try_into().ok()?;
        let words = [&self.token, &self.operator, &self.action, &self.subject, &self.detail];
        let line =
            AuditWords { id: self.id, at_ms: self.at.0.0, words: words.map(String::as_bytes) };
        Some(hex::encode(&line.hash(&before)))
    }
}

/// The hash before the first line.
pub const BEFORE_THE_FIRST: [u8; 32] = [0; 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_line_counts() {
        let words: [&[u8]; 5] = [b"ada", b"ada", b"request", b"0199", b"all"];
        let line = AuditWords { id: 1, at_ms: 2, words };
        let hash = line.hash(&BEFORE_THE_FIRST);
        let moved: [&[u8]; 5] = [b"ad", b"aada", b"request", b"0199", b"all"];
        let others = [
            AuditWords { id: 2, ..line }.hash(&BEFORE_THE_FIRST),
            AuditWords { at_ms: 3, ..line }.hash(&BEFORE_THE_FIRST),
            AuditWords { words: moved, ..line }.hash(&BEFORE_THE_FIRST),
            line.hash(&[1; 32]),
        ];
        assert!(others.iter().all(|other| *other != hash));
        // Written down: the same line has the same hash in every version.
        assert_eq!(
            hex::encode(&hash),
            "69f29bca0e4ae5d4a225df12040e69178916e3709d2a5fd52019e0db5bc1f6bc"
        );
    }
}
