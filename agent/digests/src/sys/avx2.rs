//! What the compressions of eight lanes share.
#![expect(unsafe_code, reason = "vector loads through pointers")]

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::{Block, States};

/// Does something with each number below sixteen. Written out, because in a loop words do not stay in registers.
macro_rules! sixteen {
    ($step:ident) => {
        $step!(0);
        $step!(1);
        $step!(2);
        $step!(3);
        $step!(4);
        $step!(5);
        $step!(6);
        $step!(7);
        $step!(8);
        $step!(9);
        $step!(10);
        $step!(11);
        $step!(12);
        $step!(13);
        $step!(14);
        $step!(15);
    };
}
pub(super) use sixteen;

/// A compression of big-endian words, for processors that have `$features`: of `$words` words of state, by the macro
/// `$rounds`, which is given a state and the words of a block. Not a function, which would be compiled for AVX2 alone.
macro_rules! compression {
    ($name:ident, $features:literal, $words:literal, $rounds:ident) => {
        #[target_feature(enable = $features)]
        pub(in super::super) fn $name(
            states: &mut States<$words, 8>,
            streams: [&[Block]; 8],
            count: usize,
        ) {
            let mut state = load(states);
            let order = big_endian();
            for n in 0..count {
                let Some(blocks) = blocks(&streams, n) else { break };
                let mut w = transposed(blocks).map(|words| _mm256_shuffle_epi8(words, order));
                let before = state;
                $rounds!(state, w);
                for (word, before) in state.iter_mut().zip(before) {
                    *word = _mm256_add_epi32(*word, before);
                }
            }
            store(state, states);
        }
    };
}
pub(super) use compression;

/// Rotates by `R` bits to the right; `L` is what is missing to 32.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn right<const R: i32, const L: i32>(word: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_srli_epi32::<R>(word), _mm256_slli_epi32::<L>(word))
}

/// Combines three by exclusive or.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn xor3(one: __m256i, two: __m256i, three: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(one, two), three)
}

/// Returns which byte goes where for words whose bytes are the other way round in a block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn big_endian() -> __m256i {
    let half = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm256_broadcastsi128_si256(half)
}

/// Turns the words of eight states into vectors.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load<const W: usize>(states: &States<W, 8>) -> [__m256i; W] {
    // SAFETY: each array is as long as a vector; the loads need no alignment.
    states.each_ref().map(|words| unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
}

/// The other way round.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store<const W: usize>(vectors: [__m256i; W], states: &mut States<W, 8>) {
    for (words, vector) in states.iter_mut().zip(vectors) {
        // SAFETY: as long as a vector; the store needs no alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
    }
}

/// Turns eight blocks into sixteen vectors of one word each.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transposed(blocks: [&Block; 8]) -> [__m256i; 16] {
    let mut m = [_mm256_setzero_si256(); 16];
    for (half, out) in m.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // SAFETY: a block has two times 32 bytes and `half` is below two; the loads need no alignment.
        let [r0, r1, r2, r3, r4, r5, r6, r7] =
            blocks.map(|block| unsafe { _mm256_loadu_si256(block.as_ptr().add(32 * half).cast()) });
        let (t0, t1) = (_mm256_unpacklo_epi32(r0, r1), _mm256_unpackhi_epi32(r0, r1));
        let (t2, t3) = (_mm256_unpacklo_epi32(r2, r3), _mm256_unpackhi_epi32(r2, r3));
        let (t4, t5) = (_mm256_unpacklo_epi32(r4, r5), _mm256_unpackhi_epi32(r4, r5));
        let (t6, t7) = (_mm256_unpacklo_epi32(r6, r7), _mm256_unpackhi_epi32(r6, r7));
        let (u0, u1) = (_mm256_unpacklo_epi64(t0, t2), _mm256_unpackhi_epi64(t0, t2));
        let (u2, u3) = (_mm256_unpacklo_epi64(t1, t3), _mm256_unpackhi_epi64(t1, t3));
        let (u4, u5) = (_mm256_unpacklo_epi64(t4, t6), _mm256_unpackhi_epi64(t4, t6));
        let (u6, u7) = (_mm256_unpacklo_epi64(t5, t7), _mm256_unpackhi_epi64(t5, t7));
        *out = [
            _mm256_permute2x128_si256::<0x20>(u0, u4),
            _mm256_permute2x128_si256::<0x20>(u1, u5),
            _mm256_permute2x128_si256::<0x20>(u2, u6),
            _mm256_permute2x128_si256::<0x20>(u3, u7),
            _mm256_permute2x128_si256::<0x31>(u0, u4),
            _mm256_permute2x128_si256::<0x31>(u1, u5),
            _mm256_permute2x128_si256::<0x31>(u2, u6),
            _mm256_permute2x128_si256::<0x31>(u3, u7),
        ];
    }
    m
}
