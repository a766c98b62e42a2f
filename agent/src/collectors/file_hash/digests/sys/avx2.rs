//! What the AVX2 compressions share.
#![expect(unsafe_code, reason = "vector loads through pointers")]

#[allow(clippy::wildcard_imports, reason = "the names say whose they are")]
use std::arch::x86_64::*;

use super::Block;

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
