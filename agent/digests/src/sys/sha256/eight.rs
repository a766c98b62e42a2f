//! Eight streams: each word of eight states is a vector.

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::super::avx2::{big_endian, compression, load, right, sixteen, store, transposed, xor3};
use super::super::blocks;
use super::{Block, K, States};

/// The 64 rounds of a block.
macro_rules! rounds {
    ($state:ident, $w:ident) => {
        for (turn, constants) in K.as_chunks::<16>().0.iter().enumerate() {
            macro_rules! schedule {
                ($at:literal) => {
                    let sum = _mm256_add_epi32($w[$at], $w[($at + 9) % 16]);
                    $w[$at] = next(sum, $w[($at + 1) % 16], $w[($at + 14) % 16]);
                };
            }
            macro_rules! round {
                ($at:literal) => {
                    let constant = _mm256_set1_epi32(constants[$at].cast_signed());
                    $state = round($state, _mm256_add_epi32($w[$at], constant));
                };
            }
            if turn > 0 {
                sixteen!(schedule);
            }
            sixteen!(round);
        }
    };
}

compression!(avx2, "avx2", 8, rounds);
// The same in half of the instructions: the compiler finds those that rotate, and those that combine three.
compression!(avx512, "avx2,avx512f,avx512vl", 8, rounds);

/// One round; `added` is the word and the constant.
#[inline]
#[target_feature(enable = "avx2")]
#[expect(clippy::many_single_char_names, reason = "as FIPS 180-4 names them")]
fn round([a, b, c, d, e, f, g, h]: [__m256i; 8], added: __m256i) -> [__m256i; 8] {
    let chosen = _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)));
    let turned = xor3(right::<6, 26>(e), right::<11, 21>(e), right::<25, 7>(e));
    let first = _mm256_add_epi32(_mm256_add_epi32(h, added), _mm256_add_epi32(chosen, turned));
    let both = _mm256_and_si256(_mm256_xor_si256(a, b), c);
    let majority = _mm256_xor_si256(_mm256_and_si256(a, b), both);
    let turned = xor3(right::<2, 30>(a), right::<13, 19>(a), right::<22, 10>(a));
    let second = _mm256_add_epi32(majority, turned);
    [_mm256_add_epi32(first, second), a, b, c, _mm256_add_epi32(d, first), e, f, g]
}

/// Makes a word of those that were 15 and 2 before it, and of the `sum` of those that were 16 and 7 before it.
#[inline]
#[target_feature(enable = "avx2")]
fn next(sum: __m256i, far: __m256i, near: __m256i) -> __m256i {
    let far = xor3(right::<7, 25>(far), right::<18, 14>(far), _mm256_srli_epi32::<3>(far));
    let near = xor3(right::<17, 15>(near), right::<19, 13>(near), _mm256_srli_epi32::<10>(near));
    _mm256_add_epi32(sum, _mm256_add_epi32(near, far))
}
