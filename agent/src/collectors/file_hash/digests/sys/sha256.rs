//! SHA-256 of eight independent streams at once: one 32-bit lane of an AVX2 vector each.
//!
//! For processors without SHA-NI, on which one stream has 0.2 to 0.4 GB/s.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector loads through pointers; AVX2 is called when the processor has it"
    )
)]

use super::{Block, States};

/// The constants of the 64 rounds, FIPS 180-4.
#[rustfmt::skip]
pub(super) const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// Returns how many streams are worth hashing at the same time.
pub(in super::super) fn width() -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return 8;
    }
    1
}

/// Puts the first `count` blocks of each of eight streams through their states.
pub(in super::super) fn compress8(states: &mut States<8, 8>, streams: [&[Block]; 8], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing that the function asks for.
        unsafe { avx2::compress(states, streams, count) };
        return;
    }
    super::one_by_one(states, streams, count, sha2::block_api::compress256);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
    use std::arch::x86_64::*;

    use super::super::avx2::transposed;
    use super::super::blocks;
    use super::{Block, K, States};

    #[target_feature(enable = "avx2")]
    pub(super) fn compress(states: &mut States<8, 8>, streams: [&[Block]; 8], count: usize) {
        // SAFETY: each array is as long as a vector; the loads need no alignment.
        let mut state =
            states.each_ref().map(|words| unsafe { _mm256_loadu_si256(words.as_ptr().cast()) });
        // A word's bytes are the other way round in a block.
        let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let order = _mm256_broadcastsi128_si256(order);
        for n in 0..count {
            let Some(blocks) = blocks(&streams, n) else { break };
            let mut w = transposed(blocks).map(|words| _mm256_shuffle_epi8(words, order));
            let before = state;
            for (sixteen, constants) in K.as_chunks::<16>().0.iter().enumerate() {
                if sixteen > 0 {
                    schedule(&mut w);
                }
                for (word, constant) in w.iter().zip(constants) {
                    let added = _mm256_add_epi32(*word, _mm256_set1_epi32(constant.cast_signed()));
                    state = round(state, added);
                }
            }
            for (word, before) in state.iter_mut().zip(before) {
                *word = _mm256_add_epi32(*word, before);
            }
        }
        for (words, vector) in states.iter_mut().zip(state) {
            // SAFETY: as long as a vector; the store needs no alignment.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
        }
    }

    /// One round; `added` is the word and the constant.
    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(clippy::many_single_char_names, reason = "as FIPS 180-4 names them")]
    fn round([a, b, c, d, e, f, g, h]: [__m256i; 8], added: __m256i) -> [__m256i; 8] {
        let chosen = _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)));
        let turned = three(right::<6, 26>(e), right::<11, 21>(e), right::<25, 7>(e));
        let first = _mm256_add_epi32(_mm256_add_epi32(h, added), _mm256_add_epi32(chosen, turned));
        let both = _mm256_and_si256(_mm256_xor_si256(a, b), c);
        let majority = _mm256_xor_si256(_mm256_and_si256(a, b), both);
        let turned = three(right::<2, 30>(a), right::<13, 19>(a), right::<22, 10>(a));
        let second = _mm256_add_epi32(majority, turned);
        [_mm256_add_epi32(first, second), a, b, c, _mm256_add_epi32(d, first), e, f, g]
    }

    /// Makes the next sixteen words of sixteen.
    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(clippy::indexing_slicing, reason = "each index is below sixteen")]
    fn schedule(w: &mut [__m256i; 16]) {
        for at in 0..16 {
            let (near, far) = (w[(at + 14) % 16], w[(at + 1) % 16]);
            let shifted = _mm256_srli_epi32::<10>(near);
            let near = three(right::<17, 15>(near), right::<19, 13>(near), shifted);
            let shifted = _mm256_srli_epi32::<3>(far);
            let far = three(right::<7, 25>(far), right::<18, 14>(far), shifted);
            let sum = _mm256_add_epi32(w[at], w[(at + 9) % 16]);
            w[at] = _mm256_add_epi32(sum, _mm256_add_epi32(near, far));
        }
    }

    /// Rotates by `R` bits to the right; `L` is what is missing to 32.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn right<const R: i32, const L: i32>(word: __m256i) -> __m256i {
        _mm256_or_si256(_mm256_srli_epi32::<R>(word), _mm256_slli_epi32::<L>(word))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn three(one: __m256i, two: __m256i, three: __m256i) -> __m256i {
        _mm256_xor_si256(_mm256_xor_si256(one, two), three)
    }
}
