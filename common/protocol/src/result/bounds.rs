//! How much one status or sample may hold: every text, list and map of it has a bound.
//!
//! One pass for both sides. An agent cuts what it sends; the coordinator refuses a message of which something had to be
//! cut, and cuts what older versions have stored.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

use super::policy::{ReportedFolders, ReportedPolicy};
use super::status::{ArtifactFooter, Footer, ProfileFooter, Spent, Status};
use super::telemetry::Telemetry;
use crate::artifact;
use crate::limits;

/// Stands for the entries of a map that are not named.
pub const MORE: &str = "more";

/// A result whose parts are bounded.
pub trait Bounded {
    /// Cuts what is over its bound; returns whether anything was.
    fn cut(&mut self) -> bool;
}

impl Bounded for Telemetry {
    fn cut(&mut self) -> bool {
        let mut is_cut = false;
        for text in [&mut self.version, &mut self.host, &mut self.os, &mut self.arch] {
            is_cut |= cut_text(text, limits::TEXT_BYTES_MAX);
        }
        is_cut |= cut_words(&mut self.labels);
        is_cut |= cut_list(&mut self.capabilities, limits::RESULT_ENTRIES_MAX);
        for capability in &mut self.capabilities {
            is_cut |= cut_text(capability, limits::RESULT_NAME_BYTES_MAX);
        }
        is_cut |= cut_list(&mut self.directed, limits::TELEMETRY_DIRECTED_IDS_MAX);
        is_cut |= cut_list(&mut self.collections, limits::TELEMETRY_COLLECTIONS_MAX);
        for collection in &mut self.collections {
            is_cut |= cut_text(&mut collection.state, limits::RESULT_NAME_BYTES_MAX);
            is_cut |= cut_path(&mut collection.path);
        }
        is_cut | self.policy.as_mut().is_some_and(|policy| policy.cut())
    }
}

impl Bounded for ReportedPolicy {
    fn cut(&mut self) -> bool {
        let mut is_cut = false;
        for words in [&mut self.capabilities, &mut self.artifacts].into_iter().flatten() {
            is_cut |= cut_list(words, limits::RESULT_ENTRIES_MAX);
            for word in words {
                is_cut |= cut_text(word, limits::RESULT_NAME_BYTES_MAX);
            }
        }
        is_cut |= cut_counts(&mut self.bounds);
        if let Some(ReportedFolders { allow, deny }) = &mut self.folders {
            for folders in [allow, deny] {
                is_cut |= cut_list(folders, limits::POLICY_FOLDERS_MAX);
                for folder in folders {
                    is_cut |= cut_path(folder);
                }
            }
        }
        is_cut
    }
}

impl Bounded for Status {
    fn cut(&mut self) -> bool {
        let mut is_cut = cut_text(&mut self.code, limits::TEXT_BYTES_MAX);
        is_cut |= cut_text(&mut self.reason, limits::TEXT_BYTES_MAX);
        is_cut | self.footer.as_mut().is_some_and(Bounded::cut)
    }
}

impl Bounded for Footer {
    fn cut(&mut self) -> bool {
        let mut is_cut = self.artifact.as_mut().is_some_and(Bounded::cut);
        is_cut |= cut_list(&mut self.profiles, limits::RESULT_ENTRIES_MAX);
        for profile in &mut self.profiles {
            is_cut |= profile.cut();
        }
        is_cut | self.spent.cut()
    }
}

impl Bounded for Spent {
    fn cut(&mut self) -> bool {
        cut_counts(&mut self.waits_ms)
    }
}

/// What is over a bound in the footer of an artifact that is known is cut; of another one, it is left out.
impl Bounded for ArtifactFooter {
    fn cut(&mut self) -> bool {
        let is_cut = cut_text(&mut self.artifact, limits::RESULT_NAME_BYTES_MAX);
        let known = artifact::find(&self.artifact);
        let fits = self.body.len() <= limits::FOOTER_BYTES_MAX;
        match known.map(|artifact| artifact.cut(&self.body)) {
            Some(Ok(None)) => return is_cut,
            Some(Ok(Some(body))) => self.body = ByteBuf::from(body),
            // A newer agent knows an artifact that this program does not.
            None if fits => return is_cut,
            // It cannot be read anywhere.
            Some(Err(_)) | None => self.body = ByteBuf::from([EMPTY_MAP]),
        }
        true
    }
}

