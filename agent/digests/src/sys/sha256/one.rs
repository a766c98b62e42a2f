//! One stream: the rounds as instructions that rotate without a copy (BMI2), the words of two blocks at a time in
//! vectors beside them (AVX2). The processor does both at once.
#![expect(unsafe_code, reason = "vector loads and stores through pointers")]

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;
use std::hint::black_box;

use super::super::avx2::{big_endian, right, xor3};
use super::{Block, K};

/// Sixteen words of two blocks with their constants: four times four of the first block and four of the second.
type Words = [[[u32; 4]; 2]; 4];

/// Eight rounds. The compiler would leave a function what it is, and the state would go through memory.
macro_rules! eight {
    ($state:ident, $four:expr, $more:expr) => {
        let ([k0, k1, k2, k3], [k4, k5, k6, k7]) = ($four, $more);
        $state = round(round(round(round($state, *k0), *k1), *k2), *k3);
        $state = round(round(round(round($state, *k4), *k5), *k6), *k7);
    };
}

/// Puts blocks through a state.
#[target_feature(enable = "bmi1,bmi2,avx2")]
pub(in super::super) fn compress(state: &mut [u32; 8], blocks: &[Block]) {
    let (pairs, last) = blocks.as_chunks::<2>();
    let mut words = [[[[0; 4]; 2]; 4]; 4];
    for pair in pairs {
        first_of(pair, state, &mut words);
        second(state, &words);
    }
    if let [last] = last {
        first_of(&[*last; 2], state, &mut words);
    }
}

/// Puts the first of two blocks through a state, and makes the words of both.
#[inline]
#[target_feature(enable = "bmi1,bmi2,avx2")]
fn first_of(pair: &[Block; 2], state: &mut [u32; 8], words: &mut [Words; 4]) {
    let [constants, more @ ..] = K.as_chunks::<16>().0 else { return };
    let constants = constants.as_chunks::<4>().0;
    let order = big_endian();
    let [first, second] = pair;
    let load = |four: usize| {
        // SAFETY: a block has four times 16 bytes and `four` is below four; the loads need no alignment.
        let (low, high) = unsafe {
            let low = _mm_loadu_si128(first.as_ptr().add(16 * four).cast());
            (low, _mm_loadu_si128(second.as_ptr().add(16 * four).cast()))
        };
        _mm256_shuffle_epi8(_mm256_set_m128i(high, low), order)
    };
    let [mut w0, mut w1, mut w2, mut w3] = [load(0), load(1), load(2), load(3)];
    let [this, later @ ..] = words;
    for ((place, four), constants) in this.iter_mut().zip([w0, w1, w2, w3]).zip(constants) {
        store(place, four, constants);
    }
    let mut this: &Words = this;
    let mut now = *state;
    for (words, constants) in later.iter_mut().zip(more) {
        let [p0, p1, p2, p3] = words;
        let [k0, k1, k2, k3] = constants.as_chunks::<4>().0 else { break };
        w0 = next_four(w0, w1, w2, w3);
        w1 = next_four(w1, w2, w3, w0);
        store(p0, w0, k0);
        store(p1, w1, k1);
        eight!(now, &this[0][0], &this[1][0]);
        w2 = next_four(w2, w3, w0, w1);
        w3 = next_four(w3, w0, w1, w2);
        store(p2, w2, k2);
        store(p3, w3, k3);
        eight!(now, &this[2][0], &this[3][0]);
        this = words;
    }
    eight!(now, &this[0][0], &this[1][0]);
    eight!(now, &this[2][0], &this[3][0]);
    for (word, now) in state.iter_mut().zip(now) {
        *word = word.wrapping_add(now);
    }
}

/// Puts the second of two blocks through a state.
#[inline]
#[target_feature(enable = "bmi1,bmi2,avx2")]
fn second(state: &mut [u32; 8], words: &[Words; 4]) {
    let mut now = *state;
    for w in words {
        eight!(now, &w[0][1], &w[1][1]);
        eight!(now, &w[2][1], &w[3][1]);
    }
    for (word, now) in state.iter_mut().zip(now) {
        *word = word.wrapping_add(now);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(place: &mut [[u32; 4]; 2], four: __m256i, constants: &[u32; 4]) {
    // SAFETY: four words are 16 bytes, eight are as long as a vector; neither needs an alignment.
    unsafe {
        let constants = _mm256_broadcastsi128_si256(_mm_loadu_si128(constants.as_ptr().cast()));
        _mm256_storeu_si256(place.as_mut_ptr().cast(), _mm256_add_epi32(four, constants));
    }
    // Else the compiler takes the words out of the vector one by one, in place of loading them.
    black_box(place);
}

/// One round; `added` is the word and the constant.
#[inline]
#[target_feature(enable = "bmi1,bmi2")]
#[expect(clippy::many_single_char_names, reason = "as FIPS 180-4 names them")]
fn round([a, b, c, d, e, f, g, h]: [u32; 8], added: u32) -> [u32; 8] {
    let chosen = (e & f).wrapping_add(!e & g);
    let turned = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let first = h.wrapping_add(added).wrapping_add(chosen).wrapping_add(turned);
    // What is `a ^ b` here is `b ^ c` in the next round.
    let majority = ((a ^ b) & (b ^ c)) ^ b;
    let turned = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let second = majority.wrapping_add(turned);
    [first.wrapping_add(second), a, b, c, d.wrapping_add(first), e, f, g]
}

/// Makes four words of the sixteen before them.
#[inline]
#[target_feature(enable = "avx2")]
fn next_four(w0: __m256i, w1: __m256i, w2: __m256i, w3: __m256i) -> __m256i {
    let far = _mm256_alignr_epi8::<4>(w1, w0);
    let turned = xor3(right::<7, 25>(far), right::<18, 14>(far), _mm256_srli_epi32::<3>(far));
    let sum = _mm256_add_epi32(_mm256_add_epi32(w0, _mm256_alignr_epi8::<4>(w3, w2)), turned);
    // Two of them need the last two words, the other two need these.
    let low = _mm256_set_epi64x(-1, 0x0b0a_0908_0302_0100, -1, 0x0b0a_0908_0302_0100);
    let two = near(_mm256_shuffle_epi32::<0b11_11_10_10>(w3));
    let sum = _mm256_add_epi32(sum, _mm256_shuffle_epi8(two, low));
    let high = _mm256_set_epi64x(0x0b0a_0908_0302_0100, -1, 0x0b0a_0908_0302_0100, -1);
    let two = near(_mm256_shuffle_epi32::<0b01_01_00_00>(sum));
    _mm256_add_epi32(sum, _mm256_shuffle_epi8(two, high))
}

/// What a word contributes to the second one after it; it comes twice, so that a shift of both is a rotation.
#[inline]
#[target_feature(enable = "avx2")]
fn near(twice: __m256i) -> __m256i {
    xor3(
        _mm256_srli_epi64::<17>(twice),
        _mm256_srli_epi64::<19>(twice),
        _mm256_srli_epi32::<10>(twice),
    )
}
