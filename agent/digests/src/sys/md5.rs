//! MD5 of several independent streams at once: one 32-bit lane of a vector each.
//!
//! One stream is a chain of 64 steps a block, each of which waits for the one before: 0.5 GB/s whatever the processor.
//! Four streams in SSE2 are four times that, eight in AVX2 nearly six times, and more where rotating is one instruction.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector loads through pointers; what a processor has is called where it has it"
    )
)]

#[cfg(target_arch = "x86_64")]
use super::eight_lanes;
use super::{Block, States, one_by_one};

/// Returns how many streams are worth hashing at the same time.
pub(in super::super) fn width() -> usize {
    let least = if cfg!(target_arch = "x86_64") { 4 } else { 1 };
    super::width().max(least)
}

/// Puts the first `count` blocks of each of four streams through their states.
pub(in super::super) fn compress4(states: &mut States<4, 4>, streams: [&[Block]; 4], count: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has SSE2, the only thing that the function asks for.
    unsafe {
        sse2::compress(states, streams, count);
    }
    #[cfg(not(target_arch = "x86_64"))]
    one_by_one(states, streams, count, md5::block_api::compress);
}

/// The same with eight; without lanes for so many one after the other.
pub(in super::super) fn compress8(states: &mut States<4, 8>, streams: [&[Block]; 8], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if eight_lanes(states, streams, count, [avx2::compress, avx512::compress]) {
        return;
    }
    one_by_one(states, streams, count, md5::block_api::compress);
}

