//! Hashes in a text without columns: words, what they are, and what stands before them.

use muster_protocol::artifact::HashKind;
use muster_protocol::hex;

use super::{Digest, Name, Unclear, kind_by_length};

/// So many characters, nearly all of them hexadecimal digits, are a hash or what is left of one.
const HASHLIKE_CHARS: usize = 24;
/// One character in so many may be no digit.
const HASHLIKE_SLIPS: usize = 8;
/// Words before a hash that can be its name: `SHA 256 hash: …`.
const LABEL_WORDS: usize = 3;
/// Letters and digits of the longest ending of a file's name.
const ENDING_CHARS: usize = 10;

/// What ends a word.
const BREAKS: &[char] = &[',', ';', '|', '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>'];
/// What ends a cell, of which the next word is no part.
const CELL_BREAKS: &[char] = &[',', ';', '|', '\t'];
/// What stands around a word that is alone in its cell or its quotes.
const EDGES: &[char] = &[',', ';', '|', '\t', '"', '\'', '[', ']', '{', '}'];

/// What a word is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Anything without a hash in it.
    Text,
    /// Digits of a hash.
    Hash(Vec<u8>),
    /// A name or an address with digits of a hash in it.
    Path,
    /// Something like a hash that is none.
    Damaged(String),
}

/// Returns whether a character cannot be seen.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_of_run(c: char) -> bool {
    c.is_alphanumeric() || c == char::REPLACEMENT_CHARACTER || is_invisible(c)
}

/// Returns whether anything in a text looks like a hash.
pub(super) fn has_hashlike(text: &str) -> bool {
    text.split(|c| !is_of_run(c)).any(is_hashlike)
}

fn is_hashlike(run: &str) -> bool {
    if run.len() < HASHLIKE_CHARS || is_tlsh(run) {
        return false;
    }
    let chars = run.chars().count();
    let digits = run.bytes().filter(u8::is_ascii_hexdigit).count();
    chars >= HASHLIKE_CHARS && digits * HASHLIKE_SLIPS >= chars * (HASHLIKE_SLIPS - 1)
}

/// TLSH announces itself.
fn is_tlsh(run: &str) -> bool {
    let digits = run.strip_prefix("T1").unwrap_or_default();
    digits.len() == 70 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads a text that is a hash and nothing else.
pub(super) fn bare(text: &str) -> Option<Digest> {
    Some((kind_by_length(text.len())?, hex::decode(text)?))
}

/// Takes all hashes of a line without columns.
pub(super) fn free(line: &str, text: &str) -> Result<Vec<Digest>, Unclear> {
    if let Some(taken) = tagged(line, text).or_else(|| summed(line, text)) {
        return taken;
    }
    let comment = text.match_indices('#').find(|(at, _)| {
        text.get(..*at).is_some_and(|before| before.ends_with(char::is_whitespace))
    });
    let Some((text, comment)) = comment.and_then(|(at, _)| text.split_at_checked(at)) else {
        return words_of(line, text);
    };
    let taken = words_of(line, text)?;
    let why = "this looks like a hash in a comment; put it on a line of its own, or away";
    refuse_others(line, comment, &taken, why)?;
    Ok(taken)
}

/// Reads `SHA256 (NAME) = HASH`, or `SHA2-256(NAME)= HASH`.
fn tagged(line: &str, text: &str) -> Option<Result<Vec<Digest>, Unclear>> {
    let (name, rest) = text.split_once('(')?;
    let kind = Name::of_word(name.trim_end());
    if name.trim_end().contains(char::is_whitespace) || kind == Name::Unknown {
        return None;
    }
    let (_, hash) = rest.rsplit_once(')')?;
    let hash = hash.trim_start().strip_prefix('=')?.trim();
    let Name::Kind(kind) = kind else {
        return Some(
            Err(Unclear::new(line, name.trim_end(), "no hunt computes this hash").spare()),
        );
    };
    Some(match word(hash) {
        Word::Hash(digest) => of_kind(line, hash, kind, digest).map(|digest| vec![digest]),
        Word::Damaged(why) => Err(Unclear::new(line, hash, why).spare()),
        Word::Text | Word::Path => Err(Unclear::new(line, hash, not_of(kind)).spare()),
    })
}

/// Reads `HASH  NAME` or `HASH *NAME` of the sum programs, which put a backslash before a line with an escaped name.
fn summed(line: &str, text: &str) -> Option<Result<Vec<Digest>, Unclear>> {
    let (is_escaped, plain) = match text.strip_prefix('\\') {
        Some(plain) => (true, plain),
        None => (false, text),
    };
    let (hash, rest) = plain.split_once(' ')?;
    let taken = vec![bare(hash)?];
    if rest.starts_with('*') || (is_escaped && rest.starts_with(' ')) {
        return Some(Ok(taken));
    }
    let name = rest.strip_prefix(' ')?;
    let parts: Vec<_> = words(name).collect();
    let is_hash = |part: &&str| matches!(word(part), Word::Hash(_) | Word::Damaged(_));
    let first = parts.iter().position(is_hash).unwrap_or(parts.len());
    let before = parts.get(..first).unwrap_or_default();
    if first == 0 || label(name, before).0 != Name::Unknown {
        // Not a name, but the next column.
        return None;
    }
    let why = "this looks like a hash within a file's name; put each hash on a line of its own";
    Some(refuse_others(line, name, &taken, why).map(|()| taken))
}

/// Refuses a text with a hash that is not among those that were taken.
fn refuse_others(line: &str, text: &str, taken: &[Digest], why: &str) -> Result<(), Unclear> {
    for part in words(text) {
        let is_new = match word(part) {
            Word::Hash(digest) => taken.iter().all(|(_, known)| *known != digest),
            Word::Damaged(_) => true,
            Word::Text | Word::Path => false,
        };
        if is_new {
            return Err(Unclear::new(line, part, why));
        }
    }
    Ok(())
}

/// Splits at blanks, brackets, quotes and the separators of cells; then, but for addresses, at `:` and `=`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let chunks = text.split(|c: char| c.is_whitespace() || BREAKS.contains(&c));
    let parts = chunks.flat_map(|chunk| {
        let is_address = chunk.contains("://");
        chunk.split(move |c| !is_address && matches!(c, ':' | '='))
    });
    parts.map(trimmed).filter(|part| !part.is_empty())
}

