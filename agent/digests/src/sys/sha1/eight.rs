//! Eight streams: each word of eight states is a vector.

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::super::avx2::{big_endian, compression, load, right, store, transposed, xor3};
use super::super::blocks;
use super::{Block, States};

/// Rounds with the words that a block has.
macro_rules! rounds {
    ($state:ident, $w:ident, $mixed:ident, $constant:literal, $($at:literal)*) => {
        $($state = round($state, $mixed($state), $w[$at], $constant);)*
    };
}

/// Rounds with words that are made of those before them.
macro_rules! later {
    ($state:ident, $w:ident, $mixed:ident, $constant:literal, $($at:literal)*) => {
        $(
            let far = _mm256_xor_si256($w[$at], $w[($at + 2) % 16]);
            $w[$at] = right::<31, 1>(xor3(far, $w[($at + 8) % 16], $w[($at + 13) % 16]));
            $state = round($state, $mixed($state), $w[$at], $constant);
        )*
    };
}

/// The 80 rounds of a block.
macro_rules! eighty {
    ($state:ident, $w:ident) => {
        rounds!($state, $w, chosen, 0x5a82_7999, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        later!($state, $w, chosen, 0x5a82_7999, 0 1 2 3);
        later!($state, $w, parity, 0x6ed9_eba1, 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7);
        later!($state, $w, majority, 0x8f1b_bcdc, 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11);
        later!($state, $w, parity, 0xca62_c1d6, 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    };
}

compression!(avx2, "avx2", 5, eighty);
// The same in fewer instructions: the compiler finds those that rotate, and those that combine three.
compression!(avx512, "avx2,avx512f,avx512vl", 5, eighty);

/// One round, of which the function of three words is `mixed` already.
#[inline]
#[target_feature(enable = "avx2")]
#[expect(clippy::many_single_char_names, reason = "as FIPS 180-4 names them")]
fn round(
    [a, b, c, d, e]: [__m256i; 5],
    mixed: __m256i,
    word: __m256i,
    constant: u32,
) -> [__m256i; 5] {
    let added = _mm256_add_epi32(word, _mm256_set1_epi32(constant.cast_signed()));
    let sum = _mm256_add_epi32(_mm256_add_epi32(e, added), mixed);
    [_mm256_add_epi32(sum, right::<27, 5>(a)), a, right::<2, 30>(b), c, d]
}

#[inline]
#[target_feature(enable = "avx2")]
fn chosen([_, b, c, d, _]: [__m256i; 5]) -> __m256i {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn parity([_, b, c, d, _]: [__m256i; 5]) -> __m256i {
    xor3(b, c, d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority([_, b, c, d, _]: [__m256i; 5]) -> __m256i {
    let both = _mm256_and_si256(_mm256_xor_si256(b, c), d);
    _mm256_xor_si256(_mm256_and_si256(b, c), both)
}
