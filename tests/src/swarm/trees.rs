//! Real files with known digests: one folder an agent, deterministic from the seed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use muster_protocol::hex;
use sha2::{Digest, Sha256};

use crate::oracle::Manifest;

/// Sizes are spread evenly below this many bytes.
const FILE_BYTES_MAX: u64 = 8_192;
/// Files in one folder.
const FOLDER_FILES: usize = 64;

/// A small generator of numbers (SplitMix64): enough for sizes and contents, the same everywhere.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }
}

/// A tree on disk and what its files hash to.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Its folder.
    pub root: PathBuf,
    /// Path to digest.
    pub manifest: Manifest,
}

/// Writes `files` files below `root`.
pub fn write(root: &Path, files: usize, seed: u64) -> io::Result<Tree> {
    use std::os::unix::ffi::OsStrExt;
    let mut numbers = Numbers::new(seed);
    let mut manifest = Manifest::new();
    for n in 0..files {
        let folder = root.join(format!("d{:04}", n / FOLDER_FILES));
        if n % FOLDER_FILES == 0 {
            fs::create_dir_all(&folder)?;
        }
        let bytes = usize::try_from(numbers.below(FILE_BYTES_MAX)).map_err(io::Error::other)?;
        let content: Vec<u8> =
            std::iter::repeat_with(|| numbers.draw().to_le_bytes()).flatten().take(bytes).collect();
        let path = folder.join(format!("f{n:06}"));
        fs::write(&path, &content)?;
        manifest
            .insert(path.as_os_str().as_bytes().to_vec(), hex::encode(&Sha256::digest(&content)));
    }
    fs::create_dir_all(root)?;
    Ok(Tree { root: root.to_owned(), manifest })
}