/// The 64 steps of RFC 1321 on vectors: `$m` are the sixteen words of a block, a lane each.
#[cfg(target_arch = "x86_64")]
macro_rules! rounds {
    ($a:ident, $b:ident, $c:ident, $d:ident, $m:ident) => {
        $a = f::<7, 25>($a, $b, $c, $d, $m[0], 0xd76a_a478);
        $d = f::<12, 20>($d, $a, $b, $c, $m[1], 0xe8c7_b756);
        $c = f::<17, 15>($c, $d, $a, $b, $m[2], 0x2420_70db);
        $b = f::<22, 10>($b, $c, $d, $a, $m[3], 0xc1bd_ceee);
        $a = f::<7, 25>($a, $b, $c, $d, $m[4], 0xf57c_0faf);
        $d = f::<12, 20>($d, $a, $b, $c, $m[5], 0x4787_c62a);
        $c = f::<17, 15>($c, $d, $a, $b, $m[6], 0xa830_4613);
        $b = f::<22, 10>($b, $c, $d, $a, $m[7], 0xfd46_9501);
        $a = f::<7, 25>($a, $b, $c, $d, $m[8], 0x6980_98d8);
        $d = f::<12, 20>($d, $a, $b, $c, $m[9], 0x8b44_f7af);
        $c = f::<17, 15>($c, $d, $a, $b, $m[10], 0xffff_5bb1);
        $b = f::<22, 10>($b, $c, $d, $a, $m[11], 0x895c_d7be);
        $a = f::<7, 25>($a, $b, $c, $d, $m[12], 0x6b90_1122);
        $d = f::<12, 20>($d, $a, $b, $c, $m[13], 0xfd98_7193);
        $c = f::<17, 15>($c, $d, $a, $b, $m[14], 0xa679_438e);
        $b = f::<22, 10>($b, $c, $d, $a, $m[15], 0x49b4_0821);
        $a = g::<5, 27>($a, $b, $c, $d, $m[1], 0xf61e_2562);
        $d = g::<9, 23>($d, $a, $b, $c, $m[6], 0xc040_b340);
        $c = g::<14, 18>($c, $d, $a, $b, $m[11], 0x265e_5a51);
        $b = g::<20, 12>($b, $c, $d, $a, $m[0], 0xe9b6_c7aa);
        $a = g::<5, 27>($a, $b, $c, $d, $m[5], 0xd62f_105d);
        $d = g::<9, 23>($d, $a, $b, $c, $m[10], 0x0244_1453);
        $c = g::<14, 18>($c, $d, $a, $b, $m[15], 0xd8a1_e681);
        $b = g::<20, 12>($b, $c, $d, $a, $m[4], 0xe7d3_fbc8);
        $a = g::<5, 27>($a, $b, $c, $d, $m[9], 0x21e1_cde6);
        $d = g::<9, 23>($d, $a, $b, $c, $m[14], 0xc337_07d6);
        $c = g::<14, 18>($c, $d, $a, $b, $m[3], 0xf4d5_0d87);
        $b = g::<20, 12>($b, $c, $d, $a, $m[8], 0x455a_14ed);
        $a = g::<5, 27>($a, $b, $c, $d, $m[13], 0xa9e3_e905);
        $d = g::<9, 23>($d, $a, $b, $c, $m[2], 0xfcef_a3f8);
        $c = g::<14, 18>($c, $d, $a, $b, $m[7], 0x676f_02d9);
        $b = g::<20, 12>($b, $c, $d, $a, $m[12], 0x8d2a_4c8a);
        $a = h::<4, 28>($a, $b, $c, $d, $m[5], 0xfffa_3942);
        $d = h::<11, 21>($d, $a, $b, $c, $m[8], 0x8771_f681);
        $c = h::<16, 16>($c, $d, $a, $b, $m[11], 0x6d9d_6122);
        $b = h::<23, 9>($b, $c, $d, $a, $m[14], 0xfde5_380c);
        $a = h::<4, 28>($a, $b, $c, $d, $m[1], 0xa4be_ea44);
        $d = h::<11, 21>($d, $a, $b, $c, $m[4], 0x4bde_cfa9);
        $c = h::<16, 16>($c, $d, $a, $b, $m[7], 0xf6bb_4b60);
        $b = h::<23, 9>($b, $c, $d, $a, $m[10], 0xbebf_bc70);
        $a = h::<4, 28>($a, $b, $c, $d, $m[13], 0x289b_7ec6);
        $d = h::<11, 21>($d, $a, $b, $c, $m[0], 0xeaa1_27fa);
        $c = h::<16, 16>($c, $d, $a, $b, $m[3], 0xd4ef_3085);
        $b = h::<23, 9>($b, $c, $d, $a, $m[6], 0x0488_1d05);
        $a = h::<4, 28>($a, $b, $c, $d, $m[9], 0xd9d4_d039);
        $d = h::<11, 21>($d, $a, $b, $c, $m[12], 0xe6db_99e5);
        $c = h::<16, 16>($c, $d, $a, $b, $m[15], 0x1fa2_7cf8);
        $b = h::<23, 9>($b, $c, $d, $a, $m[2], 0xc4ac_5665);
        $a = i::<6, 26>($a, $b, $c, $d, $m[0], 0xf429_2244);
        $d = i::<10, 22>($d, $a, $b, $c, $m[7], 0x432a_ff97);
        $c = i::<15, 17>($c, $d, $a, $b, $m[14], 0xab94_23a7);
        $b = i::<21, 11>($b, $c, $d, $a, $m[5], 0xfc93_a039);
        $a = i::<6, 26>($a, $b, $c, $d, $m[12], 0x655b_59c3);
        $d = i::<10, 22>($d, $a, $b, $c, $m[3], 0x8f0c_cc92);
        $c = i::<15, 17>($c, $d, $a, $b, $m[10], 0xffef_f47d);
        $b = i::<21, 11>($b, $c, $d, $a, $m[1], 0x8584_5dd1);
        $a = i::<6, 26>($a, $b, $c, $d, $m[8], 0x6fa8_7e4f);
        $d = i::<10, 22>($d, $a, $b, $c, $m[15], 0xfe2c_e6e0);
        $c = i::<15, 17>($c, $d, $a, $b, $m[6], 0xa301_4314);
        $b = i::<21, 11>($b, $c, $d, $a, $m[13], 0x4e08_11a1);
        $a = i::<6, 26>($a, $b, $c, $d, $m[4], 0xf753_7e82);
        $d = i::<10, 22>($d, $a, $b, $c, $m[11], 0xbd3a_f235);
        $c = i::<15, 17>($c, $d, $a, $b, $m[2], 0x2ad7_d2bb);
        $b = i::<21, 11>($b, $c, $d, $a, $m[9], 0xeb86_d391);
    };
}