/// Takes away dots, bullets and what else is around a word; not what makes it a path.
fn trimmed(word: &str) -> &str {
    word.trim_matches(|c| (is_invisible(c) || !is_of_run(c)) && !matches!(c, '/' | '\\'))
}

/// Returns what a word is.
pub(super) fn word(text: &str) -> Word {
    if !has_hashlike(text) {
        return Word::Text;
    }
    if !text.chars().all(is_of_run) {
        let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_file = (1..=ENDING_CHARS).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_path = text.contains(['/', '\\']) || is_file;
        let why = "a hash is joined to other text here";
        return if is_path { Word::Path } else { Word::Damaged(why.to_owned()) };
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if let Some(wrong) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Word::Damaged(format!("{wrong:?} is no hexadecimal digit"));
    }
    match (kind_by_length(digits.len()), hex::decode(digits)) {
        (Some(_), Some(digest)) => Word::Hash(digest),
        _ => Word::Damaged(format!("{} digits: 32, 40, 64 or 128 are a hash", digits.len())),
    }
}

/// Takes the hashes of all words.
pub(super) fn words_of(line: &str, text: &str) -> Result<Vec<Digest>, Unclear> {
    let words: Vec<&str> = words(text).collect();
    let mut found = Vec::new();
    let (mut nameless, mut is_used) = (Vec::new(), vec![false; words.len()]);
    let mut problem = None;
    for (at, part) in words.iter().enumerate() {
        match word(part) {
            Word::Text => {}
            Word::Path => {
                let why = "the hash is a part of a name or an address here";
                problem.get_or_insert_with(|| (true, Unclear::new(line, part, why)));
            }
            Word::Damaged(why) => {
                let unclear = Unclear::new(line, part, why);
                if problem.as_ref().is_none_or(|(is_path, _)| *is_path) {
                    problem = Some((false, unclear));
                }
            }
            Word::Hash(digest) => match label(text, words.get(..at).unwrap_or_default()) {
                (Name::Kind(kind), count) => {
                    is_used.iter_mut().take(at).rev().take(count).for_each(|used| *used = true);
                    found.push(of_kind(line, part, kind, digest));
                }
                (Name::Foreign, 1) => {
                    is_used.iter_mut().take(at).rev().take(1).for_each(|used| *used = true);
                }
                (Name::Foreign, _) => {
                    let why = "is this the hash of a file? put it on a line of its own";
                    found.push(Err(Unclear::new(line, part, why)));
                }
                _ => nameless.push((*part, digest)),
            },
        }
    }
    let types = words.iter().zip(is_used).filter(|(part, used)| !used && is_alone(text, part));
    let types: Vec<Name> = types.map(|(part, _)| Name::of_word(part)).collect();
    let is_lone = nameless.len() <= 1;
    found.extend(typed(line, nameless, &types));
    let mut good = Vec::new();
    let mut bad = None;
    for one in found {
        match one {
            Ok(digest) => good.push(digest),
            Err(unclear) => bad = bad.or(Some(unclear)),
        }
    }
    match (bad, problem) {
        (Some(unclear), _) | (None, Some((false, unclear))) => {
            Err(Unclear { is_spare: good.is_empty() && is_lone, ..unclear })
        }
        // A path beside a hash is the file's name.
        (None, Some((true, unclear))) if good.is_empty() => Err(unclear.spare()),
        _ => Ok(good),
    }
}

