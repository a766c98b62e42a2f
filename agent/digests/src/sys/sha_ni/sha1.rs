//! SHA-1 of two streams.
#![expect(unsafe_code, reason = "vector loads and stores through pointers")]

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::Block;
use super::pairs::{Pair, add, words};

#[target_feature(enable = "sha,sse4.1")]
pub(super) fn compress(states: [&mut [u32; 5]; 2], streams: [&[Block]; 2], count: usize) {
    let [first, second] = states;
    let ([abcd0, e0], [abcd1, e1]) = (load(first), load(second));
    let (mut abcd, mut e) = ([abcd0, abcd1], [e0, e1]);
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let [one, other] = streams;
    for (one, other) in one.iter().zip(other).take(count) {
        let before = (abcd, e);
        let [mut w0, mut w1, mut w2, mut w3] = words([one, other], order);
        // The first four rounds take the fifth word as it is; all others take the first of four rounds before, turned.
        let sum = add(e, w0);
        e = abcd;
        abcd = four::<0>(abcd, sum);
        rounds::<0>(&mut abcd, &mut e, w1);
        rounds::<0>(&mut abcd, &mut e, w2);
        rounds::<0>(&mut abcd, &mut e, w3);
        macro_rules! on {
            ($function:literal, $w0:ident, $w1:ident, $w2:ident, $w3:ident) => {
                $w0 = next($w0, $w1, $w2, $w3);
                rounds::<$function>(&mut abcd, &mut e, $w0);
            };
        }
        on!(0, w0, w1, w2, w3);
        on!(1, w1, w2, w3, w0);
        on!(1, w2, w3, w0, w1);
        on!(1, w3, w0, w1, w2);
        on!(1, w0, w1, w2, w3);
        on!(1, w1, w2, w3, w0);
        on!(2, w2, w3, w0, w1);
        on!(2, w3, w0, w1, w2);
        on!(2, w0, w1, w2, w3);
        on!(2, w1, w2, w3, w0);
        on!(2, w2, w3, w0, w1);
        on!(3, w3, w0, w1, w2);
        on!(3, w0, w1, w2, w3);
        on!(3, w1, w2, w3, w0);
        on!(3, w2, w3, w0, w1);
        on!(3, w3, w0, w1, w2);
        e = turned(e, before.1);
        abcd = add(abcd, before.0);
    }
    let ([abcd0, abcd1], [e0, e1]) = (abcd, e);
    store(first, abcd0, e0);
    store(second, abcd1, e1);
}

/// Loads a state as the instructions want it: four words in reverse, and the fifth in the highest lane.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn load(state: &[u32; 5]) -> [__m128i; 2] {
    // SAFETY: a state has more than 16 bytes; the load needs no alignment.
    let dcba = unsafe { _mm_loadu_si128(state.as_ptr().cast()) };
    let [.., fifth] = state;
    [_mm_shuffle_epi32(dcba, 0x1b), _mm_set_epi32(fifth.cast_signed(), 0, 0, 0)]
}

/// Stores what [`load`] loaded.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn store(state: &mut [u32; 5], abcd: __m128i, e: __m128i) {
    // SAFETY: a state has more than 16 bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(state.as_mut_ptr().cast(), _mm_shuffle_epi32(abcd, 0x1b)) };
    let [.., fifth] = state;
    *fifth = _mm_extract_epi32::<3>(e).cast_unsigned();
}

/// Four rounds of SHA-1 with function `F` of four.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four<const F: i32>([a0, a1]: Pair, [sum0, sum1]: Pair) -> Pair {
    [_mm_sha1rnds4_epu32::<F>(a0, sum0), _mm_sha1rnds4_epu32::<F>(a1, sum1)]
}

/// Adds the fifth word, which is the first of four rounds before, turned.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn turned([e0, e1]: Pair, [w0, w1]: Pair) -> Pair {
    [_mm_sha1nexte_epu32(e0, w0), _mm_sha1nexte_epu32(e1, w1)]
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn rounds<const F: i32>(abcd: &mut Pair, e: &mut Pair, words: Pair) {
    let sum = turned(*e, words);
    *e = *abcd;
    *abcd = four::<F>(*abcd, sum);
}

/// The four words of SHA-1 that follow sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn next(w0: Pair, w1: Pair, w2: Pair, w3: Pair) -> Pair {
    let ([a0, a1], [b0, b1], [c0, c1], [d0, d1]) = (w0, w1, w2, w3);
    let mixed0 = _mm_xor_si128(_mm_sha1msg1_epu32(a0, b0), c0);
    let mixed1 = _mm_xor_si128(_mm_sha1msg1_epu32(a1, b1), c1);
    [_mm_sha1msg2_epu32(mixed0, d0), _mm_sha1msg2_epu32(mixed1, d1)]
}
