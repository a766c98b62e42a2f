//! MD5 of one stream or of several together; the compression of one is the `md-5` crate's.

use super::sys::{self, Block};

/// The running MD5 of one stream.
#[derive(Debug, Clone)]
pub(super) struct Md5 {
    state: [u32; 4],
    bytes: u64,
    /// What does not fill a block yet.
    tail: Block,
}

/// Some more bytes of one stream.
#[derive(Debug)]
pub(super) struct More<'a> {
    pub(super) md5: &'a mut Md5,
    pub(super) bytes: &'a [u8],
}

/// Whole blocks of one stream.
struct Run<'a> {
    state: &'a mut [u32; 4],
    blocks: &'a [Block],
}

impl Md5 {
    pub(super) fn new() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Self { state, bytes: 0, tail: [0; 64] }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let run = self.begin(bytes);
        md5::block_api::compress(run.state, run.blocks);
    }

    /// Takes everything but the whole blocks, which are left to the caller.
    fn begin<'a>(&'a mut self, bytes: &'a [u8]) -> Run<'a> {
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
            md5::block_api::compress(&mut self.state, &[self.tail]);
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

    pub(super) fn finish(mut self) -> Vec<u8> {
        let bits = self.bytes.wrapping_mul(8);
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
            place.copy_from_slice(&bits.to_le_bytes());
        }
        md5::block_api::compress(&mut self.state, end.get(..blocks).unwrap_or_default());
        self.state.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// Returns how many streams are worth updating together; 1 when the processor gains nothing.
pub(super) fn width() -> usize {
    sys::width()
}

/// Updates several streams, as many at the same time as the processor can.
pub(super) fn update_many(more: &mut [More<'_>]) {
    update_with(sys::width(), more);
}

fn update_with(width: usize, more: &mut [More<'_>]) {
    let mut runs: Vec<_> = more.iter_mut().map(|more| more.md5.begin(more.bytes)).collect();
    // The longest first, so that the lanes end together.
    runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.blocks.len()));
    let mut waiting = runs.into_iter().filter(|run| !run.blocks.is_empty());
    let mut lanes: Vec<Run<'_>> = Vec::with_capacity(width);
    loop {
        lanes.extend(waiting.by_ref().take(width.saturating_sub(lanes.len())));
        match lanes.as_mut_slice() {
            [] => return,
            [one] => {
                md5::block_api::compress(one.state, one.blocks);
                lanes.clear();
            }
            some => {
                let count = some.iter().map(|run| run.blocks.len()).min().unwrap_or_default();
                if some.len() <= 4 {
                    together(some, count, sys::compress4);
                } else {
                    together(some, count, sys::compress8);
                }
                lanes.retain(|run| !run.blocks.is_empty());
            }
        }
    }
}

/// Puts `count` blocks of each run through its state; lanes without a run repeat the first one's work.
fn together<const N: usize>(
    runs: &mut [Run<'_>],
    count: usize,
    compress: fn(&mut sys::States<N>, [&[Block]; N], usize),
) {
    let mut states = [[0; N]; 4];
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
        run.blocks = run.blocks.get(count..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use md5::Digest;
    use proptest::prelude::*;

    use super::*;

    fn of_crate(bytes: &[u8]) -> Vec<u8> {
        md5::Md5::digest(bytes).to_vec()
    }

    #[test]
    fn known_digests() {
        let hex = |text: &str| {
            let mut md5 = Md5::new();
            md5.update(text.as_bytes());
            common::hex::encode(&md5.finish())
        };
        assert_eq!(hex(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        let eighty = "1234567890".repeat(8);
        assert_eq!(hex(&eighty), "57edf4a22be3c955ac49da2e2107b67a");
    }

    #[test]
    fn every_length_around_the_blocks() {
        let bytes: Vec<u8> = (0..200_u8).collect();
        for len in 0..bytes.len() {
            let mut md5 = Md5::new();
            md5.update(&bytes[..len]);
            assert_eq!(md5.finish(), of_crate(&bytes[..len]), "{len} bytes");
        }
    }

    proptest! {
        /// Streams of any length, in any pieces, any number of them together, in every width.
        #[test]
        fn together_as_each_by_itself(
            streams in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..4), 1..20),
            width in prop::sample::select(vec![1_usize, 4, 8]),
        ) {
            let mut running = vec![Md5::new(); streams.len()];
            for turn in 0..4 {
                let pieces = running.iter_mut().zip(&streams);
                let mut more: Vec<_> = pieces
                    .filter_map(|(md5, pieces)| pieces.get(turn).map(|bytes| More { md5, bytes }))
                    .collect();
                update_with(width, &mut more);
            }
            for (md5, pieces) in running.into_iter().zip(&streams) {
                prop_assert_eq!(md5.finish(), of_crate(&pieces.concat()));
            }
        }
    }
}
