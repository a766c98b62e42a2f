//! SHA-1 and SHA-256 of two independent streams at once, by the processor's own instructions.
//!
//! An instruction for two or four rounds takes four cycles and the next one of the stream waits for it, but every second
//! cycle one can begin: two streams together are twice as fast as one after the other, three gain nothing more.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "SHA-NI is called when the processor has it")
)]

#[cfg(target_arch = "x86_64")]
mod pairs;
#[cfg(target_arch = "x86_64")]
mod sha1;
#[cfg(target_arch = "x86_64")]
mod sha256;

use super::Block;

/// Returns whether the processor has the instructions.
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
        unsafe { sha256::compress(states, streams, count) };
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
        unsafe { sha1::compress(states, streams, count) };
        return true;
    }
    let _ = (states, streams, count);
    false
}