/// Gives hashes without a name of their own their kinds: what a cell of the line says, else by their length.
fn typed<'a>(
    line: &'a str,
    nameless: Vec<(&'a str, Vec<u8>)>,
    types: &[Name],
) -> Vec<Result<Digest, Unclear>> {
    let named: Vec<_> = types.iter().filter(|name| **name != Name::Unknown).collect();
    let is_one = nameless.len() == 1 && named.len() == 1;
    let is_open =
        named.iter().any(|name| matches!(name, Name::Foreign | Name::Kind(HashKind::Blake3)));
    let kind_of = |(part, digest): (&'a str, Vec<u8>)| match (named.first(), is_one) {
        (Some(Name::Kind(kind)), true) => of_kind(line, part, *kind, digest),
        _ if is_open => {
            let why = "the line also names a hash that this one may be; write KIND:HASH";
            Err(Unclear::new(line, part, why))
        }
        _ => match kind_by_length(digest.len() * 2) {
            Some(kind) => Ok((kind, digest)),
            None => Err(Unclear::new(line, part, "there is no hash here")),
        },
    };
    nameless.into_iter().map(kind_of).collect()
}

/// Finds what a hash is called by the words before it, and how many they are.
fn label(text: &str, before: &[&str]) -> (Name, usize) {
    let mut joined = String::new();
    let mut kind = (Name::Unknown, 0);
    let mut next = None;
    for (count, part) in before.iter().rev().take(LABEL_WORDS).enumerate() {
        if gap(text, part, next).contains(CELL_BREAKS) {
            break;
        }
        next = Some(*part);
        joined.insert_str(0, part);
        match Name::of_word(&joined) {
            Name::Foreign => return (Name::Foreign, count + 1),
            name @ Name::Kind(_) if kind.1 == 0 => kind = (name, count + 1),
            _ => {}
        }
    }
    kind
}

/// Returns what stands between a word and the next one, or what follows it up to the next word.
fn gap<'a>(text: &'a str, part: &str, next: Option<&str>) -> &'a str {
    let end = offset(text, part) + part.len();
    let rest = text.get(end..).unwrap_or_default();
    match next {
        Some(next) => rest.get(..offset(text, next).saturating_sub(end)).unwrap_or_default(),
        None => rest.split(is_of_run).next().unwrap_or_default(),
    }
}

/// Returns whether a word is all that is in its cell or its quotes.
fn is_alone(text: &str, part: &str) -> bool {
    let before = text.get(..offset(text, part)).unwrap_or_default().trim_end_matches(' ');
    let after = text.get(offset(text, part) + part.len()..).unwrap_or_default();
    let after = after.trim_start_matches(' ');
    (before.is_empty() || before.ends_with(EDGES)) && (after.is_empty() || after.starts_with(EDGES))
}

fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// Takes a digest as one of a kind.
pub(super) fn of_kind(
    line: &str,
    part: &str,
    kind: HashKind,
    digest: Vec<u8>,
) -> Result<Digest, Unclear> {
    if digest.len() == kind.bytes() {
        return Ok((kind, digest));
    }
    Err(Unclear::new(line, part, not_of(kind)))
}

/// Returns the error that something is not what it is called.
pub(super) fn not_of(kind: HashKind) -> String {
    format!("this is no {}, which has {} digits", kind.as_str(), kind.bytes() * 2)
}
