//! SHA-1 of eight independent streams at once, a 32-bit lane of a vector each, for processors without SHA-NI.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "what a processor has is called where it has it")
)]

#[cfg(target_arch = "x86_64")]
pub(super) mod eight;

use super::{Block, Lanes, States, lanes};

/// Returns how many streams are worth hashing at the same time.
pub(in super::super) fn width() -> usize {
    if lanes() == Lanes::None { 1 } else { 8 }
}

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
    match lanes() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has AVX-512F and AVX-512VL, and AVX2 with them, all that the function asks for.
        Lanes::Avx512 => unsafe { eight::avx512(states, streams, count) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has AVX2, the only thing that the function asks for.
        Lanes::Avx2 => unsafe { eight::avx2(states, streams, count) },
        _ => super::one_by_one(states, streams, count, ::sha1::block_api::compress),
    }
}
