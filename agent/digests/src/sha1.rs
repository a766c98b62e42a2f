//! SHA-1: its constants, and who works at how many streams.

use super::chain::{self, Kind, Run};
use super::sys::{self, Block, sha_ni};

/// SHA-1, FIPS 180-4. One stream is the `sha1` crate's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sha1;

impl Kind for Sha1 {
    type State = [u32; 5];

    const START: Self::State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

    fn word(word: u32) -> [u8; 4] {
        word.to_be_bytes()
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }

    /// Two with SHA-NI, which are nearly as fast as eight in vectors.
    fn lanes() -> usize {
        if sha_ni::is_there() { 2 } else { sys::width() }
    }

    fn compress(state: &mut Self::State, blocks: &[Block]) {
        ::sha1::block_api::compress(state, blocks);
    }

    fn compress_together(runs: &mut [Run<'_, Self>], count: usize) {
        if let [one, other] = runs {
            let done = sha_ni::sha1_pair(
                [&mut *one.state, &mut *other.state],
                [one.blocks, other.blocks],
                count,
            );
            if done {
                return;
            }
        }
        chain::in_lanes(runs, count, sys::sha1::width_min(), sys::sha1::compress8);
    }
}