/// A module of vector operations and the compression that is made of them.
#[cfg(target_arch = "x86_64")]
macro_rules! lanes {
    ($name:ident, $feature:literal, $lanes:literal, $vector:ident, $add:ident, $and:ident, $or:ident, $xor:ident,
     $left:ident, $right:ident, $splat:ident, $load:ident, $store:ident, $transposed:item) => {
        pub(super) mod $name {
            use std::arch::x86_64::*;

            use super::super::blocks;
            use super::{Block, States};

            $transposed

            #[inline]
            #[target_feature(enable = $feature)]
            fn step<const L: i32, const R: i32>(
                a: $vector,
                b: $vector,
                mixed: $vector,
                m: $vector,
                k: u32,
            ) -> $vector {
                let sum = $add($add(a, mixed), $add(m, $splat(k.cast_signed())));
                $add($or($left::<L>(sum), $right::<R>(sum)), b)
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn f<const L: i32, const R: i32>(a: $vector, b: $vector, c: $vector, d: $vector, m: $vector, k: u32) -> $vector {
                step::<L, R>(a, b, $xor(d, $and(b, $xor(c, d))), m, k)
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn g<const L: i32, const R: i32>(a: $vector, b: $vector, c: $vector, d: $vector, m: $vector, k: u32) -> $vector {
                step::<L, R>(a, b, $xor(c, $and(d, $xor(b, c))), m, k)
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn h<const L: i32, const R: i32>(a: $vector, b: $vector, c: $vector, d: $vector, m: $vector, k: u32) -> $vector {
                step::<L, R>(a, b, $xor($xor(b, c), d), m, k)
            }

            #[inline]
            #[target_feature(enable = $feature)]
            fn i<const L: i32, const R: i32>(a: $vector, b: $vector, c: $vector, d: $vector, m: $vector, k: u32) -> $vector {
                step::<L, R>(a, b, $xor(c, $or(b, $xor(d, $splat(-1)))), m, k)
            }

            #[target_feature(enable = $feature)]
            pub(in super::super) fn compress(states: &mut States<4, $lanes>, streams: [&[Block]; $lanes], count: usize) {
                // SAFETY: each array is as long as a vector; the loads need no alignment.
                let mut state = states.each_ref().map(|words| unsafe { $load(words.as_ptr().cast()) });
                for n in 0..count {
                    let Some(blocks) = blocks(&streams, n) else { break };
                    let m = transposed(blocks);
                    let [mut a, mut b, mut c, mut d] = state;
                    rounds!(a, b, c, d, m);
                    let [a0, b0, c0, d0] = state;
                    state = [$add(a, a0), $add(b, b0), $add(c, c0), $add(d, d0)];
                }
                for (words, vector) in states.iter_mut().zip(state) {
                    // SAFETY: as long as a vector; the store needs no alignment.
                    unsafe { $store(words.as_mut_ptr().cast(), vector) };
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
lanes!(
    sse2,
    "sse2",
    4,
    __m128i,
    _mm_add_epi32,
    _mm_and_si128,
    _mm_or_si128,
    _mm_xor_si128,
    _mm_slli_epi32,
    _mm_srli_epi32,
    _mm_set1_epi32,
    _mm_loadu_si128,
    _mm_storeu_si128,
    /// Turns four blocks into sixteen vectors of one word each.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn transposed(blocks: [&Block; 4]) -> [__m128i; 16] {
        let mut m = [_mm_setzero_si128(); 16];
        for (quarter, out) in m.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            // SAFETY: a block has four times 16 bytes and `quarter` is below four; the loads need no alignment.
            let [r0, r1, r2, r3] = blocks
                .map(|block| unsafe { _mm_loadu_si128(block.as_ptr().add(16 * quarter).cast()) });
            let (t0, t1) = (_mm_unpacklo_epi32(r0, r1), _mm_unpackhi_epi32(r0, r1));
            let (t2, t3) = (_mm_unpacklo_epi32(r2, r3), _mm_unpackhi_epi32(r2, r3));
            *out = [
                _mm_unpacklo_epi64(t0, t2),
                _mm_unpackhi_epi64(t0, t2),
                _mm_unpacklo_epi64(t1, t3),
                _mm_unpackhi_epi64(t1, t3),
            ];
        }
        m
    }
);

/// Eight lanes, for processors that have `$features`.
#[cfg(target_arch = "x86_64")]
macro_rules! eight_lanes_of {
    ($name:ident, $features:literal) => {
        lanes!(
            $name,
            $features,
            8,
            __m256i,
            _mm256_add_epi32,
            _mm256_and_si256,
            _mm256_or_si256,
            _mm256_xor_si256,
            _mm256_slli_epi32,
            _mm256_srli_epi32,
            _mm256_set1_epi32,
            _mm256_loadu_si256,
            _mm256_storeu_si256,
            use super::super::avx2::transposed;
        );
    };
}

#[cfg(target_arch = "x86_64")]
eight_lanes_of!(avx2, "avx2");
// The same in fewer instructions: the compiler finds those that rotate, and those that combine three.
#[cfg(target_arch = "x86_64")]
eight_lanes_of!(avx512, "avx2,avx512f,avx512vl");
