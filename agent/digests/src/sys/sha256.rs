//! SHA-256 for processors without SHA-NI: of eight independent streams at once, a 32-bit lane of a vector each, and of one.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "what a processor has is called where it has it")
)]

#[cfg(target_arch = "x86_64")]
pub(super) mod eight;
#[cfg(target_arch = "x86_64")]
mod one;

#[cfg(target_arch = "x86_64")]
use super::eight_lanes;
use super::{Block, Lanes, States, lanes, one_by_one};

/// The constants of the 64 rounds, FIPS 180-4.
#[rustfmt::skip]
#[cfg(target_arch = "x86_64")]
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

/// Returns how many streams are faster in eight lanes than one after the other.
pub(in super::super) fn width_min() -> usize {
    match lanes() {
        Lanes::None => usize::MAX,
        Lanes::Avx2 => 3,
        Lanes::Avx512 => 2,
    }
}

/// Puts blocks of one stream through its state.
pub(in super::super) fn compress(state: &mut [u32; 8], blocks: &[Block]) {
    #[cfg(target_arch = "x86_64")]
    if lanes() != Lanes::None
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
    {
        // SAFETY: the processor has AVX2, BMI1 and BMI2, all that the function asks for.
        unsafe { one::compress(state, blocks) };
        return;
    }
    sha2::block_api::compress256(state, blocks);
}

/// Puts the first `count` blocks of each of eight streams through their states.
pub(in super::super) fn compress8(states: &mut States<8, 8>, streams: [&[Block]; 8], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if eight_lanes(states, streams, count, [eight::avx2, eight::avx512]) {
        return;
    }
    one_by_one(states, streams, count, compress);
}
