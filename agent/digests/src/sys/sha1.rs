//! SHA-1 of eight independent streams at once, a 32-bit lane of a vector each, for processors without SHA-NI.

#[cfg(target_arch = "x86_64")]
pub(super) mod eight;

#[cfg(target_arch = "x86_64")]
use super::eight_lanes;
use super::{Block, Lanes, States, lanes, one_by_one};

/// Returns how many streams are faster in eight lanes than one after the other.
pub(in super::super) fn width_min() -> usize {
    match lanes() {
        Lanes::None => usize::MAX,
        Lanes::Avx2 => 3,
        Lanes::Avx512 => 2,
    }
}

/// Puts the first `count` blocks of each of eight streams through their states.
pub(in super::super) fn compress8(states: &mut States<5, 8>, streams: [&[Block]; 8], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if eight_lanes(states, streams, count, [eight::avx2, eight::avx512]) {
        return;
    }
    one_by_one(states, streams, count, ::sha1::block_api::compress);
}
