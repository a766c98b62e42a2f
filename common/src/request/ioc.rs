//! The list of hashes that a hunt carries: only files whose digest is in it come back.
//!
//! A list is sorted and held as it came over the wire: a look-up is a search in the signed bytes, and costs no memory
//! beside them.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::hunt::HashKind;
use crate::limits;

/// Bytes that a digest of a list has at least: whatever the algorithm, nobody makes a file for given 128 bits.
pub const WIDTH_MIN: usize = 16;

/// The digests of one kind, whole or the first [`WIDTH_MIN`] bytes or more of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IocList {
    /// The algorithm.
    pub kind: HashKind,
    /// Bytes of each digest that the list holds.
    pub width: u32,
    /// The digests one behind the other, in rising order, each once.
    pub digests: ByteBuf,
}

impl IocList {
    /// Makes a list of the first `width` bytes of each digest; what is shorter than that is left out.
    pub fn new<'a>(
        kind: HashKind,
        width: usize,
        digests: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let width = width.clamp(WIDTH_MIN, kind.bytes());
        let mut cut: Vec<_> =
            digests.into_iter().filter_map(|digest| digest.get(..width)).collect();
        cut.sort_unstable();
        cut.dedup();
        let digests = ByteBuf::from(cut.concat());
        Self { kind, width: u32::try_from(width).unwrap_or(u32::MAX), digests }
    }

    /// Returns how many digests there are.
    pub fn count(&self) -> usize {
        self.digests.len().checked_div(self.width()).unwrap_or(0)
    }

    /// Tells whether a digest, whole, is in the list.
    pub fn contains(&self, digest: &[u8]) -> bool {
        let Some(wanted) = digest.get(..self.width()) else { return false };
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let Some(entry) = self.entry(middle) else { return false };
            match entry.cmp(wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return true,
            }
        }
        false
    }

    fn width(&self) -> usize {
        usize::try_from(self.width).unwrap_or(usize::MAX)
    }

    fn entry(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_mul(self.width())?;
        self.digests.get(start..start.checked_add(self.width())?)
    }

    fn check(&self) -> Result<(), String> {
        let name = self.kind.as_str();
        let widths = WIDTH_MIN..=self.kind.bytes();
        if !widths.contains(&self.width()) {
            let (least, most) = (widths.start(), widths.end());
            return Err(format!("{} bytes of each {name}, not {least} to {most}", self.width));
        }
        if self.digests.is_empty() || !self.digests.len().is_multiple_of(self.width()) {
            return Err(format!("{} bytes are no list of {name}", self.digests.len()));
        }
        let mut entries = self.digests.chunks_exact(self.width());
        let first = entries.next();
        let is_rising =
            entries.try_fold(first, |before, entry| (before < Some(entry)).then_some(Some(entry)));
        if is_rising.is_none() {
            return Err(format!("the list of {name} is not sorted"));
        }
        Ok(())
    }
}

/// Returns the kinds whose digest of a file is in the lists.
pub fn matches<'a>(
    lists: &'a [IocList],
    digests: &'a [(HashKind, Vec<u8>)],
) -> impl Iterator<Item = HashKind> + 'a {
    let is_listed = |kind: HashKind, digest: &[u8]| {
        lists.iter().any(|list| list.kind == kind && list.contains(digest))
    };
    digests.iter().filter(move |(kind, digest)| is_listed(*kind, digest)).map(|(kind, _)| *kind)
}

/// Says what is wrong with the lists of a hunt that computes `hashes`.
pub(super) fn check(lists: &[IocList], hashes: &[HashKind]) -> Result<(), String> {
    let bytes: usize = lists.iter().map(|list| list.digests.len()).sum();
    if bytes > limits::IOC_BYTES_MAX {
        return Err(format!("a list of {bytes} bytes, {} are allowed", limits::IOC_BYTES_MAX));
    }
    for (at, list) in lists.iter().enumerate() {
        list.check()?;
        let name = list.kind.as_str();
        if lists.iter().skip(at + 1).any(|other| other.kind == list.kind) {
            return Err(format!("two lists of {name}"));
        }
        if !hashes.contains(&list.kind) {
            return Err(format!("a list of {name}, which the hunt does not compute"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
