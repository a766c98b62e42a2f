//! The list of hashes that a hunt carries: only files whose digest is in it come back.
//!
//! A list is sorted and held as it came over the wire: a look-up is a search in the signed bytes, and costs no memory
//! beside them. One that is too long for the hunt's own record travels before it, in parts of their own ([`SplitIocList`]).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::HashKind;
use crate::ids::RequestId;
use crate::limits;

/// Bytes that a digest of a list has at least: whatever the algorithm, no file can be made for given 128 bits.
pub const WIDTH_MIN: usize = 16;

/// Bytes of each digest that a part of a list carries. Of a million of them one meets a digest that is not in the list
/// once in 18 million million files; whoever has the whole digests looks again.
pub const PART_WIDTH: usize = 8;

/// A list that travels in parts, as its hunt names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitIocList {
    /// How many digests the list has.
    pub count: u64,
    /// The `list.part` records: those of one kind one behind the other, in rising order.
    pub parts: Vec<IocPartRef>,
    /// SHA-256 of each of the pieces of the whole digests, which the coordinator keeps.
    pub whole: Vec<ByteBuf>,
}

/// Names one `list.part`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IocPartRef {
    /// The id of the record.
    pub id: RequestId,
    /// SHA-256 of its arguments, the bytes as they were signed.
    pub sha256: ByteBuf,
}

impl SplitIocList {
    /// Returns whether there is no such list.
    pub fn is_none(&self) -> bool {
        self.parts.is_empty()
    }

    fn check(&self) -> Result<(), String> {
        let bound = |what: &str, count: usize, max: usize| {
            if count <= max { Ok(()) } else { Err(format!("{count} {what}, {max} are allowed")) }
        };
        bound("parts of a list", self.parts.len(), limits::LIST_PARTS_MAX)?;
        bound("pieces of a list", self.whole.len(), limits::LIST_PIECES_MAX)?;
        let digests = self.parts.iter().map(|part| &part.sha256).chain(&self.whole);
        if digests.into_iter().any(|digest| digest.len() != HashKind::Sha256.bytes()) {
            return Err("a part of the list is not named by its SHA-256".to_owned());
        }
        if self.count > limits::IOC_HASHES_MAX as u64 {
            return Err(format!("a list of {} hashes", self.count));
        }
        if self.is_none() && *self != Self::default() {
            return Err("a list without parts".to_owned());
        }
        Ok(())
    }
}

/// The digests of one kind, whole or the first bytes of each.
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
        let width = width.clamp(PART_WIDTH, kind.bytes());
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

    /// Returns whether a digest, whole, is in the list.
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

    /// Returns the bytes of each digest.
    pub fn width(&self) -> usize {
        usize::try_from(self.width).unwrap_or(usize::MAX)
    }

    fn entry(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_mul(self.width())?;
        self.digests.get(start..start.checked_add(self.width())?)
    }

    /// Checks the list, where each digest must have at least `width_min` bytes.
    pub fn check(&self, width_min: usize) -> Result<(), String> {
        let name = self.kind.as_str();
        let widths = width_min..=self.kind.bytes();
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

/// Adds a piece to lists that are put together: those of one kind must come one behind the other, in rising order.
pub fn join(lists: &mut Vec<IocList>, piece: IocList) -> Result<(), String> {
    let name = piece.kind.as_str();
    let last_kind = lists.last().map(|last| last.kind);
    if last_kind != Some(piece.kind) {
        if lists.iter().any(|list| list.kind == piece.kind) {
            return Err(format!("the pieces of the list of {name} are not in one place"));
        }
        lists.push(piece);
        return Ok(());
    }
    let Some(last) = lists.last_mut() else { return Ok(()) };
    let before = last.digests.len().checked_sub(last.width()).and_then(|at| last.digests.get(at..));
    let is_rising = before < piece.entry(0);
    if last.width != piece.width || !is_rising {
        return Err(format!("the pieces of the list of {name} do not fit together"));
    }
    last.digests.extend_from_slice(&piece.digests);
    Ok(())
}

/// Returns the kinds whose digest of a file is in the lists.
pub fn matches<'a>(
    lists: &'a [IocList],
    digests: impl Iterator<Item = (HashKind, &'a [u8])> + 'a,
) -> impl Iterator<Item = HashKind> + 'a {
    let is_listed = |kind: HashKind, digest: &[u8]| {
        lists.iter().any(|list| list.kind == kind && list.contains(digest))
    };
    digests.filter(move |(kind, digest)| is_listed(*kind, digest)).map(|(kind, _)| kind)
}

/// Checks what a hunt that computes `hashes` says of its list: it carries it, or names it.
pub(super) fn check_carried(
    lists: &[IocList],
    named: &SplitIocList,
    hashes: &[HashKind],
) -> Result<(), String> {
    check(lists, hashes)?;
    named.check()?;
    if !named.is_none() && (!lists.is_empty() || hashes.is_empty()) {
        return Err("a list in parts, and another one or no digest to compare".to_owned());
    }
    Ok(())
}

/// Checks the lists of a hunt that computes `hashes`.
fn check(lists: &[IocList], hashes: &[HashKind]) -> Result<(), String> {
    let bytes: usize = lists.iter().map(|list| list.digests.len()).sum();
    if bytes > limits::IOC_BYTES_MAX {
        return Err(format!("a list of {bytes} bytes, {} are allowed", limits::IOC_BYTES_MAX));
    }
    for (at, list) in lists.iter().enumerate() {
        list.check(WIDTH_MIN)?;
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
