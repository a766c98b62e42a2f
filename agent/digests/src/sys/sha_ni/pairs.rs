//! What both digests do with a vector of each of two streams.
#![expect(unsafe_code, reason = "vector loads through pointers")]

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::Block;

/// A vector of each of the two streams.
pub(super) type Pair = [__m128i; 2];

#[inline]
#[target_feature(enable = "sha,sse4.1")]
pub(super) fn add([a0, a1]: Pair, [b0, b1]: Pair) -> Pair {
    [_mm_add_epi32(a0, b0), _mm_add_epi32(a1, b1)]
}

/// Loads the sixteen words of a block of each stream, turned to the processor's order by `order`.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
pub(super) fn words([one, other]: [&Block; 2], order: __m128i) -> [Pair; 4] {
    [0, 16, 32, 48].map(|at| {
        // SAFETY: 16 bytes from `at` on are within a block of 64; the loads need no alignment.
        let (one, other) = unsafe {
            let one = _mm_loadu_si128(one.as_ptr().add(at).cast());
            (one, _mm_loadu_si128(other.as_ptr().add(at).cast()))
        };
        [_mm_shuffle_epi8(one, order), _mm_shuffle_epi8(other, order)]
    })
}
