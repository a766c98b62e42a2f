//! One line of a list of hashes.

use common::hex;
use common::request::hunt::HashKind;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Hashes, at least one.
    Hashes(Vec<(HashKind, Vec<u8>)>),
    /// A comment, a header, or empty.
    Nothing,
    /// None of these.
    Bad,
}

/// What is known of the columns from the lines before.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The kind of each column that a header named so; empty where there was no such header.
    named: Vec<Option<HashKind>>,
    /// A header can only be the first line that is no comment.
    is_begun: bool,
}

impl Columns {
    /// Reads the next line.
    pub(super) fn read(&mut self, text: &str) -> Line {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            return Line::Nothing;
        }
        // hashdeep's two lines of header: its name, and the names of its columns.
        if let Some(header) = text.strip_prefix("%%%%") {
            self.named = named(&cells(header));
            return Line::Nothing;
        }
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let cells = cells(text);
        let found =
            if self.named.is_empty() { unnamed(text, &cells) } else { self.by_name(&cells) };
        match found {
            Some(found) if !found.is_empty() => Line::Hashes(found),
            _ if is_first && (cells.len() > 1 || kind_named(text).is_some()) => {
                self.named = named(&cells);
                Line::Nothing
            }
            _ => Line::Bad,
        }
    }

    /// Takes the columns that are named after a kind; `None` where one of them holds something else.
    fn by_name(&self, cells: &[String]) -> Option<Vec<(HashKind, Vec<u8>)>> {
        let mut found = Vec::new();
        for (cell, kind) in cells.iter().zip(&self.named) {
            if let (false, Some(kind)) = (cell.is_empty(), kind) {
                found.push((*kind, digest(*kind, cell)?));
            }
        }
        Some(found)
    }
}

/// Takes what a line holds whose columns have no names.
fn unnamed(text: &str, cells: &[String]) -> Option<Vec<(HashKind, Vec<u8>)>> {
    // `HASH  NAME` of the sum programs, which put a backslash before a line with an escaped name; or a hash alone.
    let first = text.split_whitespace().next()?;
    if let Some(hash) = hash(first.trim_start_matches('\\')) {
        return Some(vec![hash]);
    }
    // `SHA256 (NAME) = HASH`, or `SHA2-256(NAME)= HASH`.
    if let Some((before, last)) = text.rsplit_once("= ") {
        let name = before.split(['(', ' ']).next()?;
        let kind = kind_named(name).or_else(|| kind_named(&name.replace("SHA2", "SHA")));
        let hash = match kind {
            Some(kind) => digest(kind, last).map(|digest| (kind, digest)),
            None => hash(last),
        };
        return hash.map(|hash| vec![hash]);
    }
    Some(cells.iter().filter_map(|cell| hash(cell)).collect())
}

/// Reads a hash: `HEX`, its kind by its length, or `KIND:HEX`.
fn hash(text: &str) -> Option<(HashKind, Vec<u8>)> {
    if let Some((name, rest)) = text.split_once(':') {
        let kind = kind_named(name)?;
        return Some((kind, digest(kind, rest)?));
    }
    // 64 digits without a name are SHA-256: far more lists hold it than BLAKE3.
    let kinds = [HashKind::Md5, HashKind::Sha1, HashKind::Sha256, HashKind::Sha512];
    let kind = kinds.into_iter().find(|kind| text.len() == kind.bytes() * 2)?;
    Some((kind, digest(kind, text)?))
}

fn digest(kind: HashKind, text: &str) -> Option<Vec<u8>> {
    hex::decode(text).filter(|digest| digest.len() == kind.bytes())
}

/// Returns the kind of each column; empty when none is named after one.
fn named(cells: &[String]) -> Vec<Option<HashKind>> {
    let kinds: Vec<_> = cells.iter().map(|cell| kind_named(cell)).collect();
    if kinds.iter().any(Option::is_some) { kinds } else { Vec::new() }
}

/// Reads the name of a column: `sha256`, `SHA-256`, `md5_hash`, `sha1sum`.
fn kind_named(text: &str) -> Option<HashKind> {
    let lower = text.to_ascii_lowercase();
    let name: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let name =
        ["hash", "sum", "digest"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    HashKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

/// Splits at commas, semicolons and tabs that are not within double quotes.
fn cells(text: &str) -> Vec<String> {
    let mut is_quoted = false;
    let split = text.split(|c: char| {
        is_quoted ^= c == '"';
        !is_quoted && matches!(c, ',' | ';' | '\t')
    });
    split.map(|cell| cell.trim().trim_matches(['"', '\'']).trim().to_owned()).collect()
}
