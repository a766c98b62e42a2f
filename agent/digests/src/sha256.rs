//! SHA-256: its constants, and who works at how many streams.

use super::chain::{self, Kind, Run};
use super::sys::{self, Block, sha_ni};

/// SHA-256, FIPS 180-4. One stream is the `sha2` crate's where the processor has SHA-NI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sha256;

impl Kind for Sha256 {
    type State = [u32; 8];

    const START: Self::State = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    fn word(word: u32) -> [u8; 4] {
        word.to_be_bytes()
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }

    /// Two with SHA-NI; without it eight in AVX2, which are nearly as fast.
    fn lanes() -> usize {
        if sha_ni::is_there() { 2 } else { sys::width() }
    }

    fn compress(state: &mut Self::State, blocks: &[Block]) {
        if sha_ni::is_there() {
            sha2::block_api::compress256(state, blocks);
        } else {
            sys::sha256::compress(state, blocks);
        }
    }

    fn compress_together(runs: &mut [Run<'_, Self>], count: usize) {
        if let [one, other] = runs {
            let done = sha_ni::sha256_pair(
                [&mut *one.state, &mut *other.state],
                [one.blocks, other.blocks],
                count,
            );
            if done {
                return;
            }
        }
        chain::in_lanes(runs, count, sys::sha256::width_min(), sys::sha256::compress8);
    }
}
