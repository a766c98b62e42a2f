//! Digests that are a chain of 64-byte blocks (MD5, SHA-1, SHA-256): of one stream, or of several together.
//!
//! A block waits for the one before it, so one stream leaves most of a processor idle; several keep it busy.

use std::cmp::Reverse;
use std::fmt::Debug;

use crate::Digest;

use super::sys::{Block, Compress};

/// Blocks after which a stream makes way for another that is as long; few in tests, whose streams are short.
const TURN_BLOCKS: usize = if cfg!(test) { 3 } else { 64 };

/// One kind of digest.
pub(super) trait Kind: Debug + Clone + Copy {
    /// The words that a block changes.
    type State: Debug + Clone + Copy + AsRef<[u32]>;

    const START: Self::State;

    /// How a word of the state is written.
    fn word(word: u32) -> [u8; 4];

    /// How the count of bits is written.
    fn length(bits: u64) -> [u8; 8];

    /// Returns how many streams the processor works at together; 1 when it gains nothing.
    fn lanes() -> usize;

    /// Puts blocks of one stream through its state.
    fn compress(state: &mut Self::State, blocks: &[Block]);

    /// Puts the first `count` blocks of each of two or more streams, and of no more than [`Self::lanes`], through
    /// their states. Each has as many.
    fn compress_together(runs: &mut [Run<'_, Self>], count: usize);
}

/// The running digest of one stream.
#[derive(Debug, Clone)]
pub(super) struct Chain<K: Kind> {
    state: K::State,
    bytes: u64,
    /// What does not fill a block yet.
    tail: Block,
}

/// Some more bytes of one stream.
#[derive(Debug)]
pub(super) struct More<'a, K: Kind> {
    pub(super) chain: &'a mut Chain<K>,
    pub(super) bytes: &'a [u8],
}

/// Whole blocks of one stream.
#[derive(Debug)]
pub(super) struct Run<'a, K: Kind> {
    pub(super) state: &'a mut K::State,
    pub(super) blocks: &'a [Block],
}

impl<K: Kind> Chain<K> {
    pub(super) fn new() -> Self {
        Self { state: K::START, bytes: 0, tail: [0; 64] }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let run = self.begin(bytes);
        K::compress(run.state, run.blocks);
    }

    /// Takes everything but the whole blocks, which are left to the caller.
    fn begin<'a>(&'a mut self, bytes: &'a [u8]) -> Run<'a, K> {
        let filled = self.filled();
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        let mut rest = bytes;
        if filled > 0 {
            let (fits, after) = rest.split_at(rest.len().min(64 - filled));
            if let Some(place) = self.tail.get_mut(filled..filled + fits.len()) {
                place.copy_from_slice(fits);
            }
            if filled + fits.len() < 64 {
                return Run { state: &mut self.state, blocks: &[] };
            }
            K::compress(&mut self.state, &[self.tail]);
            rest = after;
        }
        let (blocks, tail) = rest.as_chunks::<64>();
        if let Some(place) = self.tail.get_mut(..tail.len()) {
            place.copy_from_slice(tail);
        }
        Run { state: &mut self.state, blocks }
    }

    fn filled(&self) -> usize {
        usize::try_from(self.bytes % 64).unwrap_or_default()
    }

    /// Makes the blocks that end the stream: its tail, a mark, its length. Returns them and how many they are.
    fn ending(&self) -> ([Block; 2], usize) {
        let filled = self.filled();
        let mut end = [[0_u8; 64]; 2];
        let flat = end.as_flattened_mut();
        if let (Some(place), Some(tail)) = (flat.get_mut(..filled), self.tail.get(..filled)) {
            place.copy_from_slice(tail);
        }
        if let Some(mark) = flat.get_mut(filled) {
            *mark = 0x80;
        }
        let blocks = if filled < 56 { 1 } else { 2 };
        if let Some(place) = flat.get_mut(64 * blocks - 8..64 * blocks) {
            place.copy_from_slice(&K::length(self.bytes.wrapping_mul(8)));
        }
        (end, blocks)
    }

