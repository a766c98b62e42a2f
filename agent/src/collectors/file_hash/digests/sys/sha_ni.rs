//! SHA-1 and SHA-256 of two independent streams at once, by the processor's own instructions.
//!
//! An instruction for two or four rounds takes four cycles and the next one of the stream waits for it, but every second
//! cycle one can begin: two streams together are twice as fast as one after the other, three gain nothing more.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector loads through pointers; SHA-NI is called when the processor has it"
    )
)]

use super::Block;

/// Tells whether the processor has the instructions.
pub(in super::super) fn is_there() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("sse4.1")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Puts the first `count` blocks of two streams through their states; `false` when the processor cannot and nothing was
/// done.
pub(in super::super) fn sha256_pair(
    states: [&mut [u32; 8]; 2],
    streams: [&[Block]; 2],
    count: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_there() {
        // SAFETY: the processor has what the function asks for.
        unsafe { x86::sha256(states, streams, count) };
        return true;
    }
    let _ = (states, streams, count);
    false
}

/// The same for SHA-1.
pub(in super::super) fn sha1_pair(
    states: [&mut [u32; 5]; 2],
    streams: [&[Block]; 2],
    count: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_there() {
        // SAFETY: the processor has what the function asks for.
        unsafe { x86::sha1(states, streams, count) };
        return true;
    }
    let _ = (states, streams, count);
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
    use std::arch::x86_64::*;

    use super::super::sha256::K;
    use super::Block;

    /// A vector of each of the two streams.
    type Pair = [__m128i; 2];

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn add([a0, a1]: Pair, [b0, b1]: Pair) -> Pair {
        [_mm_add_epi32(a0, b0), _mm_add_epi32(a1, b1)]
    }

    /// Loads the sixteen words of a block of each stream, turned to the processor's order by `order`.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn words([one, other]: [&Block; 2], order: __m128i) -> [Pair; 4] {
        [0, 16, 32, 48].map(|at| {
            // SAFETY: 16 bytes from `at` on are within a block of 64; the loads need no alignment.
            let (one, other) = unsafe {
                let one = _mm_loadu_si128(one.as_ptr().add(at).cast());
                (one, _mm_loadu_si128(other.as_ptr().add(at).cast()))
            };
            [_mm_shuffle_epi8(one, order), _mm_shuffle_epi8(other, order)]
        })
    }

    #[target_feature(enable = "sha,sse4.1")]
    pub(super) fn sha256(states: [&mut [u32; 8]; 2], streams: [&[Block]; 2], count: usize) {
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
        let (cd0, cd1) =
            (_mm_sha256rnds2_epu32(cd0, ab0, sum0), _mm_sha256rnds2_epu32(cd1, ab1, sum1));
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
        let [sum0, sum1] =
            add([_mm_sha256msg1_epu32(a0, b0), _mm_sha256msg1_epu32(a1, b1)], behind);
        [_mm_sha256msg2_epu32(sum0, d0), _mm_sha256msg2_epu32(sum1, d1)]
    }

    #[target_feature(enable = "sha,sse4.1")]
    pub(super) fn sha1(states: [&mut [u32; 5]; 2], streams: [&[Block]; 2], count: usize) {
        let [first, second] = states;
        let ([abcd0, e0], [abcd1, e1]) = (sha1_load(first), sha1_load(second));
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
            sha1_rounds::<0>(&mut abcd, &mut e, w1);
            sha1_rounds::<0>(&mut abcd, &mut e, w2);
            sha1_rounds::<0>(&mut abcd, &mut e, w3);
            macro_rules! on {
                ($function:literal, $w0:ident, $w1:ident, $w2:ident, $w3:ident) => {
                    $w0 = sha1_next($w0, $w1, $w2, $w3);
                    sha1_rounds::<$function>(&mut abcd, &mut e, $w0);
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
        sha1_store(first, abcd0, e0);
        sha1_store(second, abcd1, e1);
    }

    /// Loads a state as the instructions want it: four words in reverse, and the fifth in the highest lane.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn sha1_load(state: &[u32; 5]) -> [__m128i; 2] {
        // SAFETY: a state has more than 16 bytes; the load needs no alignment.
        let dcba = unsafe { _mm_loadu_si128(state.as_ptr().cast()) };
        let [.., fifth] = state;
        [_mm_shuffle_epi32(dcba, 0x1b), _mm_set_epi32(fifth.cast_signed(), 0, 0, 0)]
    }

    /// Stores what [`sha1_load`] loaded.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn sha1_store(state: &mut [u32; 5], abcd: __m128i, e: __m128i) {
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
    fn sha1_rounds<const F: i32>(abcd: &mut Pair, e: &mut Pair, words: Pair) {
        let sum = turned(*e, words);
        *e = *abcd;
        *abcd = four::<F>(*abcd, sum);
    }

    /// The four words of SHA-1 that follow sixteen.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn sha1_next(w0: Pair, w1: Pair, w2: Pair, w3: Pair) -> Pair {
        let ([a0, a1], [b0, b1], [c0, c1], [d0, d1]) = (w0, w1, w2, w3);
        let mixed0 = _mm_xor_si128(_mm_sha1msg1_epu32(a0, b0), c0);
        let mixed1 = _mm_xor_si128(_mm_sha1msg1_epu32(a1, b1), c1);
        [_mm_sha1msg2_epu32(mixed0, d0), _mm_sha1msg2_epu32(mixed1, d1)]
    }
}
