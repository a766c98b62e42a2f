//! Compression of several independent streams at once, in vectors.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub(super) mod md5;
pub(super) mod sha256;
pub(super) mod sha_ni;

/// Bytes of a block.
pub(super) type Block = [u8; 64];

/// `W` words of `N` states, word by word: `states[0]` holds the first word of each.
pub(super) type States<const W: usize, const N: usize> = [[u32; N]; W];

/// Puts the first blocks of `N` streams, so many of each, through their states.
pub(super) type Compress<const W: usize, const N: usize> =
    fn(&mut States<W, N>, [&[Block]; N], usize);

/// Returns block `n` of each stream; `None` when one is shorter.
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