    pub(super) fn finish(mut self) -> Digest {
        let (end, count) = self.ending();
        K::compress(&mut self.state, end.get(..count).unwrap_or_default());
        self.digest()
    }

    fn digest(&self) -> Digest {
        let words = self.state.as_ref();
        let mut digest = Digest::from_elem(0, 4 * words.len());
        for (place, word) in digest.as_chunks_mut().0.iter_mut().zip(words) {
            *place = K::word(*word);
        }
        digest
    }
}

/// Updates several streams, as many at the same time as the processor works at.
pub(super) fn update_many<K: Kind>(more: &mut [More<'_, K>]) {
    update_with(K::lanes(), more);
}

/// Makes the digests of several streams, of each the last.
pub(super) fn finish_many<K: Kind>(mut chains: Vec<Chain<K>>) -> impl Iterator<Item = Digest> {
    finish_with(K::lanes(), &mut chains);
    chains.into_iter().map(|chain| chain.digest())
}

fn update_with<K: Kind>(lanes: usize, more: &mut [More<'_, K>]) {
    compress_all(lanes, more.iter_mut().map(|more| more.chain.begin(more.bytes)).collect());
}

fn finish_with<K: Kind>(lanes: usize, chains: &mut [Chain<K>]) {
    let ends: Vec<_> = chains.iter().map(Chain::ending).collect();
    let runs = chains.iter_mut().zip(&ends).map(|(chain, (end, count))| Run::<K> {
        state: &mut chain.state,
        blocks: end.get(..*count).unwrap_or_default(),
    });
    compress_all(lanes, runs.collect());
}

/// Puts all blocks of all runs through their states.
///
/// The longest have the lanes, and make way for those that wait when they are no longer than these: so the lanes end
/// together, also where there are more streams than lanes, or one more.
fn compress_all<K: Kind>(lanes: usize, mut runs: Vec<Run<'_, K>>) {
    loop {
        runs.retain(|run| !run.blocks.is_empty());
        runs.sort_unstable_by_key(|run| Reverse(run.blocks.len()));
        let at_work = runs.len().min(lanes);
        let (working, waiting) = runs.split_at_mut(at_work);
        match working {
            [] => return,
            [one] => K::compress(one.state, std::mem::take(&mut one.blocks)),
            [.., shortest] => {
                let longest = waiting.first().map_or(0, |run| run.blocks.len());
                let shortest = shortest.blocks.len();
                let count = shortest.saturating_sub(longest).max(TURN_BLOCKS).min(shortest);
                K::compress_together(working, count);
                for run in working {
                    run.blocks = run.blocks.get(count..).unwrap_or_default();
                }
            }
        }
    }
}

/// Takes eight lanes where there are `width_min` streams or more, and else one stream after the other.
pub(super) fn in_lanes<K: Kind<State = [u32; W]>, const W: usize>(
    runs: &mut [Run<'_, K>],
    count: usize,
    width_min: usize,
    compress8: Compress<W, 8>,
) {
    if runs.len() >= width_min {
        return transposed(runs, count, compress8);
    }
    for run in runs {
        K::compress(run.state, run.blocks.get(..count).unwrap_or_default());
    }
}

/// Transposes up to `N` states word by word for a function that takes them so; lanes without a run repeat the first
/// one's work.
pub(super) fn transposed<K: Kind<State = [u32; W]>, const W: usize, const N: usize>(
    runs: &mut [Run<'_, K>],
    count: usize,
    compress: Compress<W, N>,
) {
    let mut states = [[0; N]; W];
    let mut streams: [&[Block]; N] = [runs.first().map_or(&[], |run| run.blocks); N];
    for (lane, run) in runs.iter().enumerate() {
        if let Some(stream) = streams.get_mut(lane) {
            *stream = run.blocks;
        }
        for (all, word) in states.iter_mut().zip(run.state.iter()) {
            if let Some(place) = all.get_mut(lane) {
                *place = *word;
            }
        }
    }
    compress(&mut states, streams, count);
    for (lane, run) in runs.iter_mut().enumerate() {
        for (word, all) in run.state.iter_mut().zip(&states) {
            *word = all.get(lane).copied().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests;
