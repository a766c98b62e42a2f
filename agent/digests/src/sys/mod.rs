//! Compression of several independent streams at once, in vectors; of one where the crate leaves much to gain.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub(super) mod md5;
pub(super) mod sha1;
pub(super) mod sha256;
pub(super) mod sha_ni;

/// Bytes of a block.
pub(super) type Block = [u8; 64];

/// `W` words of `N` states, word by word: `states[0]` holds the first word of each.
pub(super) type States<const W: usize, const N: usize> = [[u32; N]; W];

/// Puts the first blocks of `N` streams, so many of each, through their states.
pub(super) type Compress<const W: usize, const N: usize> =
    fn(&mut States<W, N>, [&[Block]; N], usize);

/// The same, to be called only where the processor has what the function asks for.
#[cfg(target_arch = "x86_64")]
type Needing<const W: usize, const N: usize> = unsafe fn(&mut States<W, N>, [&[Block]; N], usize);

/// What a processor has for eight lanes, the best of it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no other kind has them"))]
pub(super) enum Lanes {
    /// No lanes for eight.
    None,
    /// Vectors of eight words.
    Avx2,
    /// The same, with instructions that rotate, and that combine three vectors.
    Avx512,
}

/// Finds out what this processor has.
fn lanes() -> Lanes {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        let has_more = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl");
        return if has_more { Lanes::Avx512 } else { Lanes::Avx2 };
    }
    Lanes::None
}

/// Returns how many streams have a lane each in the vectors of this processor: eight or one.
pub(super) fn width() -> usize {
    if lanes() == Lanes::None { 1 } else { 8 }
}

/// Puts blocks through eight states by the better of two ways; `false` when the processor has neither and nothing was done.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "what a processor has is called where it has it")]
fn eight_lanes<const W: usize>(
    states: &mut States<W, 8>,
    streams: [&[Block]; 8],
    count: usize,
    [avx2, avx512]: [Needing<W, 8>; 2],
) -> bool {
    match lanes() {
        Lanes::None => return false,
        // SAFETY: the processor has AVX2, the only thing that the function asks for.
        Lanes::Avx2 => unsafe { avx2(states, streams, count) },
        // SAFETY: the processor has AVX2, AVX-512F and AVX-512VL, all that the function asks for.
        Lanes::Avx512 => unsafe { avx512(states, streams, count) },
    }
    true
}

/// Returns block `n` of each stream; `None` when one is shorter.
#[cfg(target_arch = "x86_64")]
#[inline]
fn blocks<'a, const N: usize>(streams: &[&'a [Block]; N], n: usize) -> Option<[&'a Block; N]> {
    let mut found = [streams.first()?.get(n)?; N];
    for (place, stream) in found.iter_mut().zip(streams) {
        *place = stream.get(n)?;
    }
    Some(found)
}

/// Puts the first `count` blocks of each stream through its state, one stream after the other.
fn one_by_one<const W: usize, const N: usize>(
    states: &mut States<W, N>,
    streams: [&[Block]; N],
    count: usize,
    compress: fn(&mut [u32; W], &[Block]),
) {
    for (lane, stream) in streams.into_iter().enumerate() {
        let mut state = [0; W];
        for (word, all) in state.iter_mut().zip(states.iter()) {
            *word = all.get(lane).copied().unwrap_or_default();
        }
        compress(&mut state, stream.get(..count).unwrap_or(stream));
        for (word, all) in state.into_iter().zip(states.iter_mut()) {
            if let Some(place) = all.get_mut(lane) {
                *place = word;
            }
        }
    }
}

#[cfg(test)]
mod tests;
