//! SHA-256 of two streams.
#![expect(unsafe_code, reason = "vector loads and stores through pointers")]

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::super::sha256::K;
use super::Block;
use super::pairs::{Pair, add, words};

#[target_feature(enable = "sha,sse4.1")]
pub(super) fn compress(states: [&mut [u32; 8]; 2], streams: [&[Block]; 2], count: usize) {
    let [first, second] = states;
    let ([ab0, cd0], [ab1, cd1]) = (split(first), split(second));
    let (mut abef, mut cdgh) = ([ab0, ab1], [cd0, cd1]);
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let [one, other] = streams;
    for (one, other) in one.iter().zip(other).take(count) {
        let before = (abef, cdgh);
        let [mut w0, mut w1, mut w2, mut w3] = words([one, other], order);
        let constants = K.as_chunks::<16>().0;
        for (round, constants) in constants.iter().enumerate() {
            if round > 0 {
                w0 = next(w0, w1, w2, w3);
                w1 = next(w1, w2, w3, w0);
                w2 = next(w2, w3, w0, w1);
                w3 = next(w3, w0, w1, w2);
            }
            let ([k0, k1, k2, k3], _) = constants.as_chunks::<4>() else { continue };
            rounds(&mut abef, &mut cdgh, w0, k0);
            rounds(&mut abef, &mut cdgh, w1, k1);
            rounds(&mut abef, &mut cdgh, w2, k2);
            rounds(&mut abef, &mut cdgh, w3, k3);
        }
        abef = add(abef, before.0);
        cdgh = add(cdgh, before.1);
    }
    let ([ab0, ab1], [cd0, cd1]) = (abef, cdgh);
    join(first, ab0, cd0);
    join(second, ab1, cd1);
}

/// Loads a state as the instructions want it: its words a, b, e and f, and the others.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn split(state: &[u32; 8]) -> [__m128i; 2] {
    // SAFETY: a state has two times 16 bytes; the loads need no alignment.
    let (dcba, hgfe) = unsafe {
        let dcba = _mm_loadu_si128(state.as_ptr().cast());
        (dcba, _mm_loadu_si128(state.as_ptr().add(4).cast()))
    };
    let (cdab, efgh) = (_mm_shuffle_epi32(dcba, 0xb1), _mm_shuffle_epi32(hgfe, 0x1b));
    [_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)]
}

/// Stores what [`split`] loaded.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn join(state: &mut [u32; 8], abef: __m128i, cdgh: __m128i) {
    let (feba, dchg) = (_mm_shuffle_epi32(abef, 0x1b), _mm_shuffle_epi32(cdgh, 0xb1));
    // SAFETY: a state has two times 16 bytes; the stores need no alignment.
    unsafe {
        let (dcba, hgfe) = (_mm_blend_epi16(feba, dchg, 0xf0), _mm_alignr_epi8(dchg, feba, 8));
        _mm_storeu_si128(state.as_mut_ptr().cast(), dcba);
        _mm_storeu_si128(state.as_mut_ptr().add(4).cast(), hgfe);
    }
}

/// Four rounds of SHA-256.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn rounds(abef: &mut Pair, cdgh: &mut Pair, words: Pair, constants: &[u32; 4]) {
    // SAFETY: four words are 16 bytes; the load needs no alignment.
    let constants = unsafe { _mm_loadu_si128(constants.as_ptr().cast()) };
    let [sum0, sum1] = add(words, [constants; 2]);
    let ([ab0, ab1], [cd0, cd1]) = (*abef, *cdgh);
    let (cd0, cd1) = (_mm_sha256rnds2_epu32(cd0, ab0, sum0), _mm_sha256rnds2_epu32(cd1, ab1, sum1));
    let (sum0, sum1) = (_mm_shuffle_epi32(sum0, 0x0e), _mm_shuffle_epi32(sum1, 0x0e));
    *cdgh = [cd0, cd1];
    *abef = [_mm_sha256rnds2_epu32(ab0, cd0, sum0), _mm_sha256rnds2_epu32(ab1, cd1, sum1)];
}

/// The four words of SHA-256 that follow sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn next(w0: Pair, w1: Pair, w2: Pair, w3: Pair) -> Pair {
    let ([a0, a1], [b0, b1], [c0, c1], [d0, d1]) = (w0, w1, w2, w3);
    let behind = [_mm_alignr_epi8(d0, c0, 4), _mm_alignr_epi8(d1, c1, 4)];
    let [sum0, sum1] = add([_mm_sha256msg1_epu32(a0, b0), _mm_sha256msg1_epu32(a1, b1)], behind);
    [_mm_sha256msg2_epu32(sum0, d0), _mm_sha256msg2_epu32(sum1, d1)]
}
