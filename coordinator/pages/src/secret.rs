//! Secrets of 256 bits, and what is kept to know them again: their digests, so that the time of a comparison tells
//! nothing.

use muster_protocol::hex;
use sha2::{Digest, Sha256};

/// SHA-256 of a secret.
pub type Print = [u8; 32];

/// Makes a secret: 64 hexadecimal digits.
pub fn make() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(&bytes))
}

/// Returns what is kept of a secret.
pub fn print(secret: &str) -> Print {
    Sha256::digest(secret.as_bytes()).into()
}
