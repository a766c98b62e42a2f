//! MD5: its constants, and who works at how many streams.

use super::chain::{self, Kind, Run};
use super::sys::{self, Block};

/// MD5, RFC 1321. One stream is the `md-5` crate's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Md5;

impl Kind for Md5 {
    type State = [u32; 4];

    const START: Self::State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

    fn word(word: u32) -> [u8; 4] {
        word.to_le_bytes()
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_le_bytes()
    }

    fn lanes() -> usize {
        sys::md5::width()
    }

    fn compress(state: &mut Self::State, blocks: &[Block]) {
        ::md5::block_api::compress(state, blocks);
    }

    fn compress_together(runs: &mut [Run<'_, Self>], count: usize) {
        if runs.len() <= 4 {
            chain::transposed(runs, count, sys::md5::compress4);
        } else {
            chain::transposed(runs, count, sys::md5::compress8);
        }
    }
}