impl Bounded for ProfileFooter {
    fn cut(&mut self) -> bool {
        let is_cut = cut_text(&mut self.kind, limits::RESULT_NAME_BYTES_MAX);
        is_cut | cut_bytes(&mut self.blob_sha256, SHA256_BYTES)
    }
}

const SHA256_BYTES: usize = 32;
/// A MessagePack map without members: every footer is read from it, with all figures 0.
const EMPTY_MAP: u8 = 0x80;

/// Cuts a text to `most` bytes, at a character.
pub fn cut_text(text: &mut String, most: usize) -> bool {
    if text.len() <= most {
        return false;
    }
    text.truncate(text.floor_char_boundary(most));
    true
}

/// Returns why no sample could carry these labels: there are too many, or one is too long.
#[must_use]
pub fn refuse_labels(labels: &BTreeMap<String, String>) -> Option<String> {
    let (most, bytes) = (limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX);
    if labels.len() > most {
        return Some(format!("{} labels, at most {most} are allowed", labels.len()));
    }
    let (name, _) =
        labels.iter().find(|(name, value)| name.len() > bytes || value.len() > bytes)?;
    let start: String = name.chars().take(60).collect();
    Some(format!("label {start:?} or its value is longer than {bytes} bytes"))
}

/// Cuts a path as it is shown.
pub fn cut_path(path: &mut ByteBuf) -> bool {
    cut_bytes(path, limits::RESULT_PATH_BYTES_MAX)
}

fn cut_bytes(bytes: &mut ByteBuf, most: usize) -> bool {
    let is_over = bytes.len() > most;
    bytes.truncate(most);
    is_over
}

fn cut_list<T>(list: &mut Vec<T>, most: usize) -> bool {
    let is_over = list.len() > most;
    list.truncate(most);
    is_over
}

/// Cuts the names of a map of counts, and sums the counts that it has no room for.
pub(crate) fn cut_counts(counts: &mut BTreeMap<String, u64>) -> bool {
    if fits(counts) {
        return false;
    }
    let mut kept = BTreeMap::<String, u64>::new();
    for (mut name, count) in std::mem::take(counts) {
        cut_text(&mut name, limits::RESULT_NAME_BYTES_MAX);
        let is_named = kept.len() < limits::RESULT_ENTRIES_MAX || kept.contains_key(&name);
        let name = if is_named { name } else { MORE.to_owned() };
        let sum = kept.entry(name).or_default();
        *sum = sum.saturating_add(count);
    }
    *counts = kept;
    true
}

/// Cuts names and values of a map of words, and counts the entries that it has no room for.
pub(crate) fn cut_words(words: &mut BTreeMap<String, String>) -> bool {
    let is_short = |word: &String| word.len() <= limits::RESULT_NAME_BYTES_MAX;
    if fits(words) && words.values().all(is_short) {
        return false;
    }
    let mut kept = BTreeMap::new();
    let mut left_out = 0_u64;
    for (mut name, mut word) in std::mem::take(words) {
        cut_text(&mut name, limits::RESULT_NAME_BYTES_MAX);
        cut_text(&mut word, limits::RESULT_NAME_BYTES_MAX);
        if kept.len() < limits::RESULT_ENTRIES_MAX || kept.contains_key(&name) {
            kept.insert(name, word);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        kept.insert(MORE.to_owned(), left_out.to_string());
    }
    *words = kept;
    true
}

/// Returns whether a map has no more entries than it may have, beside [`MORE`], and no name that is too long.
fn fits<T>(map: &BTreeMap<String, T>) -> bool {
    let named = map.len() - usize::from(map.contains_key(MORE));
    named <= limits::RESULT_ENTRIES_MAX
        && map.keys().all(|name| name.len() <= limits::RESULT_NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests;
